"""Libraries that write into the user's home when they are imported, where there is none to write into."""

import importlib
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_HOME = ("HOME", "USERPROFILE")


def load_kikuchipy() -> Any:
    """Import kikuchipy, whose HyperSpy makes ``~/.hyperspy`` and fails where it cannot.

    On machines that share their programs and in containers the home may be missing or read-only: the import then sees
    a temporary one, and nothing of this process is changed by it.
    """
    if "kikuchipy" not in sys.modules:
        with _writable_home():
            importlib.import_module("hyperspy.defaults_parser")
    return importlib.import_module("kikuchipy")


@contextmanager
def _writable_home() -> Iterator[None]:
    try:
        folder = Path("~/.hyperspy").expanduser()
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        for file in folder.iterdir():
            file.open("rb").close()
    except (OSError, RuntimeError):  # RuntimeError: nobody knows where home is
        before = {name: os.environ.get(name) for name in _HOME}
        with tempfile.TemporaryDirectory(prefix="kikuchi-home-", ignore_cleanup_errors=True) as home:
            os.environ.update(dict.fromkeys(_HOME, home))
            try:
                yield
            finally:
                for name, value in before.items():
                    if value is None:
                        os.environ.pop(name, None)
                    else:
                        os.environ[name] = value
    else:
        yield
