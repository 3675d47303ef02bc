import os
import re
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from kikuchi.scans import open_scan
from kikuchi.scans.readers.image_files import ImageFiles, natural_key
from kikuchi.scans.readers.image_folder import images_in
from kikuchi.scans.readers.placement import place_images


def _parts(name):
    """A name as numbers and texts, numbers first: what `natural_key` must sort like."""
    parts = re.split(r"(\d{1,15})", name.lower())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]


@settings(max_examples=500, deadline=None)
@given(st.text("aA0199._-é٣\x01\udc80", min_size=1), st.text("aA0199._-é٣\x01\udc80", min_size=1))
@example("a", "a0")
@example("a0", "a00")
@example("1" * 20, "1" * 19)
@example("a\x01", "a1")
def test_keys_sort_as_numbers_and_texts_do(one, other):
    assert (natural_key(one) < natural_key(other)) == (_parts(one) < _parts(other))
    # NumPy's byte strings drop zeros at their end; they must not carry meaning.
    keys = np.array([natural_key(one), natural_key(other)])
    assert (keys[0] < keys[1]) == (_parts(one) < _parts(other))


def test_paths_come_back_whatever_their_folder():
    paths = [Path("a/p_1.png"), Path("b/c/ä.tif"), Path("a/q.bmp"), Path("r.png")]
    files = ImageFiles.of(paths)
    assert list(files) == paths
    assert files[-1] == Path("r.png") and files[1:3][0] == paths[1]
    assert list(files.take(np.array([2, 0]))) == [paths[2], paths[0]]
    with pytest.raises(IndexError):
        files[4]


def test_numbers_are_sorted_by_value_and_equal_names_stay_in_order():
    names = ["a_10.png", "A_9.png", "a_009.png", "a_1.png", "7.png"]
    files = ImageFiles.in_folder(Path("x"), names).in_natural_order()
    assert list(files.names()) == ["7.png", "a_1.png", "A_9.png", "a_009.png", "a_10.png"]


def test_no_files_are_an_empty_list():
    files = ImageFiles.of([])
    assert len(files) == 0 and list(files.in_natural_order()) == []


@pytest.mark.skipif(os.name != "posix", reason="names of bytes are a matter of POSIX")
def test_a_name_that_is_not_utf_8_is_read(tmp_path):
    image = tmp_path / "p_2.png"
    Image.fromarray(np.full((20, 24), 5, np.uint8)).save(image)
    try:
        os.link(image, os.fsencode(tmp_path) + b"/\xff_1.png")
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    scan = open_scan(tmp_path)
    assert scan.n == 2 and np.all(scan.read(slice(None)) == 5)


def test_links_are_followed_and_those_to_nothing_left_out(tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    Image.fromarray(np.full((20, 24), 5, np.uint8)).save(tmp_path / "p.png")
    for name, target in (("a.png", "../p.png"), ("b.png", "nothing"), ("c.png", "c.png"), ("d.png", "..")):
        (images / name).symlink_to(target)
    assert list(open_scan(images).source.files) == [images / "a.png"]


@pytest.mark.parametrize("listed,kept,peak", [(False, 75, 150), (True, 150, 300)])
def test_an_image_costs_so_many_bytes(tmp_path, listed, kept, peak):
    """Kept while the scan is open, and at most while it is opened; more with the phases and angles of a list."""
    image = tmp_path / "image.png"
    image.touch()
    counts, found = (1000, 5000), []
    for n in counts:
        folder = tmp_path / str(n)
        folder.mkdir()
        name = "scan_{0:07d}.png" if listed else "scan_x{1}y{2}.png"
        for i in range(n):
            os.link(image, folder / name.format(i + 1, i % 100, i // 100))
        if listed:
            points = "".join(f"{i}\tAl\t{i % 100}.0\t{i // 100}.0\t10\t20\t30\n" for i in range(n))
            (folder / "Grain List.txt").write_text("ID\tPhase\tX\tY\tphi1\tPHI\tphi2\n" + points)
        takes = []
        # Now and then Python's own table of strings grows by a megabyte, which is no image's.
        for _ in range(3):
            tracemalloc.start()
            placement = place_images(images_in(folder))
            takes.append(tracemalloc.get_traced_memory())
            tracemalloc.stop()
        found.append(np.min(takes, axis=0))
        assert placement.grid.shape == (n // 100, 100)
    measured = np.diff(found, axis=0)[0] / (counts[1] - counts[0])
    assert measured[0] < kept and measured[1] < peak, measured
