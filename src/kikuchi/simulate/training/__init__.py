"""Training patterns without end from master patterns."""
