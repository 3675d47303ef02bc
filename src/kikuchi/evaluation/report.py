"""The report of an evaluation: what it found in words, tables and figures."""

from pathlib import Path
from typing import Any

import numpy as np

from kikuchi.bundle.bundle import Bundle
from kikuchi.evaluation.figures import draw
from kikuchi.evaluation.predictors import EvaluatedPredictor
from kikuchi.evaluation.sections_answers import (
    abstaining_section,
    promise_section,
    scores_section,
    strangers_section,
    unfamiliar_section,
)
from kikuchi.evaluation.sections_members import (
    calibration_section,
    classes_section,
    diversity_section,
    losses_section,
)
from kikuchi.evaluation.verdict import key_table, verdict
from kikuchi.html import write_evaluation_report


def write_page(
    evaluation: dict[str, Any],
    bundle: Bundle,
    everybody: list[EvaluatedPredictor],
    labels: np.ndarray,
    path: Path,
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
        scores_section(evaluation),
        promise_section(evaluation),
        abstaining_section(evaluation),
        calibration_section(evaluation),
        classes_section(evaluation),
        diversity_section(evaluation),
        *unfamiliar_section(evaluation),
        *strangers_section(evaluation),
        *losses_section(figures),
    ]
    words, kept = verdict(evaluation)
    page = {
        "verdict": {"text": words, "kept": kept, "table": key_table(evaluation)},
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
