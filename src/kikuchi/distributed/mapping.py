"""Chunks of a scan run as tasks; where there are fewer chunks than workers, each member of a chunk is a task."""

import tempfile
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from ensemble.abstention import Familiarity
from ensemble.early_exit import Stopping
from ensemble.errors import InputError
from ensemble.pooling import DropoutDraws
from kikuchi._support import atomic
from kikuchi._support.progress import Progress
from kikuchi.bundle.bundle import MANIFEST, Bundle
from kikuchi.bundle.outputs import MemberOutputs
from kikuchi.distributed.broadcast import held, shipped
from kikuchi.distributed.cluster import number_of_workers
from kikuchi.distributed.tasks import completed
from kikuchi.inference import STUDENTS, Runner
from kikuchi.inference.logits_store import LogitsStore, write_chunk
from kikuchi.inference.predictor import Predictor
from kikuchi.inference.resumption import PatternHash, note_chunk
from kikuchi.inference.run_scan import Executor
from kikuchi.scans import Scan, background_for, open_scan, with_neighbours

if TYPE_CHECKING:
    from distributed import Client

#: Tasks given out at a time, for each worker: one that it works at and one that waits there.
_EACH = 2

#: A part of a scan, and the member that runs on it; None stands for all of them.
Task = tuple[slice, int | None]


@dataclass(frozen=True)
class Cargo:
    """Data that every worker is sent once.

    Attributes
    ----------
    bundle
        Every file of the bundle and of its engines, by its name within.
    fingerprint
        Of the bundle.
    stopping
        When a pattern needs no further member; None runs them all.
    engine
        Which one runs, as the client found it best for the whole scan: a worker that chose for its share would give
        other bits.
    scan, scan_fingerprint
        Where the scan lies on the client's machine, and what it is.
    background
        (sy, sx), where the preparation wants one.
    signal_shape
        Of a pattern.
    scan_shape, scan_name
        With which the scan was opened here, and must be there.
    """

    bundle: dict[str, bytes]
    fingerprint: str
    stopping: Stopping | None
    engine: str
    scan: Path
    scan_fingerprint: str
    background: np.ndarray | None
    signal_shape: tuple[int, int]
    scan_shape: tuple[int, int] | None = None
    scan_name: str | None = None


def cluster_executor(client: "Client") -> Executor:
    """Return what fills a store on a cluster, for `kikuchi.inference.run_scan.run_store`.

    Parameters
    ----------
    client
        Of the cluster.
    """
    return partial(map_on_cluster, client)


def map_on_cluster(
    client: "Client", scan: Scan, bundle: Predictor, store: LogitsStore, engine: str, progress: Progress
) -> None:
    """Run the members on every pattern that the store does not have yet, on the workers of a cluster.

    Workers read the scan where they see it under the same path; to others its patterns are sent. The store is written
    here, in whatever order the chunks come.

    Parameters
    ----------
    client
        Of the cluster.
    scan, bundle, store
        What is mapped, by whom, and where to.
    engine
        See `kikuchi.inference.CHOICES`.
    progress
        Listener of the work.
    """
    missing = store.missing()
    left = sum(part.stop - part.start for part in missing)
    # Exports are made here, once, and sent with the bundle.
    runner = bundle.runner(engine, patterns=left, progress=progress)
    name = runner.engines[0].name if engine == "auto" else engine
    background = background_for(scan, bundle.preparation(bundle.members[0]))
    cargo = Cargo(
        _packed(bundle, name),
        bundle.fingerprint,
        bundle.stopping,
        name,
        scan.path.absolute(),
        scan.fingerprint(),
        background,
        scan.signal_shape,
        scan.given_shape,
        scan.given_name,
    )
    workers = number_of_workers(client)
    # A member that may be skipped waits for those before it.
    apart = engine not in STUDENTS and bundle.stopping is None and len(bundle.members) > 1
    by_member = apart and len(missing) < _EACH * workers
    members = range(len(bundle.members)) if by_member else (None,)
    todo: list[Task] = [(part, member) for part in missing for member in members]
    gathered: dict[int, dict[int | None, MemberOutputs]] = {}
    with (
        shipped(client, cargo) as key,
        progress.bar(f"mapping {scan.name} on {workers} workers", left) as step,
    ):
        # First from where the workers see the scan; what one of them does not see is then sent.
        for sent in (False, True):
            unseen: list[Task] = []
            tasks = ((task, (key, *task, scan.read(task[0]) if sent else None)) for task in todo)
            for task, result in completed(client, run_task, tasks, in_flight=_EACH * workers):
                if result is None:
                    unseen.append(task)
                    continue
                part, member = task
                outputs, problems, content = result
                scan.problems.update(problems)
                several = gathered.setdefault(part.start, {})
                several[member] = outputs
                if len(several) == len(members):
                    note_chunk(store, scan, part, content)
                    write_chunk(store, scan, part, _put_together(gathered.pop(part.start)))
                    step(part.stop - part.start)
            todo = unseen


