"""The page of explanations: every card with its numbers, and how far they can be trusted."""

from pathlib import Path
from typing import Any

from kikuchi.reports import write_evaluation_report

_METHODS = {
    "deep": "DeepSHAP (Lundberg & Lee 2017)",
    "gradients": "expected gradients (Erion et al. 2021)",
}


def write_page(result: dict[str, Any], folder: Path) -> Path:
    """Write ``report.html`` from what `kikuchi.explaining.explain` found and drew.

    Parameters
    ----------
    result
        What ``explanations.json`` holds.
    folder
        Where it and the pictures are.
    """
    pictures: dict[str, Any] = {}
    sections = [_summary(result)]
    for point in result["points"]:
        for key in ("picture", "classes_picture"):
            pictures[point[key]] = (folder / point[key]).read_bytes()
        sections.append(_point(point))
    return write_evaluation_report(
        {
            "title": f"Why the members disagree: {result['map']}",
            "subtitle": f"{result['explained_points']} of {result['chosen_points']} chosen points in "
            f"{result['seconds']:.0f} s",
            "sections": sections,
        },
        pictures,
        folder / "report.html",
    )


def _summary(result: dict[str, Any]) -> dict[str, Any]:
    background = result["background"]
    return {
        "title": "How",
        "text": [
            f"Logits were attributed to pixels by {_METHODS[result['method']]} on {result['backend']}, against "
            f"{background['patterns']} patterns {background['origin']}. The mutual information of the members, "
            "before calibration, was attributed by expected gradients through all members at once.",
            "Attributions should sum to the output less its mean over the background. They miss that difference "
            f"by at most {result['worst_error']:.2g} of it for the logits and "
            f"{result['worst_uncertainty_error']:.2g} for the mutual information.",
            "Points were chosen for high mutual information, split votes and confident answers to unfamiliar "
            "patterns, and spread so that the members say something else at each.",
        ],
        "tables": [
            {
                "caption": "The points",
                "columns": [
                    "point",
                    "row",
                    "column",
                    "chosen for",
                    "disputed",
                    "mutual information",
                    "seconds",
                ],
                "rows": [
                    [
                        str(p["index"]),
                        p["row"],
                        p["col"],
                        p["reason"],
                        f"{p['pair'][0]} or {p['pair'][1]}",
                        p["mutual_information"]["value"],
                        p["seconds"],
                    ]
                    for p in result["points"]
                ],
                "note": "Mutual information in nats.",
            }
        ],
    }


def _point(point: dict[str, Any]) -> dict[str, Any]:
    a, b = point["pair"]
    return {
        "title": f"Point {point['index']}: {a} or {b}",
        "figures": [
            {
                "name": point["picture"],
                "caption": point["caption"],
                "alt": f"The members' margins between {a} and {b}",
            },
            {
                "name": point["classes_picture"],
                "caption": "Shapley values of the surest member for the most probable space groups.",
                "alt": "Shapley values over the pattern",
            },
        ],
        "tables": [
            {
                "caption": "What each member says",
                "columns": [
                    "member",
                    "vote",
                    f"logit {a}",
                    f"logit {b}",
                    "margin",
                    "error",
                    "share of disagreement",
                ],
                "rows": [
                    [
                        m["name"],
                        str(m["vote"]),
                        m["logits"][0]["value"],
                        m["logits"][1]["value"],
                        m["margin"],
                        m["margin_error"],
                        m["mutual_information_share"],
                    ]
                    for m in point["members"]
                ],
                "note": "error: how far the margin's attribution is from complete, relative to it; share: what the "
                "member's own view of the pattern adds to the mutual information over the background's, nats.",
            }
        ],
    }
