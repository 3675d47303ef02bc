"""The recipe: which members to fit on how many patterns, and how they are combined, calibrated and silenced."""

import tomllib
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ensemble.calibration import CalibrationName
from ensemble.errors import InputError
from kikuchi._support.text import read_toml
from kikuchi.members import MemberSpec, Training
from kikuchi.recipes.old_keys import STREAM, TRAIN, renamed
from kikuchi.scans import Preparation
from kikuchi.simulate.detector.microscope import Detector, Microscope

PRESETS = ("paper", "quick")

Share = Annotated[float, Field(gt=0, lt=1)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MemberGroup(_Table):
    """So many members of one kind; see `kikuchi.members.MemberSpec`.

    Parameters
    ----------
    kind
        From random weights, from trained ones, or (written by `adapt`) by matching with simulations.
    count
        How many members.
    architecture
        Xception is the paper's; the others suit 64 pixels and no GPU.
    size
        Side of the input, pixels.
    dropout
        Share of the features that are dropped before the head.
    weights
        Of a transfer group: "imagenet", "kikuchi" (trained on simulated crystals), a weights file or another bundle,
        relative to the recipe.
    frozen
        Whether only the head is fitted.
    head
        What the rule "mc-dropout" draws: dropout masks, or heads from that posterior of the last layer.
    """

    kind: Literal["scratch", "transfer", "matcher"]
    count: int = Field(1, ge=1, le=100)
    architecture: Literal["compact", "small", "xception", "matching"] = "compact"
    size: int = 64
    dropout: float = Field(0.5, ge=0, lt=1)
    weights: str | None = None
    frozen: bool = False
    head: Literal["dropout", "laplace", "variational", "nuts", "swag"] = "dropout"


class TrainTable(_Table):
    """See `kikuchi.members.Training`, whose defaults are the paper's."""

    epochs: int = Field(200, ge=1, le=10_000)
    batch: int = Field(32, ge=1, le=4096)
    learning_rate: float = Field(0.001, gt=0, le=1)
    weight_decay: float = Field(1e-5, ge=0, le=1)
    min_delta: float = Field(0.001, ge=0)
    patience: int = Field(15, ge=1)
    flip_augmentation: bool = False
    cosine_decay: bool = False
    auxiliary_weight: float = Field(0.0, ge=0, le=100)
    engine: Literal["auto", "keras", "torch"] = "auto"

    @model_validator(mode="before")
    @classmethod
    def _old_names(cls, table: Any) -> Any:
        return renamed(table, TRAIN)


class SplitTable(_Table):
    """Patterns per space group, divided evenly over its materials; the rest is calibration and test.

    Parameters
    ----------
    train_per_class
        Training patterns per space group, divided evenly over its materials; 0 with a `[stream]`.
    validation_per_class
        Patterns per space group by which the best epoch is chosen.
    calibration_fraction
        Of the rest, the share that calibrates and certifies; what is left is the test.
    unit
        What goes to one part as a whole, and what the certificate counts (`kikuchi.postprocessing.split_units`):
        "auto" takes grains wherever the scans show any, by their orientations or the likeness of patterns; "grain",
        "block" and "scan" insist on it; "pattern" draws single patterns, as before, which every report then says.
    """

    train_per_class: int = Field(400, ge=0)
    validation_per_class: int = Field(100, ge=1)
    calibration_fraction: Share = 0.5
    unit: Literal["auto", "pattern", "grain", "block", "scan"] = "auto"


class StreamTable(_Table):
    """Train on patterns simulated without end instead of the dataset's own; see `kikuchi.training.stream.MasterStream`.

    `masters` is a folder of master patterns, relative to the recipe; `patterns` is the length of an epoch. The tables
    `detector` and `microscope` are those of a simulation. Where they are left out, `recording` says what they are: they
    are ``"varied"`` widely, or as far as ``"real"`` scans differ, with their transfer functions, stains, screens and
    camera distances. `class_sampling` says how often each class comes, by ascending space group. The dataset then
    validates, calibrates and tests: its materials should be others than those of the masters. `strangers` is a
    folder of masters of other space groups; members learn to prefer no class for them, and for two crystals in one
    pattern (`stranger_share` of an epoch).

    Parameters
    ----------
    masters
        Folder of master patterns, relative to the recipe.
    patterns
        Patterns of an epoch.
    recording
        What detector and microscope are where they are left out: varied widely, or as far as real scans differ.
    detector, microscope
        As in the specification of a simulation; they stand above `recording`.
    class_sampling
        How often each class comes, in ascending order of the space groups.
    strangers
        Folder of master patterns of other space groups, for which members learn to prefer no class.
    stranger_share
        Share of an epoch's patterns that are strangers or two crystals in one pattern.
    """

    masters: str
    patterns: int = Field(6400, ge=1, le=10_000_000)
    recording: Literal["varied", "real"] = "varied"
    detector: Detector | None = None
    microscope: Microscope | None = None
    class_sampling: tuple[float, ...] | None = None
    strangers: str | None = None
    stranger_share: float = Field(0.2, gt=0, lt=1)

    @model_validator(mode="before")
    @classmethod
    def _old_names(cls, table: Any) -> Any:
        return renamed(table, STREAM)


class CombineTable(_Table):
    """Pooling of the members' outputs.

    Parameters
    ----------
    rule
        How members are pooled; "auto" takes the rule of lowest held-out log-loss.
    weights
        Members weigh the same, or by the exponential of minus their held-out log-loss.
    draws
        Of the rule "mc-dropout", per member.
    """

    rule: Literal["auto", "vote", "average", "geometric", "mc-dropout"] = "auto"
    weights: Literal["equal", "log-loss"] = "equal"
    draws: int = Field(50, ge=1, le=1000)


class CalibrateTable(_Table):
    """Calibration of the pool.

    Parameters
    ----------
    method
        "auto" takes the simplest of our own that is as good as the lowest cross-validated log-loss; "netcal-..." are
        that library's scalers (`ensemble.calibration.netcal_scalers`). What does not lower the log-loss is not used.
    """

    method: CalibrationName = "auto"


class AbstainTable(_Table):
    """When nobody should answer: `ensemble.abstention.fit_abstention`; for `groups`, `kikuchi.scans.independence`.

    Parameters
    ----------
    risk
        Share of wrong answers that is to be certified.
    confidence
        With which it is certified.
    coverage
        Share of the candidate sets that hold the truth.
    familiar
        Share of the known patterns that pass as familiar.
    overlaps
        Whether points that show two classes are `mixed`, where superpositions of held-out patterns can be told.
    false_alarm
        In place of `familiar`: share of new known crystals that may be called unfamiliar; 0.05 with strangers at hand.
    groups
        What counts as one independent pattern: itself, a block of neighbours or a scan; "auto" finds out.
    promise
        Whether the risk is certified for the mixture of materials as held out, for every material, or for every
        answered class; "auto" for every material where that can be kept, else at every mixture that a scan may have.
    """

    risk: Share = 0.02
    confidence: Share = 0.95
    coverage: Share = 0.95
    familiar: Share = 0.99
    overlaps: bool = False
    false_alarm: Share | None = None
    groups: Literal["auto", "pattern", "block", "scan"] = "auto"
    promise: Literal["auto", "mixture", "material", "class"] = "auto"


class KeepTable(_Table):
    """Patterns that stay in the bundle, for the commands after `fit`.

    Parameters
    ----------
    reference
        Training patterns whose features say what is familiar.
    background
        Patterns of each class that `explain` compares with.
    exemplars
        Patterns of each class whose features `extend` rehearses and calibrates with.
    """

    reference: int = Field(600, ge=20, le=100_000)
    background: int = Field(100, ge=1, le=10_000)
    exemplars: int = Field(200, ge=1, le=10_000)


class Recipe(_Table):
    """A whole recipe, as its TOML file says it.

    Parameters
    ----------
    member
        Groups of members, at least one.
    prepare
        How patterns are prepared.
    train
        The schedule of training.
    split
        Which patterns train, validate, calibrate and test.
    stream
        Train on patterns simulated without end instead of the dataset's.
    combine
        Pooling of the members' outputs.
    calibrate
        How its probabilities become honest.
    abstain
        When nobody should answer.
    keep
        What of the patterns stays in the bundle.
    """

    member: tuple[MemberGroup, ...] = Field(min_length=1)
    prepare: dict[str, Any] = {}
    train: TrainTable = TrainTable()
    split: SplitTable = SplitTable()
    stream: StreamTable | None = None
    combine: CombineTable = CombineTable()
    calibrate: CalibrateTable = CalibrateTable()
    abstain: AbstainTable = AbstainTable()
    keep: KeepTable = KeepTable()

    def member_specs(self, classes: int, seed: int) -> list[tuple[MemberSpec, MemberGroup]]:
        """Name and seed every member, in the order of the recipe.

        Parameters
        ----------
        classes
            Number of classes K.
        seed
            Seed of the fit; member i gets ``1000 * seed + i``.
        """
        members: list[tuple[MemberSpec, MemberGroup]] = []
        numbers = {"scratch": 0, "transfer": 0, "matcher": 0}
        for group in self.member:
            for _ in range(group.count):
                numbers[group.kind] += 1
                spec = MemberSpec(
                    name=f"{group.kind}-{numbers[group.kind]}",
                    kind=group.kind,
                    architecture=group.architecture,
                    size=group.size,
                    classes=classes,
                    dropout=group.dropout,
                    seed=1000 * seed + len(members),
                    frozen=group.frozen,
                    head=group.head,
                    draws=self.combine.draws,
                )
                members.append((spec, group))
        return members

    def preparation(self, size: int) -> Preparation:
        """Return the preparation of members whose input is `size` pixels wide."""
        return Preparation(**self.prepare | {"size": size})

    def training(self) -> Training:
        """Return the schedule of training, as `kikuchi.members` takes it."""
        return Training(**self.train.model_dump())


def load_recipe(name: str | Path | Recipe) -> Recipe:
    """Read a recipe.

    Parameters
    ----------
    name
        A preset (``"paper"``, ``"quick"``), a TOML file, or a recipe, which is given back.

    Returns
    -------
    Recipe
        The recipe, its files by path.

    Raises
    ------
    InputError
        No such recipe, not TOML, or a key or value it may not have.
    """
    if isinstance(name, Recipe):
        return name
    if str(name) in PRESETS:
        source = resources.files("kikuchi") / "recipes" / f"{name}.toml"
        return parse_recipe(source.read_text(encoding="utf-8"), str(name))
    path = Path(name)
    if not path.is_file():
        raise InputError("no such recipe", path=path, remedy=f"one of {', '.join(PRESETS)}, or a TOML file")
    recipe = _checked(read_toml(path, "recipe"), str(path))
    groups = []
    for group in recipe.member:
        # A recipe may lie anywhere: its files are relative to itself, as in a dataset.
        if group.weights is not None and group.weights not in ("imagenet", "kikuchi"):
            group = group.model_copy(update={"weights": str(path.parent / group.weights)})
        groups.append(group)
    if (stream := recipe.stream) is not None:
        folders = {"masters": str(path.parent / stream.masters)}
        if stream.strangers is not None:
            folders["strangers"] = str(path.parent / stream.strangers)
        stream = stream.model_copy(update=folders)
    return recipe.model_copy(update={"member": tuple(groups), "stream": stream})


def parse_recipe(text: str, name: str) -> Recipe:
    """Parse a recipe's TOML; `name` is what an error calls it."""
    try:
        return _checked(tomllib.loads(text), name)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"not TOML: {error}", path=name) from error


