"""Why the members disagree."""
