"""Heads with a posterior: many draws of a member's last layer, on features that stay as they are.

Every method gives the same thing, `Heads`: so many draws of a linear softmax layer, pooled and decomposed as dropout
draws are.
"""

from ensemble.bayesian.fitting import METHODS, fit_heads
from ensemble.bayesian.heads import Heads
from ensemble.bayesian.softmax_regression import choose_precision, fit_map

__all__ = ["METHODS", "Heads", "choose_precision", "fit_heads", "fit_map"]
