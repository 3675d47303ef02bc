"""Readers of what the toolkit writes itself, and of master patterns."""

import json
import shutil
import struct
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

import numpy as np

from kikuchi._support import atomic
from tests.fuzzing.reader import NUMBERS, Reader

if TYPE_CHECKING:
    from kikuchi.members import MemberSpec

DATA = Path(__file__).resolve().parents[2] / "tests" / "data" / "format_1"
BUNDLE_FILES: tuple[str, ...] = (
    "bundle.json",
    "calibration.json",
    "abstention.json",
    "features.npz",
    "held_out.npz",
)
BUNDLE_FILES += ("background.npz", "splits.json", "members/scratch-1/member.json")


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
        from kikuchi.simulate.masters.sht import _stored_coefficients

        count = _stored_coefficients(bandwidth, rotation, flags)[1]
        data += bytes(88) + struct.pack(order + "hbbi", bandwidth, rotation, flags, count)
        data += np.linspace(1, 2, count).astype(order + "f8").tobytes()
        seeds.append(("master.sht", _checked(data + bytes(4))))
    return seeds


def _checked(data: bytes) -> bytes:
    from kikuchi.simulate.masters.crc32c import crc32c

    order = ">" if data[:4] == b"*SHT" else "<"
    return data[:-4] + struct.pack(order + "I", crc32c(data[:-4]))


def _call_sht(path: Path, folder: Path) -> object:
    from kikuchi.simulate.masters.sht import load_sht

    return load_sht(path, half_size=10)


def _bundle_seeds(folder: Path) -> list[tuple[str, bytes]]:
    shutil.copytree(DATA / "bundle", folder / "bundle", dirs_exist_ok=True)
    return [(name, (DATA / "bundle" / name).read_bytes()) for name in BUNDLE_FILES]


def _call_bundle(path: Path, folder: Path) -> object:
    """Put the mutated file into a copy of the bundle, its hash made right, and open all that is in it."""
    from kikuchi.bundle.background import BACKGROUND, read_background
    from kikuchi.bundle.bundle import Bundle

    copy, name = folder / "bundle", path.relative_to(folder).as_posix()
    target, manifest = copy / name, copy / "bundle.json"
    kept = {file: file.read_bytes() for file in (target, manifest)}
    try:
        target.write_bytes(path.read_bytes())
        if target != manifest:
            told = json.loads(kept[manifest])
            told["files"][name] = atomic.sha256(target)
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
    from kikuchi.inference.logits_store import LogitsStore

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
    from kikuchi.simulate.masters.master_file import save_master

    structure = load_structure("Ni")
    save_master(folder / "seed.npz", kinematical_master(structure, half_size=10), structure)
    import kikuchipy

    emsoft = Path(kikuchipy.__file__).parent / "data/emsoft_ebsd_master_pattern/master_patterns.h5"
    return [("master.npz", (folder / "seed.npz").read_bytes())] * 2 + [("master.h5", emsoft.read_bytes())]


def _exemplar_seeds(folder: Path) -> list[tuple[str, bytes]]:
    from kikuchi.bundle.exemplars import EXEMPLARS, Exemplars, write_exemplars

    rng = np.random.default_rng(0)
    features = tuple(rng.random((6, size)) for size in (5, 4))
    exemplars = Exemplars(
        np.arange(6) % 3, features, np.arange(6), np.arange(2), tuple(f[:2] for f in features)
    )
    write_exemplars(folder / EXEMPLARS, exemplars)
    return [(EXEMPLARS, (folder / EXEMPLARS).read_bytes())]


def _call_exemplars(path: Path, folder: Path) -> object:
    from kikuchi.bundle.exemplars import read_exemplars

    return read_exemplars(folder, 2)


def _weights_seeds(folder: Path) -> list[tuple[str, bytes]]:
    member = DATA / "bundle/members/scratch-1"
    shutil.copy(member / "member.json", folder)
    return [("member.weights.h5", (member / "member.weights.h5").read_bytes())]


@cache
def _built(spec: "MemberSpec") -> object:
    from kikuchi.members import build_member

    return build_member(spec)


def _call_weights(path: Path, folder: Path) -> object:
    """Load a member whose network is built once: it is the file that is tried."""
    from kikuchi.members import storage

    with patch.object(storage, "build_member", _built):
        return storage.load_member(folder)


def _call_master(path: Path, folder: Path) -> object:
    from kikuchi.simulate import load_master

    return load_master(path)


OWN_READERS = {
    "sht": Reader(_sht_seeds, _call_sht, mend=_checked),
    "master": Reader(_master_seeds, _call_master),
    "bundle": Reader(_bundle_seeds, _call_bundle, (b"null", b"{}", b"[]", b'""', b"1e400", *NUMBERS)),
    "store": Reader(_store_seeds, _call_store, (b"null", b"{}", b"[]", *NUMBERS)),
    "exemplars": Reader(_exemplar_seeds, _call_exemplars),
    "weights": Reader(_weights_seeds, _call_weights),
}
