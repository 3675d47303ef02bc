"""How well members do on dynamical patterns of phases that none of them saw, by what they were trained on.

    python reports/simulation/phase_disjoint.py WORK MASTERS [--seed 3]

WORK is the folder of `shipped.py`, whose trunk is the arm that learned crystals without end; MASTERS holds the public
dynamical masters (``.sht``, 20 kV). Resumable; writes ``phase_disjoint.json`` beside itself.
"""

import argparse
import datetime
import json
import platform
from pathlib import Path

import numpy as np
from shipped import held_out_dataset
from trunk import CHANCES, CLASSES, DETECTOR, MICROSCOPE, Lines, masters_of

from ensemble.calibration import fit_calibration
from ensemble.metrics import score_card
from ensemble.softmax import softmax
from kikuchi.members import (
    MemberSpec,
    Training,
    build_member,
    load_backbone_weights,
    load_member,
    predict,
    save_member,
    train_member,
)
from kikuchi.pretraining import CUBIC
from kikuchi.progress import Progress
from kikuchi.scans import Preparation, prepare
from kikuchi.simulate.bloch_waves import bloch_wave_master
from kikuchi.simulate.distribution import constant
from kikuchi.simulate.load import load_master
from kikuchi.simulate.stream import labelled_batch
from kikuchi.simulate.structures import PAPER_MATERIALS, load_structure
from kikuchi.streams import MasterStream
from kikuchi.versions import versions

PREPARATION = Preparation(size=64)
#: Signal five times the counting noise of a pixel, on the background of the microscopes that trained.
MODERATE = MICROSCOPE.model_copy(update={"contrast": constant(0.1), "dose": constant(2500)})
EACH = 150
#: Public masters of phases that are among the paper's eighteen materials.
OF_THE_EIGHTEEN = ("Al_", "Cr3Si_", "Fe_alpha", "Ge_", "Ni3Al_", "Ni_", "Si_", "Ta_", "W_")


def train_arms(work: Path, seed: int, progress: Progress) -> dict[str, Path]:
    """Train the arms that are not there yet; return the folder of each."""
    eighteen = [
        bloch_wave_master(load_structure(name), 20, min_dspacing=spacing(name)) for name in PAPER_MATERIALS
    ]
    crystals, isotypes = masters_of(work, False)
    recording = {"detector": DETECTOR, "microscope": MICROSCOPE, "seed": seed}
    both = 10 * eighteen + crystals + 4 * isotypes
    arms = {
        "eighteen materials": (MasterStream(eighteen, **recording), 12, 0.002, None),
        "both": (
            MasterStream(both, classes=CLASSES, chances=CHANCES, **recording),
            4,
            0.001,
            work / "trunk",
        ),
    }
    folders = {"crystals without end": work / "trunk"}
    for name, (stream, epochs, rate, weights) in arms.items():
        folder = folders[name] = work / "arms" / name.replace(" ", "-")
        if (folder / "member.json").is_file():
            continue
        spec = MemberSpec(
            name=folder.name,
            kind="transfer" if weights else "scratch",
            architecture="compact",
            size=64,
            classes=len(stream.classes),
            dropout=0.3,
            seed=seed,
        )
        model = build_member(spec)
        if weights:
            load_backbone_weights(model, str(weights))
        train_member(
            model,
            lambda epoch, stream=stream: stream.prepared(epoch, PREPARATION),
            stream.prepared(0, PREPARATION, 1000),
            Training(
                epochs=epochs, batch=64, learning_rate=rate, patience=epochs, warm_down=True, mirror=True
            ),
            seed=seed,
            work=folder,
            on_epoch=lambda e, name=name: progress.say(
                f"{name} {e.epoch}: {e.loss:.3f}, {e.validation_accuracy:.1%}"
            ),
        )
        save_member(model, spec, folder)
    return folders


