"""Keys of recipes by their names before 2026-12: old recipes, bundles and unfinished fits are read as they are."""

from typing import Any

#: Keys of ``[train]``: old name, name now.
TRAIN = {"mirror": "flip_augmentation", "warm_down": "cosine_decay", "guidance": "auxiliary_weight"}


def renamed(table: Any) -> Any:
    """Return a ``[train]`` table with the names of now; anything else as it is.

    Raises
    ------
    ValueError
        A key stands there under both names.

    Examples
    --------
    >>> renamed({"epochs": 3, "warm_down": True})
    {'epochs': 3, 'cosine_decay': True}
    """
    if not isinstance(table, dict):
        return table
    for old, new in TRAIN.items():
        if old in table and new in table:
            raise ValueError(f"{old} is the old name of {new}: give one of them")
    return {TRAIN.get(key, key): value for key, value in table.items()}


def renamed_recipe(recipe: Any) -> Any:
    """Return a recipe as plain data with the names of now; anything else as it is."""
    if not isinstance(recipe, dict) or "train" not in recipe:
        return recipe
    return recipe | {"train": renamed(recipe["train"])}
