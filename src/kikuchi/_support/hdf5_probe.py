"""Try a damaged HDF5 file out in a process of its own, which may die of it.

The HDF5 library itself crashes or never returns on some damaged files (seen of 1.14.6: names in a broken heap,
attributes in a broken header), and a crash there takes the whole process with it. So another process walks through a
file first. It is started for the first file, answers in milliseconds from then on, and ends with this one.
"""

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from ensemble.errors import InputError

#: Seconds of processor time after which a walk through a file is taken for endless.
CPU_SECONDS = 20
#: Seconds on the clock after which the walk is given up and nothing is known: a network may be slow.
PATIENCE = 120
_PROGRAM = Path(__file__).with_name("hdf5_walk.py")
#: Lets glibc fill memory with a pattern: where the library reads what nobody wrote, it then dies of it each time, and
#: not only sometimes, as the process that reads the file afterwards would.
_UNKIND = {"MALLOC_PERTURB_": "90"}
#: What ends a process that met something no program can go on from; Windows has large numbers for that.
_CRASHES = ("SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGSYS", "SIGTRAP")
_WINDOWS_CRASH = 0xC0000000


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
    ended_by = _WALKER.walk(path)
    if ended_by is None:
        return
    if ended_by == -getattr(signal, "SIGXCPU", 0):
        what = "does not come to an end of it"
    elif ended_by >= _WINDOWS_CRASH or -ended_by in [getattr(signal, name, 0) for name in _CRASHES]:
        what = "crashes on it"
    else:  # ended by somebody, or never begun: nothing is known
        return
    raise InputError(f"is damaged: the HDF5 library {what}", path=path, remedy=remedy)


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
