"""Folders from somebody else hold no links: what is read and written under their name lies in them."""

import os
from pathlib import Path

from ensemble.errors import InputError


def refuse_links(folder: Path, *, remedy: str) -> None:
    """Refuse a folder in which anything is a link, or resolves outside it.

    A link would let a bundle that was sent read, and a run on it write, wherever the link leads. The folder itself may
    be one: its user chose the path.

    Parameters
    ----------
    folder
        Looked through to the bottom; nothing is refused where it does not exist.
    remedy
        What to do, for the message.

    Raises
    ------
    InputError
        As above, naming the link.
    """
    for place, folders, files in os.walk(folder):  # never into a link
        inside = Path(os.path.realpath(place))
        for name in folders + files:
            path = Path(place) / name
            # A junction of Windows is no link by name, and resolves elsewhere all the same.
            if path.is_symlink() or Path(os.path.realpath(path)) != inside / name:
                raise InputError("is a link: nothing in here may be one", path=path, remedy=remedy)
