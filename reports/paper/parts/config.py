"""What ``study.toml`` may say."""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ensemble.errors import InputError
from kikuchi.recipes.schema import Recipe, first_complaint
from kikuchi.simulate import PAPER_MATERIALS, Detector, Microscope
from kikuchi.simulate.scenes.spec import MapTable

#: Input sizes that the compact network is for; larger ones take Xception.
LARGEST_COMPACT = 64

#: What a recipe says of each member: how much is dropped out, and what the rule mc-dropout draws from.
OF_MEMBERS = ("dropout", "head")


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Masters(_Table):
    """Where the master patterns of simulated scans come from: one setting for all of them.

    Parameters
    ----------
    source
        ``"dynamical"`` or ``"kinematical"`` (computed from the structures once and kept), or a folder with one
        ``<material>.npz``, ``.sht`` or ``.h5`` each.
    voltage_kv
        Accelerating voltage, kV.
    half_size
        Pixels from the pole to the edge.
    """

    source: str = "dynamical"
    voltage_kv: float = 20.0
    half_size: int = 60


class Recording(_Table):
    """The microscope of every simulated scan; `shift` changes one thing of it at a time."""

    detector: Detector = Detector()
    microscope: Microscope = Microscope()


class Labelled(_Table):
    """The materials to learn: simulated, or a dataset TOML of scans.

    Parameters
    ----------
    dataset
        Dataset TOML with scans of single phases, as `ensemble fit` takes it; nothing is simulated then.
    materials
        Structures to simulate otherwise.
    per_group
        Patterns of every space group, shared out evenly over its materials.
    """

    dataset: Path | None = None
    materials: tuple[str, ...] = PAPER_MATERIALS
    per_group: int = 1700


class Map(_Table):
    """A map to be judged: simulated on a microstructure, or a scan.

    Parameters
    ----------
    name
        Of its results.
    scan, truth
        A scan, and a CSV with the true ``space_group`` of every point in scan order; without it no errors are counted.
    materials
        What the two phases are called, as structures: for the simulation, the dictionaries and Hough indexing.
    microstructure
        As ``[map]`` in a file for `ensemble simulate`.
    """

    name: str
    scan: Path | None = None
    truth: Path | None = None
    materials: Annotated[tuple[str, ...], Field(min_length=2, max_length=2)]
    microstructure: MapTable | None = None

    @model_validator(mode="after")
    def _check(self) -> "Map":
        if (self.scan is None) == (self.microstructure is None):
            raise ValueError(f"map {self.name!r} takes either a scan or a microstructure")
        return self


class Unknown(_Table):
    """Materials of space groups that no member knows: simulated, or a dataset TOML."""

    dataset: Path | None = None
    materials: tuple[str, ...] = ()
    count: int = 200


class RecordedShift(_Table):
    """A labelled dataset that was recorded under another condition."""

    axis: str
    value: float
    dataset: Path


class OtherMasters(_Table):
    """Another simulation of the same materials.

    Parameters
    ----------
    folder
        With ``<material>_*_sg<space group>_<voltage>kV.sht``, as in the public database.
    materials
        Those that are there.
    voltages_kv
        Conditions, kV.
    """

    folder: Path
    materials: tuple[str, ...]
    voltages_kv: tuple[float, ...] = (10.0, 20.0, 30.0)


class Shift(_Table):
    """Changed conditions, one axis at a time.

    Parameters
    ----------
    materials
        Simulated materials; all of `Labelled` by default.
    count
        Patterns of each material and condition.
    axes
        Values of every simulated axis, by its name in `parts.shift.AXES`.
    other_masters
        Another simulation; left out where its folder is absent.
    recorded
        Conditions that were recorded instead.
    """

    materials: tuple[str, ...] = ()
    count: int = 20
    other_masters: OtherMasters | None = None
    axes: dict[str, tuple[float, ...]] = {}
    recorded: tuple[RecordedShift, ...] = ()


class Peers(_Table):
    """What matching may cost.

    Parameters
    ----------
    resolution
        Degrees between the orientations of a dictionary.
    """

    resolution: Annotated[float, Field(gt=0)] = 4.0


