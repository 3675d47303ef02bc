"""Files that appear whole or not at all, and their SHA-256."""

import errno
import hashlib
import json
import os
import platform
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ensemble.errors import InputError

_PARTIAL = ".partial-"
_HOST = re.sub(r"[^A-Za-z0-9]", "", platform.node()) or "here"


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`, and put it in its place when the block ends well.

    The file is flushed to disk before it is renamed, so that a power cut leaves the old file or the new one.

    Raises
    ------
    InputError
        The folder cannot be written or the disk is full; nothing is left behind.
    """
    # The ending is kept because some writers (Keras, orix) choose the format by it; two machines may share a folder.
    partial = path.with_name(own_name(path.name))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    except InputError:
        raise
    except Exception as error:
        if not (isinstance(error, OSError) or _of_hdf5(error) or _is_full(error)):
            raise
        raise unwritable(path, error) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


#: What HDF5 and small things beside the numbers take.
_BESIDE = 2**17


def require_room(path: Path, size: int) -> None:
    """Refuse to begin a file that the disk has no room for.

    A file that HDF5 could not write to its end stays open in the process, which dies of it when it ends. So it is asked
    before.

    Parameters
    ----------
    path
        The file.
    size
        Bytes of what it is to hold, apart from a hundred thousand for what lies beside.

    Raises
    ------
    InputError
        There is not so much room, or no way to write there.
    """
    place = path.parent
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        free = shutil.disk_usage(place).free
    except OSError:  # who cannot be asked is written to
        return
    if free < size + _BESIDE:
        raise InputError(
            "cannot be written: No space left on the disk: "
            f"it takes {_in_words(size + _BESIDE)}, and {_in_words(free)} are free",
            path=path,
            remedy="give a folder that can be written to and has space left",
        )


def _in_words(size: float) -> str:
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"


def unwritable(path: Path, error: Exception) -> InputError:
    """Return what to raise where a file or folder cannot be written."""
    reason = "No space left on the disk" if _is_full(error) else getattr(error, "strerror", None) or error
    return InputError(
        f"cannot be written: {reason}",
        path=path,
        remedy="give a folder that can be written to and has space left",
    )


def _is_full(error: BaseException) -> bool:
    """Whether a full disk is behind an error: libraries give it names of their own, or stumble while they clean up."""
    seen: list[BaseException] = []
    step: BaseException | None = error
    while step is not None and step not in seen:
        if "no space left" in str(step).lower() or getattr(step, "errno", None) == errno.ENOSPC:
            return True
        seen.append(step)
        step = step.__cause__ or step.__context__
    return False


def _of_hdf5(error: Exception) -> bool:
    """Whether HDF5 could not write: h5py raises RuntimeError for a full disk that it meets when a file is closed."""
    words = (
        "no space left",
        "errno =",
        "file write failed",
        "unable to extend file",
        "unable to flush",
        "ref count",
    )
    return isinstance(error, RuntimeError) and any(word in str(error).lower() for word in words)


@contextmanager
def replaced_together(folder: Path, last: str, *, stale: Iterable[str] = ()) -> Iterator[Path]:
    """Give an empty folder to write several files to, and put them in their places together when the block ends well.

    A run that is killed while it writes leaves every file of the run before. While the files change places, which
    takes milliseconds, `last` is absent: who reads the folder looks for it first, and never takes files of two runs
    for those of one.

    Parameters
    ----------
    folder
        Where the files belong; it is made.
    last
        Name of the file that vouches for the others.
    stale
        Names of files and folders that are removed where this run wrote none: those of an earlier one.

    Raises
    ------
    InputError
        The folder cannot be written or the disk is full; the files of the run before stay.
    """
    staged = folder / own_name("together")
    try:
        staged.mkdir(parents=True, exist_ok=True)
        yield staged
        written = sorted(staged.iterdir(), key=lambda path: path.name == last)
        (folder / last).unlink(missing_ok=True)
        for name in set(stale) - {path.name for path in written}:
            _remove(folder / name)
        for path in written:
            target = folder / path.name
            if target.is_dir():
                _remove(target)
            path.replace(target)
    except InputError as error:
        inside = Path(error.path or "")
        if staged not in inside.parents:
            raise
        # Of the folder that is wanted, and not of the one that is gone by now.
        wanted = folder / inside.relative_to(staged)
        raise InputError(error.what, path=wanted, remedy=error.remedy) from error
    except Exception as error:
        if not (isinstance(error, OSError) or _is_full(error)):
            raise
        raise unwritable(folder, error) from error
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def own_name(name: str, mark: str = _PARTIAL) -> str:
    """Return a name with machine and process, by which `sweep` knows what a killed process left."""
    return f"{mark}{_HOST}-{os.getpid()}-{name}"


def sweep(folder: Path, mark: str = _PARTIAL) -> None:
    """Remove what processes of this machine that were killed left unfinished anywhere in a folder.

    Parameters
    ----------
    folder
        Where to look, folders in it included.
    mark
        How the names of such files and folders begin, see `own_name`.
    """
    found = folder.glob(f"{mark}{_HOST}-*") if mark != _PARTIAL else folder.rglob(f"{mark}{_HOST}-*")
    for partial in list(found):
        number = partial.name.removeprefix(f"{mark}{_HOST}-").split("-")[0]
        if number.isdecimal() and not runs(int(number)):
            if partial.is_dir() and not partial.is_symlink():
                shutil.rmtree(partial, ignore_errors=True)
            else:
                with suppress(OSError):
                    partial.unlink()


def runs(process: int) -> bool:
    """Whether a process of this machine is alive."""
    if os.name == "nt":
        # os.kill ends a process on Windows, whatever the signal.
        import ctypes

        handle = ctypes.windll.kernel32.OpenProcess(0x1000, False, process)  # type: ignore[attr-defined]
        if handle:
            ctypes.windll.kernel32.CloseHandle(handle)  # type: ignore[attr-defined]
        return bool(handle)
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's
        return True
    return True


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file atomically."""
    with replaced(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(path: Path, data: Any) -> None:
    """Write JSON atomically; NaN and infinity, which JSON does not have, are refused by Python."""
    write_text(path, json.dumps(data, indent=1, allow_nan=False) + "\n")


def read_json(path: Path, *, remedy: str) -> Any:
    """Read a JSON file; an `InputError` with the remedy where it is missing or broken."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError("no such file", path=path, remedy=remedy) from error
    except (OSError, ValueError, RecursionError) as error:
        raise InputError("not readable as JSON", path=path, remedy=remedy) from error


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
