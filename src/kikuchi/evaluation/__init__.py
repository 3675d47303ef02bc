"""How good a bundle is: who answers, scored, tabulated and drawn."""

from kikuchi.workflows.leave_one_class_out import leave_one_out

__all__ = ["leave_one_out"]
