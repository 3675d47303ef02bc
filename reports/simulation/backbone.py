"""Pre-train the backbone that ships as `weights = "kikuchi"`.

    python -m reports.simulation.backbone --out FOLDER

goes on from its checkpoint when it was interrupted; ``backbone.weights.h5`` in FOLDER is the result.
"""

import argparse
from pathlib import Path

from kikuchi._support.progress import Lines
from kikuchi.training.pretrain import CrystalStream, pretrain


def main() -> None:
    """Pre-train with the settings of the shipped weights."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=60)
    given = parser.parse_args()
    stream = CrystalStream(patterns=6000, crystals=60, renewed=1, seed=3)
    pretrain(given.out, stream, epochs=given.epochs, learning_rate=0.0015, seed=1, progress=Lines())


if __name__ == "__main__":
    main()
