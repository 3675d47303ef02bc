"""When nobody should answer, why, and what is promised about the rest."""

from ensemble.abstention.decide import STATUS_NAMES, Decision, Status, decide
from ensemble.abstention.guarantee import Certificate
from ensemble.abstention.rule import AbstentionRule, fit_abstention

__all__ = [
    "STATUS_NAMES",
    "AbstentionRule",
    "Certificate",
    "Decision",
    "Status",
    "decide",
    "fit_abstention",
]
