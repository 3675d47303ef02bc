import numpy as np
import pytest
from orix.io import load

from kikuchi.maps.ang_file import write_ang


def rows_of(path):
    return np.array(
        [[float(v) for v in line.split()] for line in path.read_text().splitlines() if line[0] != "#"]
    )


@pytest.fixture
def path(four_statuses, tmp_path):
    write_ang(four_statuses, tmp_path / "map.ang")
    return tmp_path / "map.ang"


def test_orix_reads_it(path):
    crystal_map = load(path, autogen_names=False)
    assert crystal_map.shape == (2, 3)
    names = [crystal_map.phases[int(i)].name for i in crystal_map.phase_id]
    assert names == ["SG225 Fm-3m", "SG221 Pm-3m", "not_indexed", "not_indexed", "not_indexed", "SG229 Im-3m"]
    assert crystal_map.prop["status"].tolist() == [0, 0, 1, 2, 3, 0]
    assert crystal_map.prop["entropy"][:4] == pytest.approx([0.639, 0.8018, 0.9433, 1.0889])


def test_no_solution_has_ci_minus_one_and_angles_zero_and_keeps_its_entropy(path):
    ambiguous = rows_of(path)[2]
    assert ambiguous[:3].tolist() == [0, 0, 0]
    assert ambiguous[6] == -1
    assert ambiguous[7] == 0
    assert ambiguous[10] == pytest.approx(0.9433)


def test_orientations_read_back_are_those_given(path, four_statuses):
    solved = [0, 1, 5]
    read = load(path, autogen_names=False).rotations.data[solved]
    assert np.abs((read * four_statuses.orientations[solved]).sum(axis=1)) == pytest.approx(
        np.ones(3), abs=1e-6
    )


def test_all_rows_have_the_columns_of_the_header(path):
    header = next(line for line in path.read_text().splitlines() if line.startswith("# Column names:"))
    assert rows_of(path).shape == (6, len(header.split(",")))
    assert len(header.split(",")) <= 16  # MTEX names sixteen


def test_header_gives_laue_class_and_unique_names(path):
    text = path.read_text()
    assert text.count("# Symmetry              43") == 3
    names = [line for line in text.splitlines() if line.startswith("# MaterialName")]
    assert len(names) == len(set(names)) == 3


def test_missing_points_fill_the_rectangle(cropped, tmp_path):
    write_ang(cropped, tmp_path / "map.ang")
    rows = rows_of(tmp_path / "map.ang")
    assert rows.shape[0] == 12
    assert rows[0, 6] == -1
    assert rows[0, -1] == -1
    assert load(tmp_path / "map.ang", autogen_names=False).is_indexed.sum() == 10


def test_single_pattern_and_one_row_are_readable(single, one_row, tmp_path):
    for phase_map, solved in ((single, 1), (one_row, 7)):
        write_ang(phase_map, tmp_path / "map.ang")
        assert load(tmp_path / "map.ang", autogen_names=False).is_indexed.sum() == solved


def test_hexagonal_grid_says_so(hexagonal, tmp_path):
    write_ang(hexagonal, tmp_path / "map.ang")
    assert "# GRID: HexGrid" in (tmp_path / "map.ang").read_text()
    assert rows_of(tmp_path / "map.ang")[5, 3] == pytest.approx(0.25)
