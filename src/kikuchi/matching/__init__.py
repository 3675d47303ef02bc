"""Match patterns with simulations of phases that somebody named: which one fits, how well, and in which orientation."""

from kikuchi.matching.matcher import Evidence, Matcher, Matches, fit_evidence, flattened
from kikuchi.matching.phases import Candidate, candidates

__all__ = [
    "Candidate",
    "Evidence",
    "Matcher",
    "Matches",
    "candidates",
    "fit_evidence",
    "flattened",
]
