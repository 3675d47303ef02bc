"""Small scans that the tests of this room share."""

from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="session")
def vendor_files() -> Path:
    """Folder of the small nickel scans that kikuchipy carries in every vendor's format."""
    import kikuchipy

    return Path(kikuchipy.__file__).parent / "data"


@pytest.fixture(scope="session")
def nickel() -> np.ndarray:
    """Nine real nickel patterns (9, 60, 60) uint8, as kikuchipy reads them."""
    import kikuchipy

    return kikuchipy.data.nickel_ebsd_small().data.reshape(-1, 60, 60)


@pytest.fixture
def nickel_file(tmp_path: Path) -> Path:
    """Nickel's 3 x 3 scan, written by kikuchipy."""
    import kikuchipy

    path = tmp_path / "nickel.h5"
    kikuchipy.data.nickel_ebsd_small().save(path)
    return path
