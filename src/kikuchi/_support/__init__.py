"""Foundations of every package: atomic files, locks, archives, HDF5 probes, threads, progress."""