def run_task(
    key: str, part: slice, member: int | None, patterns: np.ndarray | None
) -> tuple[MemberOutputs, dict[int, str], str] | None:
    """Run one task on a worker.

    Parameters
    ----------
    key
        Name under which the `Cargo` was shipped.
    part, member
        Which patterns of the scan, and which member, None for all.
    patterns
        The patterns themselves, (n, sy, sx); None where they are to be read from the scan.

    Returns
    -------
    outputs, problems, content
        What the members say, why patterns could not be read, and the hash of those that were; None where this worker
        does not see the scan.
    """
    with _ONE_AT_A_TIME:
        if key not in _PLACES:
            _PLACES.clear()  # whatever an earlier map needed
            _PLACES[key] = _Place(held(key))
        place = _PLACES[key]
        if patterns is None and place.scan is None:
            return None
        # Cut as without a cluster: a batch of another length may be summed in another order.
        pieces = place.runner(None).pieces(part, place.cargo.signal_shape)
        content = PatternHash()
        raw = (content.add(place.read(piece, part, patterns)) for piece in pieces)
        outputs = MemberOutputs.join(list(place.runner(member).stream(raw, place.cargo.background)))
        known = {} if place.scan is None else place.scan.problems
        problems = {i: why for i, why in known.items() if part.start <= i < part.stop}
        return outputs, problems, str(content)


_ONE_AT_A_TIME = Lock()
_PLACES: dict[str, "_Place"] = {}


@dataclass
class _Place:
    """State that a worker keeps between the tasks of one map."""

    cargo: Cargo
    bundle: Predictor = field(init=False)
    scan: Scan | None = field(init=False)
    _runners: dict[int | None, Runner] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix=atomic.own_name("", mark="kikuchi-"))
        self.bundle = _unpacked(self.cargo, Path(self._folder.name))
        try:
            opened = open_scan(self.cargo.scan, self.cargo.scan_shape, self.cargo.scan_name)
            scan = with_neighbours(opened, self.bundle.preparation(self.bundle.members[0]))
            self.scan = scan if scan.fingerprint() == self.cargo.scan_fingerprint else None
        except (InputError, OSError):
            self.scan = None

    def read(self, piece: slice, part: slice, patterns: np.ndarray | None) -> np.ndarray:
        """Return some of the patterns that were sent, or of the scan."""
        if patterns is not None:
            return patterns[piece.start - part.start : piece.stop - part.start]
        assert self.scan is not None
        return self.scan.read(piece)

    def runner(self, member: int | None) -> Runner:
        """Return the members ready to run, or one of them."""
        if member not in self._runners:
            whole = self.bundle.runner(self.cargo.engine) if member is None else self.runner(None)
            if member is not None:
                only, known = slice(member, member + 1), self.bundle.familiarity
                whole = replace(
                    whole,
                    engines=whole.engines[only],
                    specs=whole.specs[only],
                    familiarity=Familiarity(known.references[only], known.scales[only], known.k),
                )
            self._runners[member] = whole
        return self._runners[member]


def _packed(bundle: Bundle, engine: str) -> dict[str, bytes]:
    """Read every file of a bundle, and the exports that its engine needs."""
    from kikuchi.inference.exports import shelf_folder

    content = {name: (bundle.path / name).read_bytes() for name in [MANIFEST, *bundle.manifest["files"]]}
    shelf = shelf_folder(bundle, engine)
    if engine != "keras" and shelf.is_dir():
        content |= {
            f"engines/{engine}/{file.name}": file.read_bytes() for file in shelf.iterdir() if file.is_file()
        }
    return content


def _unpacked(cargo: Cargo, folder: Path) -> Predictor:
    """Write a bundle's files and open it, which checks every one against its SHA-256."""
    for name, content in cargo.bundle.items():
        with atomic.replaced(folder / name) as partial:
            partial.write_bytes(content)
    bundle = Predictor.load(folder)
    if bundle.fingerprint != cargo.fingerprint:
        raise InputError("arrived altered", path="the bundle", remedy="run the same command again")
    return replace(bundle, stopping=cargo.stopping)


def _put_together(several: dict[int | None, MemberOutputs]) -> MemberOutputs:
    """Put the outputs of single members together; those of all members are that already."""
    if None in several:
        return several[None]
    each: list[Any] = [several[member] for member in sorted(m for m in several if m is not None)]
    by_member = np.stack([o.unfamiliarity for o in each])
    ran = np.isfinite(by_member)
    total = np.where(ran, by_member, 0).sum(axis=0)
    return MemberOutputs(
        logits=np.concatenate([o.logits for o in each]),
        draws=DropoutDraws(
            np.concatenate([o.draws.mean for o in each]),
            np.concatenate([o.draws.entropy for o in each]),
            np.concatenate([o.draws.votes for o in each]),
        ),
        unfamiliarity=np.where(ran.any(axis=0), total / np.maximum(ran.sum(axis=0), 1), np.nan),
        quality=each[0].quality,
    )
