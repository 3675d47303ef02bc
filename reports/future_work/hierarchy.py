"""Answers on the levels of diffraction for crystals that no member saw: how right, how calibrated, what is confused.

    python -m reports.future_work.hierarchy_data MASTERS
    python -m reports.future_work.hierarchy_train MASTERS OUT
    python -m reports.future_work.hierarchy OUT/held_out.npz [--seed 9]

writes ``hierarchy.json`` and ``hierarchy.png`` beside this script. The crystals of training, calibration and test are
different ones. Temperatures are fitted on every other calibration crystal, thresholds on the rest.
"""

import argparse
import csv
import json
from pathlib import Path

import numpy as np

from ensemble.abstention.hierarchical import answer_levels, fit_levels
from ensemble.calibration import fit_calibration
from ensemble.hierarchy import Hierarchy, HierarchyCalibration, fit_hierarchy
from ensemble.metrics.bootstrap import bootstrap_interval
from ensemble.metrics.calibration_error import expected_calibration_error
from ensemble.metrics.proper import log_loss
from ensemble.softmax import softmax
from kikuchi.crystallography.extinction import LEVELS, diffraction, diffraction_hierarchy
from reports._provenance import provenance
from reports.future_work.hierarchy_data import CRYSTALS, GROUPS

HERE = Path(__file__).parent
RISKS = (0.05, 0.1, 0.2)
RESAMPLES = 200


def level_scores(
    tree: Hierarchy,
    plain: np.ndarray,
    calibrated: list[np.ndarray],
    labels: np.ndarray,
    crystal: np.ndarray,
) -> dict[str, dict]:
    """Score every level on the test crystals; intervals are drawn over whole crystals."""
    scores = {}
    for number, level in enumerate(LEVELS):
        truth, p, sums = tree.labels(labels, number), calibrated[number], tree.sums(plain, number)

        def interval(metric, *arrays):
            found = bootstrap_interval(metric, *arrays, groups=crystal, n_resamples=RESAMPLES)
            return [round(float(v), 4) for v in found]

        scores[level] = {
            "nodes": len(tree.nodes[number]),
            "largest_node": round(float(np.bincount(truth).max() / len(truth)), 4),
            "accuracy": interval(np.mean, p.argmax(axis=1) == truth),
            "ece": interval(expected_calibration_error, p, truth),
            "ece_of_plain_sums": interval(expected_calibration_error, sums, truth),
            "log_loss": round(log_loss(p, truth), 4),
            "log_loss_of_plain_sums": round(log_loss(sums, truth), 4),
            "log_loss_of_shares": round(float(-np.log(np.bincount(truth) / len(truth))[truth].mean()), 4),
        }
    return scores


