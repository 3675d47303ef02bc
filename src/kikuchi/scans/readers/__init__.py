"""One file a format: patterns and positions from the files that users bring."""
