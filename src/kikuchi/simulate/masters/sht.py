"""Read master patterns of spherical harmonics: `.sht` files of EMsoft, EMSphInx and their public database."""

import struct
from dataclasses import dataclass
from pathlib import Path

import gemmi
import numpy as np

from ensemble.errors import InputError
from kikuchi.simulate.crystals.structures import Structure, structure_from_dict
from kikuchi.simulate.crystals.symmetry import origin_shift
from kikuchi.simulate.masters.crc32c import crc32c
from kikuchi.simulate.masters.harmonics import synthesise_lambert
from kikuchi.simulate.masters.master import MasterPattern
from kikuchi.simulate.masters.simulator_names import EMSOFT

_INVERSION, _Z_MIRROR, _Y_MIRROR, _DOUBLE_ROTATION = 1, 2, 4, 8
_LARGEST_BANDWIDTH = 2048
_REMEDY = "download the file again"


@dataclass(frozen=True)
class Harmonics:
    """The contents of an `.sht` file.

    Parameters
    ----------
    name
        Chemical formula, or the material's name where no formula is given.
    space_group
        Number of the space group.
    voltage_kv
        Accelerating voltage, kV.
    source
        DOI or notes of the file and references of the crystal.
    orders
        Orders m that are not zero by symmetry, ascending, shape (n,).
    coefficients
        Orthonormal, without Condon-Shortley phase, complex, shape (n, bandwidth).
    structure
        The crystal that was simulated, as the file says; None where it holds several, or none that makes sense.
    """

    name: str
    space_group: int
    voltage_kv: float
    source: str
    orders: np.ndarray
    coefficients: np.ndarray
    structure: Structure | None


def load_sht(path: str | Path, *, half_size: int = 200, one_ring_off: bool = True) -> MasterPattern:
    """Load a dynamical master pattern from an `.sht` file.

    Parameters
    ----------
    path
        The file.
    half_size
        Pixels from the pole to the edge; 200 resolves the bandwidth 384 of the public files.
    one_ring_off
        In the public files every direction is stored one ring of the harmonic grid, pi / (bandwidth + 1) = 0.47
        degrees, further from its pole than it is. Read literally, cubic masters are not cubic (correlation of nickel
        with itself under a three-fold axis 0.66, with kikuchipy's nickel 0.79); moved back by one ring they are
        (0.99 and 0.92). False reads literally.

    Raises
    ------
    InputError
        If the file is damaged or not of this format; the text names the file and what is wrong.
    """
    harmonics = read_sht(path)
    bandwidth = harmonics.coefficients.shape[1]
    shift = np.pi / (bandwidth + 1) if one_ring_off else 0.0
    north, south = synthesise_lambert(harmonics.coefficients, harmonics.orders, half_size, polar_shift=shift)
    north, south = north.astype(np.float32), south.astype(np.float32)
    # Equal but for rounding in the last place: one array serves both hemispheres.
    same = np.allclose(north, south, rtol=0, atol=1e-5 * float(np.ptp(north)))
    return MasterPattern(
        name=harmonics.name,
        space_group=harmonics.space_group,
        voltage_kv=harmonics.voltage_kv,
        north=north,
        south=north if same else south,
        kind="dynamical",
        source=harmonics.source,
        simulator=EMSOFT,
    )


