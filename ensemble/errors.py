"""The one exception for an input or a request that is wrong."""

from pathlib import Path


class InputError(Exception):
    """An input or a request is wrong, and the user can mend it.

    Every room of the toolkit raises this and nothing else on purpose, so that a caller catches one
    type and the command prints one line and exits with code 1.

    Parameters
    ----------
    what
        What is wrong, as a short clause without a full stop.
    path
        File or folder that is meant, if any.
    remedy
        What the user can do about it, as a short clause.

    Examples
    --------
    >>> str(InputError("no patterns in this file", path="map.ang", remedy="give the scan itself"))
    'map.ang: no patterns in this file (give the scan itself)'
    """

    def __init__(self, what: str, *, path: str | Path | None = None, remedy: str | None = None) -> None:
        self.what = what
        self.path = None if path is None else str(path)
        self.remedy = remedy
        text = what if path is None else f"{path}: {what}"
        if remedy:
            text = f"{text} ({remedy})"
        super().__init__(" ".join(text.split()))
