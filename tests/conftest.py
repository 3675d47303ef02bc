"""Shared fixtures: thread limits, two processes beside each other, and the optional folder of real test data."""

import os
from pathlib import Path

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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every test the group that it is run with: its folder where fixtures are shared, else its file."""
    for item in items:
        place = item.path.relative_to(ROOT).as_posix() if item.path.is_relative_to(ROOT) else item.path.name
        group = next((folder for folder in TOGETHER if place.startswith(folder + "/")), place)
        item.add_marker(pytest.mark.xdist_group(group))
