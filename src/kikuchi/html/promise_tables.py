"""The tables below a map on what was promised: class by class, and how the scan compares with what was certified."""

from typing import Any

from ensemble.abstention import AbstentionRule
from ensemble.abstention.stratified import ClassVerdict
from kikuchi.html.tables import Table, percent
from kikuchi.maps.phase_map import PhaseMap

_VERDICTS = {
    "kept": "kept",
    "silent": "not answered; hardly ever taken for another",
    "unknown": "no: too few held-out patterns, or too many wrong",
}
_SMALL = 5e-4


def verdict_table(rule: AbstentionRule, names: list[str]) -> Table | None:
    """Promise of every class; None where the promise is for all answers together.

    Parameters
    ----------
    rule
        What the map was decided with.
    names
        Of the K classes.
    """
    if not rule.verdicts:
        return None
    rows: list[list[Any]] = []
    for verdict in rule.verdicts:
        if isinstance(verdict, ClassVerdict):
            words = _VERDICTS[verdict.verdict]
        else:
            words = "kept" if verdict.kept else "no: not answered"
        rows.append(
            [
                names[verdict.index],
                words,
                verdict.threshold if verdict.threshold <= 1 else None,
                verdict.n_answered,
                verdict.n_errors,
                percent(verdict.bound),
            ]
        )
    what = {
        "material": "Risk of the answers to each true material, the worst of a space group; it holds for any mixture.",
        "class": "Risk of the answers with each space group, at the mixture estimated from this scan.",
    }
    return Table(
        "What is promised, class by class",
        ["Space group", "Certified", "Answered from confidence", "Held-out answers", "Wrong", "Upper bound"],
        rows,
        what.get(rule.promise, ""),
    )


def withdrawn(phase_map: PhaseMap, rule: AbstentionRule | None) -> str:
    """Say to who asks about an answer why it carries no promise, in plain words; empty where it carries one.

    Parameters
    ----------
    phase_map
        With ``meta["scan_check"]`` where the scan was compared with what was certified.
    rule
        What the map was decided with, its certificate as it is after that comparison.
    """
    if rule is None:
        return "No risk was certified for this map: the answer carries no promise."
    if rule.certificate.certified_risk < 1:
        return ""
    gauge = (phase_map.meta.get("scan_check") or {}).get("gauge")
    if gauge and gauge["alike"] is False:
        words = "; ".join(d["words"] for d in gauge["deviations"][:2])
        return (
            "This answer may well be right, but it carries no promise: taken as a whole, the scan does not look like "
            f"the patterns that the promise was tested on ({words}). How many answers are wrong on such a scan nobody "
            "has measured. Label some points of it and extend the bundle, or look at what differs in the recording."
        )
    return f"This answer carries no promise: {rule.certificate.message.removeprefix('no promise: ')}."


def check_tables(phase_map: PhaseMap) -> list[Table]:
    """Return how the scan compares with the held-out patterns: the gauge, and the mixture of its classes."""
    check = phase_map.meta.get("scan_check") or {}
    tables = []
    gauge, mixture = check.get("gauge"), check.get("mixture")
    if gauge and gauge["deviations"]:
        verdict = "not like what was certified" if gauge["alike"] is False else "like what was certified"
        units = (
            f"the scan as one of {gauge['held_out_units']} held-out ones"
            if gauge["method"] == "rank"
            else f"{gauge['units']} blocks of the scan against {gauge['held_out_units']} held-out groups"
        )
        tables.append(
            Table(
                f"Is this scan like what was certified? {verdict.capitalize()}",
                ["What deviates most", "By", "p"],
                [[d["words"], f"{d['shift']:+.2g}", f"{d['p_value']:.2g}"] for d in gauge["deviations"][:3]],
                f"p = {gauge['p_value']:.2g} for all {len(gauge['deviations'])} features together, {units}; below "
                f"{gauge['level']:g} no promise is made. By: in robust standard deviations of the held-out patterns.",
            )
        )
    if mixture:
        rows = [
            [
                g["space_group"],
                percent(g["prior"]),
                percent(g["shares"]),
                f"{percent(g['low'])} to {percent(g['high'])}",
            ]
            for g in mixture["space_groups"]
            if g["high"] > _SMALL
        ]
        why = "" if mixture["identified"] else f"Not to be relied on: {mixture['why']}. "
        if as_one := mixture.get("taken_as_one"):
            merged = "; ".join(" and ".join(map(str, one)) for one in as_one)
            why = (
                f"{mixture['why'].capitalize()}: {merged} are taken as one, and the intervals hold for that. "
            )
        tables.append(
            Table(
                "How the scan is mixed, estimated from the outputs at all its points",
                [
                    "Space group",
                    "Held-out patterns",
                    "This scan",
                    f"{100 * mixture['confidence']:.3g} % interval",
                ],
                rows,
                f"{why}Expectation maximisation and black-box shift estimation, over {mixture['units']} blocks.",
            )
        )
    return tables
