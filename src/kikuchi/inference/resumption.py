"""Whether a scan is still the one that a store was begun with, and whether more of it can be read than before.

A map that is resumed joins what was stored to what is read now. Beside the arrays of a store lies, for every chunk that
is done, the hash of the patterns it was made from and why some of them could not be read. While size and time of the
scan's files are what they were, nothing is read again; where they are not, the hashes are compared. Patterns that could
not be read are tried again by every run.
"""

import hashlib
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.errors import InputError
from kikuchi._support import atomic
from kikuchi._support.progress import Progress
from kikuchi.inference.logits_store import DESCRIPTION, LogitsStore, StoreIdentity
from kikuchi.scans import Scan

#: In a store's folder: what the scan's files and the engine were when it was begun.
BEGUN = "begun.json"
#: In a store's folder: a file for each chunk.
CHUNKS = "chunks"

_PIECE = 256


class PatternHash:
    """Hash of raw patterns, in whatever pieces they come."""

    def __init__(self) -> None:
        self._digest = hashlib.blake2b(digest_size=16)

    def add(self, patterns: np.ndarray) -> np.ndarray:
        """Take a piece (n, sy, sx), and give it back."""
        self._digest.update(np.ascontiguousarray(patterns).tobytes())
        return patterns

    def __str__(self) -> str:
        return self._digest.hexdigest()


def hash_of(scan: Scan, part: slice, lost: Collection[int] = ()) -> str:
    """Hash the patterns of a part of a scan as they are in its file, those `lost` as zeros: 32 hexadecimal digits."""
    source = getattr(scan.source, "raw", scan.source)
    found = PatternHash()
    for start in range(part.start, part.stop, _PIECE):
        indices = np.arange(start, min(start + _PIECE, part.stop))
        there = ~np.isin(indices, list(lost))
        if there.all():
            found.add(source.read(indices))
            continue
        patterns = np.zeros((len(indices), *source.signal_shape), source.dtype)
        if there.any():
            patterns[there] = source.read(indices[there])
        found.add(patterns)
    return str(found)


def note_chunk(store: LogitsStore, scan: Scan, part: slice, content: str) -> None:
    """Write beside a store what a chunk is made of; to be called before the chunk counts as done.

    Parameters
    ----------
    store, scan, part
        What is written, from which scan, and which part of it.
    content
        Hash of its patterns, see `PatternHash`.
    """
    problems = {str(i): why for i, why in scan.problems.items() if part.start <= i < part.stop}
    atomic.write_json(_note_of(store, part), {"patterns": content, "problems": problems})


def adopt_mended(path: Path, identity: StoreIdentity, scan: Scan, progress: Progress) -> None:
    """Let a store belong to the scan whose first, middle or last pattern was mended since it was begun.

    These three are in a scan's fingerprint. Where names, sizes and grid are what they were, and every chunk that is
    done was made from the patterns that the scan has now, but for those that could not be read then, it is the same.

    Parameters
    ----------
    path
        Folder of the store; where there is none, or of anything else, it is left alone.
    identity
        What the store ought to be.
    scan
        What is to be mapped.
    progress
        Listener of the work.
    """
    if not (path / DESCRIPTION).is_file():
        return
    store = LogitsStore.read(path)
    there = vars(store.identity)
    if [name for name, value in vars(identity).items() if there[name] != value] != ["scan"]:
        return
    if _read(path / BEGUN).get("outline") != scan.outline():
        return
    done = store.finished()
    with progress.bar("comparing the scan with what is mapped", len(done)) as step:
        for part in done:
            record = _read(_note_of(store, part))
            if not isinstance(record.get("patterns"), str) or not _same(scan, part, record):
                return
            step(1)
    store.rename_scan(identity.scan)


def prepare_to_resume(store: LogitsStore, scan: Scan, progress: Progress) -> str | None:
    """Reopen the chunks that can be read better now, and refuse a scan that is another one.

    Parameters
    ----------
    store
        Perhaps with chunks that are done.
    scan
        What is to be mapped; problems of the chunks that stay are put into its `problems`.
    progress
        Listener of the work.

    Returns
    -------
    str or None
        The engine that the store was begun with, for `note_begun`'s successors; None where it is not known.

    Raises
    ------
    InputError
        The patterns of a chunk that is done are not those of the scan any more.
    """
    begun = _read(store.path / BEGUN)
    stamp = scan.stamp()
    done = store.finished()
    _retry(store, scan, done, progress)
    if done and (not stamp or begun.get("files") != stamp):
        _compare(store, scan, store.finished(), progress)
    engine = begun.get("engine")
    return engine if isinstance(engine, str) else None


def note_begun(store: LogitsStore, scan: Scan, engine: str) -> None:
    """Write beside a store what the scan's files are, and which engine fills it."""
    atomic.write_json(
        store.path / BEGUN, {"files": scan.stamp(), "outline": scan.outline(), "engine": engine}
    )


def _retry(store: LogitsStore, scan: Scan, done: list[slice], progress: Progress) -> None:
    """Read again what could not be read; a chunk of which something can is to be run again."""
    mended = 0
    for part in done:
        record = _read(_note_of(store, part)).get("problems")
        if not isinstance(record, dict) or not record:
            continue
        before = {int(i): str(why) for i, why in record.items() if str(i).isdecimal()}
        indices = np.array(sorted(i for i in before if part.start <= i < part.stop), dtype=np.int64)
        for index in indices.tolist():
            scan.problems.pop(index, None)
        scan.read(indices)
        readable = [i for i in indices.tolist() if i not in scan.problems]
        if readable:
            mended += len(readable)
            store.reopen(part)
    if mended:
        progress.say(
            f"{mended} patterns that could not be read before can be read now: they are mapped again"
        )


def _compare(store: LogitsStore, scan: Scan, done: list[slice], progress: Progress) -> None:
    with progress.bar("comparing the scan with what is mapped", len(done)) as step:
        for part in done:
            if not _same(scan, part, _read(_note_of(store, part))):
                raise InputError(
                    f"this logits store was made with another scan, or the scan has changed since: its patterns "
                    f"{part.start} to {part.stop - 1} differ",
                    path=store.path,
                    remedy="give another --out, or delete this folder",
                )
            step(1)


def _same(scan: Scan, part: slice, record: dict[str, Any]) -> bool:
    """Whether a chunk was made from the patterns that the scan has now; what could not be read then was zeros."""
    content, problems = record.get("patterns"), record.get("problems")
    if not isinstance(content, str):
        return True  # chunks of an older version have no hash
    lost = {int(i) for i in problems if str(i).isdecimal()} if isinstance(problems, dict) else set()
    return hash_of(scan, part, lost) == content


def _note_of(store: LogitsStore, part: slice) -> Any:
    return store.path / CHUNKS / f"{part.start // store.identity.chunk:07d}.json"


def _read(path: Any) -> dict[str, Any]:
    """Return what a note says, nothing where there is none or it is broken: it then vouches for nothing."""
    try:
        record = atomic.read_json(path, remedy="")
    except InputError:
        return {}
    return record if isinstance(record, dict) else {}
