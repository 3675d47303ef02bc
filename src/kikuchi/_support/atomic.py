"""Files that appear whole or not at all, and their SHA-256."""

import hashlib
import json
import os
import platform
import re
from collections.abc import Iterator
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
    partial = path.with_name(f"{_PARTIAL}{_HOST}-{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise InputError(
            f"cannot be written: {error.strerror or error}",
            path=path,
            remedy="give a folder that can be written to and has space left",
        ) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove what writers of this machine that were killed left unfinished anywhere in a folder."""
    for partial in folder.rglob(f"{_PARTIAL}{_HOST}-*"):
        number = partial.name.removeprefix(f"{_PARTIAL}{_HOST}-").split("-")[0]
        if number.isdecimal() and not _runs(int(number)):
            with suppress(OSError):
                partial.unlink()


def _runs(process: int) -> bool:
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
