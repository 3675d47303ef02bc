"""Why the members disagree: Shapley values, margins, epistemic uncertainty, kernels, activation maps."""

from kikuchi.bundle.background import Background, choose_background, read_background, write_background
from kikuchi.explain.disagreement import Disagreement, Ensemble, disputed_pair, explain_disagreement
from kikuchi.explain.explanation import read_explanation, to_explanation, write_explanation
from kikuchi.explain.point_selection import Chosen, choose
from kikuchi.explain.shapley import Attribution, Shapley
from kikuchi.explain.uncertainty_attribution import Uncertainty, UncertaintyAttribution

__all__ = [
    "Attribution",
    "Background",
    "Chosen",
    "Disagreement",
    "Ensemble",
    "Shapley",
    "Uncertainty",
    "UncertaintyAttribution",
    "choose",
    "choose_background",
    "disputed_pair",
    "explain_disagreement",
    "read_background",
    "read_explanation",
    "to_explanation",
    "write_background",
    "write_explanation",
]
