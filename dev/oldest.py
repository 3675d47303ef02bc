"""The tests that need no network, on the oldest versions that pyproject.toml allows: ``python -m dev oldest``.

A whole second environment would cost CI gigabytes and many minutes. Instead the oldest minor series of every dependency
is laid over the installed ones, in ``build/oldest``, except for what is large and at its lower bound anyway.
"""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OVERLAY = ROOT / "build" / "oldest"

#: Hundreds of megabytes each; their lower bounds are their newest releases, so that they are tried in the main run.
LARGE = {"tensorflow", "tf_keras", "keras", "tensorflow-probability", "torch"}

#: What these versions need themselves in a version of its own, or at all.
THEIR_OWN = {
    "numba==0.61.*": "llvmlite==0.44.*",
    "pandas==2.2.*": "pytz",
    "pydantic==2.11.*": "pydantic-core==2.33.*",
}

TESTS = [
    "ensemble",
    "tests/ensemble",
    "tests/kikuchi/_support",
    "tests/kikuchi/crystallography",
    "tests/kikuchi/maps",
    "tests/kikuchi/recipes",
    "tests/kikuchi/scans",
    "tests/kikuchi/simulate",
]


def oldest(dependencies: list[str]) -> list[str]:
    """Return a pin to the oldest minor series of each dependency that has a lower bound.

    Examples
    --------
    >>> oldest(["numpy>=2.0", "torch~=2.13.0", "numba>=0.61"])
    ['numpy==2.0.*', 'numba==0.61.*', 'llvmlite==0.44.*']
    """
    pins = []
    for text in dependencies:
        found = re.fullmatch(r"([\w.-]+)>=([\d.]+)", text)
        if found is None or found[1] in LARGE:
            continue
        pin = f"{found[1]}=={found[2]}.*"
        pins += [pin, THEIR_OWN[pin]] if pin in THEIR_OWN else [pin]
    return pins


def main() -> int:
    """Install the overlay unless these very pins are there, and run the tests on it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pins = oldest(project["dependencies"])
    stamp = OVERLAY / "pins.txt"
    if not stamp.is_file() or stamp.read_text(encoding="utf-8").split() != pins:
        install = ["-m", "pip", "install", "--quiet", "--no-deps", "--upgrade", "--target", str(OVERLAY)]
        if code := subprocess.run([sys.executable, *install, *pins], check=False).returncode:
            print(
                "the oldest versions could not be installed from this package index: nothing was tried on them"
            )
            return code
        stamp.write_text("\n".join(pins) + "\n", encoding="utf-8")
    paths = [str(OVERLAY), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(paths),
        "NUMBA_CACHE_DIR": str(ROOT / "build" / "numba" / "oldest"),
    }
    show = "import numpy, scipy, pandas; print('numpy', numpy.__version__, 'scipy', scipy.__version__)"
    subprocess.run([sys.executable, "-c", show], env=environment, check=True)
    tests = [sys.executable, "-m", "pytest", "-q", *TESTS, *sys.argv[1:]]
    return subprocess.run(tests, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
