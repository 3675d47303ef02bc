"""Members trained as tasks: each by one worker, in the bundle's folder where the worker can reach it."""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kikuchi._support import atomic
from kikuchi._support.progress import Progress
from kikuchi.distributed.broadcast import held, shipped
from kikuchi.distributed.cluster import has_gpus, number_of_workers
from kikuchi.distributed.tasks import completed
from kikuchi.members import Epoch, MemberSpec, Training, build_member
from kikuchi.recipes.schema import MemberGroup
from kikuchi.training.train_ensemble import Executor, Parts, begun, epoch_line, train_one

if TYPE_CHECKING:
    from distributed import Client

#: What `kikuchi.workflows.fit` writes into the folder first: a worker that reads the same there sees the same folder.
CLAIM = "fit.json"

#: Written last into a member's folder.
LAST = "member.json"


def cluster_executor(client: "Client") -> Executor:
    """Return what trains members on a cluster, for `kikuchi.training.train_ensemble.train_all`.

    Parameters
    ----------
    client
        Of the cluster. Where any worker has a ``GPU`` resource, every task takes one.
    """
    return partial(train_on_cluster, client)


def train_on_cluster(
    client: "Client",
    todo: list[tuple[MemberSpec, MemberGroup]],
    parts: dict[int, Parts],
    training: Training,
    folder: Path,
    progress: Progress,
) -> None:
    """Train members on a cluster, one task each.

    Where a worker sees the bundle's folder, it keeps its checkpoints there: when it dies, the next one goes on after
    the last whole epoch. Else it works in a folder of its own and sends the finished member's files.

    Parameters
    ----------
    client
        Of the cluster. Where any worker has a ``GPU`` resource, every task takes one.
    todo
        Members that are not finished.
    parts
        Prepared patterns by input size; every worker is sent them once.
    training
        The schedule.
    folder
        Of the bundle.
    progress
        Listener of the work; hears of epochs as the workers finish them.
    """
    claim = (str(folder.absolute()), atomic.sha256(folder / CLAIM))
    with (
        shipped(client, parts) as cargo,
        _listening(client, cargo, progress),
        progress.bar(f"training {len(todo)} members on the cluster", len(todo)) as step,
    ):
        # First weights are drawn here, so that no worker's version or backend has a say in them.
        tasks = (
            (spec.name, (spec, begun(spec, group).get_weights(), training, cargo, claim))
            for spec, group in todo
        )
        resources = {"GPU": 1.0} if has_gpus(client) else None
        in_flight = 2 * number_of_workers(client)
        for name, written in completed(client, train_task, tasks, in_flight=in_flight, resources=resources):
            place = folder / "members" / name
            for file, content in sorted(written.items(), key=lambda item: item[0] == LAST):
                with atomic.replaced(place / file) as partial:
                    partial.write_bytes(content)
            step(1)


def train_task(
    spec: MemberSpec, start: list[np.ndarray], training: Training, cargo: str, claim: tuple[str, str]
) -> dict[str, bytes]:
    """Train one member on a worker.

    Parameters
    ----------
    spec, start, training
        The member, its weights before the first epoch, and the schedule.
    cargo
        Name under which the patterns were shipped.
    claim
        The bundle's folder on the client's machine, and the SHA-256 of its `CLAIM`.

    Returns
    -------
    dict
        The member's files; empty where they were written into the bundle's own folder.
    """
    parts = held(cargo)[spec.size]
    model = build_member(spec)
    model.set_weights(start)
    folder = Path(claim[0])
    record = _teller(cargo, spec.name)
    if _same(folder / CLAIM, claim[1]):
        place = folder / "members" / spec.name
        if not (place / LAST).is_file():
            train_one(model, spec, parts, training, place, record)
        return {}
    with tempfile.TemporaryDirectory(prefix="kikuchi-") as temporary:
        place = Path(temporary)
        train_one(model, spec, parts, training, place, record)
        return {file.name: file.read_bytes() for file in place.iterdir()}


def _same(path: Path, digest: str) -> bool:
    try:
        return atomic.sha256(path) == digest
    except OSError:
        return False


def _teller(cargo: str, member: str) -> Callable[[Epoch], None]:
    from distributed import get_worker

    worker = get_worker()

    def record(epoch: Epoch) -> None:
        # Plain numbers: events are kept by the scheduler and must need nothing to be read.
        row = {name: float(np.asarray(value)) for name, value in vars(epoch).items()}
        worker.log_event(cargo, {"member": member} | row | {"epoch": epoch.epoch})

    return record


class _listening:
    """Give what the workers say of their epochs to a listener, as long as the block lasts."""

    def __init__(self, client: "Client", topic: str, progress: Progress) -> None:
        self._client, self._topic, self._progress = client, topic, progress

    def __enter__(self) -> None:
        self._client.subscribe_topic(self._topic, self._hear)

    def __exit__(self, *_: object) -> None:
        if self._client.status == "running":
            self._client.unsubscribe_topic(self._topic)

    def _hear(self, event: tuple[float, dict[str, Any]]) -> None:
        row = {name: value for name, value in event[1].items() if name != "worker"}
        self._progress.say(epoch_line(row.pop("member"), Epoch(**row)))
