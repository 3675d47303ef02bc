"""Write a member as ONNX, and hold it against Keras before anybody trusts it."""

import contextlib
import importlib.util
import io
import logging
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kikuchi._support.keras_setup import wanted_backend
from kikuchi.inference.engine import Engine

if TYPE_CHECKING:
    import keras

#: Largest difference of logits that counts as rounding, in units of the largest logit (or of 1 where that is smaller).
TOLERANCE = 1e-4

#: What brings everything that makes engines.
FAST = 'pip install -e ".[fast]"'


@dataclass(frozen=True)
class Parity:
    """Comparison of an engine with Keras on the same patterns.

    Attributes
    ----------
    patterns
        How many were compared.
    largest_difference
        Of the logits, in units of the largest logit or of 1.
    agreement
        Share of patterns with the same label.
    """

    patterns: int
    largest_difference: float
    agreement: float

    @property
    def holds(self) -> bool:
        """Whether the engine says what Keras says, up to rounding."""
        return self.agreement == 1 and self.largest_difference <= TOLERANCE

    def to_dict(self) -> dict[str, Any]:
        """Everything, as plain JSON."""
        return asdict(self)


def missing_exporter() -> tuple[str, str] | None:
    """Find what is not installed of that which writes and runs exports, before any work.

    Returns
    -------
    tuple or None
        The first package that is missing, and how to install it; None where everything is there.
    """
    exporter = {"tensorflow": ["tf2onnx"], "torch": ["onnxscript"]}
    for name in ["onnxruntime", "onnx", *exporter.get(wanted_backend()[0], [])]:
        if importlib.util.find_spec(name) is None:
            return (
                name,
                FAST if name != "onnxscript" else "pip install onnxscript, or KERAS_BACKEND=tensorflow",
            )
    return None


def export_member(model: "keras.Model", path: Path) -> None:
    """Write a member as ONNX with Keras' own exporter, for batches of any size.

    Parameters
    ----------
    model
        A float32 member.
    path
        Replaced if there.

    Raises
    ------
    Exception
        Whatever the exporter raises; it depends on the backend and the versions of tf2onnx or onnxscript.
    """
    # The exporter wants a model that has been called once.
    model.predict_on_batch(np.zeros((1, *model.input_shape[1:]), np.float32))
    logger = logging.getLogger("tf2onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            model.export(path, format="onnx", verbose=False)
    finally:
        logger.setLevel(level)


def parity(engine: Engine, reference: Engine, patterns: np.ndarray) -> Parity:
    """Compare two engines of one member.

    Parameters
    ----------
    engine, reference
        The one to judge, and Keras.
    patterns
        Prepared, real patterns, (n, size, size).
    """
    seen, wanted = engine.predict(patterns)[0], reference.predict(patterns)[0]
    scale = max(1.0, float(np.abs(wanted).max(initial=0)))
    difference = float(np.abs(seen - wanted).max(initial=0)) / scale
    if not np.isfinite(difference):
        return Parity(len(patterns), float(np.finfo(np.float64).max), 0.0)
    return Parity(len(patterns), difference, float((seen.argmax(1) == wanted.argmax(1)).mean()))
