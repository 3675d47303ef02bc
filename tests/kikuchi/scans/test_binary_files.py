"""EDAX's and Oxford's plain files, written here byte by byte as their makers lay them out."""

import pickle
import struct

import numpy as np
import pytest

from ensemble.errors import InputError
from kikuchi.scans import open_scan


@pytest.fixture(scope="module")
def patterns():
    return np.random.default_rng(5).integers(0, 255, (60, 12, 16), dtype=np.uint8)


def write_edax(path, patterns, columns, rows, hexagonal=False, step=(0.2, 0.3)):
    head = struct.pack("<4IB2IB2d", 3, 16, 12, 42, 0, columns, rows, hexagonal, *step)
    path.write_bytes(head + patterns.tobytes())
    return path


def write_oxford(path, patterns, rows, columns, step=(0.2, 0.2), start=(0.0, 0.0), *, version=5, **change):
    """``step`` and ``start`` are (y, x); ``kept`` are the points that have a pattern, all where not given."""
    kept = change.get("kept", range(rows * columns))
    place = struct.pack("<ii", 0, 0) if version >= 5 else b""
    begin = (9 if version > 3 else 8) + 8 * rows * columns
    table, body = [], b""
    for point in range(rows * columns):
        if point not in kept:
            table.append(0)
            continue
        table.append(begin + len(body))
        r, c = divmod(point, columns)
        body += (
            place
            + struct.pack("<4i", change.get("compressed", 0), 12, 16, 12 * 16)
            + patterns[point].tobytes()
        )
        if change.get("positions", True):
            body += struct.pack("<?d?d", True, start[1] + c * step[1], True, start[0] + r * step[0])
        else:
            body += b"\0\0"
    head = struct.pack("<q", -version) + (b"\0" if version > 3 else b"")
    path.write_bytes(head + struct.pack(f"<{len(table)}q", *table) + body)
    return path


def test_square_up1_has_the_grid_and_the_steps_of_its_header(patterns, tmp_path):
    scan = open_scan(write_edax(tmp_path / "scan.up1", patterns, columns=10, rows=6))
    assert (scan.shape, scan.step, scan.dtype) == ((6, 10), (0.3, 0.2), np.uint8)
    np.testing.assert_array_equal(scan.read([59, 3, 3, 4, 5]), patterns[[59, 3, 3, 4, 5]])
    assert scan.note is None
    assert open_scan(tmp_path / "scan.up1", shape=(4, 15)).step == (0.3, 0.2)


def test_hexagonal_up2_has_rows_that_are_shifted(patterns, tmp_path):
    wide = patterns[:32].astype("<u2") * 200
    scan = open_scan(write_edax(tmp_path / "scan.up2", wide, columns=5, rows=7, hexagonal=True))
    assert (scan.shape, scan.n) == ((7, 5), 32)  # 4 rows of 5 and 3 of 4
    np.testing.assert_allclose(scan.x[:10], [0, 0.2, 0.4, 0.6, 0.8, 0.1, 0.3, 0.5, 0.7, 0])
    np.testing.assert_array_equal(scan.read(slice(None)), wide)


def test_an_acquisition_that_ended_early_is_a_map_with_a_gap_and_a_note(patterns, tmp_path):
    scan = open_scan(write_edax(tmp_path / "scan.up1", patterns[:50], columns=10, rows=6))
    assert (scan.shape, scan.n) == ((6, 10), 50)
    assert scan.row.max() == 4
    assert "50 of 60 patterns" in scan.note


def test_patterns_that_fill_no_hexagon_are_a_line_and_a_note(patterns, tmp_path):
    scan = open_scan(write_edax(tmp_path / "scan.up1", patterns[:20], columns=5, rows=7, hexagonal=True))
    assert scan.shape == (1, 20) and "hexagonal" in scan.note


def test_up1_of_version_1_says_that_its_grid_is_not_known(patterns, tmp_path):
    (tmp_path / "scan.up1").write_bytes(struct.pack("<4I", 1, 16, 12, 16) + patterns.tobytes())
    scan = open_scan(tmp_path / "scan.up1")
    assert scan.shape == (1, 60) and "--shape" in scan.note
    given = open_scan(tmp_path / "scan.up1", shape=(6, 10))
    assert given.shape == (6, 10) and given.note is None


@pytest.mark.parametrize(
    ("rows", "columns", "step", "start"),
    [
        (4, 6, (0.2, 0.2), (-7.5, -3)),
        (12, 1, (0.2, 0.2), (1, 1)),
        (1, 12, (0.2, 0.2), (0, 0)),
        (4, 6, (0.5, 0.2), (0, 0)),
    ],
)
@pytest.mark.parametrize("version", [2, 4, 5])
def test_ebsp_maps_rows_and_columns_have_their_grid(rows, columns, step, start, version, patterns, tmp_path):
    scan = open_scan(
        write_oxford(tmp_path / "scan.ebsp", patterns, rows, columns, step, start, version=version)
    )
    assert scan.shape == (rows, columns)
    assert scan.step == pytest.approx(step)
    assert (scan.y[0], scan.x[0]) == pytest.approx(start)
    np.testing.assert_array_equal(scan.read(slice(None)), patterns[: rows * columns])
    assert scan.note is None


def test_ebsp_of_a_single_point(patterns, tmp_path):
    assert open_scan(write_oxford(tmp_path / "scan.uebsp", patterns, 1, 1)).shape == (1, 1)


def test_ebsp_without_positions_is_a_line_that_says_so(patterns, tmp_path):
    path = write_oxford(tmp_path / "scan.ebsp", patterns, 4, 6, positions=False)
    scan = open_scan(path)
    assert scan.shape == (1, 24) and "--shape" in scan.note
    assert open_scan(path, shape=(4, 6)).shape == (4, 6)


def test_ebsp_of_some_points_keeps_their_places(patterns, tmp_path):
    kept = [0, 1, 2, 7, 8, 11, 23]
    scan = open_scan(write_oxford(tmp_path / "scan.ebsp", patterns, 4, 6, kept=kept))
    assert scan.shape == (4, 6) and "17 of 24 points have no pattern" in scan.note
    assert (scan.row * 6 + scan.col).tolist() == kept
    np.testing.assert_array_equal(scan.read(slice(None)), patterns[kept])


def test_compressed_ebsp_is_refused_with_a_remedy(patterns, tmp_path):
    with pytest.raises(InputError, match=r"compressed.*h5oina"):
        open_scan(write_oxford(tmp_path / "scan.ebsp", patterns, 4, 6, compressed=1))


def test_a_file_cut_after_it_was_opened_is_a_problem_of_the_patterns_that_are_gone(patterns, tmp_path):
    path = write_edax(tmp_path / "scan.up1", patterns, columns=10, rows=6)
    scan = pickle.loads(pickle.dumps(open_scan(path)))
    path.write_bytes(path.read_bytes()[: 42 + 40 * 12 * 16 + 5])
    read = scan.read(slice(None))
    np.testing.assert_array_equal(read[:40], patterns[:40])
    assert not read[40:].any()
    assert sorted(scan.problems) == list(range(40, 60))
