"""Walk through HDF5 files, one named on each line of standard input: a program of its own, which may die of one.

`kikuchi._support.hdf5_probe` starts it. It imports h5py and nothing of this package, so that it starts in a
fraction of a second.
"""

import json
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from math import prod
from typing import Any

import h5py

_SMALL = 1 << 20
_MANY_CHUNKS = 100_000


def walk(path: str) -> None:
    """Look at whatever a reader may look at: all names and attributes, small data, where chunks lie."""
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
    return group[name] if isinstance(group.get(name, getlink=True), h5py.HardLink) else None


def _look_at_data(data: Any) -> None:
    if data.is_virtual or data.external:  # in another file, which may be a pipe that never ends
        return
    if data.size * data.dtype.itemsize <= _SMALL:
        _ = data[()]
    elif data.chunks and data.size <= _MANY_CHUNKS * prod(data.chunks):
        data.id.get_num_chunks()


def _tolerant(look: Callable[..., Any], *at: Any) -> Any:
    """Return what a look gives, None where it raises: damage that is reported is no matter of the walk."""
    try:
        return look(*at)
    except Exception:
        return None


def _limit(seconds: int) -> None:
    """Let the system end this process when it has taken so many more seconds of the processor."""
    with suppress(ImportError):  # there is none on Windows
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time()) + seconds, most))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    """Answer each line, ``[path, seconds]`` in JSON, by an empty line."""
    for line in sys.stdin:
        path, seconds = json.loads(line)
        _limit(seconds)
        _tolerant(walk, path)
        print(flush=True)


if __name__ == "__main__":
    main()