def fallback(
    calibration: HierarchyCalibration,
    second: tuple[np.ndarray, np.ndarray, np.ndarray],
    test: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> dict[str, dict]:
    """Answer at the deepest level each risk allows: how many points, and how many of them are wrong."""
    tree, found = calibration.tree, {}
    p, y, groups = second
    levels, truths = calibration.apply(test[0]), [tree.labels(test[1], n) for n in range(len(LEVELS))]
    for risk in RISKS:
        rule = fit_levels(
            calibration.apply(p), [tree.labels(y, n) for n in range(len(LEVELS))], risk=risk, groups=groups
        )
        level, node = answer_levels(levels, rule.thresholds)
        truth = np.stack(truths)[np.maximum(level, 0), np.arange(len(level))]
        wrong = node != truth
        by_level = {
            name: {
                "answered": round(float((level == n).mean()), 4),
                "wrong": round(float(wrong[level == n].mean()), 4) if (level == n).any() else None,
            }
            for n, name in enumerate(LEVELS)
        }
        answered = level >= 0
        found[f"{risk:g}"] = {
            "certified": rule.certified,
            "bound": round(rule.bound, 4),
            "thresholds": [round(t, 4) for t in rule.thresholds],
            "answered": round(float(answered.mean()), 4),
            "wrong_of_answered": round(float(wrong[answered].mean()), 4) if answered.any() else None,
            "levels": by_level,
        }
    return found


def confusions(p: np.ndarray, labels: np.ndarray, crystal: np.ndarray) -> dict[str, dict]:
    """Compare how often a pattern is taken for one given other group, by what the two have in common.

    The theory: groups of one extinction class are told apart at the rate of chance, all others better.
    """
    rows = [diffraction(number) for number in GROUPS]
    chosen = p.argmax(axis=1)
    matrix = np.zeros((len(GROUPS), len(GROUPS)))
    np.add.at(matrix, (labels, chosen), 1)
    matrix /= matrix.sum(axis=1, keepdims=True)
    kinds: dict[str, list[float]] = {}
    for i, first in enumerate(rows):
        for j, second in enumerate(rows):
            if i == j:
                continue
            kind = next((LEVELS[n] for n in (2, 1, 0) if first[n] == second[n]), "nothing")
            kinds.setdefault(kind, []).append(float(matrix[i, j]))
    common = {kind: {"pairs": len(v), "mean_rate": round(float(np.mean(v)), 4)} for kind, v in kinds.items()}
    within: dict[str, dict] = {}
    for name in dict.fromkeys(row.extinction_class for row in rows):
        members = [i for i, row in enumerate(rows) if row.extinction_class == name]
        if len(members) < 2:
            continue
        here = np.isin(labels, members)
        right = np.asarray(members)[p[np.ix_(here, np.asarray(members))].argmax(axis=1)] == labels[here]
        found = bootstrap_interval(np.mean, right, groups=crystal[here], n_resamples=RESAMPLES)
        within[name] = {
            "groups": [GROUPS[i] for i in members],
            "chance": round(1 / len(members), 4),
            "right_group_among_them": [round(float(v), 4) for v in found],
        }
    return {"rate_of_one_other_group_by_what_is_common": common, "within_a_class": within}


def picture(tree: Hierarchy, p: np.ndarray, labels: np.ndarray) -> None:
    """Draw the confusions of space groups in the order of the tree, lines where Laue and extinction classes end."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    order = np.lexsort([np.arange(len(GROUPS)), tree.node_of[2], tree.node_of[1]])
    matrix = np.zeros((len(GROUPS), len(GROUPS)))
    np.add.at(matrix, (labels, p.argmax(axis=1)), 1)
    matrix = (matrix / matrix.sum(axis=1, keepdims=True))[np.ix_(order, order)]
    figure, axes = plt.subplots(figsize=(11, 10), layout="constrained")
    drawn = axes.imshow(np.sqrt(matrix), cmap="viridis", vmin=0, vmax=1)
    names = [f"{GROUPS[i]}  {diffraction(GROUPS[i]).extinction_class}" for i in order]
    axes.set_xticks(range(len(order)), [str(GROUPS[i]) for i in order], rotation=90, fontsize=6.5)
    axes.set_yticks(range(len(order)), names, fontsize=6.5)
    for level, width, colour in ((2, 0.5, "0.6"), (1, 1.4, "white")):
        ends = np.flatnonzero(np.diff(tree.node_of[level][order])) + 0.5
        for end in ends:
            axes.axhline(end, color=colour, lw=width)
            axes.axvline(end, color=colour, lw=width)
    axes.set(xlabel="space group answered", ylabel="true space group and its extinction class")
    axes.set_title(
        "Patterns of crystals that were not trained on. Thick lines part Laue classes, thin ones extinction classes:\n"
        "inside a thin box nothing can be told apart by theory", fontsize=10, loc="left",
    )  # fmt: skip
    bar = figure.colorbar(drawn, ax=axes, fraction=0.03, pad=0.01)
    bar.set_ticks(
        np.sqrt([0, 0.02, 0.1, 0.25, 0.5, 1]).tolist(), labels=["0", "2 %", "10 %", "25 %", "50 %", "100 %"]
    )
    bar.set_label("share of the true group's patterns")
    figure.savefig(HERE / "hierarchy.png", dpi=110)


def main() -> None:
    """Calibrate, score, draw."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("held_out", type=Path)
    parser.add_argument("--seed", type=int, default=9, help="the one the data were made with, for the record")
    given = parser.parse_args()
    with np.load(given.held_out, allow_pickle=False) as data:
        logits, label, crystal, part = (data[key] for key in ("logits", "label", "crystal", "part"))
        trained, architecture = int(data["train_crystals"]), str(data["architecture"])
    with (given.held_out.parent / "history.csv").open(encoding="utf-8", newline="") as file:
        epochs = len(list(csv.reader(file))) - 1
    tree = diffraction_hierarchy(GROUPS)
    raw = softmax(logits)
    first = (part == 0) & (crystal % 2 == 0)
    second, test = (part == 0) & (crystal % 2 == 1), part == 1
    # Half-trained members favour single classes on new crystals: an offset for each takes that back.
    flat = fit_calibration(raw[first], label[first], "vector")
    plain = flat.apply(raw)
    calibration = fit_hierarchy(tree, plain[first], label[first])
    levels = calibration.apply(plain[test])
    report = {
        **provenance(seed=given.seed),
        "space_groups": len(GROUPS),
        "extinction_classes": len(tree.nodes[2]),
        "laue_classes": len(tree.nodes[1]),
        "crystals": CRYSTALS | {"train_in_all": trained},
        "architecture": architecture,
        "epochs": epochs,
        "test_patterns": int(test.sum()),
        "flat_calibration": flat.method,
        "temperatures_of_the_levels": {
            k: round(v, 4) for k, v in calibration.to_dict()["temperatures"].items()
        },
        "levels": level_scores(tree, plain[test], levels, label[test], crystal[test]),
        "deepest_level_at_a_risk": fallback(
            calibration,
            (plain[second], label[second], crystal[second]),
            (plain[test], label[test], crystal[test]),
        ),
        "confusions": confusions(plain[test], label[test], crystal[test]),
    }
    (HERE / "hierarchy.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    picture(tree, plain[test], label[test])
    for level, row in report["levels"].items():
        print(f"{level:18} {row}")
    print(json.dumps(report["deepest_level_at_a_risk"], indent=1))
    print(json.dumps(report["confusions"]["rate_of_one_other_group_by_what_is_common"]))


if __name__ == "__main__":
    main()
