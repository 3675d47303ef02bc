"""How well members do on dynamical patterns of phases that none of them saw, by what they were trained on.

    python -m reports.simulation.phase_disjoint WORK MASTERS [--seed 3] [--architecture small]

WORK is the folder of `trunk.py`, whose trunk is the arm that learned crystals without end; MASTERS holds the public
dynamical masters (``.sht``, 20 kV). In the last arm members are also shown half of the public phases, and judged on the
other half. Resumable; writes ``phase_disjoint.json`` beside itself.
"""

import argparse
import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.calibration import fit_calibration
from ensemble.metrics import score_card
from ensemble.softmax import softmax
from kikuchi._support.progress import Progress
from kikuchi.members import (
    Epoch,
    MemberSpec,
    Training,
    build_member,
    load_member,
    predict,
    save_member,
    train_member,
)
from kikuchi.scans import prepare
from kikuchi.simulate.crystals.structure_files import PAPER_MATERIALS, load_structure
from kikuchi.simulate.detector.distribution import constant
from kikuchi.simulate.masters.bloch_waves import bloch_wave_master
from kikuchi.simulate.masters.load import load_master
from kikuchi.simulate.masters.master import MasterPattern
from kikuchi.simulate.masters.structure_factors import affordable_spacing
from kikuchi.simulate.training.batches import labelled_batch
from kikuchi.training.pretrain import CUBIC
from kikuchi.training.stream import MasterStream
from reports._provenance import provenance
from reports.simulation.shipped import held_out_dataset
from reports.simulation.trunk import CHANCES, CLASSES, DETECTOR, MICROSCOPE, PREPARATION, Lines, masters_of

#: Signal five times the counting noise of a pixel, on the background of the microscopes that trained.
MODERATE = MICROSCOPE.model_copy(update={"contrast": constant(0.1), "dose": constant(2500)})
EACH = 150
#: By arm and phase: the folder of the member that is asked.
Arms = dict[str, dict[str, Path]]
#: Public masters of phases that are among the paper's eighteen materials.
OF_THE_EIGHTEEN = ("Al_", "Cr3Si_", "Fe_alpha", "Ge_", "Ni3Al_", "Ni_", "Si_", "Ta_", "W_")


def train_arms(
    work: Path, masters: dict[str, MasterPattern], folder: Path, options: argparse.Namespace
) -> Arms:
    """Train the arms that are not there yet; return by name the folder of the member that judges each phase."""
    seed, progress = options.seed, Lines()
    trunk = work / f"trunk-{options.architecture}-1"
    eighteen = [
        bloch_wave_master(
            structure, 20, min_dspacing=affordable_spacing(structure, least=0.5, most_reflectors=2000)
        )
        for structure in map(load_structure, PAPER_MATERIALS)
    ]
    crystals, isotypes = masters_of(work, False)
    library = crystals + 2 * isotypes
    recording = {"detector": DETECTOR, "microscope": MICROSCOPE, "seed": seed}
    wide = recording | {"classes": CLASSES, "class_sampling": CHANCES}
    # Alternately within each group: a group of one public phase is judged by a member that saw none of its group.
    fold = {
        name: number % 2 for number, name in enumerate(sorted(masters, key=lambda n: masters[n].space_group))
    }
    arms: dict[str, tuple[MasterStream, int, float, Path | None]] = {
        "eighteen materials": (MasterStream(eighteen, **recording), 24, 0.002, None),
        "both": (MasterStream(library + _share(eighteen, library, 0.2), **wide), 8, 0.0005, trunk),
    }
    for half in (0, 1):
        shown = [m for name in masters if fold[name] != half for m in _at_all_voltages(folder, name)]
        stream = MasterStream(library + _share(shown, library, 0.2), **wide)
        arms[f"public phases, half {half}"] = (stream, 8, 0.0005, trunk)
    places = {}
    for name, (stream, epochs, rate, weights) in arms.items():
        place = places[name] = (
            work / "arms" / f"{options.architecture}-{name.replace(' ', '-').replace(',', '')}"
        )
        if (place / "member.json").is_file():
            continue
        spec = MemberSpec(
            name=place.name,
            kind="scratch",
            architecture=options.architecture,
            size=64,
            classes=len(stream.classes),
            dropout=0.3,
            seed=seed,
        )
        # Of the trunk the head is taken over as well: its classes are these.
        model = load_member(weights)[0] if weights else build_member(spec)
        train_member(
            model,
            partial(stream.prepared, preparation=PREPARATION),
            stream.prepared(0, PREPARATION, 1000),
            Training(
                epochs=epochs,
                batch=64,
                learning_rate=rate,
                patience=epochs,
                cosine_decay=True,
                flip_augmentation=True,
            ),
            seed=seed,
            work=place,
            on_epoch=partial(_say, name, progress),
        )
        save_member(model, spec, place)
    return {
        "eighteen materials": dict.fromkeys(masters, places["eighteen materials"]),
        "crystals without end": dict.fromkeys(masters, trunk),
        "both": dict.fromkeys(masters, places["both"]),
        "crystals without end and the other half of the public phases": {
            name: places[f"public phases, half {fold[name]}"] for name in masters
        },
    }


