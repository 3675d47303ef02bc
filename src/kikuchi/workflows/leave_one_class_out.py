"""Refits without one space group each, to see whether it is then called unfamiliar."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.abstention import STATUS_NAMES
from ensemble.errors import InputError
from kikuchi._support import atomic
from kikuchi._support.json import plain
from kikuchi._support.lock import locked
from kikuchi._support.progress import SILENT, Progress
from kikuchi._support.result import Findings
from kikuchi.evaluation.ood_scores import separation, unfamiliar_scores
from kikuchi.evaluation.selective_scores import error_rate
from kikuchi.evaluation.tables import write_csv
from kikuchi.evaluation.test_sets import dataset_patterns, own_test_patterns
from kikuchi.inference.predictor import Predictor
from kikuchi.recipes.schema import Recipe, load_recipe
from kikuchi.scans import Dataset, load_dataset
from kikuchi.workflows.fit import fit


@dataclass(frozen=True, eq=False)
class LeaveOneClassOut(Findings):
    """Scores of the ensemble for each space group that its members had not seen, read by key.

    ``groups``: for each space group left out its ``unknown`` and ``known`` patterns (all of its own; the test part of
    the others), ``scores`` (each with ``auroc`` and ``fpr95`` and their 95 % bootstrap intervals), and under
    ``became`` the share that each status took of the unknown, with exact intervals: what is solved there is wrong.

    Attributes
    ----------
    folder
        Where bundles and tables lie.
    """

    folder: Path

    def summary(self) -> str:
        """Return a line for each space group, and where to look."""
        lines = []
        for group in self["groups"]:
            best = max(group["scores"], key=lambda score: score["auroc"]["value"] or 0)
            became = ", ".join(
                f"{s['value']:.1%} {name}" for name, s in group["became"].items() if s["value"]
            )
            lines.append(
                f"without {group['space_group']}: its {group['unknown']} patterns became {became}; best OOD score "
                f"{best['score']}, AUROC {best['auroc']['value']:.3f}"
            )
        return "\n".join([*lines, f"look at {self.folder / 'leave_one_out.csv'}"])


def leave_one_out(
    dataset: str | Path | Dataset,
    recipe: str | Path | Recipe = "quick",
    out: str | Path = "leave-one-out",
    *,
    seed: int = 0,
    progress: Progress = SILENT,
) -> LeaveOneClassOut:
    """Fit the ensemble once without each space group, and judge `unfamiliar` on the one left out.

    A bundle cannot answer this from what it stores: dropping a space group from the reference features leaves
    members that were trained to recognise it, and held-out features are not kept. So every space group costs a
    fit; use a small recipe. Fits are kept in `out` and an interrupted run goes on there.

    Parameters
    ----------
    dataset
        A dataset TOML, or one opened before, with at least three space groups.
    recipe
        A preset, a TOML file or a `Recipe`.
    out
        Folder for ``without-<space group>/`` (a bundle each), ``leave_one_out.json`` and ``leave_one_out.csv``.
    seed
        Of every fit.
    progress
        Listener of the work.

    Returns
    -------
    LeaveOneClassOut
        Scores and statuses of each space group left out, read by key.

    Raises
    ------
    InputError
        Fewer than three space groups, or anything that `kikuchi.fit` refuses.
    """
    data = dataset if isinstance(dataset, Dataset) else load_dataset(dataset)
    wanted = load_recipe(recipe)
    if len(data.classes) < 3:
        raise InputError(
            f"{len(data.classes)} space groups are too few to leave one out",
            path=data.path,
            remedy="give a dataset of at least three",
        )
    folder = Path(out)
    with locked(folder):
        groups = []
        for space_group in data.classes:
            progress.say(f"fitting without space group {space_group}")
            others = Dataset(
                [m for m in data.materials if m.space_group != space_group], data.path, data.strangers
            )
            bundle = fit(others, wanted, folder / f"without-{space_group}", seed=seed, progress=progress)
            own = Dataset([m for m in data.materials if m.space_group == space_group], data.path)
            groups.append({"space_group": space_group} | _judge(bundle, own, progress))
        found = plain({"seed": seed, "recipe": wanted.model_dump(mode="json"), "groups": groups})
        atomic.write_json(folder / "leave_one_out.json", found)
        write_csv(folder / "leave_one_out.csv", _rows(found["groups"]))
    return LeaveOneClassOut(found, folder)


def _judge(bundle: Predictor, strangers: Dataset, progress: Progress) -> dict[str, Any]:
    known, unknown = own_test_patterns(bundle), dataset_patterns(bundle, strangers, progress)
    limit = bundle.abstentions[bundle.rule].quality_threshold
    of_known, of_unknown = (
        unfamiliar_scores(one.outputs, limit, gated=bundle.gate is not None) for one in (known, unknown)
    )
    scores = {name: np.concatenate([of_known[name], of_unknown[name]]) for name in of_known}
    is_unknown = np.repeat([False, True], [known.n, unknown.n])
    status = bundle.decide(unknown.outputs).status
    return {
        "known": known.n,
        "unknown": unknown.n,
        "scores": separation(scores, is_unknown),
        "became": {
            name: error_rate(int((status == code).sum()), unknown.n) for code, name in enumerate(STATUS_NAMES)
        },
    }


def _rows(groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    rows = []
    for group in groups:
        for score in group["scores"]:
            row = {k: group[k] for k in ("space_group", "known", "unknown")} | {"score": score["score"]}
            for measure in ("auroc", "fpr95"):
                row |= {f"{measure}{'' if k == 'value' else '_' + k}": v for k, v in score[measure].items()}
            row |= {f"share_{name}": share["value"] for name, share in group["became"].items()}
            rows.append(row)
    return rows
