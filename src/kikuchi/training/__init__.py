"""Train the members of an ensemble: on scans, on streams of simulated patterns, from a teacher."""
