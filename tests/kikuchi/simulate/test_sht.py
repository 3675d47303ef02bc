"""`.sht` files are read to the last coefficient, or refused by name."""

import csv
import struct
from pathlib import Path

import numpy as np
import pytest
from scipy.special import sph_harm_y

from ensemble.errors import InputError
from kikuchi.simulate.crystals.structures import Site
from kikuchi.simulate.masters.lambert import lambert_coordinates, lambert_directions
from kikuchi.simulate.masters.load import load_master
from kikuchi.simulate.masters.sht import load_sht, read_sht

INVERSION, Z_MIRROR, Y_MIRROR, DOUBLE_ROTATION = 1, 2, 4, 8


def _bitwise_crc(data: bytes, polynomial: int) -> int:
    """Bit by bit, as the definition reads: independent of the table in the package."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (polynomial if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def write_sht(
    path: Path,
    coefficients: dict[tuple[int, int], complex],
    *,
    bandwidth: int = 8,
    rotation: int = 1,
    flags: int = 0,
    order: str = "<",
    polynomial: int = 0x1EDC6F41,
) -> Path:
    """Write an `.sht` file, field by field from the layout; coefficients are keyed by (l, m)."""

    def padded(text: bytes) -> bytes:
        return text + bytes(-len(text) % 8)

    values: list[float] = []
    for m in range(0, bandwidth, rotation):
        for degree in range(m, bandwidth):
            if (flags & INVERSION and degree % 2) or (flags & Z_MIRROR and (degree + m) % 2):
                continue
            value = coefficients.get((degree, m), 0)
            if flags & Y_MIRROR:
                values.append(value.real)
            elif flags & DOUBLE_ROTATION:
                values.append(value.real if m % (2 * rotation) == 0 else value.imag)
            else:
                values += [value.real, value.imag]
    doi, notes = b"10.1000/test", b"a note"
    texts = [b"Ni", b"nickel", b"A1", b"somebody 2020", b""]
    data = struct.pack(
        order + "4s2b2x8sb3x4f2h",
        b"*sht" if order == "<" else b"*SHT",
        1, 1, b"v1234567", 1, 20.0, 70.0, 0.0, 0.0, len(doi), len(notes),
    )  # fmt: skip
    data += padded(doi) + padded(notes) + struct.pack(order + "bB4bh", 1, 225, 1, 0, 0, 0, 88)
    crystal = (225, 1, 1, 1, 0, 0, 0, 0.35, 0.35, 0.35, 90, 90, 90, 1, 0, 0, 0, 1, 1)
    data += struct.pack(order + "B3b14f6h", *crystal, *map(len, texts))
    data += (
        struct.pack(order + "7fb3x", 0, 0, 0, 1, 0, 0.004, 0, 28) + b"".join(map(padded, texts)) + bytes(88)
    )
    data += struct.pack(order + "hbbi", bandwidth, rotation, flags, len(values))
    data += struct.pack(f"{order}{len(values)}d", *values)
    path.write_bytes(data + struct.pack(order + "I", _bitwise_crc(data, polynomial)))
    return path


def _direct(coefficients: dict[tuple[int, int], complex], directions: np.ndarray) -> np.ndarray:
    """The sum by its definition, with SciPy's harmonics; theirs carry the Condon-Shortley phase."""
    theta = np.arccos(np.clip(directions[..., 2], -1, 1))
    phi = np.arctan2(directions[..., 1], directions[..., 0])
    total = np.zeros(theta.shape)
    for (degree, m), value in coefficients.items():
        term = value * (-1) ** m * sph_harm_y(degree, m, theta, phi)
        total += (1 if m == 0 else 2) * term.real
    return total