def spacing(name: str) -> float:
    """Return the smallest spacing, angstrom, that a structure of that size is computed with."""
    return 1.2 if load_structure(name).lattice[0] > 9 else 0.75


def judge(folder: Path, masters: dict[str, object], work: Path, seed: int) -> dict:
    """Run one arm on every unseen phase, calibrated by one temperature on held-out materials of the library."""
    model, spec = load_member(folder)
    classes = CLASSES if spec.classes == len(CLASSES) else CUBIC
    columns = [classes.index(group) for group in CUBIC]
    data = held_out_dataset(work)
    known = np.flatnonzero(np.isin(data.space_group, CUBIC))
    labels = np.searchsorted(CUBIC, data.space_group[known])
    logits = predict(model, data.prepared(known, PREPARATION))[0][:, columns]
    calibration = fit_calibration(softmax(logits), labels, method="temperature")
    rows = {}
    everything = []
    for number, (name, master) in enumerate(masters.items()):
        raw, _ = labelled_batch([master], np.zeros(1, int), EACH, DETECTOR, MODERATE, [seed, number])
        said = predict(model, prepare(raw, PREPARATION))[0]
        truth = CUBIC.index(master.space_group)
        calibrated = calibration.apply(softmax(said[:, columns]))
        everything.append((name, truth, calibrated))
        counts = np.bincount(calibrated.argmax(1), minlength=len(CUBIC))
        rows[name] = {
            "space_group": master.space_group,
            "accuracy": float((calibrated.argmax(1) == truth).mean()),
            "answers": {str(g): int(c) for g, c in zip(CUBIC, counts, strict=True) if c},
            "outside the six": float((~np.isin(said.argmax(1), columns)).mean()),
        }
    result = {
        "phases": rows,
        "temperature": calibration.to_dict(),
        "held-out crystals": float((logits.argmax(1) == labels).mean()),
    }
    for subset, keep in (
        ("all phases", lambda name: True),
        ("phases that are not of the eighteen", lambda name: not name.startswith(OF_THE_EIGHTEEN)),
    ):
        chosen = [(t, p) for name, t, p in everything if keep(name)]
        truth = np.concatenate([np.full(len(p), t) for t, p in chosen])
        probabilities = np.concatenate([p for _, p in chosen])
        right = probabilities.argmax(1) == truth
        per_group = {str(CUBIC[t]): float(right[truth == t].mean()) for t in np.unique(truth)}
        phase = np.repeat(np.arange(len(chosen)), EACH)
        card = score_card(probabilities, truth, groups=phase, seed=seed)
        result[subset] = {
            "macro_accuracy": float(np.mean(list(per_group.values()))),
            "per_group": per_group,
            "phases": len(chosen),
            "scores": {name: list(map(float, interval)) for name, interval in card.items()},
        }
    return result


def main() -> None:
    """Train what is missing, judge every arm, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("masters", type=Path)
    parser.add_argument("--seed", type=int, default=3)
    options = parser.parse_args()
    masters = {}
    for path in sorted(options.masters.glob("*_20kV.sht")):
        master = load_master(path, half_size=80)
        if master.space_group in CUBIC:
            masters[path.stem.removesuffix("_20kV")] = master
    folders = train_arms(options.work, options.seed, Lines())
    result = {
        "command": "python reports/simulation/phase_disjoint.py WORK MASTERS",
        "seed": options.seed,
        "date": datetime.date.today().isoformat(),
        "machine": f"two-core CPU, {platform.machine()}",
        "versions": versions(),
        "patterns_of_each_phase": EACH,
        "arms": {
            name: judge(folder, masters, options.work, options.seed) for name, folder in folders.items()
        },
    }
    Path(__file__).with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for name, arm in result["arms"].items():
        print(
            name,
            {k: v["macro_accuracy"] for k, v in arm.items() if isinstance(v, dict) and "macro_accuracy" in v},
        )


if __name__ == "__main__":
    main()
