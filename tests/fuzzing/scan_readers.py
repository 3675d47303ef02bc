"""Readers of scans: images and the formats of microscopes' makers."""

import io
import shutil
import struct
from pathlib import Path
from typing import Any

import numpy as np

from tests.fuzzing.reader import NUMBERS, Reader

XML = (
    "<oina-image><sem-image><sem-acc-voltage-kv>20</sem-acc-voltage-kv></sem-image><ebsp-image>"
    "<specimen-tilt-deg>70</specimen-tilt-deg><pattern-center-x-pu>0.5</pattern-center-x-pu>"
    "<pattern-center-y-pu>0.6</pattern-center-y-pu><detector-distance-pu>0.55</detector-distance-pu>"
    "<specimen-tilt-axis>X</specimen-tilt-axis></ebsp-image></oina-image>"
)


def write_png(path: Path, seed: int) -> None:
    from PIL import Image

    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (12, 16), dtype=np.uint8)).save(path)


def _image_seeds(folder: Path) -> list[tuple[str, bytes]]:
    import tifffile

    rng = np.random.default_rng(0)
    grey = rng.integers(0, 255, (12, 16), dtype=np.uint8)
    seeds = []
    tag = [(51122, "s", 0, XML, True)]
    for options in ({}, {"compression": "lzw"}, {"compression": "zlib", "tile": (16, 16)}):
        buffer = io.BytesIO()
        tifffile.imwrite(buffer, grey.astype(np.uint16) * 7, extratags=tag, **options)
        seeds.append(("image.tif", buffer.getvalue()))
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.stack([grey] * 3, -1), photometric="rgb", extratags=tag)
    seeds.append(("image.tif", buffer.getvalue()))
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.stack([grey, grey[::-1], grey // 2]), photometric="minisblack")
    seeds.append(("image.tif", buffer.getvalue()))
    stack = np.stack([grey, grey[::-1], grey // 2, grey // 3])
    palette = np.stack([np.arange(256, dtype=np.uint16) * 257] * 3)
    kinds: tuple[dict[str, Any], ...] = (
        {"data": grey, "photometric": "palette", "colormap": palette},
        {"data": stack, "photometric": "minisblack", "truncate": True},
        {"data": stack, "imagej": True, "truncate": True},
        {"data": stack.reshape(2, 2, 12, 16), "ome": True, "metadata": {"axes": "TZYX"}},
    )
    for options in kinds:
        buffer = io.BytesIO()
        tifffile.imwrite(buffer, **options)
        seeds.append(("image.tif", buffer.getvalue()))
    write_png(folder / "seed.png", 0)
    seeds.append(("image.png", (folder / "seed.png").read_bytes()))
    from PIL import Image

    for suffix in ("bmp", "jpg"):
        buffer = io.BytesIO()
        Image.fromarray(grey).save(buffer, {"bmp": "BMP", "jpg": "JPEG"}[suffix])
        seeds.append((f"image.{suffix}", buffer.getvalue()))
    return seeds


def _call_image(path: Path, folder: Path) -> object:
    from kikuchi.scans import open_scan

    return open_scan(path).read(slice(None))


def _call_xml(path: Path, folder: Path) -> object:
    from kikuchi.scans.readers.aztec_tag import aztec_geometry, parse_aztec_xml

    values = parse_aztec_xml(path.read_bytes().decode("latin-1"))
    return aztec_geometry(values, (60, 80))


def _scan_seeds(folder: Path) -> list[tuple[str, bytes]]:
    import kikuchipy
    from kikuchipy.data._dummy_files.bruker_h5ebsd import create_dummy_bruker_h5ebsd_file
    from kikuchipy.data._dummy_files.oxford_h5ebsd import create_dummy_oxford_h5ebsd_file

    data = Path(kikuchipy.__file__).parent / "data"
    create_dummy_bruker_h5ebsd_file(folder / "bruker.h5")
    create_dummy_oxford_h5ebsd_file(folder / "oxford.h5oina")
    paths = [data / "kikuchipy_h5ebsd/patterns.h5", data / "edax_h5ebsd/patterns.h5"]
    paths += [folder / "bruker.h5", folder / "oxford.h5oina"]
    return [(f"scan{path.suffix}", path.read_bytes()) for path in paths]


def _binary_scan_seeds(folder: Path) -> list[tuple[str, bytes]]:
    import kikuchipy

    data = Path(kikuchipy.__file__).parent / "data"
    shutil.copy(data / "nordif/Setting.txt", folder / "Setting.txt")
    names = (
        "edax_binary/edax_binary.up1",
        "edax_binary/edax_binary.up2",
        "oxford_binary/patterns.ebsp",
        "nordif/Pattern.dat",
    )
    seeds = [(f"scan{Path(name).suffix}", (data / name).read_bytes()) for name in names]
    patterns = np.random.default_rng(0).integers(0, 255, (6, 12, 16), dtype=np.uint8)
    head = struct.pack("<4IB2IB2d", 3, 16, 12, 42, 0, 3, 2, 0, 0.2, 0.2)
    seeds.append(("scan.up1", head + patterns.tobytes()))
    # An .ebsp of version 5, a point of it without a pattern: reading falls back on every position.
    begin, table, body = 9 + 8 * 6, [], b""
    for point, pattern in enumerate(patterns):
        if point == 4:
            table.append(0)
            continue
        table.append(begin + len(body))
        body += struct.pack("<6i", 0, 0, 0, 12, 16, 12 * 16) + pattern.tobytes()
        body += struct.pack("<?d?d", True, 0.2 * (point % 3), True, 0.2 * (point // 3))
    seeds.append(("scan.ebsp", struct.pack("<q?6q", -5, False, *table) + body))
    return seeds


def _setting_seeds(folder: Path) -> list[tuple[str, bytes]]:
    import kikuchipy

    data = Path(kikuchipy.__file__).parent / "data/nordif"
    shutil.copy(data / "Pattern.dat", folder / "Pattern.dat")
    return [("Setting.txt", (data / "Setting.txt").read_bytes())]


def _call_settings(path: Path, folder: Path) -> object:
    return _call_image(path.with_name("Pattern.dat"), folder)


def _hyperspy_seeds(folder: Path) -> list[tuple[str, bytes]]:
    """Write what HyperSpy writes: a chunked map of patterns, and one pattern alone."""
    import h5py

    seeds = []
    patterns = np.random.default_rng(0).integers(0, 255, (2, 3, 12, 16), dtype=np.uint8)
    for data in (patterns, patterns[0], patterns[0, 0]):
        with h5py.File(folder / "seed.hspy", "w") as file:
            signal = file.create_group("Experiments/patterns")
            signal.create_dataset(
                "data", data=data, chunks=(1,) * (data.ndim - 2) + data.shape[-2:], compression="gzip"
            )
            for number, size in enumerate(data.shape):
                axis = signal.create_group(f"axis-{number}")
                axis.attrs.update(
                    scale=0.5, offset=0.0, size=size, units="nm", navigate=number < data.ndim - 2
                )
            signal.create_group("metadata/Signal").attrs["signal_type"] = "electron_diffraction"
            signal.create_group("metadata/Acquisition_instrument/TEM").attrs["beam_energy"] = 200.0
        seeds.append(("scan.hspy", (folder / "seed.hspy").read_bytes()))
    return seeds


SCAN_READERS = {
    "tiff_tag": Reader(
        lambda folder: [("tag.xml", XML.encode())],
        _call_xml,
        (b"<!DOCTYPE", b"<!ENTITY", b"&x;", b"<![CDATA[", b"<?xml encoding='utf-7'?>", *NUMBERS),
    ),
    "image": Reader(_image_seeds, _call_image),
    "hyperspy": Reader(_hyperspy_seeds, _call_image, (b"data", b"axis-0", b"navigate", b"scale")),
    "scan_hdf5": Reader(_scan_seeds, _call_image),
    "scan_binary": Reader(_binary_scan_seeds, _call_image),
    "settings": Reader(_setting_seeds, _call_settings, (b"\t", b"\n", b"x", *NUMBERS)),
}
