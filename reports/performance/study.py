"""How fast an ensemble maps, against what a user would write instead; no speed without the agreement beside it.

    python -m reports.performance.study --work WORK [--part compact journey xception indexers] [--seed 0]

WORK keeps what is made once (scans, members, exports): the compact ensemble is that of `reports.trust.gain`, made
there with ``python -m reports.trust.gain --work WORK/gain``. Each part runs in a process of its own and writes its own
JSON beside this file.
"""

import argparse
import importlib
import json
import subprocess
import sys
from pathlib import Path

from reports._provenance import provenance

HERE = Path(__file__).parent
PARTS = ("compact", "journey", "xception", "indexers")


def main() -> None:
    """Run the parts that are asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="folder for scans, members and exports")
    parser.add_argument("--part", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--patterns", type=int, help="patterns a case")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    if len(given.part) > 1:
        for part in given.part:
            again = [sys.executable, "-m", "reports.performance.study", "--work", given.work, "--part", part]
            again += ["--rounds", given.rounds, "--seed", given.seed]
            again += ["--patterns", given.patterns] if given.patterns else []
            subprocess.run([str(a) for a in again], check=True)
        return
    part = given.part[0]
    room = importlib.import_module(f"reports.performance.{part}")
    measured = room.measure(given.work, given.patterns, given.rounds, given.seed)
    text = json.dumps(provenance(seed=given.seed) | measured, indent=1) + "\n"
    (HERE / f"{part}.json").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
