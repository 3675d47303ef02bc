"""The page of explanations: every card with its numbers, and how far they can be trusted."""

from pathlib import Path
from typing import Any

from kikuchi.explain.shapley import NAMES
from kikuchi.html import write_evaluation_report

_METHODS = NAMES | {
    "deep": "DeepSHAP (Lundberg & Lee 2017)",
    "gradients": "expected gradients (Erion et al. 2021)",
}


def write_page(result: dict[str, Any], folder: Path) -> Path:
    """Write ``report.html`` from what `kikuchi.workflows.explain.explain` found and drew.

    Parameters
    ----------
    result
        What ``explanations.json`` holds.
    folder
        Where it and the pictures are.
    """
    pictures = _read(result["compared"], folder)
    sections = [_summary(result)]
    for point in result["points"]:
        for key in ("picture", "classes_picture"):
            pictures[point[key]] = (folder / point[key]).read_bytes()
        sections.append(_point(point))
    sections.append(_trust(result))
    if result["compared"] is not None:
        sections.append(_compared(result["compared"]))
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


def write_members_page(result: dict[str, Any], folder: Path) -> Path:
    """Write ``report.html`` from what `kikuchi.workflows.explain.explain_members` found and drew.

    Parameters
    ----------
    result
        What ``members.json`` holds.
    folder
        Where it and the pictures are.
    """
    pictures = _read(result["compared"], folder)
    for example in result["examples"]:
        pictures[example["picture"]] = (folder / example["picture"]).read_bytes()
    background = result["background"]
    how = (
        f"Logits were attributed to pixels by {_METHODS[result['method']]} on {result['backend']}, against "
        f"{background['patterns']} patterns {background['origin']}. Attributions miss the output less its mean over "
        f"the background by at most {result['worst_error']:.2g} of it."
    )
    examples = {
        "title": "One pattern of each space group",
        "text": how,
        "figures": [
            {
                "name": e["picture"],
                "caption": "",
                "alt": f"{e['member']} says {e['vote']} of a pattern of {e['space_group']}",
                "wide": True,
            }
            for e in result["examples"]
        ],
    }
    return write_evaluation_report(
        {
            "title": f"What the members of {result['bundle']} look for",
            "subtitle": f"{len(result['space_groups'])} space groups, in {result['seconds']:.0f} s",
            "sections": [_compared(result["compared"]), examples],
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
            *([f"Left out for want of time: {'; '.join(result['left_out'])}."] if result["left_out"] else []),
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
    tables = [
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
    ]
    if point["truth"] is not None:
        tables.append(_physical(point["truth"]))
    return {
        "title": f"Point {point['index']}: {a} or {b}",
        "figures": [
            {
                "name": point["picture"],
                "caption": "",
                "alt": f"The members' margins between {a} and {b}: {point['caption']}",
                "wide": True,
            },
            {
                "name": point["classes_picture"],
                "caption": "",
                "alt": "Shapley values and Grad-CAM of the surest member, over the pattern",
                "wide": True,
            },
        ],
        "tables": tables,
    }


def _physical(truth: dict[str, Any]) -> dict[str, Any]:
    """Tell where the attributions lie in a simulated pattern."""
    rows = []
    for key, name in (
        ("shared", "what the members share"),
        ("parting", "where they part"),
        ("mutual_information", "what makes them disagree"),
    ):
        on = truth[key]
        rows.append(
            [name, *(on[part][kind] for part in ("bands", "zone_axes") for kind in ("attribution", "area"))]
        )
    return {
        "caption": f"Where the attributions lie; the pattern was simulated, it is {truth['phase']}",
        "columns": ["attribution", "on bands", "their area", "at zone axes", "their area"],
        "rows": rows,
        "note": "Shares of the absolute values and of the pattern's area. Bands: of planes whose structure factor is "
        "at least half the strongest; zone axes: within 4 degrees of where three of these bands cross.",
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


def _compared(compared: dict[str, Any]) -> dict[str, Any]:
    first, second = compared["members"]
    wanted = {
        "kernels": "Pairs of similar kernels",
        "feature_maps": "One pattern of each space group and the feature maps of both members",
        "activation_maximisation": "Patterns that raise the logit of each space group",
    }
    return {
        "title": f"What {first} and {second} look for",
        "figures": [
            {"name": name, "caption": "", "alt": alt, "wide": True}
            for name, alt in wanted.items()
            if name in compared["pictures"]
        ],
    }


def _read(compared: dict[str, Any] | None, folder: Path) -> dict[str, Any]:
    pictures = {} if compared is None else compared["pictures"]
    return {name: (folder / file).read_bytes() for name, file in pictures.items()}
