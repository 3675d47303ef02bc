"""A file is there in full or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ensemble.errors import InputError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a path beside the wanted one to write to, and move it there once all is written.

    Parameters
    ----------
    path
        File to write; its folder is made. What was there stays until the new file is complete.

    Yields
    ------
    Path
        Where to write, with the same suffix.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    temporary = path.with_name(f".{path.stem}-{os.getpid()}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise InputError(
            f"cannot be written: {error.strerror or error}",
            path=path,
            remedy="give a folder that can be written to and has space left",
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
