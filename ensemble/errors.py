"""The one exception for an input or a request that is wrong."""

import re
from pathlib import Path

#: Control characters, with which text moves a terminal's cursor or types into it; halves of characters that are none,
#: which cannot be printed; characters that turn the direction of what follows.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")


def printable(text: str, *, keep: str = "") -> str:
    r"""Return text from a file as it may be shown: what is no character to look at becomes the sign for one, U+FFFD.

    Parameters
    ----------
    text
        Any.
    keep
        Control characters to let through, such as line breaks of a text of several lines.

    Examples
    --------
    >>> ascii(printable("Ni\x1b[2J")), printable("a\nb", keep="\n")
    ("'Ni\\ufffd[2J'", 'a\nb')
    """
    return _UNPRINTABLE.sub(lambda match: match[0] if match[0] in keep else "\ufffd", text)


class InputError(Exception):
    """An input or a request is wrong, and the user can mend it.

    Every package of the toolkit raises this and nothing else on purpose, so that a caller catches one
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
        super().__init__(printable(" ".join(text.split())))
