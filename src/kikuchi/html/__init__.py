"""The HTML reports and their figures: one page frame, no network."""

from kikuchi.html.evaluation_report import write_evaluation_report
from kikuchi.html.map_report import write_map_report

__all__ = ["write_evaluation_report", "write_map_report"]
