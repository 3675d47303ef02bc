"""The report of an evaluation: what it found in words, tables and figures."""

from pathlib import Path
from typing import Any

import numpy as np

from kikuchi.bundle import Bundle
from kikuchi.evaluation.calibrating import SCORES as CALIBRATION_SCORES
from kikuchi.evaluation.contenders import Contender
from kikuchi.evaluation.drawing import draw
from kikuchi.reports import write_evaluation_report

_HEADINGS = {
    "accuracy": "accuracy",
    "log_loss": "log-loss (nats)",
    "brier": "Brier",
    "ece": "ECE",
    "aurc": "AURC",
    "excess_aurc": "E-AURC",
    "augrc": "AUGRC",
    "coverage_at_risk": "coverage at the asked risk",
    "coverage": "answered",
    "risk_answered": "risk of the answered",
    "risk_abstained": "would-be risk of the abstained",
}
_OF_PROBABILITIES = ("accuracy", "log_loss", "brier", "ece")
_OF_ABSTAINING = tuple(name for name in _HEADINGS if name not in _OF_PROBABILITIES)


def write_page(
    evaluation: dict[str, Any], bundle: Bundle, everybody: list[Contender], labels: np.ndarray, path: Path
) -> None:
    """Write ``report.html``.

    Parameters
    ----------
    evaluation
        As `kikuchi.evaluate` returns it.
    bundle, everybody, labels
        What was judged, who answered and the truth, for the figures.
    path
        The HTML file.
    """
    figures = draw(evaluation, bundle, everybody, labels)
    sections = [
        _scores(evaluation),
        _promise(evaluation),
        _abstaining(evaluation),
        _calibration(evaluation),
        _classes(evaluation),
        _diversity(evaluation),
        *_unfamiliar(evaluation),
        *_losses(figures),
    ]
    page = {
        "title": f"Evaluation of {evaluation['bundle']['name']}",
        "subtitle": f"{evaluation['patterns']:,} patterns ({evaluation['name']}), "
        f"{len(evaluation['space_groups'])} space groups, {len(evaluation['bundle']['members'])} members, "
        f"rule {evaluation['rule']}",
        "sections": sections,
        "foot": f"Bundle {evaluation['bundle']['fingerprint'][:16]}, kikuchi "
        f"{evaluation['versions'].get('kikuchi-ensemble', '')}. Intervals are 95 %: of counts exact binomial, "
        "of everything else from a bootstrap of patterns taken as independent. Every number is in "
        "evaluation.json and the CSV files beside this page.",
    }
    for section in sections:
        section["figures"] = [f for f in section.get("figures", []) if f["name"] in figures]
    write_evaluation_report(page, figures, path)


def _scores(evaluation: dict[str, Any]) -> dict[str, Any]:
    rule = evaluation["rule"]
    against = evaluation["against_best_single"][rule]
    loss, area = against["log_loss_ratio"], against["excess_aurc_ratio"]
    text = [*(f"Note: {warning}." for warning in evaluation["warnings"])]
    text.append(
        f"The ensemble by {rule} against its best single member ({evaluation['best_single']}, chosen on the "
        f"calibration part): log-loss {_times(loss)}, excess area under the risk-coverage curve {_times(area)}. "
        "Single members are calibrated and given their abstention by the same method on the same patterns."
    )
    if evaluation["unknown_patterns"]:
        text.append(
            f"{evaluation['unknown_patterns']:,} patterns are of space groups the bundle does not know. They count "
            "as errors wherever answers are counted, and not at all in accuracy, log-loss, Brier and ECE."
        )
    return {
        "title": "Ensemble against single members",
        "text": text,
        "tables": [
            _score_table(evaluation, "Probabilities, after calibration", _OF_PROBABILITIES),
            _score_table(
                evaluation,
                "Abstaining",
                _OF_ABSTAINING,
                f"Asked risk {_percent(evaluation['asked_risk'])}. Coverage at the asked risk is seen on these "
                "patterns after the fact; answered is what the certified thresholds do.",
            ),
        ],
        "figures": [
            _figure(
                "risk_coverage",
                "Errors among the answered, when the least confident patterns are left out first. "
                "The star is what the bundle promises, at the share it answers.",
            )
        ],
    }


