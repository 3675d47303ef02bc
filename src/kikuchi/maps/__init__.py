"""Decisions on a grid, drawn and written for other programs."""