CASES: dict[str, tuple[int, int, dict[tuple[int, int], complex]]] = {
    "no symmetry": (
        1, 0, {(0, 0): 2.0, (1, 0): 0.3, (1, 1): 0.5 - 0.2j, (4, 3): -0.7 + 0.4j, (7, 6): 0.6j, (7, 7): 1 + 1j},
    ),
    "m-3m": (4, INVERSION | Z_MIRROR | Y_MIRROR, {(0, 0): 1.0, (4, 0): 0.5, (4, 4): 0.3, (6, 4): -0.8}),
    "-43m": (2, DOUBLE_ROTATION, {(0, 0): 1.0, (3, 2): 0.9j, (4, 4): 0.3, (7, 6): -0.4j, (6, 2): 0.2j}),
    "trigonal": (3, 0, {(0, 0): 1.0, (3, 3): 0.2 + 0.7j, (4, 3): 0.4 - 0.1j, (6, 6): 0.3, (5, 0): 0.5}),
}  # fmt: skip


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("case", CASES)
def test_every_pixel_is_the_sum_of_its_harmonics(tmp_path: Path, case: str, order: str) -> None:
    rotation, flags, coefficients = CASES[case]
    file = write_sht(tmp_path / "a.sht", coefficients, rotation=rotation, flags=flags, order=order)
    # Small squares have rings with fewer samples than orders: folding must be exact there, too.
    master = load_sht(file, half_size=6, one_ring_off=False)
    directions = lambert_directions(13)
    assert np.allclose(master.north, _direct(coefficients, directions), atol=1e-5)
    assert np.allclose(master.south, _direct(coefficients, directions * [1, 1, -1]), atol=1e-5)


def test_high_degrees_near_the_pole_neither_overflow_nor_vanish(tmp_path: Path) -> None:
    coefficients = {(0, 0): 1.0, (199, 0): 0.5, (198, 150): 1.0 - 0.5j, (199, 3): 0.7j, (199, 199): 1.0}
    master = load_sht(
        write_sht(tmp_path / "a.sht", coefficients, bandwidth=200), half_size=50, one_ring_off=False
    )
    assert np.allclose(master.north, _direct(coefficients, lambert_directions(101)), atol=1e-4)


def test_identity_comes_from_the_file(tmp_path: Path) -> None:
    harmonics = read_sht(write_sht(tmp_path / "a.sht", {(0, 0): 1.0}))
    assert (harmonics.name, harmonics.space_group, harmonics.voltage_kv) == ("Ni", 225, 20.0)
    assert harmonics.source == "10.1000/test; a note; somebody 2020"


def test_a_true_crc32c_is_accepted_as_well(tmp_path: Path) -> None:
    assert read_sht(write_sht(tmp_path / "a.sht", {(0, 0): 1.0}, polynomial=0x82F63B78)).space_group == 225


def test_every_flipped_byte_and_every_shortening_is_refused_by_name(tmp_path: Path) -> None:
    good = write_sht(tmp_path / "good.sht", {(0, 0): 1.0, (2, 1): 0.5j}, bandwidth=3).read_bytes()
    bad = tmp_path / "bad.sht"
    for position in range(0, len(good), 3):
        bad.write_bytes(good[:position] + bytes([good[position] ^ 0x55]) + good[position + 1 :])
        with pytest.raises(InputError, match=r"bad\.sht: "):
            read_sht(bad)
    for length in range(0, len(good), 5):
        bad.write_bytes(good[:length])
        with pytest.raises(InputError, match=r"bad\.sht: "):
            read_sht(bad)


def test_a_count_that_would_fill_the_memory_is_refused_before_it_does(tmp_path: Path) -> None:
    data = bytearray(write_sht(tmp_path / "a.sht", {(0, 0): 1.0}, bandwidth=3).read_bytes())
    header = data.index(struct.pack("<hbb", 3, 1, 0))
    data[header : header + 8] = struct.pack("<hbbi", 2000, 1, 0, 2**31 - 1)
    (tmp_path / "huge.sht").write_bytes(data)
    with pytest.raises(InputError, match=r"huge.sht: 2147483647 coefficients where its symmetry needs"):
        read_sht(tmp_path / "huge.sht")


def test_all_public_masters_parse_and_have_their_listed_group(shared: Path) -> None:
    folder = shared / "masters"
    with (folder / "INDEX.csv").open() as index:
        rows = list(csv.DictReader(index))
    assert len(rows) == 75
    for row in rows:
        harmonics = read_sht(folder / row["file"])
        assert harmonics.space_group == int(row["space_group"])
        assert harmonics.voltage_kv == float(row["kV"])
        assert harmonics.coefficients.shape[1] == int(row["bandwidth"])


