"""Teach an existing bundle more: rehearsal of heads, and what was gained and forgotten."""
