"""The side folder of a large report: what a pinned point needs, in pieces loaded on demand.

A page opened from a disk may not fetch files, but it may add a script element. So each piece is a small script
that hands its base64 text to the page: ``kikuchiChunk(report, kind, number, text)``.
"""

import base64
import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ensemble.errors import InputError

_PIECE = re.compile(r"(detail|patterns)_\d{5}\.js(\.part)?")


def folder_of(out_file: str | Path) -> Path:
    """Return the side folder of a report.

    Examples
    --------
    >>> folder_of("maps/report.html").name
    'report_data'
    """
    path = Path(out_file)
    return path.with_name(f"{path.stem}_data")


def empty_folder(folder: Path) -> None:
    """Remove the pieces of an earlier report, and nothing else.

    Parameters
    ----------
    folder
        Side folder; one that does not exist is fine.
    """
    if not folder.is_dir():
        return
    for file in folder.iterdir():
        if _PIECE.fullmatch(file.name):
            file.unlink()
    if not any(folder.iterdir()):
        folder.rmdir()


def write_pieces(folder: Path, report_id: str, kind: str, pieces: Iterator[np.ndarray]) -> int:
    """Write numbered pieces of one kind.

    Parameters
    ----------
    folder
        Side folder; made when absent.
    report_id
        What the page checks, so that a piece of another map is never shown.
    kind
        ``"detail"`` or ``"patterns"``.
    pieces
        Arrays, each the bytes of consecutive points.

    Returns
    -------
    int
        How many were written.

    Raises
    ------
    InputError
        If the folder cannot be written to.
    """
    number = -1
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, piece in enumerate(pieces):
            data = base64.b64encode(zlib.compress(np.ascontiguousarray(piece).tobytes(), 1)).decode("ascii")
            call = f"kikuchiChunk({json.dumps(report_id)},{json.dumps(kind)},{number},{json.dumps(data)});\n"
            (folder / f"{kind}_{number:05d}.js").write_text(call, encoding="ascii")
    except OSError as error:
        raise InputError(
            f"the report's side folder cannot be written: {error.strerror or error}",
            path=folder,
            remedy="give a folder that can be written to and has room",
        ) from error
    return number + 1
