"""Try an HDF5 file out before it is read: whether it is damaged, and whether all of it is in it.

The HDF5 library itself crashes or never returns on some damaged files (seen of 1.14.6: names in a broken heap,
attributes in a broken header), and a crash there takes the whole process with it. So another process walks through a
file first. It is started for the first file, answers in milliseconds from then on, and ends with this one.

HDF5 may also keep data in any other file of the machine: by external links, external storage and virtual data sets. A
file from somebody else would so have its reader copy private files into maps and bundles; no such file is read.
"""

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from ensemble.errors import InputError

#: Seconds of processor time after which a walk through a file is taken for endless.
CPU_SECONDS = 20
#: Seconds on the clock after which the walk is given up and nothing is known: a network may be slow.
PATIENCE = 120
_MOST_GROUPS = 100_000
_MADE_INTO_OBJECTS = ("_sig_", "_hspy_")
_PROGRAM = Path(__file__).with_name("hdf5_walk.py")
#: Lets glibc fill memory with a pattern: where the library reads what nobody wrote, it then dies of it each time, and
#: not only sometimes, as the process that reads the file afterwards would.
_UNKIND = {"MALLOC_PERTURB_": "90"}
#: What ends a process that met something no program can go on from; Windows has large numbers for that.
_CRASHES = ("SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGSYS", "SIGTRAP")
_WINDOWS_CRASH = 0xC0000000


def probe_hdf5(path: Path, *, remedy: str, objects: bool = False) -> None:
    """Refuse files on which the HDF5 library dies or never returns, that are being written, or lie in other files.

    An error that the library raises is no matter of this function: whoever reads the file will meet it.

    Parameters
    ----------
    path
        The file.
    remedy
        What to do about a damaged one, for the message.
    objects
        Let names through from which HyperSpy builds objects: where the file is not given to it.

    Raises
    ------
    InputError
        As above.
    """
    ended_by = _WALKER.walk(path)
    if ended_by is None:
        _look_through(path, objects, remedy)
        return
    if ended_by == -getattr(signal, "SIGXCPU", 0):
        what = "does not come to an end of it"
    elif ended_by >= _WINDOWS_CRASH or -ended_by in [getattr(signal, name, 0) for name in _CRASHES]:
        what = "crashes on it"
    else:  # ended by somebody, or never begun: nothing is known
        _look_through(path, objects, remedy)
        return
    raise InputError(f"is damaged: the HDF5 library {what}", path=path, remedy=remedy)


def _look_through(path: Path, objects: bool, remedy: str) -> None:
    """Refuse external links, external storage, virtual data sets, and links of kinds that only some program knows."""
    import h5py

    try:
        opened = h5py.File(path, "r")
    except BlockingIOError:
        raise InputError(
            "is open in another program that may be writing to it",
            path=path,
            remedy="close it there, or copy it",
        ) from None
    except Exception:  # its reader will meet that, too
        return
    with opened as file:
        ahead: list[tuple[str, Any]] = [("", file)]
        seen: set[Any] = set()
        _is_new(file.id, seen, path, remedy)
        while ahead:
            within, group = ahead.pop()
            try:
                found = {name: _own(group, name) for name in group}
            except Exception as error:  # h5py raises a dozen types on damage
                what = str(error).splitlines()[0] if str(error) else type(error).__name__
                raise InputError(
                    f"is damaged: {within or '/'} cannot be listed: {what}", path=path, remedy=remedy
                ) from None
            for key, item in found.items():
                name = key if isinstance(key, str) else key.decode("latin-1")
                # HyperSpy makes a signal, with whatever arguments stand there, of a group so called.
                if not objects and name.startswith(_MADE_INTO_OBJECTS):
                    raise InputError(f"holds {name[:100]!r}, which no scan does", path=path, remedy=remedy)
                if item is _ELSEWHERE:
                    raise InputError(
                        f"keeps {f'{within}/{name}'[:100]!r} in another file",
                        path=path,
                        remedy="copy the data into one file",
                    )
                if isinstance(item, h5py.h5g.GroupID) and _is_new(item, seen, path, remedy):
                    if len(seen) > _MOST_GROUPS:
                        raise InputError(f"holds more than {_MOST_GROUPS} groups", path=path)
                    ahead.append((f"{within}/{name}", h5py.Group(item)))


def _is_new(item: Any, seen: set[Any], path: Path, remedy: str) -> bool:
    """Whether an object was not met yet; it then was. h5py identifies objects by what the file says of them."""
    try:
        new = item not in seen
        seen.add(item)
    except Exception:
        raise InputError(
            "is damaged: nothing is known of one of its groups", path=path, remedy=remedy
        ) from None
    return new


_ELSEWHERE = object()


def _own(group: Any, name: str | bytes) -> Any:
    """Open what a group holds itself; `_ELSEWHERE` for what lies in another file, None for a path within this one."""
    import h5py

    key = name if isinstance(name, bytes) else name.encode("utf-8", "surrogateescape")
    kind = group.id.links.get_info(key).type
    if kind == h5py.h5l.TYPE_SOFT:  # no link out of the file lies on its way
        return None
    if kind != h5py.h5l.TYPE_HARD:
        return _ELSEWHERE
    try:
        item = h5py.h5o.open(group.id, key)
        if not isinstance(item, h5py.h5d.DatasetID):
            return item
        properties = item.get_create_plist()
    except Exception:  # nobody else can open it either
        return None
    virtual = properties.get_layout() == h5py.h5d.VIRTUAL
    return _ELSEWHERE if virtual or properties.get_external_count() else None


def end() -> None:
    """End the process that walks; the next file starts another."""
    _WALKER.end()


class _Walker:
    """The process that walks, started when it is needed and again where it died."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._owner = 0

    def walk(self, path: Path) -> int | None:
        """Walk through a file; None where that came to its end, else the exit code of the process that died."""
        with self._lock:
            try:
                process = self._running()
            except OSError:
                return 0
            given_up = threading.Timer(PATIENCE, process.kill)
            given_up.daemon = True
            given_up.start()
            try:
                assert process.stdin is not None and process.stdout is not None
                process.stdin.write(json.dumps([str(path.absolute()), CPU_SECONDS]) + "\n")
                process.stdin.flush()
                if process.stdout.readline():
                    return None
            except OSError:  # it was ended between two files
                pass
            except BaseException:  # its answer would be taken for that of the next file
                process.kill()
                raise
            finally:
                given_up.cancel()
            return process.wait()

    def _running(self) -> "subprocess.Popen[str]":
        # A fork of this process must not talk to the walker of the other one.
        if self._process is None or self._owner != os.getpid() or self._process.poll() is not None:
            # -P: the files beside the program are no modules of its own.
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(_PROGRAM)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                encoding="utf-8",
                env=os.environ | _UNKIND,
            )
            self._owner = os.getpid()
        return self._process

    def end(self) -> None:
        """End the process, if it is this one's."""
        if self._process is not None and self._owner == os.getpid():
            self._process.kill()
            self._process.communicate()


_WALKER = _Walker()
atexit.register(end)
