"""One run at a time in a folder."""

import os
import platform
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ensemble.errors import InputError
from kikuchi._support import atomic

NAME = ".lock"

#: Beside the lock, on file systems that have none: which process of which machine is at work.
OWNER = ".lock-owner"

#: What a folder that is held may hold without being in use.
OWN = (NAME, OWNER)


@contextmanager
def locked(folder: Path, *, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold a folder for this process; the system lets go of it when the process ends, however it ends.

    What killed runs left half-written in it is swept first. On a file system without locks (some of Lustre, FUSE and
    SMB) a note beside says who is at work; that of a process that is gone, or of another machine's that cannot be
    asked, is passed over.

    Parameters
    ----------
    folder
        It is made.
    waiting
        Called once where another run holds the folder, which is then waited for; refused where None.

    Raises
    ------
    InputError
        Another run holds it, or the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / NAME, mode=0o644)
        with warnings.catch_warnings():
            # It warns that a file system has no locks and that a file takes their place: that is all there is.
            warnings.simplefilter("ignore")
            try:
                lock.acquire(timeout=0)
            except Timeout:
                if waiting is None:
                    raise _busy(folder) from None
                waiting()
                lock.acquire(timeout=-1)
    except (NotImplementedError, OSError) as error:
        if isinstance(error, OSError) and not _writable(folder):
            raise InputError(
                f"cannot be written: {error.strerror or error}", path=folder, remedy="give another --out"
            ) from error
        with _noted(folder):
            atomic.sweep(folder)
            yield
        return
    try:
        atomic.sweep(folder)
        yield
    finally:
        lock.release()


@contextmanager
def _noted(folder: Path) -> Iterator[None]:
    """Hold a folder by a note of machine and process: all there is without locks."""
    note, own = folder / OWNER, f"{platform.node()} {os.getpid()}"
    try:
        machine, process = note.read_text(encoding="utf-8").split()
        if machine == platform.node() and int(process) != os.getpid() and atomic.runs(int(process)):
            raise _busy(folder)
    except (OSError, ValueError):
        pass  # nobody was here, or the note is broken
    atomic.write_text(note, own)
    try:
        yield
    finally:
        note.unlink(missing_ok=True)


def _busy(folder: Path) -> InputError:
    return InputError(
        "another run is at work in this folder", path=folder, remedy="wait for it, or give another --out"
    )


def _writable(folder: Path) -> bool:
    probe = folder / atomic.own_name("probe")
    try:
        probe.touch()
        probe.unlink()
    except OSError:
        return False
    return True
