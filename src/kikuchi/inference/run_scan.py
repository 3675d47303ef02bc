"""From a scan to its logits store: patterns are read, prepared, run and written as they come, in overlapping stages."""

import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.errors import InputError
from kikuchi._support.progress import SILENT, Progress
from kikuchi.bundle.outputs import MemberOutputs
from kikuchi.inference.logits_store import LogitsStore, StoreIdentity, write_chunk
from kikuchi.inference.matching_runner import MatchingRunner
from kikuchi.inference.predictor import Predictor
from kikuchi.inference.resumption import (
    PatternHash,
    adopt_mended,
    hash_of,
    note_begun,
    note_chunk,
    prepare_to_resume,
)
from kikuchi.matching.survey import places
from kikuchi.scans import Scan, background_for

#: Fills a store: scan, predictor, store, engine, progress.
Executor = Callable[[Scan, Predictor, LogitsStore, str, Progress], None]

#: Patterns that the store writes and counts as done at a time.
CHUNK = 1024


def run_store(
    scan: Scan,
    bundle: Predictor,
    path: Path,
    progress: Progress = SILENT,
    *,
    engine: str = "auto",
    threads: int | None = None,
    executor: Executor | None = None,
) -> tuple[LogitsStore, float]:
    """Run the members on every pattern that the store does not have yet.

    Parameters
    ----------
    scan, bundle
        What to map and by whom.
    path
        Folder of the store.
    progress
        Listener of the work.
    engine
        See `kikuchi.inference.CHOICES`.
    threads
        Workers; one for each core where None.
    executor
        Runs what is missing elsewhere, as `kikuchi.distributed.mapping.map_on_cluster` does; None runs it here.

    Returns
    -------
    store, seconds
        The full store and how long the members took, 0 where there was nothing left to do.
    """
    begin = time.perf_counter()
    wanted = identity(scan, bundle)
    adopt_mended(path, wanted, scan, progress)
    store = LogitsStore.open(path, wanted)
    begun_with = prepare_to_resume(store, scan, progress)
    missing = store.missing()
    if not missing:
        note_begun(store, scan, begun_with or engine)
        return store, 0.0
    if engine == "auto" and begun_with in ("keras", "onnx"):
        engine = begun_with  # one engine fills a store: two differ in the last digits
    if executor is not None:
        if store.identity.poses:
            raise InputError(
                "a bundle with a matcher is mapped by this process", remedy="leave out --dask and --workers"
            )
        note_begun(store, scan, engine)
        executor(scan, bundle, store, engine, progress)
        return store, time.perf_counter() - begin
    left = sum(part.stop - part.start for part in missing)
    begun = bundle.running if store.identity.poses else bundle.runner
    runner = begun(engine, patterns=left, progress=progress)
    note_begun(store, scan, _engine_of(runner) if engine == "auto" else engine)
    background = background_for(scan, bundle.preparation(bundle.members[0]))
    pieces = deque((part, runner.pieces(part, scan.signal_shape)) for part in missing)
    hashes = {part.start: PatternHash() for part in missing}
    filtered = hasattr(scan.source, "raw")

    def read(part: slice, piece: slice) -> np.ndarray:
        return scan.read(piece) if filtered else hashes[part.start].add(scan.read(piece))

    raw: Iterable[Any] = (read(part, piece) for part, several in list(pieces) for piece in several)
    if isinstance(runner, MatchingRunner):
        # A pattern centre moves over the scan: the matcher takes where each pattern lies.
        raw = (
            (read(part, piece), places(scan, np.arange(piece.start, piece.stop)))
            for part, several in list(pieces)
            for piece in several
        )
    done: list[MemberOutputs] = []
    with progress.bar(f"mapping {scan.name}", left) as step:
        for outputs in runner.stream(raw, background, threads=threads):
            done.append(outputs)
            part, several = pieces[0]
            if len(done) == len(several):
                content = hash_of(scan, part) if filtered else str(hashes.pop(part.start))
                note_chunk(store, scan, part, content)
                write_chunk(store, scan, part, MemberOutputs.join(done))
                pieces.popleft()
                done = []
            step(len(outputs.quality))
    return store, time.perf_counter() - begin


def _engine_of(runner: Any) -> str:
    engines: Any = getattr(runner, "engines", None)
    return str(engines[0].name) if engines else "auto"


def identity(scan: Scan, bundle: Predictor) -> StoreIdentity:
    """Return what a store of this scan's outputs by this bundle belongs to."""
    return StoreIdentity(
        scan=scan.fingerprint(),
        bundle=bundle.fingerprint + bundle.variant,
        members=tuple(m.name for m in bundle.members),
        n_patterns=scan.n,
        n_classes=len(bundle.classes),
        draws=bundle.recipe.combine.draws,
        chunk=CHUNK,
        poses=any(m.kind == "matcher" for m in bundle.members),
    )
