"""Sections of the report about answering and not answering: scores, promise, abstention, strangers."""

from typing import Any

from kikuchi.evaluation.formatting import cell, figure, percent, percent_interval, times

_HEADINGS = {
    "accuracy": "accuracy",
    "log_loss": "log-loss (nats)",
    "brier": "Brier",
    "ece": "ECE",
    "aurc": "AURC",
    "excess_aurc": "E-AURC",
    "augrc": "AUGRC",
    "coverage_at_risk": "coverage at the target risk",
    "coverage": "answered",
    "risk_answered": "risk of the answered",
    "risk_abstained": "would-be risk of the abstained",
}


def scores_section(evaluation: dict[str, Any]) -> dict[str, Any]:
    """Ensemble against single members: accuracy, probabilities, order, and the abstention in force."""
    rule = evaluation["rule"]
    against = evaluation["against_best_single"][rule]
    loss, area = against["log_loss_ratio"], against["excess_aurc_ratio"]
    text = [*(f"Note: {warning}." for warning in evaluation["warnings"])]
    text.append(
        f"The ensemble by {rule} against its best single member ({evaluation['best_single']}, chosen on the "
        f"calibration part): log-loss {times(loss)}, excess area under the risk-coverage curve {times(area)}. "
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
            _score_table(
                evaluation,
                "Probabilities, after calibration",
                ("accuracy", "log_loss", "brier", "ece"),
                "A calibration error (ECE) and its interval lean upwards where patterns are few: the interval may "
                "begin above the value.",
            ),
            _score_table(
                evaluation,
                "Order: are the least confident answers the wrong ones?",
                ("aurc", "excess_aurc", "augrc", "coverage_at_risk"),
                f"Target risk: {percent(evaluation['target_risk'])}. The coverage at it is seen on these patterns "
                "after the fact.",
            ),
            _score_table(
                evaluation,
                "Abstention in force: what the certified thresholds do here",
                ("coverage", "risk_answered", "risk_abstained"),
            ),
        ],
        "figures": [
            figure(
                "risk_coverage",
                "Errors among the answered, when the least confident patterns are left out first. "
                "The star is what the bundle promises, at the share it answers.",
            )
        ],
    }


def promise_section(evaluation: dict[str, Any]) -> dict[str, Any]:
    """Show the certificate beside the measured risk, and what the promise does not survive."""
    held = evaluation["promises"][evaluation["rule"]]
    measured = held["measured_risk"]
    found = (
        f"Measured here: {held['errors']:,} wrong of {held['answered']:,} answered, "
        f"{percent_interval(measured)}. Verdict: {held['verdict']}."
        if held["answered"]
        else "Measured here: nothing was answered."
    )
    rows = [
        [
            who,
            percent(p["certificate"]["certified_risk"]),
            percent_interval(p["measured_risk"]),
            p["verdict"],
            percent(p["target_set_coverage"]),
            percent_interval(p["set_coverage"]),
            p["mean_set_size"],
            percent(p["target_familiar_share"]),
            percent(p["familiar_share"]),
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
            },
            {
                "caption": f"Part by part, rule {evaluation['rule']}",
                "columns": [
                    "of",
                    "which",
                    "space group",
                    "answered",
                    "wrong",
                    "measured risk",
                    "promised",
                    "verdict",
                ],
                "rows": [
                    [
                        p["of"],
                        p["name"],
                        p["space_group"],
                        p["answered"],
                        p["errors"],
                        percent_interval(p["measured_risk"]),
                        percent(p["promised"]) if p["promised"] < 1 else "nothing by itself",
                        p["verdict"],
                    ]
                    for p in evaluation["promise_parts"]
                ],
                "note": "A promise for each material holds at any mixture; one for the mixture says nothing of a part.",
            },
        ],
    }


def abstaining_section(evaluation: dict[str, Any]) -> dict[str, Any]:
    """Show what each status caught, and how much likelier the abstained were to be wrong."""
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
                percent(r["share"]),
                r["unknown"],
                r["errors"],
                percent_interval(r["error_rate"]),
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


def unfamiliar_section(evaluation: dict[str, Any]) -> list[dict[str, Any]]:
    """Space groups that the bundle does not know; no section where there are none."""
    found = evaluation["unfamiliar"]
    if found is None:
        return []
    text = (
        f"{found['unknown']:,} patterns are of space groups no member saw: {percent(found['called_unfamiliar'])} of "
        f"them were found unfamiliar, and {percent(found['answered'])} were answered, which is always wrong."
    )
    rows = [[r["score"], cell(r["auroc"]), cell(r["fpr95"])] for r in found["separation"]]
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


def strangers_section(evaluation: dict[str, Any]) -> list[dict[str, Any]]:
    """Strangers that the fit was given; no section where it was given none, or set none aside."""
    found = evaluation.get("strangers")
    if not found or found["flagged"] is None:
        return []
    of = (
        "of other materials than those"
        if found["other_materials_judged"]
        else "of the same materials as those"
    )
    text = (
        f"{found['judged']:,} patterns of strangers, {of} that the gate was weighed with: "
        f"{percent(found['flagged'])} of them are called unfamiliar. So are {percent(found['false_alarms_seen'])} of "
        f"the familiar test patterns; the threshold was set for {percent(found['false_alarm'])} of new familiar "
        "crystals or grains."
    )
    rows = [[name, f"{value:.3f}"] for name, value in found["auroc"].items()]
    table = {
        "caption": "Strangers against familiar test patterns",
        "columns": ["score", "AUROC"],
        "rows": rows,
    }
    return [{"title": "Strangers set aside by the fit", "text": text, "tables": [table]}]


def _score_table(
    evaluation: dict[str, Any], caption: str, names: tuple[str, ...], note: str = ""
) -> dict[str, Any]:
    rows = []
    for who, scores in evaluation["scores"].items():
        label = f"best single member ({evaluation['best_single']})" if who == "best-single" else who
        label += " (the bundle's rule)" if who == evaluation["rule"] else ""
        rows.append([label, *(cell(scores[name]) for name in names)])
    columns = ["who", *(_HEADINGS[name] for name in names)]
    return {"caption": caption, "columns": columns, "rows": rows, "note": note}
