"""Anything a map knows, as what JSON can hold."""

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np


def plain(value: Any) -> Any:
    """Turn arrays, numbers of NumPy, dataclasses and mappings into plain JSON values.

    NaN and infinities become None, since JSON has no word for them; what is none of these becomes its text.

    Examples
    --------
    >>> plain({225: np.float32(0.5), "risk": float("nan"), "step": np.array([1, 2])})
    {'225': 0.5, 'risk': None, 'step': [1, 2]}
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(item) for item in value]
    return str(value)
