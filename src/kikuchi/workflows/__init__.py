"""One file a command: the way from input files to results."""
