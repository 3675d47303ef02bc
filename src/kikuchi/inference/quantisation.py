"""Members in 8-bit integers: static quantisation, weights per channel, ranges from real held-out patterns."""

import contextlib
import io
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

#: Patterns that set the ranges of the activations.
CALIBRATION_PATTERNS = 192

_BATCH = 32


def quantise(source: Path, target: Path, patterns: np.ndarray) -> None:
    """Write an exported member with its convolutions in 8 bits (Jacob et al., CVPR 2018).

    Weights are signed with a scale per output channel, activations have the range that they take on the patterns. The
    head stays in single precision: calibration lives in small differences of the logits.

    Parameters
    ----------
    source, target
        The single-precision export, and where to write.
    patterns
        Prepared patterns (n, size, size) that no member was trained on.
    """
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):
        def __init__(self, name: str) -> None:
            self._batches = _batches(name, patterns)

        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(self._batches, None)

    logger = logging.getLogger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            quantize_static(
                source,
                target,
                Reader(_input_name(source)),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=["Conv", "Add", "MaxPool"],
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
            )
    finally:
        logger.setLevel(level)


def _batches(name: str, patterns: np.ndarray) -> Iterator[dict[str, Any]]:
    for start in range(0, len(patterns), _BATCH):
        yield {name: np.ascontiguousarray(patterns[start : start + _BATCH], np.float32)[..., None]}


def _input_name(path: Path) -> str:
    import onnxruntime

    return str(
        onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).get_inputs()[0].name
    )
