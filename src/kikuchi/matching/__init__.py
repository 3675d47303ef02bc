"""Match patterns with simulations of phases that somebody named: which one fits, how well, and in which orientation."""

from kikuchi.matching.matcher import Evidence, Matcher, Matches, fit_evidence, flattened
from kikuchi.matching.phases import Candidate, candidates
from kikuchi.matching.survey import Survey, survey

__all__ = [
    "Candidate",
    "Evidence",
    "Matcher",
    "Matches",
    "Survey",
    "candidates",
    "fit_evidence",
    "flattened",
    "survey",
]
