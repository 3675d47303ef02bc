"""The HTML reports and their figures: one page frame, no network."""

from kikuchi.reports.map_report import write_map_report

__all__ = ["write_map_report"]
