"""Every reader of files, with small true inputs to start from: what `fuzz.py` mutates and what it calls."""

import io
import json
import shutil
import struct
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from kikuchi import files

DATA = Path(__file__).resolve().parents[2] / "tests" / "data" / "format_1"
BUNDLE_FILES = ("bundle.json", "calibration.json", "abstention.json", "features.npz", "held_out.npz")
BUNDLE_FILES += ("background.npz", "splits.json", "members/scratch-1/member.json")


@dataclass(frozen=True)
class Reader:
    """How one kind of file is tried.

    Parameters
    ----------
    seeds
        Gives (file name, content) of true files, written into a folder of the fuzzer.
    call
        Reads the file, given it and the fuzzer's folder; an `InputError` or a result are both right.
    words
        Tokens of the format, for text.
    mend
        Makes checksums right again after a mutation, so that what lies behind them is reached as well.
    """

    seeds: Callable[[Path], list[tuple[str, bytes]]]
    call: Callable[[Path, Path], object]
    words: tuple[bytes, ...] = ()
    mend: Callable[[bytes], bytes] = field(default=lambda data: data)


# ---- text


def _dataset_seeds(folder: Path) -> list[tuple[str, bytes]]:
    _png(folder / "a.png", 0)
    _png(folder / "b.png", 1)
    plain = '[[material]]\nname = "A"\nspace_group = 225\nscan = "a.png"\n\n'
    plain += '[[material]]\nname = "B"\nspace_group = 229\nscan = "b.png"\npattern_centre = [0.5, 0.3, 0.6]\n'
    return [("dataset.toml", plain.encode()), ("dataset.toml", plain.replace("b.png", "*b.p*g").encode())]


def _recipe_seeds(folder: Path) -> list[tuple[str, bytes]]:
    shipped = Path(files.__file__).parent / "recipes"
    return [("recipe.toml", path.read_bytes()) for path in sorted(shipped.glob("*.toml"))]


SPEC = b"""
seed = 3
voltage_kv = 20.0
half_size = 60
[[material]]
name = "Ni"
count = 130
[[material]]
name = "Si"
structure = "Si.toml"
[detector]
shape = [48, 48]
[microscope]
contrast = 0.3
dose = { uniform = [100, 300] }
[map]
shape = [20, 30]
grain_size = 5.0
[[map.phase]]
material = "Ni"
fraction = 2.0
[[map.precipitate]]
material = "Si"
matrix = "Ni"
[[map.foreign]]
material = "Si"
centre = [0.2, 0.3]
radius = 0.1
[[map.unreadable]]
centre = [0.9, 0.1]
radius = 0.1
"""

GRAIN_LIST = (
    "ID\tPhase\tX\tY\tphi1\tPHI\tphi2\tMAD\tAFI\tBC\tBS\tGrain ID\r\n"
    "0\tNickel\t0.0\t0.0\t10.5\t20.1\t30.2\t0.4\t5\t120\t200\t1\r\n"
    "1\tZero solution\t1,5\t0\t0\t0\t0\t0\t0\t80\t100\t0\r\n"
    "2\tNickel\t0.0\t1.5\t350.2\t44\t12\t0.3\t5\t121\t201\t1\r\n"
)

XML = (
    "<oina-image><sem-image><sem-acc-voltage-kv>20</sem-acc-voltage-kv></sem-image><ebsp-image>"
    "<specimen-tilt-deg>70</specimen-tilt-deg><pattern-center-x-pu>0.5</pattern-center-x-pu>"
    "<pattern-center-y-pu>0.6</pattern-center-y-pu><detector-distance-pu>0.55</detector-distance-pu>"
    "<specimen-tilt-axis>X</specimen-tilt-axis></ebsp-image></oina-image>"
)
NUMBERS = (b"0", b"-1", b"1e999", b"nan", b"inf", b"1e-320", b"99999999999999999999", b"0x7fffffff", b"1_0")
TOML = (*NUMBERS, b"[[", b"]]", b"{", b"}", b'"', b"'", b'"""', b"=", b"\n", b"#", b"true", b"..", b"\\u0000")


def _call_dataset(path: Path, folder: Path) -> object:
    from kikuchi.scans import load_dataset

    return load_dataset(path)


