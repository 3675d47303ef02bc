import numpy as np
import pytest
from orix.io import load

from kikuchi.maps.ctf_file import write_ctf


def body(path):
    lines = path.read_bytes().decode("ascii").split("\r\n")
    start = next(i for i, line in enumerate(lines) if line.startswith("Phase\t"))
    return lines[:start], [line.split("\t") for line in lines[start:] if line]


@pytest.fixture
def path(four_statuses, tmp_path):
    write_ctf(four_statuses, tmp_path / "map.ctf")
    return tmp_path / "map.ctf"


def test_exactly_eleven_columns_of_the_known_names(path):
    _, rows = body(path)
    assert rows[0] == ["Phase", "X", "Y", "Bands", "Error", "Euler1", "Euler2", "Euler3", "MAD", "BC", "BS"]
    assert {len(row) for row in rows} == {11}
    assert len(rows) == 1 + 6


def test_no_solution_is_phase_0_with_error_3(path):
    _, rows = body(path)
    assert [row[0] for row in rows[1:]] == ["2", "1", "0", "0", "0", "3"]
    assert [row[4] for row in rows[1:]] == ["0", "0", "3", "3", "3", "0"]
    assert [float(v) for v in rows[3][5:8]] == [0, 0, 0]


def test_confidence_is_in_band_contrast(path):
    _, rows = body(path)
    # 255 times 0.8, 0.7, 0.5, 0.4, nothing, 1 - the halves rounded to even.
    assert [int(row[9]) for row in rows[1:]] == [204, 178, 128, 102, 0, 255]
    assert int(rows[6][10]) == 255  # entropy 0


def test_header_carries_space_groups_and_one_line_of_phases(path):
    header, _ = body(path)
    assert header[0] == "Channel Text File"
    assert [line for line in header if "Phases" in line] == ["Phases\t3"]
    phases = [line.split("\t") for line in header[header.index("Phases\t3") + 1 :]]
    assert [p[4] for p in phases] == ["221", "225", "229"]
    assert [p[3] for p in phases] == ["11", "11", "11"]  # m-3m
    # EbsdLib drops empty fields, and then takes what follows for the space group.
    assert all(field for p in phases[:3] for field in p)
    assert header[4:8] == ["XCells\t3", "YCells\t2", "XStep\t0.5", "YStep\t0.5"]


def test_every_line_ends_with_carriage_return(path):
    raw = path.read_bytes()
    assert raw.count(b"\n") == raw.count(b"\r\n")


def test_orix_reads_space_groups_and_orientations(path, four_statuses):
    crystal_map = load(path)
    assert crystal_map.shape == (2, 3)
    found = [0 if i == -1 else crystal_map.phases[int(i)].space_group.number for i in crystal_map.phase_id]
    assert found == [225, 221, 0, 0, 0, 229]
    solved = [0, 1, 5]
    read = crystal_map.rotations.data[solved]
    assert np.abs((read * four_statuses.orientations[solved]).sum(axis=1)) == pytest.approx(
        np.ones(3), abs=1e-6
    )


def test_missing_points_were_not_analysed(cropped, tmp_path):
    write_ctf(cropped, tmp_path / "map.ctf")
    _, rows = body(tmp_path / "map.ctf")
    assert len(rows) == 1 + 12
    assert [row[4] for row in rows[1:]] == ["5"] + ["0"] * 10 + ["5"]
    assert (rows[1][1], rows[1][2]) == ("0.00000", "0.00000")


def test_single_pattern_and_one_row_are_readable(single, one_row, tmp_path):
    for phase_map, solved in ((single, 1), (one_row, 7)):
        write_ctf(phase_map, tmp_path / "map.ctf")
        assert load(tmp_path / "map.ctf").is_indexed.sum() == solved


def test_map_without_any_solution_is_readable(four_statuses, tmp_path):
    four_statuses.decision.status[:] = 2
    write_ctf(four_statuses, tmp_path / "map.ctf")
    assert load(tmp_path / "map.ctf").is_indexed.sum() == 0
