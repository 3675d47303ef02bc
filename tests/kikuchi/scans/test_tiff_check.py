"""TIFF pages that no native decoder should see, and true ones that each must."""

import io

import numpy as np
import pytest
import tifffile
from PIL import Image

from ensemble.errors import InputError
from kikuchi.scans import open_scan

# Clear, then a code that nothing has defined: it ends a process that hands it to imagecodecs 2026.3.6.
DEADLY = bytes.fromhex("80606048301e12")


def lzw_tiff(path, pattern):
    """A TIFF of one LZW strip, written by libtiff."""
    Image.fromarray(pattern).save(path, "TIFF", compression="tiff_lzw")
    return path


@pytest.mark.parametrize("levels", [1, 2, 16, 256])
@pytest.mark.parametrize("shape", [(4, 5), (60, 60), (240, 320)])
def test_true_lzw_is_read_whatever_its_table_grows_to(levels, shape, tmp_path):
    pattern = np.random.default_rng(levels).integers(0, levels, shape, dtype=np.uint8)
    scan = open_scan(lzw_tiff(tmp_path / "p_1.tif", pattern))
    np.testing.assert_array_equal(scan.read(0)[0], pattern)
    tifffile.imwrite(tmp_path / "p_2.tif", pattern, compression="lzw", predictor=True)
    np.testing.assert_array_equal(open_scan(tmp_path / "p_2.tif").read(0)[0], pattern)


def test_a_code_that_is_not_defined_ends_no_process(tmp_path):
    path = lzw_tiff(tmp_path / "p_1.tif", np.zeros((60, 60), np.uint8))
    content = path.read_bytes()
    with tifffile.TiffFile(io.BytesIO(content)) as tiff:
        start = tiff.pages.first.dataoffsets[0]
    path.write_bytes(content[:start] + DEADLY + content[start + len(DEADLY) :])
    scan = open_scan(path)
    assert not scan.read(0).any()
    assert "has not defined" in scan.problems[0]


def test_compressions_of_other_fields_reach_no_decoder(tmp_path):
    path = tmp_path / "p_1.tif"
    tifffile.imwrite(path, np.arange(3600, dtype=np.uint8).reshape(60, 60), compression="zstd")
    scan = open_scan(path)
    assert not scan.read(0).any()
    assert "read are none, LZW, JPEG, Deflate, PackBits" in scan.problems[0]


def test_a_page_with_several_widths_is_refused_in_one_line(tmp_path):
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, np.zeros((3, 12, 16), np.uint8), photometric="minisblack")
    with tifffile.TiffFile(path) as tiff:
        place = tiff.pages.first.tags["ImageWidth"].offset
    content = bytearray(path.read_bytes())
    content[place + 4 : place + 8] = (2).to_bytes(4, "little")  # ImageWidth of two numbers
    path.write_bytes(content)
    with pytest.raises(InputError) as refused:
        open_scan(path).read(0)
    assert "\n" not in str(refused.value)
