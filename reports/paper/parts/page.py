"""The page: tables out of the results, put between the marks of ``README.md``."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kikuchi._support import atomic
from kikuchi.evaluation.predictors import BEST_SINGLE_NAME

Results = dict[str, dict[str, Any]]


def write_page(page: Path, results: Results) -> None:
    """Fill the marks of a page whose results are there; what lies outside its marks is left as it is.

    ``<!-- table: NAME of STAGE -->`` to ``<!-- end -->`` takes a table of `TABLES`; ``<!-- figure: NAME | TEXT -->`` to
    ``<!-- end -->`` the picture ``figures/NAME.png`` beside the page.

    Parameters
    ----------
    page
        Markdown file.
    results
        Every JSON of the study, by stage.
    """
    text = page.read_text(encoding="utf-8")

    def filled(mark: re.Match[str]) -> str:
        kind, what, inside = mark["kind"], mark["what"], mark["inside"]
        if kind == "figure":
            name, _, caption = what.partition(" | ")
            shown = (page.parent / "figures" / f"{name}.png").is_file()
            inside = f"\n![{caption}](figures/{name}.png)\n" if shown else ""
        else:
            name, _, stage = what.partition(" of ")
            found = results.get(stage or name)
            inside = inside if found is None else f"\n{TABLES[name](found)}\n"
        return f"<!-- {kind}: {what} -->{inside}<!-- end -->"

    pattern = r"<!-- (?P<kind>table|figure): (?P<what>[^>]+?) -->(?P<inside>.*?)<!-- end -->"
    atomic.write_text(page, re.sub(pattern, filled, text, flags=re.DOTALL))


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table, numbers to the right.

    Examples
    --------
    >>> print(table(["a", "b"], [["x", "1"]]))
    | a | b |
    | --- | ---: |
    | x | 1 |
    """
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def percent(found: Any, digits: int = 1) -> str:
    """Return a share in per cent: a number, one with its interval, or mean and standard deviation.

    Examples
    --------
    >>> percent(0.123), percent({"value": 0.1, "low": 0.05, "high": 0.2}), percent({"mean": 0.5, "sd": 0.01})
    ('12.3', '10.0 [5.0, 20.0]', '50.0 ± 1.0')
    """
    return number(found, digits, 100)


def number(found: Any, digits: int = 3, scale: float = 1) -> str:
    """Return a number, with its interval or standard deviation where it has one; a dash where there is none."""
    if found is None or (isinstance(found, dict) and found.get("value", found.get("mean")) is None):
        return "-"
    if not isinstance(found, dict):
        return f"{scale * found:.{digits}f}"
    if "mean" in found:
        return f"{scale * found['mean']:.{digits}f} ± {scale * found['sd']:.{digits}f}"
    low, high = (found[k] for k in ("low", "high"))
    value = f"{scale * found['value']:.{digits}f}"
    return value if low is None else f"{value} [{scale * low:.{digits}f}, {scale * high:.{digits}f}]"


def approaches(found: dict[str, Any]) -> str:
    """Tabulate the paper's Table 1: trials of both approaches."""
    rows = [
        [
            kind,
            str(len(a["trials"])),
            number(a["epochs_to_converge"], 1),
            percent(a["accuracy"]),
            percent(a["precision"]),
            percent(a["recall"]),
            percent(a["f1"]),
        ]
        for kind, a in found["approaches"].items()
    ]
    head = ["approach", "trials", "epochs to converge", "accuracy, %", "precision, %", "recall, %", "F1, %"]
    return table(head, rows)


def _by(found: dict[str, Any], key: str, name: Callable[[dict[str, Any]], str]) -> str:
    two = list(found["approaches"].items())
    head = ["", "patterns"] + [f"{m}, {kind}" for kind, _ in two for m in ("precision", "recall", "F1")]
    rows = []
    for lines in zip(*(a[key] for _, a in two), strict=True):
        cells = [percent(line[m]) for line in lines for m in ("precision", "recall", "f1")]
        rows.append([name(lines[0]), str(lines[0]["patterns"]), *cells])
    return table(head, rows)


def scores(found: dict[str, Any]) -> str:
    """Tabulate what the paper could not say: best single network and rules on the same patterns."""
    rows = []
    for name, s in found["scores"].items():
        error = {
            k: None if s["accuracy"][k] is None else 1 - s["accuracy"][k] for k in ("value", "low", "high")
        }
        error["low"], error["high"] = error["high"], error["low"]
        label = f"best single ({found['best_single']})" if name == BEST_SINGLE_NAME else name
        enriched = found["enrichment"][name]
        rows.append(
            [
                label,
                percent(error),
                number(s["log_loss"]),
                percent(s["ece"]),
                number(s["aurc"], 4),
                percent(s["coverage"]),
                percent(s["risk_answered"], 2),
                "-" if enriched is None else f"{enriched:.0f}",
            ]
        )
    head = ["", "error, %", "log-loss", "ECE, %", "AURC", "answered, %", "wrong among these, %", "enrichment"]
    return table(head, rows)


def growth(found: dict[str, Any]) -> str:
    """Tabulate how many members are enough, with the rule of the bundle."""
    chosen = [r for r in found["growth"] if r["rule"] == found["rule"]]
    rows = [
        [
            f"{r['composition']}, {r['members']}",
            str(r["ensembles"]),
            percent(r["error"]),
            number(r["log_loss"]),
            percent(r["ece"]),
            number(r["aurc"], 4),
        ]
        for r in chosen
    ]
    return table(["members", "ensembles", "error, %", "log-loss", "ECE, %", "AURC"], rows)


