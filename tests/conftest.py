"""Shared fixtures: thread limits and the optional folder of real test data."""

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "Agg")

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("KIKUCHI_SHARED", ROOT.parent / "shared"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real test data (masters, real scans); tests that need it skip where it is absent."""
    if not (SHARED / "real").is_dir():
        pytest.skip(f"real test data not present at {SHARED} (set KIKUCHI_SHARED to its folder)")
    return SHARED
