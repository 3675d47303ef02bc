"""Try a damaged HDF5 file out in a forked process, which may die of it.

The HDF5 library itself crashes or never returns on some damaged files (seen of 1.14.6: names in a broken heap,
attributes in a broken header), and a crash there takes the whole process with it. So a copy of this process walks
through the file first.
"""

import faulthandler
import os
import signal
import sys
import warnings
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any

from ensemble.errors import InputError

#: Seconds of processor time after which a walk through a file is taken for endless.
CPU_SECONDS = 20
#: Seconds on the clock after which the walk is given up and nothing is known: a network may be slow.
PATIENCE = 120
_SMALL = 1 << 20
_MANY_CHUNKS = 100_000
#: A walk that is ended from outside says nothing of the file.
_SAYS_NOTHING = (signal.SIGALRM, signal.SIGTERM, signal.SIGKILL, signal.SIGINT)


def probe_hdf5(path: Path, *, remedy: str) -> None:
    """Refuse a file on which the HDF5 library dies or never returns.

    An error that the library raises is no matter of this function: whoever reads the file will meet it.

    Parameters
    ----------
    path
        The file.
    remedy
        What to do about a damaged one, for the message.

    Raises
    ------
    InputError
        As above.
    """
    # Elsewhere a fork of a process with threads is not to be relied on.
    if sys.platform != "linux":
        return
    import h5py  # noqa: F401 - the fork must find it imported

    with warnings.catch_warnings():
        # Of threads whose locks the fork might wait for: it needs none of theirs.
        warnings.simplefilter("ignore")
        child = os.fork()
    if child == 0:
        _in_fork(lambda: _walk(path))
    try:
        _, status = os.waitpid(child, 0)
    except BaseException:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) not in _SAYS_NOTHING:
        endless = os.WTERMSIG(status) == signal.SIGXCPU
        what = "does not come to an end of it" if endless else "crashes on it"
        raise InputError(f"is damaged: the HDF5 library {what}", path=path, remedy=remedy)


def _in_fork(work: Callable[[], None]) -> None:
    """Work within the limits, and end the process whatever happens."""
    import resource

    try:
        faulthandler.disable()
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (1, 2):  # the C library writes there before it aborts
            os.dup2(nowhere, stream)
        for number in (signal.SIGALRM, signal.SIGXCPU, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
        signal.alarm(PATIENCE)
        work()
    finally:
        # No exit of Python: what it would tidy up belongs to the process that was copied.
        os._exit(0)


def _walk(path: Path) -> None:
    """Look at whatever a reader may look at: all names and attributes, small data, where chunks lie."""
    import h5py

    with h5py.File(path, "r") as file:
        ahead: list[Any] = [file]
        seen = {file.id}
        while ahead:
            item = ahead.pop()
            for name in _tolerant(list, item.attrs) or ():
                _tolerant(item.attrs.get, name)
            if isinstance(item, h5py.Dataset):
                _tolerant(_look_at_data, item)
                continue
            for name in _tolerant(list, item) or ():
                inner = _tolerant(_linked, item, name)
                if isinstance(inner, h5py.Group | h5py.Dataset) and inner.id not in seen:
                    seen.add(inner.id)
                    ahead.append(inner)


def _linked(group: Any, name: str) -> Any:
    """Return what a group holds itself; None for what lies in another file."""
    import h5py

    return group[name] if isinstance(group.get(name, getlink=True), h5py.HardLink) else None


def _look_at_data(data: Any) -> None:
    if data.size * data.dtype.itemsize <= _SMALL:
        _ = data[()]
    elif data.chunks and data.size <= _MANY_CHUNKS * prod(data.chunks):
        data.id.get_num_chunks()


def _tolerant(look: Callable[..., Any], *at: Any) -> Any:
    """Return what a look gives, None where it raises: damage that is told is no matter of the walk."""
    try:
        return look(*at)
    except Exception:
        return None