def diversity(found: dict[str, Any]) -> str:
    """Tabulate how differently members err."""
    rows = [
        [name, percent(m["disagreement"]), percent(m["double_fault"]), number(m["q_statistic"], 2)]
        for name, m in found["diversity"].items()
    ]
    return table(["pairs", "disagree, %", "both wrong, %", "Yule's Q"], rows)


def contenders(found: dict[str, Any]) -> str:
    """Tabulate everybody on a map."""
    rows = [
        [
            name,
            percent(c["error"]),
            percent(c["error_away_from_boundaries"]),
            percent(c["ece"]),
            percent(c["coverage"]),
            percent(c["selective_risk"], 2),
            "-" if c["enrichment"] is None else f"{c['enrichment']:.1f}",
        ]
        for name, c in found["contenders"].items()
    ]
    head = [
        "",
        "error, %",
        "off boundaries, %",
        "ECE, %",
        "answered, %",
        "wrong among these, %",
        "enrichment",
    ]
    return table(head, rows)


def methods(found: dict[str, Any]) -> str:
    """Tabulate the peers on a map."""
    rows = [
        [name, percent(m.get("error")), *(percent(share) for share in m["share"].values())]
        for name, m in found["methods"].items()
    ]
    return table(["", "error, %", *(f"called {name}, %" for name in found["materials"])], rows)


def fractions(found: dict[str, Any]) -> str:
    """Tabulate phase fractions of a map against the truth, for groups that are there or are said to be."""
    truth = found.get("true_fractions", {})
    rows = []
    for rule, each in found["fractions"].items():
        for group, f in (each or {}).items():
            if f["fraction"] >= 0.01 or truth.get(group):
                interval = {"value": f["fraction"], "low": f["low"], "high": f["high"]}
                rows.append(
                    [
                        f"{rule}, {group}",
                        percent(truth.get(group)),
                        percent(interval),
                        percent(f["as_counted"]),
                    ]
                )
    return table(["", "true, %", "corrected, %", "as counted, %"], rows)


def shift(found: dict[str, Any]) -> str:
    """Tabulate every axis: the best single network and the bundle's rule."""
    rule: str = found["rule"]
    rows = []
    everything = {"unchanged": found["unchanged"]} | found["axes"] | {"all of them": found["all"]}
    for axis, each in everything.items():
        cells = []
        for score in ("accuracy", "ece", "coverage"):
            cells += [percent(each["scores"][name][score]) for name in (BEST_SINGLE_NAME, rule)]
        cells += [
            percent(each["scores"][name]["selective_risk"]["value"]) for name in (BEST_SINGLE_NAME, rule)
        ]
        rows.append([axis, str(each["patterns"]), *cells])
    head = ["", "patterns"]
    for label in ("accuracy", "ECE", "answered", "wrong among these"):
        head += [f"{label}, %: single", "ensemble"]
    return table(head, rows)


def unknown(found: dict[str, Any]) -> str:
    """Tabulate what is said of unknown materials."""
    lines = [("known groups", found["known"]), ("all unknown", found["all"])]
    lines += [(f"{m['material']} ({m['space_group']})", m) for m in found["materials"]]
    rows = []
    for name, m in lines:
        taken = sorted(m["taken_for"].items(), key=lambda item: -item[1])[:2]
        said = ", ".join(f"{g}: {n}" for g, n in taken) or "-"
        knn = m.get("auroc", {}).get("k-nearest-neighbour distance")
        shares = [percent(m[status]) for status in ("unfamiliar", "ambiguous", "unreadable", "solved")]
        rows.append([name, str(m["patterns"]), *shares, said, number(knn, 2)])
    head = [
        "",
        "patterns",
        "unfamiliar, %",
        "ambiguous, %",
        "unreadable, %",
        "answered, %",
        "taken for",
        "AUROC",
    ]
    return table(head, rows)


def separation(found: dict[str, Any]) -> str:
    """Tabulate how well every score tells unknown from known."""
    rows = [[r["score"], number(r["auroc"]), percent(r["fpr95"])] for r in found["separation"]]
    return table(["score", "AUROC", "FPR95, %"], rows)


def pair(found: dict[str, Any]) -> str:
    """Tabulate how surely a pair of groups is told apart."""
    rows = []
    for name, p in found["pairs"].items():
        if p is None:
            continue
        first = f"{percent(p['error'], 2)} of {p['patterns']}, at most {percent(p['bound'], 2)}"
        cells = []
        for c in p["certificates"].values():
            said = f"{percent(c['n_answered'] / c['n_tested'])} answered"
            cells.append(said if c["certified"] else f"no: {percent(c['certified_risk'], 1)} % is, {said}")
        rows.append([name, first, *cells])
    risks = next((list(p["certificates"]) for p in found["pairs"].values() if p), [])
    return table(
        ["", "error of always answering, %", *(f"at most {percent(float(r), 0)} % certified" for r in risks)],
        rows,
    )


TABLES: dict[str, Callable[[dict[str, Any]], str]] = {
    "approaches": approaches,
    "groups": lambda found: _by(found, "per_group", lambda line: str(line["space_group"])),
    "materials": lambda found: _by(
        found, "per_material", lambda line: f"{line['material']} ({line['space_group']})"
    ),
    "scores": scores,
    "growth": growth,
    "diversity": diversity,
    "contenders": contenders,
    "methods": methods,
    "fractions": fractions,
    "shift": shift,
    "unknown": unknown,
    "separation": separation,
    "pair": pair,
}
