"""The same patterns in TIFF files of many kinds, written by tifffile."""

import pickle

import numpy as np
import pytest
import tifffile

from ensemble.errors import InputError
from kikuchi.scans import open_scan


@pytest.fixture(scope="module")
def patterns():
    return np.random.default_rng(4).integers(0, 255, (12, 20, 24), dtype=np.uint8)


def colours(greys):
    """A palette whose index k is greys[k], 8 bits each, in all three colours."""
    return np.stack([np.asarray(greys, np.uint16) * 257] * 3)


def test_indices_into_a_palette_become_its_greys(patterns, tmp_path):
    order = np.random.default_rng(0).permutation(256)
    place_of = np.argsort(order).astype(np.uint8)
    file = tmp_path / "palette.tif"
    tifffile.imwrite(file, place_of[patterns[0]], photometric="palette", colormap=colours(order))
    np.testing.assert_array_equal(open_scan(file).read(0)[0], patterns[0])
    tifffile.imwrite(file, 255 - patterns[0], photometric="palette", colormap=colours(np.arange(255, -1, -1)))
    np.testing.assert_array_equal(open_scan(file).read(0)[0], patterns[0])


def test_a_palette_of_colours_becomes_their_luminance(tmp_path):
    palette = np.zeros((3, 256), np.uint16)
    palette[:, 1] = 65535, 0, 0
    palette[:, 2] = 0, 65535, 0
    indices = np.tile(np.arange(4, dtype=np.uint8) % 3, (8, 2))
    tifffile.imwrite(tmp_path / "colour.tif", indices, photometric="palette", colormap=palette)
    read = open_scan(tmp_path / "colour.tif").read(0)[0]
    # Rec. 709: 0.2125 red, 0.7154 green.
    assert read[0, :3].tolist() == [0, round(0.2125 * 255), round(0.7154 * 255)]


def test_pages_of_colour_are_their_greys(patterns, tmp_path):
    tifffile.imwrite(tmp_path / "rgb.tif", np.repeat(patterns[..., None], 3, -1), photometric="rgb")
    scan = open_scan(tmp_path / "rgb.tif")
    assert scan.shape == (1, 12)
    np.testing.assert_array_equal(scan.read(slice(None)), patterns)


@pytest.mark.parametrize("dtype", ["u1", ">u2"])
@pytest.mark.parametrize("white", [False, True])
def test_images_behind_a_single_page_are_all_there(dtype, white, patterns, tmp_path):
    file = tmp_path / "one.tif"
    stored = patterns.astype(dtype) * (1 if dtype == "u1" else 200)
    most = np.iinfo(stored.dtype).max
    tifffile.imwrite(
        file,
        most - stored if white else stored,
        truncate=True,
        photometric="miniswhite" if white else "minisblack",
        byteorder=">" if dtype == ">u2" else "<",
    )
    scan = pickle.loads(pickle.dumps(open_scan(file)))
    np.testing.assert_array_equal(scan.read([11, 0, 5]), stored[[11, 0, 5]])
    # What ImageJ leaves above 4 GB: one page, and the number of images in its description.
    tifffile.imwrite(file, stored.astype(stored.dtype.newbyteorder("=")), imagej=True, truncate=True)
    np.testing.assert_array_equal(open_scan(file).read(slice(None)), stored)


def test_a_file_that_ends_before_its_images_says_which_are_gone(patterns, tmp_path):
    file = tmp_path / "one.tif"
    tifffile.imwrite(file, patterns, truncate=True)
    file.write_bytes(file.read_bytes()[: -3 * 20 * 24])
    scan = open_scan(file)
    read = scan.read(slice(None))
    np.testing.assert_array_equal(read[:9], patterns[:9])
    assert sorted(scan.problems) == [9, 10, 11] and not read[9:].any()


def test_a_thumbnail_is_left_out_and_said(patterns, tmp_path):
    with tifffile.TiffWriter(tmp_path / "stack.tif") as tiff:
        tiff.write(patterns[0, ::2, ::2], contiguous=False)
        for pattern in patterns:
            tiff.write(pattern, contiguous=False)
    scan = open_scan(tmp_path / "stack.tif")
    np.testing.assert_array_equal(scan.read(slice(None)), patterns)
    assert "left out: 1 of its pages" in scan.note and "--shape" in scan.note


def test_two_dimensions_of_images_are_rows_and_columns(patterns, tmp_path):
    grid = patterns.reshape(3, 4, 20, 24)
    tifffile.imwrite(tmp_path / "scan.ome.tif", grid, metadata={"axes": "TZYX"})
    tifffile.imwrite(tmp_path / "hyper.tif", grid, imagej=True, metadata={"axes": "TZYX"})
    for name in ("scan.ome.tif", "hyper.tif"):
        scan = open_scan(tmp_path / name)
        assert scan.shape == (3, 4) and "rows and columns" in scan.note
        np.testing.assert_array_equal(scan.read(slice(None)), patterns)
    assert open_scan(tmp_path / "hyper.tif", shape=(2, 6)).note is None


def test_an_ome_file_opens_no_other_file(patterns, tmp_path):
    tifffile.imwrite(tmp_path / "private.tif", patterns)
    plane = '<TiffData FirstT="{0}" PlaneCount="1"><UUID FileName="private.tif">urn:uuid:1</UUID></TiffData>'
    tifffile.imwrite(
        tmp_path / "scan.ome.tif",
        patterns[0],
        description='<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:0">'
        '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" SizeX="24" SizeY="20" '
        'SizeZ="1" SizeC="1" SizeT="12">'
        + "".join(plane.format(t) for t in range(12))
        + "</Pixels></Image></OME>",
        metadata=None,
    )
    assert open_scan(tmp_path / "scan.ome.tif").n == 1


def test_images_behind_a_compressed_page_are_refused(patterns, tmp_path):
    file = tmp_path / "one.tif"
    text = '{"shape": [12, 20, 24]}'
    tifffile.imwrite(file, patterns[0], compression="zlib", description=text, metadata=None)
    with pytest.raises(InputError, match="12 images behind a single compressed page"):
        open_scan(file)
