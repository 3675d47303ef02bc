"""Where a bundle's exported engines lie: made once, checked on real patterns, checked again by hash when opened."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ensemble.errors import InputError
from kikuchi._support import atomic
from kikuchi._support.archive import read_archive
from kikuchi._support.lock import locked
from kikuchi._support.progress import SILENT, Progress
from kikuchi._support.versions import versions
from kikuchi.inference.engine import CHOICES, Engine
from kikuchi.inference.keras_engine import KerasEngine
from kikuchi.inference.onnx_engine import OnnxEngine
from kikuchi.inference.onnx_export import Parity, export_member, missing_exporter, parity
from kikuchi.inference.openvino_engine import NAME as BF16
from kikuchi.inference.openvino_engine import Bf16Engine
from kikuchi.members.architectures import precision

if TYPE_CHECKING:
    from kikuchi.bundle.bundle import Bundle

VERSION = 1
MANIFEST = "engines.json"
HEADS = "heads.npz"

#: Exporting takes seconds a compact member and half a minute an Xception: what so many patterns win back.
WORTH_AN_EXPORT = 3000

#: Patterns on which an export is held against Keras.
PARITY_PATTERNS = 64


@dataclass(frozen=True)
class Shelf:
    """A folder of exported members with its manifest.

    Attributes
    ----------
    folder
        Holds ``<member>.onnx``, ``heads.npz``, ``engines.json`` and what else the manifest lists.
    manifest
        Format version, fingerprint of the bundle, versions, SHA-256 of every file, and what was measured.
    """

    folder: Path
    manifest: dict[str, Any]

    def engine(self, member: str, name: str) -> Engine:
        """Open one member."""
        heads = read_archive(self.folder / HEADS, remedy="delete the folder, it is made again")
        head = {k.removeprefix(f"{member}/"): a for k, a in heads.items() if k.startswith(f"{member}/")}
        path = self.folder / f"{member}.onnx"
        return Bf16Engine(path, head, name) if name.endswith(BF16) else OnnxEngine(path, head, name)


def shelf_folder(bundle: "Bundle", kind: str) -> Path:
    """Return where engines of a kind lie: in the bundle, or in the user's cache where that cannot be written.

    The ensemble that comes with the package is left as it was installed.
    """
    from kikuchi.bundle.bundle import SHIPPED_FOLDER

    inside = bundle.path / "engines" / kind
    writable = bundle.path != SHIPPED_FOLDER and os.access(bundle.path, os.W_OK)
    if (inside / MANIFEST).is_file() or writable:
        return inside
    chosen = os.environ.get("KIKUCHI_CACHE")
    root = Path(chosen) if chosen else Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return root / "kikuchi-ensemble" / "engines" / bundle.fingerprint[:24] / kind


def read_shelf(bundle: "Bundle", kind: str) -> Shelf | None:
    """Open the engines of a kind; None where there are none, or they belong to another bundle or were altered."""
    folder = shelf_folder(bundle, kind)
    if not (folder / MANIFEST).is_file():
        return None
    try:
        manifest = atomic.read_json(folder / MANIFEST, remedy="delete the folder, it is made again")
        if manifest["format_version"] != VERSION or manifest["bundle"] != bundle.fingerprint:
            return None
        intact = all(atomic.sha256(folder / Path(n).name) == d for n, d in manifest["files"].items())
    except (InputError, OSError, KeyError, TypeError, AttributeError):
        return None
    return Shelf(folder, manifest) if intact else None


def write_shelf(
    bundle: "Bundle", folder: Path, heads: dict[str, dict[str, np.ndarray]], **record: Any
) -> Shelf:
    """List what lies in a shelf's folder; the manifest comes last, so that a folder without one never began.

    Parameters
    ----------
    bundle
        Whose engines they are.
    folder
        Holds the exports.
    heads
        By member, see `kikuchi.inference.Engine`.
    **told
        What was measured, JSON-able.
    """
    write_heads(folder, heads)
    listed = sorted(
        p for p in folder.iterdir() if p.suffix in (".onnx", ".npz", ".h5") or p.name == "member.json"
    )
    manifest = {
        "format_version": VERSION,
        "bundle": bundle.fingerprint,
        "versions": versions(),
        "files": {p.name: atomic.sha256(p) for p in listed},
        **record,
    }
    atomic.write_json(folder / MANIFEST, manifest)
    return Shelf(folder, manifest)


def write_heads(folder: Path, heads: dict[str, dict[str, np.ndarray]]) -> None:
    """Write the heads alone: engines can then be opened that no manifest lists yet."""
    with atomic.replaced(folder / HEADS) as partial:
        arrays = {f"{member}/{name}": a for member, head in heads.items() for name, a in head.items()}
        np.savez(partial, allow_pickle=False, **arrays)


def exemplars(bundle: "Bundle", size: int, n: int = PARITY_PATTERNS) -> np.ndarray:
    """Return real prepared patterns that the bundle carries, (n, size, size), all classes among them."""
    from kikuchi.bundle.background import BACKGROUND, read_background

    background = read_background(bundle.path / BACKGROUND)
    patterns = background.prepared(size)
    return patterns[np.linspace(0, len(patterns) - 1, min(n, len(patterns))).astype(int)]


def export_bundle(bundle: "Bundle", progress: Progress = SILENT) -> Shelf | None:
    """Export every member and compare it with Keras on real patterns.

    Returns
    -------
    Shelf or None
        None, with the reason reported, where an export fails or does not say what Keras says.
    """
    folder = shelf_folder(bundle, "onnx")
    measured: dict[str, Parity] = {}
    heads: dict[str, dict[str, np.ndarray]] = {}
    # Maps that begin at once wait for the one export, and then all run the same engine.
    with locked(folder, waiting=lambda: progress.say("waiting for another run, which exports this bundle")):
        there = read_shelf(bundle, "onnx")
        if there is not None:
            return there
        for spec in bundle.members:
            progress.say(f"exporting {spec.name} to ONNX, once for this bundle")
            reference = KerasEngine(bundle.model(spec.name))
            path = folder / f"{spec.name}.onnx"
            try:
                with atomic.replaced(path) as partial:
                    export_member(bundle.model(spec.name), partial)
                engine = OnnxEngine(path, reference.head)
                found = parity(engine, reference, exemplars(bundle, spec.size))
            except Exception as error:  # exporters raise anything; Keras itself is always there
                reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
                progress.say(f"note: {spec.name} cannot be exported ({reason}): Keras is used")
                return None
            if not found.holds:
                progress.say(
                    f"note: the export of {spec.name} differs from Keras by {found.largest_difference:.1e} "
                    f"and agrees on {found.agreement:.1%} of {found.patterns} patterns: Keras is used"
                )
                return None
            measured[spec.name], heads[spec.name] = found, reference.head
        return write_shelf(bundle, folder, heads, parity={m: p.to_dict() for m, p in measured.items()})


def engines_for(
    bundle: "Bundle", choice: str = "auto", *, patterns: int = 0, progress: Progress = SILENT
) -> Sequence[Engine]:
    """Return an engine for every member, in order.

    Parameters
    ----------
    bundle
        Whose members.
    choice
        One of `kikuchi.inference.CHOICES`.
    patterns
        How many there are to run: ``"auto"`` exports for `WORTH_AN_EXPORT` or more, and else uses what is there.
    progress
        Hears what is exported, and why Keras is used where it was not asked for.

    Raises
    ------
    InputError
        ONNX is asked for and what exports to it is not installed, or 8 bits or bfloat16 and `ensemble accelerate` has
        not made them.
    """
    if choice not in CHOICES:
        raise InputError(f"unknown engine {choice!r}", remedy=f"one of {', '.join(CHOICES)}")
    if choice in ("int8", BF16):
        shelf = read_shelf(bundle, choice)
        if shelf is None:
            raise InputError(
                f"no {choice} engines here",
                path=bundle.path,
                remedy="run `ensemble accelerate RUN DATASET` first",
            )
        return [shelf.engine(spec.name, choice) for spec in bundle.members]
    if choice != "keras":
        shelf = _onnx(bundle, choice == "onnx", patterns, progress)
        if shelf is not None:
            return [shelf.engine(spec.name, "onnx") for spec in bundle.members]
    return [KerasEngine(bundle.model(spec.name)) for spec in bundle.members]


def _onnx(bundle: "Bundle", asked: bool, patterns: int, progress: Progress) -> Shelf | None:
    """Open or make the exports, as far as they are wanted and worth it."""
    shelf = read_shelf(bundle, "onnx")
    if shelf is not None or not (asked or patterns >= WORTH_AN_EXPORT):
        return shelf
    if not asked and precision() != "float32":
        return None  # a GPU is faster than any engine on the processor
    missing = missing_exporter()
    if missing is not None:
        name, brings = missing
        if asked:
            raise InputError(f"{name} is not installed: no export can be made", remedy=brings)
        progress.say(f"note: Keras runs the members; with {name} they run several times faster ({brings})")
        return None
    try:
        return export_bundle(bundle, progress)
    except InputError as error:
        progress.say(f"note: {error}: Keras is used")
        return None