def _promise(evaluation: dict[str, Any]) -> dict[str, Any]:
    held = evaluation["promises"][evaluation["rule"]]
    measured = held["measured_risk"]
    found = (
        f"Measured here: {held['errors']:,} wrong of {held['answered']:,} answered, "
        f"{_percent_interval(measured)}. Verdict: {held['verdict']}."
        if held["answered"]
        else "Measured here: nothing was answered."
    )
    rows = [
        [
            who,
            _percent(p["certificate"]["certified_risk"]),
            _percent_interval(p["measured_risk"]),
            p["verdict"],
            _percent(p["asked_set_coverage"]),
            _percent_interval(p["set_coverage"]),
            p["mean_set_size"],
            _percent(p["asked_familiar_share"]),
            _percent(p["familiar_share"]),
        ]
        for who, p in evaluation["promises"].items()
    ]
    return {
        "title": "The promise and what was measured",
        "text": [
            f"Promise of rule {evaluation['rule']}: {held['certificate']['message']}.",
            found,
            evaluation["remark"],
        ],
        "tables": [
            {
                "caption": "Promised and measured",
                "columns": [
                    "who",
                    "certified risk",
                    "measured risk",
                    "verdict",
                    "sets should hold the truth",
                    "sets hold the truth",
                    "mean set size",
                    "familiar should pass",
                    "familiar pass",
                ],
                "rows": rows,
                "note": "Within chance: above the certified risk, but the interval reaches down to it.",
            }
        ],
    }


def _abstaining(evaluation: dict[str, Any]) -> dict[str, Any]:
    rule = evaluation["rule"]
    ratio = evaluation["enrichment"][rule]
    text = (
        f"What was left out would have been wrong {ratio:.3g} times as often as what was answered."
        if ratio is not None
        else "No ratio of error rates: nothing was left out, nothing was answered, or no answer was wrong."
    )
    tables = []
    for who in (rule, "best-single"):
        rows = [
            [
                r["status"],
                r["count"],
                _percent(r["share"]),
                r["unknown"],
                r["errors"],
                _percent_interval(r["error_rate"]),
            ]
            for r in evaluation["statuses"][who]
        ]
        columns = [
            "status",
            "patterns",
            "share",
            "of unknown groups",
            "would be wrong",
            "would-be error rate",
        ]
        tables.append({"caption": f"What each status caught: {who}", "columns": columns, "rows": rows})
    return {"title": "What abstaining caught", "text": text, "tables": tables}


def _calibration(evaluation: dict[str, Any]) -> dict[str, Any]:
    rows, figures = [], []
    for who, found in evaluation["calibration"].items():
        if found is None:
            continue
        for when in ("before", "after"):
            label = who if when == "before" else f"{who} ({found['method']})"
            rows.append([label, when, *(_cell(found[when]["scores"][s]) for s in CALIBRATION_SCORES)])
            figures.append(
                _figure(
                    f"reliability_{when}_{who}",
                    f"{who}, {when} calibration. Below the diagonal: surer than right.",
                )
            )
        figures.append(_figure(f"confidence_{who}", f"{who}: how sure it was where right and where wrong."))
    columns = ["who", "calibration", *(name.replace("_", " ") for name in CALIBRATION_SCORES)]
    return {
        "title": "Calibration",
        "text": "Probabilities before and after calibration, on patterns of known space groups.",
        "tables": [{"caption": "Calibration, before and after", "columns": columns, "rows": rows}],
        "figures": figures,
    }


