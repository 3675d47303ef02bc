"""When nobody should answer, why, and what is promised about the rest."""

from ensemble.abstention.decide import STATUS_NAMES, Decision, Status, decide, with_mixed
from ensemble.abstention.ood import Familiarity, energy, fit_familiarity, generalised_entropy
from ensemble.abstention.risk_control import Certificate
from ensemble.abstention.rule import AbstentionRule, fit_abstention

__all__ = [
    "STATUS_NAMES",
    "AbstentionRule",
    "Certificate",
    "Decision",
    "Familiarity",
    "Status",
    "decide",
    "energy",
    "fit_abstention",
    "fit_familiarity",
    "generalised_entropy",
    "with_mixed",
]
