"""Recipes: which ensemble to fit on which data (TOML files beside their schema)."""
