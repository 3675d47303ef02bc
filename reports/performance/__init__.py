"""Patterns a second, and what each faster way costs."""
