"""Number of threads, so that two libraries never fight for the same cores."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

In = TypeVar("In")
Out = TypeVar("Out")


#: Environment variable for processes that share a machine: how many cores this one may use.
SHARE = "KIKUCHI_CORES"

#: What other libraries read how many threads to start from, when they are first imported or run.
OF_LIBRARIES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)


def cores() -> int:
    """Return how many cores this process may use, which is fewer than the machine's in a batch job."""
    share = os.environ.get(SHARE, "")
    if share.isdecimal() and int(share) > 0:
        return int(share)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def hold_libraries() -> None:
    """Hold libraries that are not loaded yet to `SHARE`, where it is set and no other number is."""
    if os.environ.get(SHARE):
        for name in OF_LIBRARIES:
            os.environ.setdefault(name, str(cores()))


def in_order(function: Callable[[In], Out], items: Iterable[In], threads: int | None = None) -> Iterator[Out]:
    """Apply a function in worker threads, giving results in the order of the items.

    At most ``threads + 1`` items are taken before their results are asked for, so that a long iterator never fills the
    memory. NumPy's matrix library is held to one thread meanwhile: the workers are the parallelism.

    Parameters
    ----------
    function
        Releases the interpreter's lock where it works hard.
    items
        Taken in the calling thread.
    threads
        Workers; `cores` where None.

    Examples
    --------
    >>> list(in_order(lambda x: x * x, range(4), threads=2))
    [0, 1, 4, 9]
    """
    from threadpoolctl import threadpool_limits

    workers = threads or cores()
    waiting: deque[Future[Out]] = deque()
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(workers, "kikuchi") as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
