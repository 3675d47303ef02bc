"""Master patterns: computed (kinematical, Bloch waves) and read from files."""