def _checked(tables: dict[str, Any], name: str) -> Recipe:
    try:
        recipe = Recipe.model_validate(tables)
        for size in {group.size for group in recipe.member}:
            recipe.preparation(size)
        recipe.member_specs(classes=2, seed=0)
    except ValidationError as error:
        raise InputError(first_complaint(error), path=name, remedy="correct the recipe") from error
    except InputError as error:
        raise InputError(error.what, path=name, remedy=error.remedy) from error
    if recipe.split.train_per_class == 0 and recipe.stream is None:
        raise InputError(
            "split.train_per_class: nothing to train on", path=name, remedy="at least 1, or a [stream]"
        )
    if recipe.train.auxiliary_weight and recipe.stream is None:
        raise InputError(
            "train.auxiliary_weight: only simulated patterns tell what they look at",
            path=name,
            remedy="add a [stream], or leave it out",
        )
    for group in recipe.member:
        if group.kind == "matcher":
            raise InputError(
                "a matcher belongs to a scan", path=name, remedy="use ensemble adapt SCAN --phase A --phase B"
            )
        if group.kind == "transfer" and not group.weights:
            raise InputError(
                "a transfer group without weights",
                path=name,
                remedy='weights = "imagenet", "kikuchi" or a file',
            )
        if group.kind == "scratch" and group.weights:
            raise InputError(
                "a scratch group with weights", path=name, remedy='kind = "transfer", or no weights'
            )
        if group.frozen and not group.weights:
            raise InputError(
                "a frozen group without weights", path=name, remedy='kind = "transfer" with weights'
            )
    return recipe


def first_complaint(error: ValidationError) -> str:
    """Say in one clause the first thing pydantic found wrong."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"]) or "file"
    return f"{where}: {first['msg']}"