def _classes(evaluation: dict[str, Any]) -> dict[str, Any]:
    tables, figures = [], []
    measures = ("precision", "recall", "f1", "support", "answered", "risk_answered")
    headings = ["precision", "recall", "F1", "patterns", "answered", "risk of answered"]
    for who in (evaluation["rule"], "best-single"):
        found = evaluation["classes_of"][who]
        rows = [[str(r["space_group"]), *(r[m] for m in measures)] for r in found["rows"]]
        if found["weighted"]:
            mean = found["weighted"]
            rows.append(["weighted", mean["precision"], mean["recall"], mean["f1"], None, None, None])
        tables.append(
            {"caption": f"By space group: {who}", "columns": ["space group", *headings], "rows": rows}
        )
        rows = [
            [r["material"], str(r["space_group"]), *(r[m] for m in measures)]
            for r in evaluation["materials_of"][who]
        ]
        tables.append(
            {
                "caption": f"By material: {who}",
                "columns": ["material", "space group", *headings],
                "rows": rows,
                "note": "A material against all patterns of other space groups.",
            }
        )
        figures += [
            _figure(f"confusion_{who}", f"{who}: the class put first, whether answered or not."),
            _figure(f"decisions_{who}", f"{who}: what became of each pattern."),
        ]
    return {"title": "Space groups and materials", "tables": tables, "figures": figures}


def _diversity(evaluation: dict[str, Any]) -> dict[str, Any]:
    members = evaluation["bundle"]["members"]
    captions = {
        "disagreement": "Share of patterns on which two members put different classes first",
        "double_fault": "Share of patterns on which both are wrong (own error rate on the diagonal)",
        "q_statistic": "Yule's Q of being right: 0 for independent errors, 1 for common ones",
    }
    tables = [
        {
            "caption": caption,
            "columns": ["", *members],
            "rows": [[a, *row] for a, row in zip(members, evaluation["diversity"][name], strict=True)],
        }
        for name, caption in captions.items()
    ]
    return {
        "title": "How differently the members err",
        "text": "Members that err apart correct each other; members that err together do not.",
        "tables": tables,
    }


def _unfamiliar(evaluation: dict[str, Any]) -> list[dict[str, Any]]:
    found = evaluation["unfamiliar"]
    if found is None:
        return []
    text = (
        f"{found['unknown']:,} patterns are of space groups no member saw: {_percent(found['called_unfamiliar'])} of "
        f"them were found unfamiliar, and {_percent(found['answered'])} were answered, which is always wrong."
    )
    rows = [[r["score"], _cell(r["auroc"]), _cell(r["fpr95"])] for r in found["separation"]]
    columns = ["score", "AUROC", "unknown let through where 95 % of known are"]
    return [
        {
            "title": "Unfamiliar space groups",
            "text": text,
            "tables": [{"caption": "Unknown against known", "columns": columns, "rows": rows}]
            if rows
            else [],
        }
    ]


def _losses(figures: dict[str, Any]) -> list[dict[str, Any]]:
    if "losses" not in figures:
        return []
    caption = "Mean and one standard deviation over the members of a kind, by epoch (the paper's Fig. 1)."
    return [{"title": "Training", "figures": [_figure("losses", caption)]}]


def _score_table(
    evaluation: dict[str, Any], caption: str, names: tuple[str, ...], note: str = ""
) -> dict[str, Any]:
    rows = []
    for who, scores in evaluation["scores"].items():
        label = f"best single member ({evaluation['best_single']})" if who == "best-single" else who
        label += " (the bundle's rule)" if who == evaluation["rule"] else ""
        rows.append([label, evaluation["kinds"][who], *(_cell(scores[name]) for name in names)])
    columns = ["who", "kind", *(_HEADINGS[name] for name in names)]
    return {"caption": caption, "columns": columns, "rows": rows, "note": note}


def _figure(name: str, caption: str) -> dict[str, str]:
    return {"name": name, "caption": caption, "alt": caption}


def _cell(found: dict[str, Any]) -> tuple[float, float, float] | None:
    if found["value"] is None:
        return None
    low, high = (float("nan") if found[k] is None else found[k] for k in ("low", "high"))
    return found["value"], low, high


def _percent(value: float | None) -> str:
    return "none" if value is None else f"{100 * value:.3g} %"


def _percent_interval(found: dict[str, Any]) -> str:
    if found["value"] is None:
        return "none"
    return f"{100 * found['value']:.3g} % [{100 * found['low']:.3g}, {100 * found['high']:.3g}]"


def _times(found: dict[str, Any]) -> str:
    if found["value"] is None:
        return "not to be compared"
    cell = _cell(found)
    return f"{cell[0]:.3g} times [{cell[1]:.3g}, {cell[2]:.3g}]" if cell else ""
