from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensemble.errors import InputError
from kikuchi.scans.readers.grain_list import parse_grain_list, read_grain_list

PATH = Path("Grain List.txt")
HEADER = "ID\tPhase\tX\tY\tphi1\tPHI\tphi2"


def _parse(*lines):
    return parse_grain_list("\n".join(lines).encode(), PATH)


def test_columns_are_found_by_name():
    points = parse_grain_list(b"Y\tID\tX\n2.5\t7\t1.5\n", PATH)
    assert (points.ids[0], points.x[0], points.y[0]) == (7, 1.5, 2.5)
    assert points.phases is None and points.euler is None


def test_decimal_comma_of_a_german_windows_is_read():
    assert _parse(HEADER, "0\tAl\t1,5\t0\t1\t2\t3").x[0] == 1.5


def test_real_list_is_a_square_map_of_1218_points(shared):
    points = read_grain_list(shared / "real/aztec_tiff/Grain List.txt")
    assert len(points.ids) == 1218
    assert np.all(np.diff(np.unique(points.x)) == 20) and np.all(np.diff(np.unique(points.y)) == 20)
    np.testing.assert_array_equal(points.euler[0], [278.58, 45.55, 56.99])


@pytest.mark.parametrize(
    "lines,what",
    [
        ((), "without points"),
        ((HEADER,), "without points"),
        (("ID\tPhase\tX", "0\tAl\t1"), "no column Y"),
        ((HEADER, "0\tAl\t1"), "point 1 has 3 of 7 columns"),
        ((HEADER, "0\tAl\tfar\t0\t1\t2\t3"), "no number"),
        ((HEADER, "0\tAl\tnan\t0\t1\t2\t3"), "not finite"),
        ((HEADER, "0.5\tAl\t0\t0\t1\t2\t3"), "whole number"),
        ((HEADER, "-1\tAl\t0\t0\t1\t2\t3"), "whole number"),
        ((HEADER, "4\tAl\t0\t0\t1\t2\t3", "4\tAl\t1\t0\t1\t2\t3"), "twice"),
    ],
)
def test_damaged_list_is_one_line_with_a_remedy(lines, what):
    with pytest.raises(InputError, match=what) as caught:
        _parse(*lines)
    assert caught.value.path == "Grain List.txt" and caught.value.remedy


CELLS = st.lists(
    st.sampled_from(["0", "1", "2.5", "-3", "nan", "1e999", "Al", "", "\x00", "ID", "X"]), max_size=9
)


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.binary(max_size=200), st.lists(CELLS, max_size=5)))
def test_no_content_does_worse_than_an_input_error(content):
    if isinstance(content, list):
        content = "\n".join(["ID\tX\tY", *("\t".join(row) for row in content)]).encode()
    try:
        points = parse_grain_list(content, PATH)
    except InputError:
        return
    assert len(points.ids) == len(points.x) == len(points.y) > 0
