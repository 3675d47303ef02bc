"""Open any scan, prepare its patterns, label and split a dataset."""

from kikuchi.scans.opening import open_scan
from kikuchi.scans.preparation import Preparation, background_for, prepare
from kikuchi.scans.quality import QUALITY_THRESHOLD, pattern_quality
from kikuchi.scans.scan import Scan
from kikuchi.scans.sources import ArrayPatterns

__all__ = [
    "QUALITY_THRESHOLD",
    "ArrayPatterns",
    "Preparation",
    "Scan",
    "background_for",
    "open_scan",
    "pattern_quality",
    "prepare",
]
