"""Calibrations that a recipe may name, ours and netcal's, on one set of patterns."""
