"""Why real nickel is called 229: EMsoft's phases by voltage, by how faint the signal is, and by the screen behind it.

    python -m reports.simulation.called MASTERS --first FOLDER [--third FOLDER]

FOLDER is a bundle or a folder of members. EMsoft's nickel, copper, austenite and ferrite (MASTERS) are seen at 10, 20
and 30 kV, recorded as the shipped members were trained and as real scans are, with the pattern centre fitted to the
real Inconel 718 map. Then nickel at 20 kV without any fault of the recording but one: signals of 8, 4, 2 and 1.2 % of
the light on a plain hill, on the real screens of `kikuchi.simulate.detector.recording` and under random stains, of
which nothing is subtracted. Writes ``called.json``: how often each group is the pool's first choice, and the mean
probability of 225 and 229.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.softmax import softmax
from kikuchi.members import load_member, predict
from kikuchi.scans import prepare
from kikuchi.simulate.detector.distribution import constant
from kikuchi.simulate.detector.microscope import Microscope
from kikuchi.simulate.detector.recording import SCREENS
from kikuchi.simulate.masters.load import load_master
from kikuchi.simulate.masters.master import MasterPattern
from kikuchi.simulate.training.batches import labelled_batch, real_microscope
from reports._provenance import provenance
from reports.simulation.trunk import CLASSES, DETECTOR, MICROSCOPE, PREPARATION

SEED = 43
PHASES = ("Ni_nickel_sg225", "Cu_copper_sg225", "Fe_gamma_iron_sg225", "Fe_alpha_iron_sg229")
#: Fitted to the real Inconel 718 map.
INCONEL = DETECTOR.model_copy(
    update={"pcx": constant(0.49), "pcy": constant(0.33), "pcz": constant(0.61), "azimuthal": constant(0)}
)
FAULTLESS = {
    "dose": 40_000,
    "blur": 0.3,
    "stains": 0.0005,
    "screen": -1,
    "occlusion": 0,
    "screen_radius": 2,
    "transfer_low": 1,
    "transfer_middle": 1,
    "transfer_high": 1,
    "smoothing": 0,
    "read_noise": 0,
    "gain_variation": 1e-4,
    "dead_pixels": 0,
}
CONTRASTS = (0.08, 0.04, 0.02, 0.012)


def with_constants(**values: float) -> Microscope:
    """Give a microscope without faults but those given."""
    return real_microscope().model_copy(
        update={name: constant(value) for name, value in (FAULTLESS | values).items()}
    )


def first_choices(
    models: list[Any], master: MasterPattern, microscope: Microscope, each: int
) -> dict[str, Any]:
    """Record patterns of one master and count what the pool calls them."""
    raw, _ = labelled_batch([master], np.zeros(1, int), each, INCONEL, microscope, [SEED])
    prepared = prepare(raw, PREPARATION)
    q = softmax(np.stack([predict(model, prepared)[0] for model in models])).mean(axis=0)
    groups, counts = np.unique(np.array(CLASSES)[q.argmax(axis=1)], return_counts=True)
    return {
        "first": dict(zip(groups.tolist(), counts.tolist(), strict=True)),
        "mean_225": round(float(q[:, CLASSES.index(225)].mean()), 3),
        "mean_229": round(float(q[:, CLASSES.index(229)].mean()), 3),
    }


def judged(models: list[Any], masters: Path, each: int) -> list[dict[str, Any]]:
    """Ask members about every voltage, and about every screen and contrast."""
    rows = []
    for phase in PHASES:
        for voltage in (10, 20, 30):
            master = load_master(masters / f"{phase}_{voltage}kV.sht", half_size=100)
            for how, microscope in (("as before", MICROSCOPE), ("as real scans", real_microscope())):
                told = first_choices(models, master, microscope, each)
                rows.append({"phase": phase, "voltage_kv": voltage, "recorded": how} | told)
    nickel = load_master(masters / f"{PHASES[0]}_20kV.sht", half_size=100)
    behind: dict[str, dict[str, float]] = {"a plain hill": {}, "stains of 3 %": {"stains": 0.03}}
    behind |= {f"screen of {name}": {"screen": number} for number, name in enumerate(SCREENS)}
    for name, fault in behind.items():
        for contrast in CONTRASTS:
            told = first_choices(models, nickel, with_constants(contrast=contrast, **fault), each)
            rows.append({"phase": PHASES[0], "voltage_kv": 20, "behind": name, "contrast": contrast} | told)
    return rows


def main() -> None:
    """Ask both editions."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("masters", type=Path)
    parser.add_argument("--first", type=Path, required=True)
    parser.add_argument("--third", type=Path)
    parser.add_argument("--each", type=int, default=120, help="patterns of every row")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    given = parser.parse_args()
    result: dict[str, Any] = provenance(seed=SEED) | {"patterns of every row": given.each}
    for title, folder in (("first edition", given.first), ("third edition", given.third)):
        if folder is None:
            continue
        places = sorted(p.parent for p in (folder / "members").glob("transfer-*/member.json"))
        result[title] = judged([load_member(place)[0] for place in places], given.masters, given.each)
        for row in result[title]:
            print(title, json.dumps(row), flush=True)
    given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
