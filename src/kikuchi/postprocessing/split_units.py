"""Units that go to one part of a split as a whole: grains by default, and the warning where there are too few.

A grain that both trains and tests makes a promise look kept that is broken on the next grain of the same material.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ensemble.abstention.splitting import stratified_groups
from ensemble.errors import InputError
from kikuchi.postprocessing.grain_segmentation import carries_orientations, find_grains, without_fragments
from kikuchi.recipes.schema import Recipe
from kikuchi.scans import Dataset, Preparation, Scan, Split, split_dataset
from kikuchi.scans.independence import SHARES_GRAINS, pattern_groups
from kikuchi.scans.split import TooFewGroups

#: Share of the held-out patterns beside the test that fits the calibration; the rest certifies the promise, which
#: must be tested on patterns that nothing before it has seen.
CALIBRATION_SHARE = 0.4


@dataclass(frozen=True)
class Units:
    """Independent units of a dataset, and whether the parts of its split share any of it.

    Attributes
    ----------
    group
        Of each pattern, (N,).
    how
        A word for people: ``"pattern"``, ``"grain"``, ...
    shared
        Why parts share grains, in words, which then marks every report; empty where they do not.
    withheld
        Why nothing is promised, in words; empty where the certificate says what is.
    """

    group: np.ndarray
    how: str
    shared: str = ""
    withheld: str = ""

    def of_classes(self, data: Dataset, classes: Sequence[int]) -> dict[int, int]:
        """Return how many of them each space group has."""
        labels = data.labels(tuple(classes))
        return {int(c): len(np.unique(self.group[labels == k])) for k, c in enumerate(classes)}

    def facts(self, data: Dataset, split: Split) -> dict[str, object]:
        """Return what the manifest says of them."""
        return {
            "unit": self.how,
            "shares_grains": bool(self.shared),
            "shared_because": self.shared,
            "withheld": self.withheld,
            "independent_units": {str(c): n for c, n in self.of_classes(data, split.classes).items()},
        }


def divided(
    data: Dataset, recipe: Recipe, seed: int, *, train_per_class: int | None = None
) -> tuple[Split, Units]:
    """Split a dataset as its recipe says.

    Parameters
    ----------
    data
        The dataset.
    recipe
        With ``unit = "auto"`` whole grains go to one part wherever the scans show any: by their own orientations, or
        by the likeness of neighbours. Where they are too few for that, single patterns are drawn, and nothing is
        promised.
    seed
        Of the draw.
    train_per_class
        Another number of training patterns than the recipe's.

    Raises
    ------
    InputError
        As `kikuchi.scans.split_dataset`; too few grains also where the recipe names a unit.
    """
    wanted = recipe.split
    train = wanted.train_per_class if train_per_class is None else train_per_class

    def split_by(groups: np.ndarray | None) -> Split:
        return split_dataset(
            data,
            train_per_class=train,
            validation_per_class=wanted.validation_per_class,
            calibration_fraction=wanted.calibration_fraction,
            seed=seed,
            groups=groups,
        )

    units, whole = _units(data, recipe)
    if whole:
        try:
            split = split_by(units.group)
            lone = lone_class(data, split, units)
            if lone is None or wanted.unit != "auto":
                return split, units
            raise TooFewGroups(f"space group {lone}: all held-out patterns are of one {units.how}")
        except TooFewGroups as error:
            if wanted.unit != "auto":
                raise
            units = _too_few(data, units, error)
    return split_by(None), units


def _units(data: Dataset, recipe: Recipe) -> tuple[Units, bool]:
    """Return the units, and whether each goes to one part as a whole."""
    unit, named, stream = recipe.split.unit, recipe.abstain.groups, recipe.stream is not None
    look = recipe.preparation(recipe.member[0].size)
    if unit == "auto" and named == "auto" and not stream:
        group, how = pattern_groups(data, "grains where alike", look, grain_finder(look))
        return Units(group, how), how != "pattern"
    if unit in ("auto", "pattern"):
        # Units that the certificate alone counts; with a stream no pattern of the dataset trains.
        group, how = pattern_groups(data, named, look)
        draws = unit == "pattern" and how not in ("pattern", "scan") and not stream
        return Units(group, how, SHARES_GRAINS if draws else ""), False
    group, how = pattern_groups(data, unit, look, grain_finder(look))
    return Units(group, how), True


def grain_finder(look: Preparation) -> "GrainFinder":
    """Return what finds the grains of scans, each once."""
    return GrainFinder(look)


class GrainFinder:
    """Find the grains of scans: by their own orientations, else by likeness; each scan once."""

    def __init__(self, look: Preparation) -> None:
        self._look = look
        self._found: dict[int, np.ndarray] = {}

    def __call__(self, scan: Scan) -> np.ndarray:
        """Return the grain of every point, (N,); single points on boundaries go with a neighbour."""
        if id(scan) not in self._found:
            how = "orientations" if carries_orientations(scan) else "patterns"
            grains = find_grains(scan, how, preparation=self._look)
            self._found[id(scan)] = without_fragments(grains, scan.row, scan.col)
        return self._found[id(scan)]


def lone_class(data: Dataset, split: Split, units: Units) -> int | None:
    """Find a class whose patterns held out to calibrate and certify are all of one unit, which cannot do both.

    Parameters
    ----------
    data, split, units
        Of the fit.

    Returns
    -------
    int or None
        Space group of the first such class.
    """
    labels = data.labels(split.classes)[split.calibration]
    own = units.group[split.calibration]
    lone = (c for k, c in enumerate(split.classes) if len(np.unique(own[labels == k])) < 2)
    return next(lone, None)


def held_out_parts(data: Dataset, split: Split, units: Units) -> np.ndarray:
    """Say of every pattern of the dataset whether it calibrates (0), certifies (1) or tests (2).

    Whole groups: a grain that helped to calibrate must not test the promise. Every space group is in both parts, or
    the fit is refused before any training: what no pattern certified would be promised all the same. Where nothing is
    promised, single patterns do.

    Parameters
    ----------
    data, split, units
        Of the fit.

    Returns
    -------
    numpy.ndarray
        Part of each pattern of the dataset, shape (N,); 2 also for those that train.

    Raises
    ------
    InputError
        A space group is left with nothing to calibrate or to certify with.
    """
    how = units.how
    labels = data.labels(split.classes)[split.calibration]
    own = units.group[split.calibration]
    lone = lone_class(data, split, units)
    if lone is not None and units.withheld:
        own = np.arange(len(own))
    elif lone is not None:
        raise InputError(
            f"space group {lone}: all held-out patterns are of one {how}, which cannot both calibrate and certify",
            path=data.path,
            remedy='add a scan of it, or choose groups = "block" or "pattern" in the recipe\'s [abstain]',
        )
    rng = np.random.default_rng([split.seed, 1])
    part = np.full(data.n, 2, np.int8)
    part[split.calibration] = np.where(stratified_groups(own, labels, CALIBRATION_SHARE, rng), 0, 1)
    missing = set(range(len(split.classes))) - set(labels[part[split.calibration] == 1].tolist())
    if missing:
        space_group = split.classes[min(missing)]
        raise InputError(
            f"space group {space_group}: no held-out pattern is left to certify it, since its groups ({how}) are "
            "shared with other space groups",
            path=data.path,
            remedy="add a scan of it",
        )
    return part


def _too_few(data: Dataset, units: Units, error: TooFewGroups) -> Units:
    classes = tuple(sorted({material.space_group for material in data.materials}))
    listed = ", ".join(f"{c}: {n}" for c, n in units.of_classes(data, classes).items())
    why = (
        f"no promise: the scans hold too few independent units ({units.how}; {listed}) to train, calibrate, certify "
        "and test on units of their own, so that the parts share them"
    )
    return Units(units.group, units.how, SHARES_GRAINS, f"{why} ({error.what})")
