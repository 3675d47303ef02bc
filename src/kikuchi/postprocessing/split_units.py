"""What goes to one part of a split as a whole, as a recipe says it."""

import numpy as np

from kikuchi.postprocessing.grain_segmentation import find_grains
from kikuchi.recipes.schema import Recipe
from kikuchi.scans import Dataset, Scan
from kikuchi.scans.independence import pattern_groups


def recipe_groups(data: Dataset, recipe: Recipe) -> tuple[np.ndarray, str]:
    """Return the groups that the certificate counts: the split's own units, where these are more than patterns.

    Parameters
    ----------
    data
        The dataset.
    recipe
        Says the units.

    Returns
    -------
    groups, how
        As `kikuchi.scans.independence.pattern_groups`.
    """
    how = recipe.abstain.groups if recipe.split.unit == "pattern" else recipe.split.unit
    look = recipe.preparation(recipe.member[0].size)

    def grains(scan: Scan) -> np.ndarray:
        oriented = scan.xmap is not None and not np.allclose(scan.xmap.rotations.angle, 0)
        return find_grains(scan, "orientations" if oriented else "patterns", preparation=look)

    return pattern_groups(data, how, look, grains)


def split_groups_of(data: Dataset, recipe: Recipe) -> np.ndarray | None:
    """Return what a split must keep together, (N,); None where single patterns are drawn."""
    return None if recipe.split.unit == "pattern" else recipe_groups(data, recipe)[0]
