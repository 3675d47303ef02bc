"""Simulated patterns, and members trained on nothing else."""