class Study(_Table):
    """Everything the study does; `--size`, `--members`, `--trials` and `--seed` take the place of what is here.

    Parameters
    ----------
    seed
        Of every simulation, split and training.
    size
        Side of the members' input, pixels.
    architecture
        Of the members; from `size` where it is not given: compact up to 64 pixels, Xception above.
    trials
        Networks trained per approach, scratch and transfer: the paper's trials, and the members of the ensembles.
    members
        Largest ensemble in the table of how many are enough.
    weights
        What transfer members start from.
    recipe
        As for `ensemble fit`, with `dropout` and `head` of all members (``"laplace"`` makes the rule mc-dropout a
        Bayesian last layer) instead of the members.
    """

    seed: int = 2021
    size: Annotated[int, Field(ge=32, le=1024)] = 64
    architecture: Literal["compact", "small", "xception"] | None = None
    trials: Annotated[int, Field(ge=2)] = 5
    members: Annotated[int, Field(ge=2)] = 10
    weights: str = "kikuchi"
    masters: Masters = Masters()
    recording: Recording = Recording()
    labelled: Labelled = Labelled()
    map: tuple[Map, ...] = ()
    shift: Shift = Shift()
    unknown: Unknown = Unknown()
    peers: Peers = Peers()
    recipe: dict[str, Any] = {}

    def built(self) -> str:
        """Return the architecture of the members."""
        return self.architecture or ("compact" if self.size <= LARGEST_COMPACT else "xception")

    def fitting_recipe(self) -> Recipe:
        """Return the recipe of the study: `trials` members of each kind, in pairs."""
        common = {"architecture": self.built(), "size": self.size} | {
            name: self.recipe[name] for name in OF_MEMBERS if name in self.recipe
        }
        rest = {name: table for name, table in self.recipe.items() if name not in OF_MEMBERS}
        # In pairs: a study of more trials begins with the very networks of one of fewer.
        pair = [common | {"kind": "scratch"}, common | {"kind": "transfer", "weights": self.weights}]
        return Recipe.model_validate({"member": pair * self.trials} | rest)


def load_study(path: Path, **instead: Any) -> Study:
    """Read a study's TOML; files that it names are relative to its folder.

    Parameters
    ----------
    path
        The file.
    **instead
        Values that take the place of the file's; None leaves it as it is.

    Raises
    ------
    InputError
        It cannot be read, is no TOML, or has a key or value it may not have.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        if instead.get("size") not in (None, content.get("size")):
            content.pop("architecture", None)  # another size has its own
        content |= {name: value for name, value in instead.items() if value is not None}
        study = Study.model_validate(content)
        study.fitting_recipe()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path=path) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"not a TOML file: {error}", path=path) from error
    except ValidationError as error:
        raise InputError(first_complaint(error), path=path, remedy="correct the study") from error
    return _beside(study, path.parent)


def _structure(name: str, folder: Path) -> str:
    """Return the name of a shipped structure as it is, and the path of a file relative to a folder."""
    return str(folder / name) if name.endswith((".toml", ".cif")) else name


def _beside(study: Study, folder: Path) -> Study:
    def there(table: BaseModel, *names: str) -> Any:
        found = {name: getattr(table, name) for name in names}
        return table.model_copy(update={n: folder / p for n, p in found.items() if p is not None})

    maps = []
    for entry in study.map:
        table = entry.microstructure
        update = {} if table is None else {"microstructure": there(table, "file")}
        maps.append(there(entry, "scan", "truth").model_copy(update=update))
    recorded = tuple(there(entry, "dataset") for entry in study.shift.recorded)
    other = study.shift.other_masters
    other = None if other is None else there(other, "folder")
    computed = study.masters.source in ("dynamical", "kinematical")
    return study.model_copy(
        update={
            "labelled": there(study.labelled, "dataset"),
            "unknown": there(study.unknown, "dataset").model_copy(
                update={"materials": tuple(_structure(name, folder) for name in study.unknown.materials)}
            ),
            "map": tuple(maps),
            "shift": study.shift.model_copy(update={"recorded": recorded, "other_masters": other}),
            "masters": study.masters
            if computed
            else study.masters.model_copy(update={"source": str(folder / study.masters.source)}),
        }
    )
