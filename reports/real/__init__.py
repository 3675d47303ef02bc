"""Real scans, answered by the shipped ensemble."""
