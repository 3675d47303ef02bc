"""Import Keras as its user has set it up, where this toolkit runs on that; say why not, where it does not."""

import importlib.util
import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ensemble.errors import InputError
from kikuchi._support.threads import hold_libraries

#: Backends that members are trained, run and explained with.
BACKENDS = ("tensorflow", "torch")


def wanted_backend() -> tuple[str, str]:
    """Return the backend that Keras would take, and what says so: the environment, else Keras' own file."""
    named = os.environ.get("KERAS_BACKEND")
    if named:
        return named, "KERAS_BACKEND"
    home = os.environ.get("KERAS_HOME")
    file = (Path(home) if home else Path("~/.keras").expanduser()) / "keras.json"
    try:
        record = json.loads(file.read_bytes())
    except (OSError, ValueError):  # as Keras does
        record = None
    found = record.get("backend") if isinstance(record, dict) else None
    return (str(found), str(file)) if found else ("tensorflow", "Keras' default")


def check_backend() -> None:
    """Refuse a backend that members do not run on, without importing it.

    Raises
    ------
    InputError
        The backend that is set is none that this toolkit runs on, or is not installed.
    """
    if "keras" in sys.modules:
        return
    backend, source = wanted_backend()
    remedy = "set KERAS_BACKEND=" + " or ".join(BACKENDS)
    if backend not in BACKENDS:
        raise InputError(
            f"this toolkit does not run on Keras' backend {backend!r}", path=source, remedy=remedy
        )
    if importlib.util.find_spec(backend) is None:
        raise InputError(f"the backend {backend} is not installed", path=source, remedy=remedy)


def import_keras() -> Any:
    """Import Keras, for arrays whose last axis is that of the channels: members have no other. Silently.

    Raises
    ------
    InputError
        The backend that is set is none that this toolkit runs on, or is not installed.
    """
    check_backend()
    hold_libraries()
    # Retracing is no matter of the user's.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    with _quiet_start():
        import keras

    # A keras.json of channels_first, as old tutorials have it, is meant for other networks than these.
    keras.config.set_image_data_format("channels_last")
    return keras


@contextmanager
def _quiet_start() -> Iterator[None]:
    """Keep TensorFlow's start-up lines, which C++ writes before any setting is read, out of terminals and notebooks."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        kept, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    except OSError:  # there is no standard error to write to
        yield
        return
    _flush()
    os.dup2(null, 2)
    try:
        yield
    finally:
        _flush()
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)


def _flush() -> None:
    if sys.stderr is not None:  # as under pythonw
        sys.stderr.flush()
