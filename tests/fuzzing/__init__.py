"""The fuzzers of every reader of files."""
