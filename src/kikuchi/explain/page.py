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
    sections.append(_trust(result))
    if result["kernels"] is not None:
        pictures["kernels"] = (folder / result["kernels"]["picture"]).read_bytes()
        sections.append(_kernels(result["kernels"]))
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
            f"by at most {result['worst_error']:.2g} of it, {result['worst_missed']:.2g} logits, and by "
            f"{result['worst_uncertainty_error']:.2g} of it, {result['worst_uncertainty_missed']:.2g} nats, "
            "for the mutual information.",
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


def _trust(result: dict[str, Any]) -> dict[str, Any]:
    check = result["randomised"]
    return {
        "title": "Can the explanations be believed?",
        "text": [
            "Pixels were taken from each pattern in the order of the attribution of the margin, and given to the "
            "mean of the background in that order, against four random orders. A gain is the distance of the mean "
            "margin from that of random orders: positive where the attribution knows what the member looks at.",
            f"With the weights of {check['member']} shuffled, the attribution of point {check['index']} keeps a rank "
            f"correlation of {check['rank_correlation']:.2f} with the one of the trained weights: near 0 it shows the "
            "member, near 1 the pattern alone.",
        ],
        "tables": [
            {
                "caption": "Deletion and insertion for the most decided member of each point",
                "columns": ["point", "member", "gain of deletion", "gain of insertion"],
                "rows": [
                    [
                        str(p["index"]),
                        p["trust"]["member"],
                        p["trust"]["deletion_gain"],
                        p["trust"]["insertion_gain"],
                    ]
                    for p in result["points"]
                ],
                "note": "In logits of the margin, averaged over the share of pixels taken or given.",
            }
        ],
    }


def _kernels(kernels: dict[str, Any]) -> dict[str, Any]:
    return {
        "title": "What two members share in their first layer",
        "figures": [
            {
                "name": "kernels",
                "caption": f"The closest of {kernels['members'][0]} and {kernels['members'][1]}, with what each makes "
                "of the first point's pattern.",
                "alt": "Pairs of kernels and their feature maps",
            }
        ],
    }
