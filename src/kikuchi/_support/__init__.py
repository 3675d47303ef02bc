"""What every package stands on: atomic files, locks, archives, HDF5 probes, threads, progress."""
