"""Shared fixtures: thread limits, two processes beside each other, and the optional folder of real test data."""

import os
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "Agg")
if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    # Two processes that fill one cache of numba at once leave one that crashes whoever reads it: each has its own.
    os.environ.setdefault("NUMBA_CACHE_DIR", str(ROOT / "build" / "numba" / worker))

SHARED = Path(os.environ.get("KIKUCHI_SHARED", ROOT.parent / "shared"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real test data (masters, real scans); tests that need it skip where it is absent."""
    if not (SHARED / "real").is_dir():
        pytest.skip(f"real test data not present at {SHARED} (set KIKUCHI_SHARED to its folder)")
    return SHARED


#: Folders whose tests share what is dear to make: `pytest -n 2 --dist loadgroup` keeps each in one process.
TOGETHER = (
    "tests/end_to_end",
    "tests/kikuchi/evaluation",
    "tests/kikuchi/explain",
    "tests/kikuchi/distributed",
)


def together(nodeid: str) -> str:
    """Return what a test is run with: its folder where fixtures are shared, else its file."""
    file = nodeid.split("::")[0]
    return next((folder for folder in TOGETHER if file.startswith(folder + "/")), file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Deal out groups. xdist 3.8 marks them in a field that pytest 9.2 no longer has, and dealt out single tests."""
    if config.getvalue("dist") != "loadgroup":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class Together(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return together(nodeid)

    return Together(config, log)
