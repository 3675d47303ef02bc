"""The HTML reports and their figures: one page frame, no network."""

from kikuchi.reports.evaluation_report import write_evaluation_report
from kikuchi.reports.map_report import write_map_report

__all__ = ["write_evaluation_report", "write_map_report"]
