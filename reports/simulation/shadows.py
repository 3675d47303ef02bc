"""How many patterns are called unreadable for a shadow on the screen, by how far it reaches in.

    python -m reports.simulation.shadows MASTERS REAL

Nickel (the public 20 kV master of MASTERS), recorded as real scans are, with a straight shadow from a random side; and
the real patterns of REAL, which have none. Writes ``shadows.json``.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from kikuchi.scans.shadow import SHADOW_LIMIT, shadowed_share
from kikuchi.simulate.detector.distribution import constant
from kikuchi.simulate.masters.load import load_master
from kikuchi.simulate.training.batches import labelled_batch, real_detector, real_microscope
from reports._provenance import provenance
from reports.simulation.spectra import real_patterns

REACH = (0.0, 0.1, 0.2, 0.3, 0.35, 0.4, 0.5, 0.6)
PATTERNS = 1024
SEED = 31


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("masters", type=Path)
    parser.add_argument("real", type=Path)
    options = parser.parse_args()
    nickel = load_master(next(options.masters.glob("Ni_nickel*_20kV.sht")), half_size=50)
    result = provenance(seed=SEED) | {"limit": SHADOW_LIMIT, "patterns each": PATTERNS, "simulated": {}}
    for reach in REACH:
        microscope = real_microscope().model_copy(update={"occlusion": constant(reach)})
        raw, _ = labelled_batch([nickel], np.zeros(1, int), PATTERNS, real_detector(), microscope, [SEED, 0])
        share = shadowed_share(raw)
        result["simulated"][reach] = {
            "unreadable": round(float((share > SHADOW_LIMIT).mean()), 3),
            "median share found": round(float(np.median(share)), 3),
        }
    result["real"] = {
        name: {"patterns": len(raw), "largest share found": round(float(shadowed_share(raw).max()), 3)}
        for name, (raw, _) in real_patterns(options.real).items()
    }
    text = json.dumps(result, indent=1) + "\n"
    Path(__file__).with_suffix(".json").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
