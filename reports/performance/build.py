"""Build what the study needs before any clock runs: scans and the Xception members.

python -m reports.performance.build --work WORK
"""

import argparse
from itertools import pairwise
from pathlib import Path

import numpy as np

from reports.performance import populations, xceptions


def build(work: Path, train: int = 2000, watched: int = 100) -> tuple[list[Path], np.ndarray, np.ndarray]:
    """Return the members' folders, and the raw patterns and labels that no part of them has seen."""
    raw, labels = populations.easy(work)
    ends = (0, train, train + watched)
    parts = [
        (populations.prepared(raw[a:b], xceptions.SIZE).astype(np.float16), labels[a:b])
        for a, b in pairwise(ends)
    ]
    folders = xceptions.members(work / "trained-xceptions", parts[0], parts[1], classes=3)
    return folders, raw[ends[-1] :], labels[ends[-1] :]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    build(parser.parse_args().work)
