"""Metrics of probabilities, abstentions and detections."""

from ensemble.metrics.agreement import agreement_table, cohen_kappa
from ensemble.metrics.bootstrap import Interval, bootstrap_interval
from ensemble.metrics.calibration_error import (
    classwise_calibration_error,
    expected_calibration_error,
    maximum_calibration_error,
    sharpness,
)
from ensemble.metrics.classification import ClassReport, class_report
from ensemble.metrics.detection import auroc, fpr_at
from ensemble.metrics.proper import brier, brier_decomposition, log_loss
from ensemble.metrics.reliability import ReliabilityDiagram, reliability_diagram
from ensemble.metrics.score_card import score_card
from ensemble.metrics.selective import (
    RiskCoverage,
    augrc,
    aurc,
    coverage_at_risk,
    excess_aurc,
    risk_at_coverage,
    risk_coverage,
)

__all__ = [
    "ClassReport",
    "Interval",
    "ReliabilityDiagram",
    "RiskCoverage",
    "agreement_table",
    "augrc",
    "aurc",
    "auroc",
    "bootstrap_interval",
    "brier",
    "brier_decomposition",
    "class_report",
    "classwise_calibration_error",
    "cohen_kappa",
    "coverage_at_risk",
    "excess_aurc",
    "expected_calibration_error",
    "fpr_at",
    "log_loss",
    "maximum_calibration_error",
    "reliability_diagram",
    "risk_at_coverage",
    "risk_coverage",
    "score_card",
    "sharpness",
]
