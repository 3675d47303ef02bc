"""Data that every worker needs, sent to each of them once, also to those that come later."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from distributed import WorkerPlugin

from ensemble.errors import InputError

if TYPE_CHECKING:
    from distributed import Client, Worker

_HELD: dict[str, Any] = {}


class Shipment(WorkerPlugin):
    """A value that each worker keeps. The scheduler gives it to whoever joins, so it does not die with a worker."""

    def __init__(self, name: str, value: Any) -> None:
        self.name = name
        self._value = value

    def setup(self, worker: "Worker") -> None:
        """Keep the value in the worker's process."""
        _HELD[self.name] = self._value

    def teardown(self, worker: "Worker") -> None:
        """Let go of it."""
        _HELD.pop(self.name, None)


@contextmanager
def shipped(client: "Client", value: Any) -> Iterator[str]:
    """Send a value to every worker of a cluster; they find it by the name given here as long as the block lasts."""
    name = f"kikuchi-{uuid4().hex}"
    client.register_plugin(Shipment(name, value), name=name)
    try:
        yield name
    finally:
        if client.status == "running":
            client.unregister_worker_plugin(name)


def held(name: str) -> Any:
    """Return, on a worker, what was shipped under a name.

    Raises
    ------
    InputError
        The client that shipped it is gone.
    """
    if name not in _HELD:
        raise InputError("what this task needs was taken back: its client is gone")
    return _HELD[name]
