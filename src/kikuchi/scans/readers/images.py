"""Read one pattern stored as an image."""

import io
import logging
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.errors import InputError
from kikuchi.scans.readers.limits import check_pattern_size
from kikuchi.scans.readers.tiff_check import check_page

IMAGE_SUFFIXES = (".tif", ".tiff", ".png", ".bmp", ".jpg", ".jpeg")
_TIFF = (".tif", ".tiff")
# Pillow knows dozens of formats; these are the ones meant, and attack surface is what the others are.
_FORMATS = ("PNG", "BMP", "JPEG")
_EXPORT_AGAIN = "export the image again or remove it"

# Damage is reported by us, as one line; the reader's own log would repeat it.
logging.getLogger("tifffile").setLevel(logging.CRITICAL)


def image_header(path: Path) -> tuple[tuple[int, int], np.dtype]:
    """Size (sy, sx) and data type of the pattern in an image, without decoding it.

    Raises
    ------
    InputError
        If the file is empty, damaged, no image, or declares a size no detector has.
    """
    try:
        return _tiff_header(path) if path.suffix.lower() in _TIFF else _other_header(path)
    except InputError:
        raise
    except Exception as error:  # the readers raise a dozen types on damaged files
        raise _unreadable(path, error) from None


def read_image(path: Path) -> np.ndarray:
    """Read an image as one grey pattern (sy, sx), 8 or 16 bit as stored.

    Colour is turned to luminance (scikit-image's ``rgb2gray``), transparency is ignored.

    Raises
    ------
    InputError
        If the file is empty, damaged, no image, or declares a size no detector has.
    """
    image_header(path)
    try:
        pixels = _read_tiff(path) if path.suffix.lower() in _TIFF else _read_other(path)
        return as_grey(pixels)
    except Exception as error:  # as above
        raise _unreadable(path, error) from None


def tiff_tag(path: Path, code: int) -> str | None:
    """Text of one TIFF tag of the first page, or None where there is none."""
    import tifffile

    try:
        with tifffile.TiffFile(path) as tiff:
            tag = tiff.pages.first.tags.get(code)
            return None if tag is None else str(tag.value)
    except Exception:  # a damaged tag is as good as none; damaged pixels are reported by read_image
        return None


def _tiff_header(path: Path) -> tuple[tuple[int, int], np.dtype]:
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages.first
        check_pattern_size(page.imagelength, page.imagewidth, path)
        if page.dtype is None or page.dtype.kind not in "uif":
            raise InputError("has an unknown pixel type", path=path, remedy="export as 8 or 16 bit")
        if page.samplesperpixel > 4 or page.imagedepth > 1:
            raise InputError(
                "is no single grey or colour image", path=path, remedy="export one image per point"
            )
        return (page.imagelength, page.imagewidth), np.dtype(page.dtype)


def _read_tiff(path: Path) -> np.ndarray:
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        return read_page(tiff.pages.first)


def read_page(page: Any, stored: np.ndarray | None = None) -> np.ndarray:
    """Read one page of an open TIFF file, (sy, sx) or (sy, sx, channels), white as the largest value.

    Indices into a palette become the greys that the palette gives them, in as many bits as the indices have.

    Parameters
    ----------
    page
        The page.
    stored
        Its values where they were read already, else they are read here.
    """
    import tifffile

    if stored is None:
        check_page(page)
    pixels = page.asarray() if stored is None else stored
    # Planar colour is stored plane by plane.
    if pixels.ndim == 3 and pixels.shape[1:] == (page.imagelength, page.imagewidth):
        pixels = np.moveaxis(pixels, 0, -1)
    if page.photometric == tifffile.PHOTOMETRIC.PALETTE:
        return _palette_greys(page, pixels.dtype)[pixels]
    if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE and pixels.dtype.kind == "u":
        pixels = np.iinfo(pixels.dtype).max - pixels
    return pixels


def _palette_greys(page: Any, dtype: np.dtype) -> np.ndarray:
    """Grey of every index of a palette, (2^bits,), in the type of the indices; palettes hold 16 bits a colour."""
    colours = np.asarray(page.colormap, np.float64)
    if dtype.kind != "u" or dtype.itemsize > 2 or colours.shape != (3, 2**page.bitspersample):
        raise ValueError("its palette is damaged or missing")
    grey = _luminance(colours.T) if np.any(colours != colours[0]) else colours[0]
    greys = np.full(np.iinfo(dtype).max + 1, 0, dtype)
    greys[: len(grey)] = np.rint(grey / (257 if dtype.itemsize == 1 else 1))
    return greys


def _luminance(colours: np.ndarray) -> np.ndarray:
    """Luminance of red, green and blue along the last axis, by the weights of scikit-image's ``rgb2gray``."""
    return colours @ np.array([0.2125, 0.7154, 0.0721])


def _other_header(path: Path) -> tuple[tuple[int, int], np.dtype]:
    from PIL import Image

    with Image.open(path, formats=_FORMATS) as image:
        check_pattern_size(image.height, image.width, path)
        return (image.height, image.width), np.dtype("uint16" if image.mode.startswith("I") else "uint8")


def _read_other(path: Path) -> np.ndarray:
    from PIL import Image

    with Image.open(io.BytesIO(path.read_bytes()), formats=_FORMATS) as image:
        if image.mode.startswith("I"):
            return np.asarray(image).astype(np.uint16)
        return np.asarray(image.convert("L") if image.mode in ("1", "L") else image.convert("RGB"))


def as_grey(pixels: np.ndarray) -> np.ndarray:
    """Grey image (sy, sx) of the same data type from a grey or colour one (sy, sx[, channels])."""
    if pixels.ndim == 2:
        return pixels
    if pixels.ndim != 3 or pixels.shape[-1] not in (1, 2, 3, 4):
        raise ValueError(f"it holds an array of {pixels.shape}, not one image")
    if pixels.shape[-1] < 3:
        return pixels[..., 0]
    grey = _luminance(pixels[..., :3].astype(np.float64))
    return grey.astype(pixels.dtype) if pixels.dtype.kind == "f" else np.rint(grey).astype(pixels.dtype)


def _unreadable(path: Path, error: Exception) -> InputError:
    if not path.exists():
        return InputError("no such file", path=path, remedy="check the spelling")
    if path.stat().st_size == 0:
        return InputError("is empty", path=path, remedy=_EXPORT_AGAIN)
    detail = (str(error) or type(error).__name__).splitlines()[0][:200].replace(str(path), path.name)
    return InputError(f"cannot be read as an image: {detail}", path=path, remedy=_EXPORT_AGAIN)