@pytest.mark.parametrize("name", ["Ni_nickel_sg225", "GaAs_gallium_arsenide_sg216"])
def test_cubic_masters_have_their_threefold_axis_once_moved_by_a_ring(shared: Path, name: str) -> None:
    file = shared / "masters" / f"{name}_20kV.sht"
    assert _threefold_correlation(load_sht(file, half_size=200).north) > 0.95
    assert _threefold_correlation(load_sht(file, half_size=200, one_ring_off=False).north) < 0.75


def _threefold_correlation(north: np.ndarray) -> float:
    """How well intensities agree with those a third of a turn around [111], within the upper hemisphere."""
    from scipy.ndimage import map_coordinates

    half = len(north) // 2
    directions = lambert_directions(len(north))[half + 10 : -50 : 5, half + 10 : -50 : 5]
    turned = lambert_coordinates(directions[..., [1, 2, 0]])
    rows_columns = (np.moveaxis(turned[..., ::-1], -1, 0) + 1) * half
    values = map_coordinates(north, rows_columns, order=1)
    here = north[half + 10 : -50 : 5, half + 10 : -50 : 5]
    return float(np.corrcoef(values.ravel(), here.ravel())[0, 1])


def test_nickel_is_kikuchipys_dynamical_nickel(shared: Path) -> None:
    import kikuchipy

    ours = load_sht(shared / "masters" / "Ni_nickel_sg225_20kV.sht", half_size=200).north
    theirs = kikuchipy.data.nickel_ebsd_master_pattern_small(projection="lambert").data.astype(float)
    # Theirs is averaged over the energies, ours holds the highest only: alike but for the finest lines.
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.9
    assert np.corrcoef(np.roll(ours, 6, axis=1).ravel(), theirs.ravel())[0, 1] < 0.5


def test_load_master_takes_sht(tmp_path: Path) -> None:
    file = write_sht(tmp_path / "a.sht", {(0, 0): 1.0})
    assert load_master(file, half_size=4).kind == "dynamical"
    with pytest.raises(InputError, match=r"a.sht: it is for 20 kV, not 30"):
        load_master(file, voltage_kv=30)


def test_the_crystal_is_read_from_the_file(tmp_path: Path) -> None:
    structure = read_sht(write_sht(tmp_path / "a.sht", {(0, 0): 1.0})).structure
    assert structure is not None
    assert (structure.space_group, structure.lattice) == (225, (3.5, 3.5, 3.5, 90, 90, 90))
    # 0.004 square nanometres.
    assert structure.sites == (Site("Ni", (0, 0, 0), 1.0, 0.4),)


def test_positions_of_the_other_origin_are_moved_into_ours(shared: Path) -> None:
    # Silicon at (0, 0, 0) of Fd-3m's first origin is at one of (1/8, 1/8, 1/8) and (7/8, 7/8, 7/8) of the second.
    silicon = read_sht(shared / "masters" / "Si_silicon_sg227_20kV.sht").structure
    assert silicon is not None
    assert set(silicon.sites[0].position) <= {0.125, 0.875} and len(silicon.atoms.numbers) == 8


@pytest.mark.parametrize(
    ("public", "atoms"),
    [
        ("Cu2Mg_laves_phase_sg227", 40),
        ("Cr3Si_chromium_silicide_sg223", 14),
        ("CaF2_fluorite_sg225", 36),
        ("Cu2O_cuprite_sg224", 10),
    ],
)
def test_some_public_files_hold_other_crystals_than_their_names_say(
    shared: Path, public: str, atoms: int
) -> None:
    # Cu2Mg has 24 atoms in its cell, Cr3Si 8, fluorite 12, cuprite 6: a coordinate is not where it belongs.
    structure = read_sht(shared / "masters" / f"{public}_20kV.sht").structure
    assert structure is not None and len(structure.atoms.numbers) == atoms
