"""When nobody should answer, why, and what is promised about the rest."""

from ensemble.abstention.decide import STATUS_NAMES, Decision, Status, decide
from ensemble.abstention.guarantee import Certificate
from ensemble.abstention.rule import AbstentionRule, fit_abstention
from ensemble.abstention.unfamiliar import Familiarity, energy, fit_familiarity, generalised_entropy

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
]
