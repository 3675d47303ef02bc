"""The speed of the six hot paths, outside the test run: ``python -m dev bench``."""
