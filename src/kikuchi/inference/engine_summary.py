"""Costs and savings of engines, in words, and which one to use."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

#: Share of held-out patterns that must keep their label before an engine is recommended.
KEEPS_LABELS = 0.99


def described(kind: str, measured: dict[str, Any]) -> list[str]:
    """Say in a few lines what an engine costs and saves."""
    lines = [
        f"{kind}: {measured['label_agreement']:.2%} of {measured['patterns']} test patterns keep the label; "
        f"log-loss {measured['log_loss']['keras']:.4f} -> {measured['log_loss']['recalibrated']:.4f} "
        f"({measured['log_loss']['as_it_was']:.4f} if not calibrated again), "
        f"ECE {measured['ece']['keras']:.4f} -> {measured['ece']['recalibrated']:.4f}"
    ]
    for name, stop in measured["stops"].items():
        lines.append(
            f"  {name}: {stop['members_run']:.2f} of {measured['members']} members a pattern, "
            f"{stop['label_agreement']:.2%} keep the label"
        )
    return lines


def recommended(report: Mapping[str, Any], run: str | Path) -> str:
    """Say which engine to use: the fastest of those that keep the labels, and the one there was where none does.

    Parameters
    ----------
    report
        As `kikuchi.workflows.accelerate.accelerate` gives it.
    run
        The bundle's folder, for the command to type.
    """
    # From the fastest to the slowest that are measured here.
    kept = [
        kind
        for kind in ("bf16", "int8", "onnx")
        if kind in report and report[kind]["label_agreement"] >= KEEPS_LABELS
    ]
    if not kept:
        return (
            f"none of them keeps {KEEPS_LABELS:.0%} of the labels: map with --engine auto, which runs the members as "
            "they were fitted"
        )
    stops = report[kept[0]]["stops"]
    stop = " --stop cascade" if any(s["label_agreement"] >= KEEPS_LABELS for s in stops.values()) else ""
    return f"use it with: ensemble map SCAN --run {run} --engine {kept[0]}{stop}"
