"""Sections of the report about probabilities, classes and members."""

from typing import Any

from kikuchi.evaluation.classes import MEASURES
from kikuchi.evaluation.formatting import cell, digits, figure
from kikuchi.evaluation.netcal_scores import BINS

_CALIBRATION_HEADINGS = {
    "log_loss": "log-loss (nats)",
    "brier": "Brier",
    "ece": "ECE",
    "ece_equal_mass": "ECE, equal mass",
    "classwise_ece": "classwise ECE",
    "maximum_calibration_error": "largest gap",
    "sharpness": "sharpness",
}


def calibration_section(evaluation: dict[str, Any]) -> dict[str, Any]:
    """Numbers, reliability diagrams and confidences, before and after calibration."""
    rows, figures, beside = [], [], []
    for who, found in evaluation["calibration"].items():
        if found is None:
            continue
        for when in ("before", "after"):
            label = f"{who}, before" if when == "before" else f"{who}, after ({found['method']})"
            rows.append([label, *(cell(found[when]["scores"][s]) for s in _CALIBRATION_HEADINGS)])
            figures.append(
                figure(
                    f"reliability_{when}_{who}",
                    f"{who}, {when} calibration. Below the diagonal: surer than right.",
                )
            )
            if "netcal" in found[when]:
                beside.append([label, *_beside_netcal(found[when])])
                figures.append(
                    figure(f"netcal_reliability_{when}_{who}", f"{who}, {when} calibration, by netcal.")
                )
        figures.append(figure(f"confidence_{who}", f"{who}: how sure it was where right and where wrong."))
    columns = ["who", *_CALIBRATION_HEADINGS.values()]
    tables = [{"caption": "Calibration, before and after", "columns": columns, "rows": rows}]
    if beside:
        tables.append(
            {
                "caption": "The same by another library, netcal",
                "columns": ["who", "ECE", "ECE by netcal", "largest gap", "MCE by netcal"],
                "rows": beside,
                "note": f"Both sort confidences into {BINS} bins of equal width and agree but for rounding, unless "
                "a confidence lies on the edge of a bin: there they count it to different sides.",
            }
        )
    return {
        "title": "Calibration",
        "text": "Probabilities before and after calibration, on patterns of known space groups.",
        "tables": tables,
        "figures": figures,
    }


def _beside_netcal(found: dict[str, Any]) -> list[Any]:
    pairs = [(found["scores"][s]["value"], found["netcal"][s]) for s in ("ece", "maximum_calibration_error")]
    return [digits(number) for pair in pairs for number in pair]


def classes_section(evaluation: dict[str, Any]) -> dict[str, Any]:
    """Precision, recall and F1 per space group and material, and who is taken for whom."""
    tables, figures = [], []
    headings = ["precision", "recall", "F1", "patterns", "answered"]
    for who in (evaluation["rule"], "best-single"):
        found = evaluation["classes_of"][who]
        keys = (*MEASURES, "support", "answered", "risk_when_named")
        rows = [[str(r["space_group"]), *(digits(r[k]) for k in keys)] for r in found["rows"]]
        rows.append(["weighted", *(digits(found["weighted"][m]) for m in MEASURES), None, None, None])
        tables.append(
            {
                "caption": f"By space group: {who}",
                "columns": ["space group", *headings, "wrong among answers naming it"],
                "rows": rows,
            }
        )
        keys = (*MEASURES, "support", "answered", "risk_answered")
        rows = [
            [r["material"], str(r["space_group"]), *(digits(r[k]) for k in keys)]
            for r in evaluation["materials_of"][who]
        ]
        tables.append(
            {
                "caption": f"By material: {who}",
                "columns": ["material", "space group", *headings, "wrong among its answered"],
                "rows": rows,
                "note": "Precision and F1 of a material: its patterns against all of other space groups.",
            }
        )
        figures += [
            figure(f"confusion_{who}", f"{who}: the class put first, whether answered or not."),
            figure(f"decisions_{who}", f"{who}: what became of each pattern."),
        ]
    return {"title": "Space groups and materials", "tables": tables, "figures": figures}


def diversity_section(evaluation: dict[str, Any]) -> dict[str, Any]:
    """Pairs of members: how often they differ, err together, and err independently."""
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


def losses_section(figures: dict[str, Any]) -> list[dict[str, Any]]:
    """Loss histories; no section where the bundle came without its histories."""
    if "losses" not in figures:
        return []
    caption = "Mean and one standard deviation over the members of a kind, by epoch (the paper's Fig. 1)."
    return [{"title": "Training", "figures": [figure("losses", caption)]}]
