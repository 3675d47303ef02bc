"""Verdict of an evaluation: one sentence, and the few numbers behind it."""

from typing import Any

from kikuchi.evaluation.formatting import cell
from kikuchi.html.tables import percent

_VERDICTS = {
    "kept": "what was promised (at most {promised}) is kept",
    "within chance": "above the promised {promised}, but within chance of it",
    "broken": "the promise of at most {promised} is broken",
    "nothing promised": "nothing was promised",
    "nothing answered": "nothing was answered",
}


def verdict(evaluation: dict[str, Any]) -> tuple[str, bool]:
    """Say in one sentence what was answered, how much of it is wrong, and whether the promise and the ensemble hold.

    Parameters
    ----------
    evaluation
        As `kikuchi.evaluate` returns it.

    Returns
    -------
    str, bool
        The sentence, and whether what was promised was kept.
    """
    rule = evaluation["rule"]
    held = evaluation["promises"][rule]
    total = evaluation["patterns"]
    promised = held["certificate"]["certified_risk"]
    words = _VERDICTS[held["verdict"]].format(promised=f"{100 * promised:.3g} %")
    if held["answered"]:
        measured = held["measured_risk"]
        wrong = (
            f"answers {percent(held['answered'] / total)} and {percent(measured['value'])} of its answers are wrong "
            f"(95 % interval {percent(measured['low'])} to {percent(measured['high'])}): {words}"
        )
    else:
        wrong = f"answers none: {words}"
    text = f"Of {total:,} patterns the ensemble {wrong}; {_against(evaluation['against_best_single'][rule])}."
    return text, held["verdict"] in ("kept", "within chance")


def key_table(evaluation: dict[str, Any]) -> dict[str, Any]:
    """Return the few numbers that most readers want, the ensemble beside its best single member."""
    rule = evaluation["rule"]
    scores = evaluation["scores"]
    names = (
        ("accuracy", "accuracy"),
        ("answered", "coverage"),
        ("risk of the answered", "risk_answered"),
        ("ECE", "ece"),
        ("log-loss (nats)", "log_loss"),
    )
    return {
        "caption": "In short",
        "columns": ["what", f"ensemble ({rule})", f"best single member ({evaluation['best_single']})"],
        "rows": [
            [label, cell(scores[rule][name]), cell(scores["best-single"][name])] for label, name in names
        ],
        "note": "With 95 % intervals.",
    }


def _against(compared: dict[str, Any]) -> str:
    """Say whether the ensemble's probabilities beat those of its best single member, as far as the interval shows."""
    ratio = compared["log_loss_ratio"]
    if ratio["value"] is None or ratio["low"] is None:
        return "against a single member nothing can be said"
    times = f"log-loss {ratio['value']:.2g} times"
    if ratio["high"] < 1:
        return f"its probabilities are better than the best single member's ({times})"
    if ratio["low"] > 1:
        return f"its probabilities are worse than the best single member's ({times})"
    return f"its probabilities cannot be told from the best single member's ({times})"