def _share(few: list[MasterPattern], many: list[MasterPattern], share: float) -> list[MasterPattern]:
    """Repeat some masters so often that they are about that share of the masters of each of their groups."""
    found = []
    for group in {m.space_group for m in few}:
        of_few, of_many = ([m for m in masters if m.space_group == group] for masters in (few, many))
        found += of_few * max(1, round(share / (1 - share) * len(of_many) / len(of_few)))
    return found


def _at_all_voltages(folder: Path, name: str) -> list[MasterPattern]:
    return [load_master(path, half_size=50) for path in sorted(folder.glob(f"{name}_*kV.sht"))]


def judge(
    judges: dict[str, Path], masters: dict[str, MasterPattern], work: Path, seed: int
) -> dict[str, Any]:
    """Run one arm on every unseen phase, calibrated by one temperature on held-out materials of the library."""
    said: dict[str, Any] = {}
    held_out: dict[str, Any] = {}
    for place in sorted(set(judges.values())):
        said |= _said(
            place, {n: m for n, m in masters.items() if judges[n] == place}, list(masters), work, seed
        )
        held_out[place.name] = said.pop("held out")
    rows: dict[str, Any] = {}
    for name, (calibrated, outside) in said.items():
        truth = CUBIC.index(masters[name].space_group)
        counts = np.bincount(calibrated.argmax(1), minlength=len(CUBIC))
        rows[name] = {
            "space_group": masters[name].space_group,
            "accuracy": float((calibrated.argmax(1) == truth).mean()),
            "answers": {str(g): int(c) for g, c in zip(CUBIC, counts, strict=True) if c},
            "outside the six": outside,
        }
    result: dict[str, Any] = {"phases": rows, "held out": held_out}
    for subset, keep in (
        ("all phases", lambda name: True),
        ("phases that are not of the eighteen", lambda name: not name.startswith(OF_THE_EIGHTEEN)),
    ):
        chosen = [name for name in masters if keep(name)]
        truths = np.concatenate([np.full(EACH, CUBIC.index(masters[name].space_group)) for name in chosen])
        probabilities = np.concatenate([said[name][0] for name in chosen])
        right = probabilities.argmax(axis=1) == truths
        per_group = {str(CUBIC[t]): float(right[truth == t].mean()) for t in np.unique(truth)}
        card = score_card(probabilities, truth, groups=np.repeat(np.arange(len(chosen)), EACH), seed=seed)
        result[subset] = {
            "macro_accuracy": float(np.mean(list(per_group.values()))),
            "per_group": per_group,
            "phases": len(chosen),
            "scores": {name: list(map(float, interval)) for name, interval in card.items()},
        }
    return result


def _said(
    place: Path, mine: dict[str, MasterPattern], order: list[str], work: Path, seed: int
) -> dict[str, Any]:
    """Return by phase the calibrated probabilities of the six groups and the share of answers outside them."""
    model, spec = load_member(place)
    classes = CLASSES if spec.classes == len(CLASSES) else CUBIC
    columns = [classes.index(group) for group in CUBIC]
    data = held_out_dataset(work)
    known = np.flatnonzero(np.isin(data.space_group, CUBIC))
    labels = np.searchsorted(CUBIC, data.space_group[known])
    logits = predict(model, data.prepared(known, PREPARATION))[0][:, columns]
    calibration = fit_calibration(softmax(logits), labels, method="temperature")
    found: dict[str, Any] = {
        "held out": {
            "temperature": calibration.to_dict(),
            "accuracy": float((logits.argmax(1) == labels).mean()),
        }
    }
    for name, master in mine.items():
        raw, _ = labelled_batch(
            [master], np.zeros(1, int), EACH, DETECTOR, MODERATE, [seed, order.index(name)]
        )
        one = predict(model, prepare(raw, PREPARATION))[0]
        found[name] = (
            calibration.apply(softmax(one[:, columns])),
            float((~np.isin(one.argmax(1), columns)).mean()),
        )
    return found


def main() -> None:
    """Train what is missing, judge every arm, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("masters", type=Path)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--architecture", default="small", help="of all members")
    options = parser.parse_args()
    masters = {}
    for path in sorted(options.masters.glob("*_20kV.sht")):
        master = load_master(path, half_size=80)
        if master.space_group in CUBIC:
            masters[path.stem.removesuffix("_20kV")] = master
    arms = train_arms(options.work, masters, options.masters, options)
    result = {
        **provenance(seed=options.seed),
        "patterns_of_each_phase": EACH,
        "arms": {name: judge(judges, masters, options.work, options.seed) for name, judges in arms.items()},
    }
    Path(__file__).with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for name, arm in result["arms"].items():
        print(
            name,
            {k: v["macro_accuracy"] for k, v in arm.items() if isinstance(v, dict) and "macro_accuracy" in v},
        )


def _say(name: str, progress: Progress, epoch: Epoch) -> None:
    progress.say(f"{name} {epoch.epoch}: {epoch.loss:.3f}, {epoch.validation_accuracy:.1%}")


if __name__ == "__main__":
    main()