def _call_recipe(path: Path, folder: Path) -> object:
    from kikuchi.recipe import load_recipe

    return load_recipe(path)


def _call_spec(path: Path, folder: Path) -> object:
    from kikuchi.simulate.spec import load_spec

    return load_spec(path)


def _call_structure(path: Path, folder: Path) -> object:
    from kikuchi.simulate import load_structure

    return load_structure(path)


def _call_grain_list(path: Path, folder: Path) -> object:
    from kikuchi.scans.grain_list import read_grain_list

    return read_grain_list(path)


def _call_xml(path: Path, folder: Path) -> object:
    from kikuchi.scans.aztec_tag import aztec_geometry, parse_aztec_xml

    values = parse_aztec_xml(path.read_bytes().decode("latin-1"))
    return aztec_geometry(values, (60, 80))


def _structure_seeds(folder: Path) -> list[tuple[str, bytes]]:
    from kikuchi.simulate.structures import STRUCTURE_FOLDER

    shipped = sorted(STRUCTURE_FOLDER.glob("*.toml"))
    return [("structure.toml", path.read_bytes()) for path in shipped[:6]]


# ---- binary


def _sht_seeds(folder: Path) -> list[tuple[str, bytes]]:
    def padded(text: bytes) -> bytes:
        return text + bytes(-len(text) % 8)

    seeds = []
    for order, bandwidth, rotation, flags in (("<", 8, 4, 7), (">", 6, 1, 0), ("<", 6, 3, 8)):
        texts = [b"Ni", b"nickel", b"A1", b"somebody", b""]
        data = struct.pack(order + "4s2b2x8sb3x4f2h", b"*sht" if order == "<" else b"*SHT",
                           1, 1, b"v1234567", 1, 20.0, 70.0, 0.0, 0.0, 4, 6)  # fmt: skip
        data += padded(b"10.1") + padded(b"a note") + struct.pack(order + "bB4bh", 1, 225, 1, 0, 0, 0, 88)
        crystal = (225, 1, 1, 1, 0, 0, 0, 0.35, 0.35, 0.35, 90, 90, 90, 1, 0, 0, 0, 1, 1)
        data += struct.pack(order + "B3b14f6h", *crystal, *map(len, texts))
        data += struct.pack(order + "7fb3x", 0, 0, 0, 1, 0, 0.004, 0, 28) + b"".join(map(padded, texts))
        from kikuchi.simulate.sht import _stored_coefficients

        count = _stored_coefficients(bandwidth, rotation, flags)[1]
        data += bytes(88) + struct.pack(order + "hbbi", bandwidth, rotation, flags, count)
        data += np.linspace(1, 2, count).astype(order + "f8").tobytes()
        seeds.append(("master.sht", _checked(data + bytes(4))))
    return seeds


def _checked(data: bytes) -> bytes:
    from kikuchi.simulate.crc32c import crc32c

    order = ">" if data[:4] == b"*SHT" else "<"
    return data[:-4] + struct.pack(order + "I", crc32c(data[:-4]))


def _call_sht(path: Path, folder: Path) -> object:
    from kikuchi.simulate.sht import load_sht

    return load_sht(path, half_size=10)


def _png(path: Path, seed: int) -> None:
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
    _png(folder / "seed.png", 0)
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
    names = ("edax_binary/edax_binary.up1", "edax_binary/edax_binary.up2", "oxford_binary/patterns.ebsp")
    names += ("nordif/Pattern.dat",)
    return [(f"scan{Path(name).suffix}", (data / name).read_bytes()) for name in names]


def _setting_seeds(folder: Path) -> list[tuple[str, bytes]]:
    import kikuchipy

    data = Path(kikuchipy.__file__).parent / "data/nordif"
    shutil.copy(data / "Pattern.dat", folder / "Pattern.dat")
    return [("Setting.txt", (data / "Setting.txt").read_bytes())]


def _call_settings(path: Path, folder: Path) -> object:
    return _call_image(path.with_name("Pattern.dat"), folder)


# ---- what the toolkit writes itself


def _bundle_seeds(folder: Path) -> list[tuple[str, bytes]]:
    shutil.copytree(DATA / "bundle", folder / "bundle", dirs_exist_ok=True)
    return [(name, (DATA / "bundle" / name).read_bytes()) for name in BUNDLE_FILES]


