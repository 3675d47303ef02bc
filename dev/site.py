"""Build the site without the network: ``python -m dev docs`` writes ``build/docs/index.html``."""

import shutil
import sys
from pathlib import Path

from dev.reference import write_pages

ROOT = Path(__file__).resolve().parent.parent
SOURCE, OUT = ROOT / "docs", ROOT / "build" / "docs"


def main() -> int:
    """Write the pages that the code says, then build all."""
    from sphinx.cmd.build import build_main

    generated = SOURCE / "generated"
    shutil.rmtree(generated, ignore_errors=True)
    write_pages(generated)
    return build_main(["-b", "html", "-W", "--keep-going", "-q", *sys.argv[1:], str(SOURCE), str(OUT)])


if __name__ == "__main__":
    sys.exit(main())
