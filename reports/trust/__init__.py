"""Whether the statistics keep what they promise."""
