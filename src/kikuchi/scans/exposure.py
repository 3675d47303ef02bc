"""Faults of a recording: overexposed, cut to fewer bits, or stored as negatives.

A network answers such patterns as it answers others, and mostly wrongly: they are not unfamiliar to it in the way that
noise or another phase is. Both can be seen in the grey values themselves.
"""

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kikuchi.scans.preparation import Preparation, prepare
from kikuchi.scans.quality import disc, saturated_share

if TYPE_CHECKING:
    from kikuchi.scans.scan import Scan

#: Mean of that share over a scan from which there is a warning.
_SATURATED_SCAN = 0.08

#: Mean polarity below which bands are darker than what lies between them. Real and simulated patterns have 0.1 to 0.5,
#: their negatives the same below 0.
_INVERTED = -0.05
#: Scatter of the polarity of a pattern without bands.
_SCATTER = 0.1

#: Share of neighbours far apart from which grey values have wrapped round: real patterns have 0.00002 at most, those
#: that were multiplied by 1.3 to 7 and cut to 8 bits 0.03 to 0.09.
_WRAPPED = 0.01

_SAMPLE = 64
_SIDE = 64
_ANGLES = 45


def polarity(patterns: NDArray[Any]) -> NDArray[np.float64]:
    """Skewness of the line sums of each pattern: positive where bands are bright, as they are on a screen.

    A Kikuchi band is a bright line. Of the sums of grey values along all straight lines, with the smooth background
    and the noise taken out, few are therefore far above the mean, and none so far below it. A negative turns that
    round. The skewness of the grey values themselves is no sign: real patterns have either sign of it.

    Parameters
    ----------
    patterns
        Raw patterns (n, sy, sx) of any real type.

    Returns
    -------
    numpy.ndarray
        (n,); 0 for a constant pattern.
    """
    from scipy.ndimage import gaussian_filter

    ready = prepare(patterns, Preparation(size=_SIDE)).astype(np.float64)
    bands = gaussian_filter(ready, (0, 1, 1)) - gaussian_filter(ready, (0, 6, 6))
    inside = bands[:, disc(_SIDE, _SIDE)]
    inside -= inside.mean(axis=1, keepdims=True)
    sums, length = _lines()
    lines = (sums @ inside.T).T / np.sqrt(length)
    lines -= lines.mean(axis=1, keepdims=True)
    width = lines.std(axis=1)
    third = (lines**3).mean(axis=1)
    return np.divide(third, width**3, out=np.zeros(len(lines)), where=width > 1e-9)


def wrapped_share(patterns: NDArray[Any]) -> float:
    """Share of neighbours whose grey values lie three quarters of the range apart, as where numbers began again at 0.

    Parameters
    ----------
    patterns
        Raw patterns (n, sy, sx); of any type but 8 and 16 bits without sign the share is 0.

    Returns
    -------
    float
        0 to 1; 0 too where smaller jumps are four times as frequent and more, as in noise.
    """
    if patterns.dtype not in (np.uint8, np.uint16):
        return 0.0
    jump = np.abs(np.diff(patterns.astype(np.float32), axis=2)) / np.iinfo(patterns.dtype).max
    large = float((jump > 0.75).mean())
    # Of white noise it is a fifth.
    return large if large > 0.25 * float(((jump > 0.4) & (jump <= 0.75)).mean()) else 0.0


def recording_warnings(scan: "Scan") -> list[str]:
    """Say of a scan what in its recording makes answers untrustworthy; nothing where all is well.

    Parameters
    ----------
    scan
        At most 64 of its patterns are read, spread over it.

    Returns
    -------
    list of str
        One sentence each, for the screen, `summary.json` and the report.
    """
    patterns = scan.read(np.unique(np.linspace(0, scan.n - 1, _SAMPLE).astype(int)))
    varied = np.array([np.isfinite(p).all() and np.ptp(p) > 0 for p in patterns], dtype=bool)
    patterns = patterns[varied]
    if not len(patterns):
        return []
    found = []
    share = float(saturated_share(patterns).mean())
    if share > _SATURATED_SCAN:
        found.append(
            f"the patterns look overexposed: {share:.0%} of a pattern's pixels have its largest grey value, and "
            "answers to such patterns are often wrong; record with a shorter exposure or a lower gain"
        )
    if wrapped_share(patterns) > _WRAPPED:
        found.append(
            "the patterns look cut to fewer bits: grey values begin again at 0 where they should go on, and answers to "
            "such patterns are often wrong; scale them before their type is changed"
        )
    sign = polarity(patterns)
    certain = max(float(sign.std()), _SCATTER) / np.sqrt(len(sign))
    if sign.mean() < min(_INVERTED, -3 * certain):
        found.append(
            "the patterns look inverted: bands are darker than what lies between them, and the answers are mostly "
            "wrong; invert the grey values before mapping"
        )
    return found


@lru_cache(maxsize=1)
def _lines() -> tuple[Any, NDArray[np.float64]]:
    """Return the sums along lines as a sparse matrix over the disc's pixels, and the length of each line."""
    from scipy.sparse import csr_array

    y, x = np.nonzero(disc(_SIDE, _SIDE))
    pixels = np.arange(len(y))
    angles = np.pi * np.arange(_ANGLES) / _ANGLES
    offsets = np.cos(angles)[:, None] * (x - _SIDE / 2 + 0.5) + np.sin(angles)[:, None] * (
        y - _SIDE / 2 + 0.5
    )
    line = np.round(offsets + _SIDE).astype(int) + 2 * _SIDE * np.arange(_ANGLES)[:, None]
    shape = (2 * _SIDE * _ANGLES, len(y))
    sums = csr_array((np.ones(line.size), (line.ravel(), np.tile(pixels, _ANGLES))), shape=shape)
    length = np.asarray(sums.sum(axis=1)).ravel()
    kept = np.flatnonzero(length > _SIDE / 2)
    return sums[kept], length[kept]
