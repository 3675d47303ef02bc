"""Labelled EBSD scans from crystal structures and master patterns."""
