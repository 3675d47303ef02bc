"""The TOML file that says what to simulate."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    ValidationError,
    model_validator,
)

from ensemble.errors import InputError
from kikuchi._support.text import read_toml
from kikuchi.simulate.detector.microscope import Detector, Microscope

#: Beyond these a typing error is likelier than a wish.
_MOST_PATTERNS = 100_000_000
_Side = Annotated[int, Field(ge=1, le=20_000)]

Fraction = Annotated[float, Field(ge=0, le=1)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Material(_Table):
    """A material to simulate.

    Parameters
    ----------
    name
        Its name, which is also that of a shipped structure where no file is given.
    structure
        Structure file: TOML or CIF.
    master
        Master pattern file, dynamical or not; takes the place of a structure.
    count
        Patterns in its labelled scan; of no matter in a map.
    """

    name: Annotated[str, Field(min_length=1)]
    structure: Path | None = None
    master: Path | None = None
    count: Annotated[int, Field(ge=1, le=_MOST_PATTERNS)] = 400

    @model_validator(mode="after")
    def _check(self) -> "Material":
        if self.structure is not None and self.master is not None:
            raise ValueError("give a structure or a master, not both")
        return self


class MapPhase(_Table):
    """A phase of the matrix.

    Parameters
    ----------
    material
        Name of the material.
    fraction
        Its share of the area, relative to those of the other phases.
    in_file
        Name of the phase in `MapTable.file`; by default the material's name.
    """

    material: str
    fraction: PositiveFloat = 1.0
    in_file: str | None = None


class Precipitates(_Table):
    """Round precipitates within the grains of a phase.

    Parameters
    ----------
    material, matrix
        Names of their material, and of the one they lie in.
    fraction
        Share of the matrix' area, up to 0.35: much more does not fit side by side at random.
    radius
        Mean radius, micrometres.
    orientation
        ``"matrix"``: cube on cube with the grain around them; ``"random"``: their own.
    """

    material: str
    matrix: str
    fraction: Annotated[float, Field(gt=0, le=0.35)] = 0.2
    radius: PositiveFloat = 1.0
    orientation: Literal["matrix", "random"] = "matrix"


class Region(_Table):
    """A disc in the map.

    Parameters
    ----------
    centre
        From the left and from the top, fractions of the map's width and height.
    radius
        Fraction of the map's shorter side.
    """

    centre: tuple[Fraction, Fraction]
    radius: PositiveFloat


class ForeignRegion(Region):
    """A disc of a phase that nobody expects.

    Parameters
    ----------
    material
        Name of its material.
    """

    material: str


class MapTable(_Table):
    """A microstructure, made up or out of a file.

    Parameters
    ----------
    shape
        Rows and columns; of no matter with `file`.
    step
        Micrometres; with `file`, the file's own.
    grain_size
        Mean diameter, micrometres.
    boundary_width
        How far from a boundary the crystal beyond is still seen, micrometres.
    vary
        Whether geometry and recording are drawn once for the scan or for every pattern.
    phase
        The phases of the matrix.
    precipitate
        Precipitates in them.
    foreign
        Regions of other phases.
    unreadable
        Regions that give no bands.
    file
        An indexed map, ``.ang`` or ``.ctf``, that gives phases and orientations.
    """

    shape: tuple[_Side, _Side] = (60, 80)
    step: PositiveFloat = 1.0
    grain_size: PositiveFloat = 12.0
    boundary_width: Annotated[float, Field(ge=0)] = 1.0
    vary: Literal["scan", "pattern"] = "scan"
    phase: Annotated[tuple[MapPhase, ...], Field(min_length=1)]
    precipitate: tuple[Precipitates, ...] = ()
    foreign: tuple[ForeignRegion, ...] = ()
    unreadable: tuple[Region, ...] = ()
    file: Path | None = None

    @model_validator(mode="after")
    def _check(self) -> "MapTable":
        if self.shape[0] * self.shape[1] > _MOST_PATTERNS:
            raise ValueError(
                f"shape asks for {self.shape[0] * self.shape[1]} points, more than {_MOST_PATTERNS}"
            )
        # Smaller than a point nothing is seen, and there would be more grains than memory.
        small = [("grain_size", self.grain_size / 2), *(("radius", p.radius) for p in self.precipitate)]
        for name, size in () if self.file is not None else small:
            if size < self.step / 4:
                raise ValueError(f"{name} is far below the step of {self.step:g} micrometres")
        return self


class Spec(_Table):
    """Specification: a labelled scan of every material or, with ``[map]``, one scan of a microstructure.

    Parameters
    ----------
    material
        The materials.
    detector, microscope
        How patterns are recorded.
    map
        The microstructure.
    seed
        The same seed gives the same patterns.
    voltage_kv
        Accelerating voltage for structures, kV; a master file has its own.
    diffraction
        How master patterns of structures are computed: ``"dynamical"``, by many-beam Bloch waves, in seconds a crystal
        and the more the less symmetry it has, kept in the cache; ``"kinematical"``, at once, with bands only where real
        patterns have fine structure. Members trained with the latter fail on real patterns.
    half_size
        Size of computed master patterns: they have 2 * half_size + 1 pixels along each side. By default 100 for
        dynamical and 200 for kinematical ones.

    Examples
    --------
    >>> spec = Spec.model_validate(
    ...     {"material": [{"name": "Ni", "count": 50}], "microscope": {"dose": {"uniform": [100, 300]}}}
    ... )
    >>> spec.material[0].count, spec.microscope.dose.kind
    (50, 'uniform')
    """

    material: Annotated[tuple[Material, ...], Field(min_length=1)]
    detector: Detector = Detector()
    microscope: Microscope = Microscope()
    map: MapTable | None = None
    seed: Annotated[int, Field(ge=0)] = 0
    voltage_kv: PositiveFloat = 20.0
    diffraction: Literal["dynamical", "kinematical"] = "dynamical"
    half_size: Annotated[int, Field(ge=10, le=2000)] | None = None

    @model_validator(mode="after")
    def _check(self) -> "Spec":
        names = [material.name for material in self.material]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two materials are called {name}")
        if self.map is not None:
            wanted = [phase.material for phase in self.map.phase]
            wanted += [name for both in self.map.precipitate for name in (both.material, both.matrix)]
            wanted += [region.material for region in self.map.foreign]
            for name in wanted:
                if name not in names:
                    raise ValueError(f"map names {name}, which is no [[material]]")
        return self


def load_spec(path: str | Path) -> Spec:
    """Read a specification and check it; files that it names are relative to its folder.

    Parameters
    ----------
    path
        TOML file.

    Returns
    -------
    Spec
        With full paths.

    Raises
    ------
    InputError
        The file cannot be read, is no TOML, or has a key or a value that makes no sense.
    """
    path = Path(path)
    return spec_from_dict(read_toml(path, "specification"), path=path)


def spec_from_dict(content: dict[str, Any], *, path: Path | None = None) -> Spec:
    """Check a specification given as plain data.

    Parameters
    ----------
    content
        As in the TOML file.
    path
        The file it comes from, for messages and as the place that other files are relative to.

    Raises
    ------
    InputError
        A key or a value makes no sense; the first one is named.
    """
    try:
        spec: Spec = Spec.model_validate(content)
    except ValidationError as error:
        first, more = error.errors()[0], error.error_count() - 1
        key = ".".join(str(part) for part in first["loc"])
        what = first["msg"].removeprefix("Value error, ")
        also = f" and {more} more" if more else ""
        raise InputError(f"{key}: {what}{also}" if key else what, path=path, remedy="mend it") from None
    return spec if path is None else _beside(spec, path.parent)


def _beside(spec: Spec, folder: Path) -> Spec:
    materials = tuple(
        material.model_copy(
            update={
                key: folder / value
                for key, value in (("structure", material.structure), ("master", material.master))
                if value is not None
            }
        )
        for material in spec.material
    )
    table = spec.map
    if table is not None and table.file is not None:
        table = table.model_copy(update={"file": folder / table.file})
    return spec.model_copy(update={"material": materials, "map": table})
