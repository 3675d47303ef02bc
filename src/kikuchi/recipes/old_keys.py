"""Keys of recipes by their names before 2026-12: old recipes, bundles and unfinished fits are read as they are."""

from typing import Any

#: Keys of ``[train]``: old name, name now.
TRAIN = {"mirror": "flip_augmentation", "warm_down": "cosine_decay", "guidance": "auxiliary_weight"}
#: Keys of ``[stream]``.
STREAM = {"chances": "class_sampling"}


def renamed(table: Any, names: dict[str, str]) -> Any:
    """Return a table of a recipe with the names of now; anything else as it is.

    Parameters
    ----------
    table
        Of a recipe, as plain data.
    names
        `TRAIN` or `STREAM`.

    Raises
    ------
    ValueError
        A key stands there under both names.

    Examples
    --------
    >>> renamed({"epochs": 3, "warm_down": True}, TRAIN)
    {'epochs': 3, 'cosine_decay': True}
    """
    if not isinstance(table, dict):
        return table
    for old, new in names.items():
        if old in table and new in table:
            raise ValueError(f"{old} is the old name of {new}: give one of them")
    return {names.get(key, key): value for key, value in table.items()}


def renamed_recipe(recipe: Any) -> Any:
    """Return a recipe as plain data with the names of now; anything else as it is."""
    if not isinstance(recipe, dict):
        return recipe
    tables = {"train": TRAIN, "stream": STREAM}
    return recipe | {name: renamed(recipe[name], names) for name, names in tables.items() if name in recipe}