def read_sht(path: str | Path) -> Harmonics:
    """Read the coefficients and the crystal's identity of an `.sht` file.

    Raises
    ------
    InputError
        If the file is damaged or not of this format.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path=path) from None
    if data[:4] not in (b"*sht", b"*SHT"):
        raise InputError("not an .sht file: it does not begin with *sht", path=path)
    reader = _Reader(data, "<" if data[:4] == b"*sht" else ">", path)

    *_, voltage_kv, _, _, _, doi_length, notes_length = reader.take("4s2b2x8sb3x4f2h")
    doi, notes = reader.text(doi_length), reader.text(notes_length)
    n_crystals, space_group = reader.take("bB6x")
    if n_crystals < 1 or not 1 <= space_group <= 230:
        raise InputError(f"{n_crystals} crystals of space group {space_group}", path=path, remedy=_REMEDY)
    texts: list[list[str]] = []
    cells: list[tuple] = []
    atoms: list[list[tuple]] = []
    for _ in range(n_crystals):
        *cell, n_atoms, formula, material, symbol, references, note = reader.take("2B14x6f20x6h")
        cells.append(tuple(cell))
        atoms.append([reader.take("3f2f2fB3x") for _ in range(n_atoms)])
        texts.append([reader.text(length) for length in (formula, material, symbol, references, note)])
    reader.skip(88 * n_crystals)

    bandwidth, rotation, flags, count = reader.take("hbbi")
    if not (0 < bandwidth <= _LARGEST_BANDWIDTH and 0 < rotation <= bandwidth and 0 <= flags < 16):
        raise InputError(
            f"impossible harmonics: bandwidth {bandwidth}, rotation {rotation}, flags {flags}",
            path=path,
            remedy=_REMEDY,
        )
    stored, needed = _stored_coefficients(bandwidth, rotation, flags)
    if count != needed:
        raise InputError(f"{count} coefficients where its symmetry needs {needed}", path=path, remedy=_REMEDY)
    values = reader.doubles(count)
    checksum = reader.take("I")[0]
    body = data[: reader.offset - 4]
    if checksum not in (crc32c(body, as_emsoft=True), crc32c(body)):
        raise InputError("the checksum does not match: the file is damaged", path=path, remedy=_REMEDY)
    if not (np.isfinite(values).all() and np.isfinite(voltage_kv) and voltage_kv > 0):
        raise InputError("a voltage or coefficient is not a number", path=path, remedy=_REMEDY)

    formula, material, _, references, _ = texts[0]
    name = formula or material or path.stem
    orders = np.arange(0, bandwidth, rotation)
    return Harmonics(
        name=name,
        space_group=space_group,
        voltage_kv=float(voltage_kv),
        source="; ".join(text for text in (doi, notes, references) if text),
        orders=orders,
        coefficients=_unpack(values, stored, flags, rotation, orders),
        structure=_structure(name, cells[0], atoms[0]) if n_crystals == 1 else None,
    )


def _structure(name: str, cell: tuple, atoms: list[tuple]) -> Structure | None:
    """Return the crystal of a file, or None where what it says makes no sense: the pattern may still be sound."""
    space_group, setting, *lattice = cell
    try:
        shift = _first_origin(space_group) if setting == 1 else np.zeros(3)
        sites = [
            {
                "element": gemmi.Element(number).name,
                # Twenty-fourths of the cell, and Debye-Waller factors in square nanometres.
                "position": [round(float(x), 6) % 1 for x in np.array(position) / 24 - shift],
                "occupancy": round(float(occupancy), 6),
                "b_iso": round(100 * float(b_iso), 5),
            }
            for *position, occupancy, _, b_iso, _, number in atoms
        ]
        lengths = [round(10 * float(length), 4) for length in lattice[:3]]
        return structure_from_dict(
            {
                "name": name,
                "space_group": space_group,
                "lattice": [*lengths, *(round(float(angle), 4) for angle in lattice[3:])],
                "site": sites,
            }
        )
    except (InputError, IndexError, ValueError):
        return None


def _first_origin(space_group: int) -> np.ndarray:
    """Return the shift from our positions to those in origin choice 1; none in most groups."""
    group = gemmi.find_spacegroup_by_name(f"{gemmi.SpaceGroup(space_group).hm}:1")
    if group is None:
        return np.zeros(3)
    operations = list(group.operations())
    rotations = np.array([operation.rot for operation in operations]) // gemmi.Op.DEN
    translations = np.array([operation.tran for operation in operations]) / gemmi.Op.DEN
    return origin_shift(space_group, rotations, translations)


def _stored_coefficients(bandwidth: int, rotation: int, flags: int) -> tuple[np.ndarray, int]:
    """Return which (m, l) are stored, shape (n_orders, bandwidth), and how many numbers that takes."""
    m = np.arange(0, bandwidth, rotation)[:, None]
    degree = np.arange(bandwidth)
    stored = degree >= m
    if flags & _INVERSION:
        stored &= degree % 2 == 0
    if flags & _Z_MIRROR:
        stored &= (degree + m) % 2 == 0
    numbers_each = 1 if flags & (_Y_MIRROR | _DOUBLE_ROTATION) else 2
    return stored, numbers_each * int(stored.sum())


def _unpack(
    values: np.ndarray, stored: np.ndarray, flags: int, rotation: int, orders: np.ndarray
) -> np.ndarray:
    coefficients = np.zeros(stored.shape, dtype=complex)
    if flags & _Y_MIRROR:
        coefficients[stored] = values
    elif flags & _DOUBLE_ROTATION:
        real = np.broadcast_to((orders % (2 * rotation) == 0)[:, None], stored.shape)[stored]
        coefficients[stored] = np.where(real, values, 1j * values)
    else:
        coefficients[stored] = values[0::2] + 1j * values[1::2]
    return coefficients


class _Reader:
    """A cursor over the file's bytes that never reads past their end."""

    def __init__(self, data: bytes, order: str, path: Path) -> None:
        self.data, self.order, self.path, self.offset = data, order, path, 0

    def skip(self, length: int) -> int:
        start = self.offset
        if length < 0 or start + length > len(self.data):
            raise InputError(f"the file ends early, at byte {len(self.data)}", path=self.path, remedy=_REMEDY)
        self.offset += length
        return start

    def take(self, layout: str) -> tuple:
        layout = self.order + layout
        return struct.unpack_from(layout, self.data, self.skip(struct.calcsize(layout)))

    def text(self, length: int) -> str:
        start = self.skip(length)
        self.skip(-length % 8)
        return self.data[start : start + length].decode("utf-8", errors="replace").strip("\0 ")

    def doubles(self, count: int) -> np.ndarray:
        start = self.skip(8 * count)
        return np.frombuffer(self.data, f"{self.order}f8", count, start).astype(float)
