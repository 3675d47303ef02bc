"""The pieces of the study: each makes some files of results from some files of patterns, and can be run again alone."""
