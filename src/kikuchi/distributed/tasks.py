"""Tasks on a cluster, a bounded number of them at a time, through the death of workers."""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from ensemble.errors import InputError

if TYPE_CHECKING:
    from distributed import Client

Key = TypeVar("Key")

#: A task that was cancelled or lost with its worker is given out again so often.
_ATTEMPTS = 5


def completed(
    client: "Client",
    function: Callable[..., Any],
    tasks: Iterable[tuple[Key, tuple[Any, ...]]],
    *,
    in_flight: int,
    resources: dict[str, float] | None = None,
) -> Iterator[tuple[Key, Any]]:
    """Run a function on the workers and yield (key, result) as they come, in whatever order.

    A worker that dies or is cut off loses nothing: the scheduler gives its tasks to others.

    Parameters
    ----------
    client
        Of the cluster.
    function
        Deterministic: it may run more than once for one key.
    tasks
        (key, arguments); taken from the iterator only when their turn comes, so that they may hold data.
    in_flight
        Tasks that are given out at a time.
    resources
        What a worker must have for one task, e.g. ``{"GPU": 1}``.

    Raises
    ------
    InputError
        A task killed its worker again and again, or the scheduler is gone.
    """
    from concurrent.futures import CancelledError

    from distributed import KilledWorker, as_completed

    waiting = iter(tasks)
    running = as_completed(loop=client.loop)
    known: dict[Any, tuple[Key, tuple[Any, ...], int]] = {}

    def give_out(key: Key, arguments: tuple[Any, ...], attempts: int) -> None:
        # Pure or not, a task is never taken for one that an earlier run left on the scheduler.
        future = client.submit(function, *arguments, pure=False, resources=resources)
        known[future] = (key, arguments, attempts)
        running.add(future)

    try:
        for _, (key, arguments) in zip(range(in_flight), waiting, strict=False):
            give_out(key, arguments, 1)
        while known:
            future = next(running)
            key, arguments, attempts = known.pop(future)
            try:
                result = future.result()
            except CancelledError as error:
                if client.status != "running" or attempts == _ATTEMPTS:
                    raise _gone(f"task {key} was lost {attempts} times") from error
                give_out(key, arguments, attempts + 1)
                continue
            except KilledWorker as error:
                raise _gone(f"task {key} ended several workers, as one out of memory does") from error
            future.release()
            yield key, result
            for next_key, next_arguments in waiting:
                give_out(next_key, next_arguments, 1)
                break
    finally:
        for future in known:
            future.cancel()


def _gone(what: str) -> InputError:
    return InputError(
        f"the cluster failed: {what}",
        remedy="see the workers' logs; the same command goes on from what is finished",
    )
