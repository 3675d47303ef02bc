"""Open any scan, prepare its patterns, label and split a dataset."""

from kikuchi.scans.dataset import Dataset, Material, load_dataset
from kikuchi.scans.exposure import recording_warnings
from kikuchi.scans.neighbours import dataset_with_neighbours, with_neighbours
from kikuchi.scans.opening import open_mapped, open_scan, scan_from_array
from kikuchi.scans.preparation import Preparation, background_for, prepare
from kikuchi.scans.quality import QUALITY_THRESHOLD, as_patterns, pattern_quality
from kikuchi.scans.scan import Scan
from kikuchi.scans.split import Split, hash_patterns, pattern_hash, split_dataset

__all__ = [
    "QUALITY_THRESHOLD",
    "Dataset",
    "Material",
    "Preparation",
    "Scan",
    "Split",
    "as_patterns",
    "background_for",
    "dataset_with_neighbours",
    "hash_patterns",
    "load_dataset",
    "open_mapped",
    "open_scan",
    "pattern_hash",
    "pattern_quality",
    "prepare",
    "recording_warnings",
    "scan_from_array",
    "split_dataset",
    "with_neighbours",
]
