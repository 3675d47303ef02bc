"""The paper's protocol: 400 + 100 patterns of every space group, trials from scratch and by transfer, its tables."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np

import kikuchi
from ensemble.metrics import class_report
from kikuchi._support import atomic
from kikuchi._support.progress import Progress
from kikuchi.bundle.bundle import Bundle
from kikuchi.evaluation.test_sets import Labelled, own_test_patterns
from kikuchi.inference.predictor import Predictor
from kikuchi.members.history import read_history
from kikuchi.recipes.schema import Recipe
from reports.paper.parts.config import Study


def fitted(study: Study, dataset: Path, work: Path, progress: Progress) -> Predictor:
    """Train every trial of both approaches on one split, and calibrate them; goes on where it was interrupted.

    Networks of an earlier study with fewer trials and the same everything else are taken over.
    """
    recipe = study.fitting_recipe()
    out = work / f"run-{study.trials}"
    if not (out / "fit.json").is_file():
        take_over(recipe, study.seed, out, work)
    return kikuchi.fit(dataset, recipe, out, seed=study.seed, progress=progress)


def take_over(recipe: Recipe, seed: int, out: Path, work: Path) -> None:
    """Begin a fit with the finished networks of a study of fewer trials that is otherwise the same.

    Parameters
    ----------
    recipe, seed
        Of the fit that begins; whether the dataset is the same is checked by the fit itself.
    out
        Its folder, which does not exist yet.
    work
        Where other studies' folders ``run-<trials>`` are.
    """
    wanted = recipe.model_dump(mode="json")
    for other in sorted(work.glob("run-*"), key=lambda path: len(list(path.glob("members/*"))), reverse=True):
        if not (other / "fit.json").is_file():
            continue
        there = atomic.read_json(other / "fit.json", remedy="delete the folder")
        fewer = there["recipe"]["member"]
        same = there["recipe"] | {"member": wanted["member"]} == wanted and there["seed"] == seed
        if same and fewer == wanted["member"][: len(fewer)]:
            for folder in other.glob("members/*/member.json"):
                shutil.copytree(folder.parent, out / "members" / folder.parent.name)
            atomic.write_json(out / "fit.json", there | {"recipe": wanted})
            return


def protocol(bundle: Bundle) -> dict[str, Any]:
    """Judge every trial alone, as the paper does: Fig. 1, Table 1, S1 and S2.

    Returns
    -------
    dict
        By approach: epochs to converge, losses of every epoch, and accuracy, precision, recall and F1, over all test
        patterns, per space group and per material, each as mean and standard deviation over the trials. The answers
        are the networks' own: neither pooled nor calibrated, and nobody abstains.
    """
    test = own_test_patterns(bundle)
    min_delta = bundle.recipe.train.min_delta
    result: dict[str, Any] = {"test_patterns": test.n, "space_groups": list(bundle.classes), "approaches": {}}
    for kind in ("scratch", "transfer"):
        indices = [i for i, member in enumerate(bundle.members) if member.kind == kind]
        histories = [read_history(bundle.path / "members" / bundle.members[i].name) for i in indices]
        result["approaches"][kind] = {
            "trials": [bundle.members[i].name for i in indices],
            "epochs_to_converge": spread([h.converged_at(min_delta) for h in histories]),
            "epochs_run": spread([len(h.epochs) for h in histories]),
            "seconds_per_trial": spread([sum(e.seconds for e in h.epochs) for h in histories]),
            "loss": [[e.loss for e in h.epochs] for h in histories],
            "validation_loss": [[e.validation_loss for e in h.epochs] for h in histories],
        } | tables(test, [test.outputs.logits[i].argmax(axis=1) for i in indices], bundle.classes)
    return result


def tables(test: Labelled, answers: list[np.ndarray], classes: tuple[int, ...]) -> dict[str, Any]:
    """Tabulate the answers of several trials.

    Parameters
    ----------
    test
        Patterns and truth.
    answers
        Class index that each trial puts first, (N,) each.
    classes
        Space-group numbers.
    """
    reports = [class_report(test.labels, answer, len(classes)) for answer in answers]
    per_group = [
        {
            "space_group": group,
            "patterns": int(reports[0].support[k]),
            "precision": spread([r.precision[k] for r in reports]),
            "recall": spread([r.recall[k] for r in reports]),
            "f1": spread([r.f1[k] for r in reports]),
        }
        for k, group in enumerate(classes)
    ]
    per_material = []
    for number, (name, group) in enumerate(test.materials):
        here = test.material == number
        k = classes.index(group)
        right = [answer[here] == k for answer in answers]
        # Of a material's precision: among all patterns put into its group, those that are this material's or wrong.
        wrong = [(answer == k) & (test.labels != k) for answer in answers]
        precision = [float(r.sum() / max(r.sum() + w.sum(), 1)) for r, w in zip(right, wrong, strict=True)]
        recall = [float(r.mean()) for r in right]
        both = [2 * p * r / max(p + r, 1e-12) for p, r in zip(precision, recall, strict=True)]
        per_material.append(
            {
                "material": name,
                "space_group": group,
                "patterns": int(here.sum()),
                "precision": spread(precision),
                "recall": spread(recall),
                "f1": spread(both),
            }
        )
    return {
        "accuracy": spread([r.accuracy for r in reports]),
        "precision": spread([r.weighted_precision for r in reports]),
        "recall": spread([r.weighted_recall for r in reports]),
        "f1": spread([r.weighted_f1 for r in reports]),
        "per_group": per_group,
        "per_material": per_material,
        "confusion": np.mean([r.confusion for r in reports], axis=0).round(2).tolist(),
    }


def spread(values: list[float] | np.ndarray) -> dict[str, Any]:
    """Sum up trials as the paper does: mean and standard deviation, and all of them.

    Examples
    --------
    >>> spread([1.0, 3.0])
    {'mean': 2.0, 'sd': 1.4142135623730951, 'values': [1.0, 3.0]}
    """
    v = np.asarray(values, float)
    return {
        "mean": float(v.mean()),
        "sd": float(v.std(ddof=1)) if len(v) > 1 else 0.0,
        "values": v.tolist(),
    }


def weights_used(study: Study) -> dict[str, str]:
    """Name what transfer started from, with its SHA-256 where it is one file."""
    from kikuchi.members.weights import SHIPPED

    path = SHIPPED[study.built()] if study.weights == "kikuchi" else Path(study.weights)
    return {"weights": study.weights} | ({"sha256": atomic.sha256(path)} if path.is_file() else {})
