"""Labelled scans and maps of simulated patterns, described by a spec."""
