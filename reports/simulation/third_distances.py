"""Accuracy against camera distance of a member of the first edition and of the third, which goes on from it.

    python -m reports.simulation.third_distances WORK --first FOLDER --third FOLDER [--member 1]

On isotypes of WORK/unseen, which neither saw, recorded as in `reports.simulation.camera_distance`: as the first edition
was trained but for the distance. Writes ``third_distances.json`` and ``third_distances.png``.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from kikuchi.members import load_member
from kikuchi.simulate.masters.load import load_master
from reports._provenance import provenance
from reports.simulation.camera_distance import DISTANCES, PATTERNS, PLAIN, SEED, by_distance, draw
from reports.simulation.third_edition import unseen


def main() -> None:
    """Ask both editions."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--first", type=Path, required=True)
    parser.add_argument("--third", type=Path, required=True)
    parser.add_argument("--member", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    given = parser.parse_args()
    others = [load_master(p) for p in unseen(given.work / "unseen")]
    arms: dict[str, Any] = {}
    for title, folder in (("first edition", given.first), ("third edition", given.third)):
        model = load_member(folder / "members" / f"transfer-{given.member}")[0]
        accuracy = by_distance(model, PLAIN, others)
        arms[f"{title}, member {given.member}"] = {
            "accuracy by distance": accuracy,
            "span": max(accuracy) - min(accuracy),
        }
        print(title, accuracy, flush=True)
    result = provenance(seed=SEED) | {
        "crystals": len(others),
        "patterns of each at every distance": PATTERNS,
        "distances": DISTANCES,
        "arms": arms,
    }
    given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    draw(arms, given.out.with_suffix(".png"))


if __name__ == "__main__":
    main()
