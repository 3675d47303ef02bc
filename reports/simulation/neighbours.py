"""What filtering with the neighbours gains on a real map, as recorded and with noise added.

    python -m reports.simulation.neighbours REAL

The map is Inconel 718 of REAL (matrix 225; carbides and boundaries are in it, so that 100 % is not there to be had).
Every seventh point of its 2500 is asked by the shipped members, whose outputs are averaged; nothing is trained or
calibrated here. Noise is added in units of the standard deviation of the pattern without its background. Writes
``neighbours.json``.
"""

import argparse
import json
import resource
import time
from pathlib import Path
from typing import Any

import numpy as np

from kikuchi.bundle.bundle import SHIPPED_FOLDER
from kikuchi.members import load_member, predict
from kikuchi.scans import Preparation, pattern_quality, prepare, scan_from_array, with_neighbours
from reports._provenance import provenance
from reports.simulation.spectra import inconel_patterns
from reports.simulation.trunk import CLASSES

WAYS: dict[str, dict[str, Any]] = {
    "none": {},
    "average": {"neighbours": "average"},
    "nlpar": {"neighbours": "nlpar"},
    "nlpar, radius 2": {"neighbours": "nlpar", "neighbour_radius": 2},
}
NOISE = (0.0, 0.5, 1.0, 2.0)
STEP = 7
SEED = 29


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("real", type=Path)
    options = parser.parse_args()
    models = [load_member(folder)[0] for folder in sorted((SHIPPED_FOLDER / "members").iterdir())]
    inconel, background = inconel_patterns(options.real)
    bands = float((inconel - background)[:, 30:90, 30:90].std())
    rng = np.random.default_rng(SEED)
    asked = np.arange(0, len(inconel), STEP)
    result = provenance(seed=SEED) | {"points": len(asked), "added noise, standard deviations": {}}
    for noise in NOISE:
        grid = inconel + noise * bands * rng.standard_normal(inconel.shape, dtype=np.float32)
        scan = scan_from_array(grid.reshape(50, 50, 120, 120), "inconel")
        rows = result["added noise, standard deviations"][noise] = {}
        for name, settings in WAYS.items():
            for spectrum in (0.0, 0.75):
                look = Preparation(size=64, spectrum=spectrum, **settings)
                filtered = with_neighbours(scan, look)
                began = time.process_time()
                raw = filtered.read(asked)
                seconds = time.process_time() - began
                prepared = prepare(raw, look, background)
                logits = np.mean([predict(model, prepared)[0] for model in models], axis=0)
                shares = np.exp(logits - logits.max(axis=1, keepdims=True))
                shares /= shares.sum(axis=1, keepdims=True)
                row = {
                    "right": round(float((logits.argmax(axis=1) == CLASSES.index(225)).mean()), 3),
                    "mean probability of 225, not calibrated": round(
                        float(shares[:, CLASSES.index(225)].mean()), 3
                    ),
                    "median quality": round(float(np.median(pattern_quality(raw))), 3),
                    "milliseconds a pattern, reading": round(1000 * seconds / len(asked), 2),
                }
                rows[name + (", spectrum pulled" if spectrum else "")] = row
                print(noise, name, spectrum, row, flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    result["peak memory, GiB"] = round(peak, 2)
    Path(__file__).with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
