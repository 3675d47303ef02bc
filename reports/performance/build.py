"""Build what the study needs before any clock runs: scans and the Xception members.

python reports/performance/build.py --work WORK
"""

import argparse
from pathlib import Path

import numpy as np
import populations
import xceptions


def build(work: Path, train: int = 700) -> tuple[list[Path], np.ndarray, np.ndarray]:
    """Return the members' folders, and the raw patterns and labels that they were not fitted on."""
    raw, labels = populations.easy(work)
    fitted = populations.prepared(raw[:train], xceptions.SIZE)
    folders = xceptions.members(work / "xceptions", fitted, labels[:train], classes=3)
    return folders, raw[train:], labels[train:]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    build(parser.parse_args().work)
