"""Open any scan, prepare its patterns, label and split a dataset."""
