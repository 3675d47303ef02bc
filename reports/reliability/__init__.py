"""Killed, cut off, overloaded: what happens then."""
