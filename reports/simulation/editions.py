"""Editions of the shipped ensemble side by side, on everything at hand, in one run.

    python -m reports.simulation.editions WORK MASTERS REAL --first FOLDER [--second FOLDER] [--third FOLDER] [--each N]

FOLDER is a bundle, or a folder of members as `reports.simulation.members` and `reports.simulation.third_edition` write
them. Everything simulated is recorded as real scans are (`real_detector`, `real_microscope`):

* EMsoft's phases of m-3m (MASTERS, 20 kV): the first edition was trained on them, the others on crystals of the same
  names by this package's own simulators (the third went on from the first);
* crystals that nobody saw, by simulators that nobody was trained on (every folder of WORK with "outside" in its name),
  and by the drawn ones (WORK/unseen, or what `members.masters_of` holds out);
* strangers: EMsoft's, those of groups seen in training, overlaps of two of EMsoft's phases;
* the real patterns of `reports.simulation.spectra`.

The first two are also recorded as the first edition was trained, and with nothing subtracted
(`third_edition.RECORDINGS`). The second edition is judged with the spectrum of patterns as it is and pulled
(`[prepare] spectrum`). Writes ``editions.json``, or the file given.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.diversity import disagreement, q_statistic
from ensemble.softmax import softmax
from kikuchi.members import load_member, predict
from kikuchi.scans import Preparation, prepare
from kikuchi.simulate.masters.load import load_master
from kikuchi.simulate.masters.master import MasterPattern
from kikuchi.simulate.training.batches import labelled_batch, real_detector, real_microscope
from kikuchi.training.stream import MasterStream
from reports._provenance import provenance
from reports.simulation.camera_distance import TRUTH
from reports.simulation.exposure import scores, unfamiliarity
from reports.simulation.members import PREPARATION, PULLED, masters_of, strangers_of
from reports.simulation.spectra import real_patterns
from reports.simulation.third_edition import RECORDINGS, unseen
from reports.simulation.trunk import CLASSES

SEED = 41


def recorded(masters: list[MasterPattern], number: int, each: int, kind: int = 0) -> np.ndarray:
    """Record patterns of every master, by default as real scans are, (n, 64, 64) uint8."""
    detector, microscope, _ = RECORDINGS[kind]
    return np.concatenate(
        [
            labelled_batch([m], np.zeros(1, int), each, detector, microscope, [SEED, number, i])[0]
            for i, m in enumerate(masters)
        ]
    )


def known(
    logits: np.ndarray, masters: list[MasterPattern], each: int, phases: bool = False
) -> dict[str, Any]:
    """Score members on crystals of known group, and how they differ; by phase where asked."""
    truth = np.repeat([CLASSES.index(m.space_group) for m in masters], each)
    found = scores(logits, truth)
    top = logits.argmax(axis=2)
    apart = ~np.eye(len(logits), dtype=bool)
    if apart.any():
        found["yules_q"] = float(np.nanmean(q_statistic(top == truth)[apart]))
        found["disagreement"] = float(np.mean(disagreement(top)[apart]))
    best = min(found["log_loss_of_members"])
    found["log_loss_below_best_member"] = 1 - found["log_loss_of_pool"] / best
    if phases:
        right = softmax(logits).mean(axis=0).argmax(axis=1) == truth
        found["by_phase"] = {
            f"{m.name} ({m.space_group})": float(right[i * each : (i + 1) * each].mean())
            for i, m in enumerate(masters)
        }
    return found


def main() -> None:
    """Run the editions on everything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("masters", type=Path)
    parser.add_argument("real", type=Path)
    parser.add_argument("--first", type=Path, required=True)
    parser.add_argument("--second", type=Path)
    parser.add_argument("--third", type=Path)
    parser.add_argument("--each", type=int, default=40, help="patterns of every crystal")
    parser.add_argument("--every", type=int, default=4, help="of the crystals by unseen simulators")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    given = parser.parse_args()
    each = given.each
    public = [load_master(p, half_size=100) for p in sorted(given.masters.glob("*_20kV.sht"))]
    of_m3m = [m for m in public if m.space_group in CLASSES]
    foreign = [m for m in public if m.space_group not in CLASSES]
    beyond = [p for folder in sorted(given.work.glob("*outside*")) for p in unseen(folder)]
    outside = [load_master(p) for p in beyond[:: given.every]]
    drawn = [load_master(p) for p in unseen(given.work / "unseen")] or masters_of(given.work, True)[::2]
    stream = MasterStream(
        of_m3m, seed=SEED, strangers=foreign, detector=real_detector(), microscope=real_microscope()
    )
    few = max(each // 4, 5)
    truths = {
        "EMsoft's phases": (of_m3m, each),
        "unseen crystals, unseen simulators": (outside, few),
        "unseen crystals, drawn simulators": (drawn, few),
    }
    sets = {name: recorded(m, number, n) for number, (name, (m, n)) in enumerate(truths.items())}
    sets |= {
        "EMsoft's strangers": recorded(foreign, 3, each),
        "other strangers": recorded(strangers_of(given.work, True), 4, few),
        "overlaps of EMsoft's": stream.foreign(0, 30 * each)[15 * each :],
    }
    for kind, how in ((1, "recorded as before"), (2, "nothing subtracted")):
        for number, name in enumerate(list(truths)[:2]):
            truths[f"{name}, {how}"] = truths[name]
            sets[f"{name}, {how}"] = recorded(truths[name][0], 10 * kind + number, truths[name][1], kind)
    beside = {
        "EMsoft's strangers": "EMsoft's phases",
        "overlaps of EMsoft's": "EMsoft's phases",
        "other strangers": "unseen crystals, drawn simulators",
    }
    real = real_patterns(given.real)
    result: dict[str, Any] = {
        "provenance": provenance(seed=SEED),
        "patterns": {name: len(x) for name, x in sets.items()},
        "crystals": {name: len(m) for name, (m, _) in truths.items()},
    }
    looks: list[tuple[str, Path, Preparation]] = [("first edition", given.first, PREPARATION)]
    if given.second:
        looks += [
            ("second edition", given.second, PREPARATION),
            ("second edition, spectrum pulled", given.second, PULLED),
        ]
    if given.third:
        looks.append(("third edition", given.third, PREPARATION))
    for title, folder, look in looks:
        places = sorted(p.parent for p in (folder / "members").glob("transfer-*/member.json"))
        models = [load_member(place)[0] for place in places]

        def said(patterns: np.ndarray, models: list[Any] = models) -> np.ndarray:
            return np.stack([predict(model, patterns)[0] for model in models])

        logits = {name: said(prepare(x, look)) for name, x in sets.items()}
        found: dict[str, Any] = {
            name: known(logits[name], masters, n, name == "EMsoft's phases")
            for name, (masters, n) in truths.items()
        }
        found |= {name: unfamiliarity(logits[other], logits[name]) for name, other in beside.items()}
        for name, (patterns, background) in real.items():
            group = next((g for word, g in TRUTH.items() if name.startswith(word)), None)
            each_said = said(prepare(patterns, look, background))
            q = softmax(each_said).mean(axis=0)
            found[name] = {"patterns": len(q), "top_probability": float(q.max(axis=1).mean())}
            if group is not None:
                k = CLASSES.index(group)
                found[name]["right"] = int((q.argmax(axis=1) == k).sum())
                found[name]["right_by_member"] = (each_said.argmax(axis=2) == k).sum(axis=1).tolist()
                found[name]["log_loss"] = float(-np.log(np.clip(q[:, k], 1e-12, 1)).mean())
        result[title] = {"members": len(models), **found}
        print(title, json.dumps(found, indent=1), flush=True)
    given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