def _call_bundle(path: Path, folder: Path) -> object:
    """Put the mutated file into a copy of the bundle, its hash made right, and open all that is in it."""
    from kikuchi.bundle import Bundle
    from kikuchi.explain.background import BACKGROUND, read_background

    copy, name = folder / "bundle", path.relative_to(folder).as_posix()
    target, manifest = copy / name, copy / "bundle.json"
    kept = {file: file.read_bytes() for file in (target, manifest)}
    try:
        target.write_bytes(path.read_bytes())
        if target != manifest:
            told = json.loads(kept[manifest])
            told["files"][name] = files.sha256(target)
            manifest.write_text(json.dumps(told))
        bundle = Bundle.load(copy)
        read_background(copy / BACKGROUND)
        return bundle.decide(bundle.held_out.outputs)
    finally:
        for file, old in kept.items():
            file.write_bytes(old)


STORE_FILES = ("store.json", "done.npy", "logits.npy", "quality.npy", "draw_votes.npy")


def _store_seeds(folder: Path) -> list[tuple[str, bytes]]:
    shutil.copytree(DATA / "store", folder / "store", dirs_exist_ok=True)
    return [(name, (DATA / "store" / name).read_bytes()) for name in STORE_FILES]


def _call_store(path: Path, folder: Path) -> object:
    from kikuchi.store import LogitsStore

    target = folder / "store" / path.name
    kept = target.read_bytes()
    try:
        target.write_bytes(path.read_bytes())
        store = LogitsStore.read(folder / "store")
        return store.missing(), np.array(store.outputs().logits)
    finally:
        target.write_bytes(kept)


def _master_seeds(folder: Path) -> list[tuple[str, bytes]]:
    from kikuchi.simulate import kinematical_master, load_structure
    from kikuchi.simulate.master_file import save_master

    structure = load_structure("Ni")
    save_master(folder / "seed.npz", kinematical_master(structure, half_size=10), structure)
    return [("master.npz", (folder / "seed.npz").read_bytes())]


def _call_master(path: Path, folder: Path) -> object:
    from kikuchi.simulate import load_master

    return load_master(path)


READERS: dict[str, Reader] = {
    "sht": Reader(_sht_seeds, _call_sht, mend=_checked),
    "grain_list": Reader(
        lambda folder: [("Grain List.txt", GRAIN_LIST.encode())], _call_grain_list, (b"\t", b"\n", *NUMBERS)
    ),
    "tiff_tag": Reader(
        lambda folder: [("tag.xml", XML.encode())],
        _call_xml,
        (b"<!DOCTYPE", b"<!ENTITY", b"&x;", b"<![CDATA[", b"<?xml encoding='utf-7'?>", *NUMBERS),
    ),
    "dataset": Reader(_dataset_seeds, _call_dataset, (b"material", b"phase = 'x'", b"a.png", b"../", *TOML)),
    "recipe": Reader(_recipe_seeds, _call_recipe, (b"[train]", b"prepare", b"background", b"count", *TOML)),
    "spec": Reader(lambda folder: [("spec.toml", SPEC)], _call_spec, (b"uniform", b"normal", b"map", *TOML)),
    "crystal": Reader(_structure_seeds, _call_structure, (b"site", b"lattice", b"element", *TOML)),
    "bundle": Reader(_bundle_seeds, _call_bundle, (b"null", b"{}", b"[]", b'""', b"1e400", *NUMBERS)),
    "store": Reader(_store_seeds, _call_store, (b"null", b"{}", b"[]", *NUMBERS)),
    "master": Reader(_master_seeds, _call_master),
    "image": Reader(_image_seeds, _call_image),
    "scan_hdf5": Reader(_scan_seeds, _call_image),
    "scan_binary": Reader(_binary_scan_seeds, _call_image),
    "settings": Reader(_setting_seeds, _call_settings, (b"\t", b"\n", b"x", *NUMBERS)),
}


def scratch() -> Path:
    """Make a folder in memory where there is one: a million files need no disk."""
    memory = Path("/dev/shm")
    return Path(tempfile.mkdtemp(prefix="fuzz-", dir=memory if memory.is_dir() else None))
