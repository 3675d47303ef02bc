"""Details of a pinned point on the page: its pattern and every member's probabilities.

Small maps carry it inside the page. Above `INLINE_BYTES` it moves to the side folder, probabilities on 255
levels instead of 65535, and the page loads the piece that holds the point.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensemble.errors import InputError
from kikuchi.html.columns import pack, probability_codes
from kikuchi.html.side_folder import write_pieces

INLINE_BYTES = 8_000_000
#: Bytes of patterns that a report keeps unless another is given; of a larger map, a regular share of the points'.
KEPT_BYTES = 200_000_000
_DETAIL_POINTS = 4096
_PATTERN_BYTES = 2_000_000

Patterns = np.ndarray | Callable[[np.ndarray], np.ndarray]


def detail_payload(
    pooled: np.ndarray, members: np.ndarray, folder: Path, report_id: str, inline_bytes: int
) -> dict[str, Any]:
    """Pooled and single members' probabilities, in the page or beside it.

    Parameters
    ----------
    pooled
        (N, K), calibrated, 0..1.
    members
        (M, N, K), 0..1.
    folder, report_id
        Where pieces go, and whose they are.
    inline_bytes
        Above this many bytes they go to the side folder.

    Returns
    -------
    dict
        ``inline``, a packed column, or ``pieces`` and ``points`` per piece; and ``levels``, what stands for 1. A
        point's record is K pooled codes followed by M x K member codes.
    """
    n, classes = pooled.shape

    def records(start: int, stop: int, kind: str) -> np.ndarray:
        both = np.concatenate([pooled[None, start:stop], members[:, start:stop]])
        return probability_codes(np.moveaxis(both, 0, 1), kind)

    if n * classes * (1 + len(members)) * 2 <= inline_bytes:
        return {"levels": 65535, "inline": pack(records(0, n, "u2"), "u2")}
    pieces = (records(start, start + _DETAIL_POINTS, "u1") for start in range(0, n, _DETAIL_POINTS))
    number = write_pieces(folder, report_id, "detail", pieces)
    return {"levels": 255, "pieces": number, "points": _DETAIL_POINTS}


def kept_stride(n: int, pattern_bytes: int, share: float | None = None) -> int:
    """Return s: of every s-th row and column a report keeps the patterns.

    Parameters
    ----------
    n
        Points of the map.
    pattern_bytes
        Bytes of one thumbnail.
    share
        Share of the points wanted, in (0, 1]; None for all up to `KEPT_BYTES`, and as many as fit into that beyond.

    Examples
    --------
    >>> kept_stride(11_700, 64 * 64), kept_stride(1_000_000, 64 * 64), kept_stride(1_000_000, 64 * 64, 1.0)
    (1, 5, 1)
    """
    wanted = min(1.0, KEPT_BYTES / max(n * pattern_bytes, 1)) if share is None else share
    if not 0.0 < wanted <= 1.0:
        raise InputError(f"a share of {wanted} of the patterns in the report", remedy="above 0, at most 1")
    return math.ceil(math.sqrt(1.0 / wanted) - 1e-9)


def pattern_payload(
    patterns: Patterns | None,
    n: int,
    folder: Path,
    report_id: str,
    inline_bytes: int,
    kept: NDArray[np.intp] | None = None,
    stride: int = 1,
) -> dict[str, Any] | None:
    """Thumbnails of the patterns, in the page or beside it.

    Parameters
    ----------
    patterns
        (N, s, s) uint8, or a function from indices (n,) to (n, s, s) uint8, so that a scan larger than memory
        can be read in pieces; None for a report without patterns.
    n
        Number of points N.
    folder, report_id, inline_bytes
        As in `detail_payload`.
    kept
        Points whose patterns are kept, ascending; all of them where None.
    stride
        What chose them: every so many rows and columns, see `kept_stride`.

    Returns
    -------
    dict or None
        ``height``, ``width`` in pixels, ``stride``, and ``inline`` or ``pieces`` and ``points``.

    Raises
    ------
    InputError
        If the thumbnails are not uint8 images, one per point.
    """
    if patterns is None or n == 0:
        return None

    def read(indices: np.ndarray) -> np.ndarray:
        images = patterns(indices) if callable(patterns) else patterns[indices]
        if images.ndim != 3 or len(images) != len(indices) or images.dtype != np.uint8:
            raise InputError(
                f"thumbnails of shape {images.shape} and type {images.dtype} for {len(indices)} points",
                remedy="give (N, s, s) uint8 images, one per point",
            )
        return images

    if not callable(patterns) and len(patterns) != n:
        raise InputError(
            f"{len(patterns)} thumbnails for {n} points", remedy="give (N, s, s) uint8 images, one per point"
        )
    height, width = read(np.arange(1)).shape[1:]
    chosen = np.arange(n) if kept is None else kept
    size = {"height": height, "width": width, "stride": stride}
    if len(chosen) * height * width <= inline_bytes:
        return {**size, "inline": pack(read(chosen), "u1")}
    points = max(1, _PATTERN_BYTES // (height * width))
    pieces = (read(chosen[start : start + points]) for start in range(0, len(chosen), points))
    return {**size, "pieces": write_pieces(folder, report_id, "patterns", pieces), "points": points}
