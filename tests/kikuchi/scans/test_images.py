import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from ensemble.errors import InputError
from kikuchi.scans import open_scan
from kikuchi.scans.readers.images import image_header, read_image

RNG = np.random.default_rng(0)
EIGHT = RNG.integers(0, 256, (40, 50), dtype=np.uint8)
SIXTEEN = RNG.integers(0, 65536, (40, 50), dtype=np.uint16)


@pytest.mark.parametrize("pixels", [EIGHT, SIXTEEN])
@pytest.mark.parametrize("compression", [None, "lzw", "deflate", "packbits"])
def test_tiff_keeps_every_bit_whatever_its_compression(pixels, compression, tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pixels, compression=compression)
    assert image_header(path) == ((40, 50), pixels.dtype)
    np.testing.assert_array_equal(read_image(path), pixels)


@pytest.mark.parametrize("name,pixels", [("a.png", EIGHT), ("a.png", SIXTEEN), ("a.bmp", EIGHT)])
def test_png_and_bmp_keep_every_bit(name, pixels, tmp_path):
    Image.fromarray(pixels).save(tmp_path / name)
    found = read_image(tmp_path / name)
    assert found.dtype == pixels.dtype
    np.testing.assert_array_equal(found, pixels)


@pytest.mark.parametrize("name", ["a.tif", "a.png", "a.bmp"])
def test_grey_stored_as_colour_comes_back_as_that_grey(name, tmp_path):
    if name == "a.tif":
        planes = np.stack([EIGHT] * 3)
        tifffile.imwrite(tmp_path / name, planes, photometric="rgb", planarconfig="separate")
    else:
        Image.fromarray(np.stack([EIGHT] * 3, axis=-1)).save(tmp_path / name)
    np.testing.assert_array_equal(read_image(tmp_path / name), EIGHT)


def test_colour_becomes_rec_709_luminance(tmp_path):
    colour = np.zeros((8, 8, 3), np.uint8)
    colour[..., 1] = 200
    Image.fromarray(colour).save(tmp_path / "green.png")
    assert np.all(read_image(tmp_path / "green.png") == round(0.7154 * 200))


def test_jpeg_is_read(tmp_path):
    Image.fromarray(np.full((40, 50), 90, np.uint8)).save(tmp_path / "a.jpg")
    assert np.all(np.abs(read_image(tmp_path / "a.jpg").astype(int) - 90) <= 1)


def test_inverted_tiff_is_turned_round(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", EIGHT, photometric="miniswhite")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), 255 - EIGHT)


def _huge_tiff(path):
    """A valid TIFF header of 100000 x 100000 pixels and 1 KB of data."""
    tags = [(256, 4, 100_000), (257, 4, 100_000), (258, 3, 8), (259, 3, 1), (262, 3, 1)]
    tags += [(273, 4, 200), (277, 3, 1), (278, 4, 100_000), (279, 4, 1024)]
    entries = b"".join(struct.pack("<HHII", code, kind, 1, value) for code, kind, value in tags)
    content = struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + entries + bytes(4)
    path.write_bytes(content.ljust(200, b"\0") + bytes(1024))


def _huge_png(path):
    """A valid PNG header of 100000 x 100000 pixels and next to no data."""
    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 0, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n"
    for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")):
        content += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    path.write_bytes(content)


@pytest.mark.parametrize("name,make", [("bomb.tif", _huge_tiff), ("bomb.png", _huge_png)])
def test_image_that_declares_100000_by_100000_is_refused_by_name(name, make, tmp_path):
    make(tmp_path / name)
    with pytest.raises(InputError, match=rf"{name}.*(100000 x 100000|{10**10} pixels)"):
        open_scan(tmp_path / name)


@pytest.mark.parametrize("name", ["a.tif", "a.png", "a.bmp", "a.jpg"])
@pytest.mark.parametrize("content", [b"", b"not an image", b"II*\0" + b"\xff" * 40, b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_image_is_one_line_with_a_remedy(name, content, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as caught:
        open_scan(tmp_path / name)
    assert name in str(caught.value) and caught.value.remedy and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["a.tif", "a.png", "a.bmp"])
def test_cut_image_is_refused(name, tmp_path):
    if name == "a.tif":
        tifffile.imwrite(tmp_path / name, EIGHT, compression="lzw")
    else:
        Image.fromarray(EIGHT).save(tmp_path / name)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError):
        read_image(tmp_path / name)


def test_cementite_is_read_from_its_packbits_tiff(shared):
    scan = open_scan(shared / "real/cementite/Fe3C.tif")
    assert (scan.n, scan.signal_shape, scan.dtype) == (1, (1040, 1040), np.uint8)
    assert scan.read(0).std() > 10
