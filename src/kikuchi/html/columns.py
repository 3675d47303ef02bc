"""Numbers as a page carries them: quantised, deflated, base64.

A double per value would make a map of a million points a file of hundreds of megabytes. A score on 65535
levels is finer than anything a screen shows; `map.csv` and `map.h5` keep the full precision.
"""

import base64
import zlib
from typing import Any

import numpy as np

_TYPES: dict[str, np.dtype[Any]] = {
    "u1": np.dtype("u1"),
    "u2": np.dtype("<u2"),
    "u4": np.dtype("<u4"),
    "f4": np.dtype("<f4"),
}


def pack(values: np.ndarray, kind: str) -> dict[str, str]:
    """Pack an array for the page.

    Parameters
    ----------
    values
        Any shape; read in C order.
    kind
        ``"u1"``, ``"u2"``, ``"u4"`` or ``"f4"``: bytes and sort of number, little-endian.

    Returns
    -------
    dict
        ``type`` and ``data``, the base64 of the deflated bytes.

    Examples
    --------
    >>> unpack(pack(np.array([1, 2, 300]), "u2"))
    array([  1,   2, 300], dtype=uint16)
    """
    raw = np.ascontiguousarray(values, dtype=_TYPES[kind]).tobytes()
    return {"type": kind, "data": base64.b64encode(zlib.compress(raw)).decode("ascii")}


def unpack(column: dict[str, Any]) -> np.ndarray:
    """Read back what `pack` packed, as the page does.

    Parameters
    ----------
    column
        What `pack` returned.

    Returns
    -------
    np.ndarray
        Flat array.
    """
    return np.frombuffer(zlib.decompress(base64.b64decode(column["data"])), _TYPES[column["type"]])


def quantise(values: np.ndarray, kind: str = "u2") -> dict[str, Any]:
    """Quantise values linearly between their smallest and largest finite one, and pack them.

    Parameters
    ----------
    values
        Any real numbers; what is not finite becomes the highest code, which means "missing".
    kind
        ``"u1"`` (255 levels) or ``"u2"`` (65535 levels).

    Returns
    -------
    dict
        `pack` plus ``low``, ``high``, ``step`` and ``missing``: value = low + code x step unless code is ``missing``.
        The largest error is half a step.

    Examples
    --------
    >>> column = quantise(np.array([0.0, 1.0, np.nan]), "u1")
    >>> unpack(column).tolist(), column["low"], round(1 / column["step"])
    ([0, 254, 255], 0.0, 254)
    """
    values = np.asarray(values, dtype=np.float64)
    missing = int(np.iinfo(_TYPES[kind]).max)
    finite = np.isfinite(values)
    low = float(values[finite].min()) if finite.any() else 0.0
    high = float(values[finite].max()) if finite.any() else 0.0
    step = (high - low) / (missing - 1) or 1.0
    codes = np.full(values.shape, missing, dtype=_TYPES[kind])
    codes[finite] = np.rint((values[finite] - low) / step)
    return {**pack(codes, kind), "low": low, "high": high, "step": step, "missing": missing}


def probability_codes(probabilities: np.ndarray, kind: str) -> np.ndarray:
    """Probabilities on the fixed scale 0..1 as integers.

    Parameters
    ----------
    probabilities
        Any shape, values in 0..1; a NaN (a pattern no member could read) becomes 0.
    kind
        ``"u1"`` or ``"u2"``.

    Returns
    -------
    np.ndarray
        round(p x 255) or round(p x 65535).

    Examples
    --------
    >>> probability_codes(np.array([0.0, 0.5, 1.0]), "u1").tolist()
    [0, 128, 255]
    """
    levels = np.iinfo(_TYPES[kind]).max
    clean = np.nan_to_num(np.asarray(probabilities, dtype=np.float32), nan=0.0)
    return np.rint(np.clip(clean, 0.0, 1.0) * levels).astype(_TYPES[kind])
