"""How good a bundle is: who answers, scored, tabulated and drawn."""

from kikuchi.evaluation.leaving_out import leave_one_out

__all__ = ["leave_one_out"]
