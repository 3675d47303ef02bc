"""Share of the screen in a shadow: of a detector, of an edge, of a screen half out."""

from functools import lru_cache

import numpy as np

#: From this share of the disc on a pattern shows too little to be read.
SHADOW_LIMIT = 0.2

# Cells along a side, radius of the disc in sides, levels tried (shares of the bright level), and how dark a cell inside
# the border of a shadow is against the one two cells outside of it.
_CELLS = 16
_RADIUS = 0.46
_LEVELS = (0.15, 0.2, 0.3, 0.4, 0.5)
_STEP = 0.4
# What covers fewer cells than a twentieth of the disc is not asked about.
_LEAST_CELLS = 8
# Mean light in a shadow is below this share of the bright level in the picture as recorded: in faint stripes and bands
# it is not.
_DARK_LIGHT = 0.6
# Of the rim: what is dark all around a bright beam, as in transmission, is no shadow.
_MOST_OF_RIM = 0.75


def shadowed_share(patterns: np.ndarray) -> np.ndarray:
    """Share of the largest circle in a pattern that lies in shadow.

    A shadow is distinguished from uneven light by its border: light falls there to 40 % or less within an
    eighth of the picture. The steepest hill of background that simulations draw keeps more than half of it. And it
    comes from one side: darkness all around a bright beam, or between disks of transmitted beams, is none.

    Parameters
    ----------
    patterns
        Raw patterns (n, sy, sx) of any real type, at least 16 pixels a side.

    Returns
    -------
    numpy.ndarray
        (n,) float64 in [0, 1]; 0 where no border of a shadow is found.

    Examples
    --------
    >>> pattern = np.full((1, 64, 64), 100.0)
    >>> pattern[:, :, :32] = 5
    >>> shadowed_share(pattern).round(1)
    array([0.5])
    """
    n, sy, sx = patterns.shape
    share = np.zeros(n)
    if min(sy, sx) < _CELLS:
        return share
    raw = _cells(patterns)
    cells = raw - raw.reshape(n, -1).min(axis=1)[:, None, None]
    place = (np.arange(_CELLS) + 0.5) / _CELLS - 0.5
    disc = (np.hypot(place[:, None], place) <= _RADIUS)[None]
    bright = np.quantile(cells[:, disc[0]], 0.9, axis=1)[:, None, None]
    # Most patterns hold no cell that dark: only the rest are worth a look.
    light = np.quantile(raw[:, disc[0]], 0.9, axis=1)
    many = ((cells < _LEVELS[-1] * bright) & disc).sum(axis=(1, 2)) >= _LEAST_CELLS
    some = np.flatnonzero(many & (raw.reshape(n, -1).min(axis=1) < _DARK_LIGHT * light))
    cells, bright, raw, light = cells[some], bright[some], raw[some], light[some]
    for level in _LEVELS:
        dark = _from_the_rim((cells < level * bright) & disc)
        found = dark.sum(axis=(1, 2)) / disc.sum()
        shadow = _has_border(cells, dark, disc) & _from_one_side(dark)
        shadow &= (raw * dark).sum(axis=(1, 2)) < _DARK_LIGHT * light * dark.sum(axis=(1, 2))
        share[some] = np.where(shadow, np.maximum(share[some], found), share[some])
    return share


def _from_the_rim(dark: np.ndarray) -> np.ndarray:
    """Keep the connected parts of what is dark that stand at exactly one stretch of the rim, (n, cells, cells)."""
    from scipy.ndimage import label

    within = np.zeros((3, 3, 3), int)
    within[1] = 1  # corners join, pictures do not
    parts, count = label(dark, within)
    around = parts[:, *_rim()]
    # One lit cell between two of the same part is noise.
    before, after = np.roll(around, 1, axis=1), np.roll(around, -1, axis=1)
    around = np.where((around == 0) & (before == after), before, around)
    begins = around[(around > 0) & (around != np.roll(around, 1, axis=1))]
    return (np.bincount(begins, minlength=count + 1) == 1)[parts] & dark


def _has_border(cells: np.ndarray, dark: np.ndarray, disc: np.ndarray) -> np.ndarray:
    """Whether light falls off steeply at most of the border of what is dark, (n,)."""
    steep, pairs = np.zeros(len(cells)), np.zeros(len(cells))
    for axis in (1, 2):
        for way in (2, -2):
            inside = dark & disc & ~np.roll(dark, way, axis) & np.roll(disc, way, axis)
            edge = [slice(None)] * 3
            edge[axis] = slice(0, way) if way > 0 else slice(way, None)
            inside[tuple(edge)] = False
            steep += (inside & (cells < _STEP * np.roll(cells, way, axis))).sum(axis=(1, 2))
            pairs += inside.sum(axis=(1, 2))
    return (pairs >= _CELLS // 4) & (steep > 0.7 * pairs)


def _from_one_side(dark: np.ndarray) -> np.ndarray:
    """Whether what is dark stands at one or two stretches of the rim and leaves the rest of it lit, (n,)."""
    around = dark[:, *_rim()]
    changes = (around != np.roll(around, 1, axis=1)).sum(axis=1)
    return (around.mean(axis=1) <= _MOST_OF_RIM) & (changes >= 2) & (changes <= 4)


@lru_cache(maxsize=1)
def _rim() -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the cells along the rim of the disc, in the order of their angle."""
    y, x = (np.indices((_CELLS, _CELLS)) + 0.5) / _CELLS - 0.5
    distance = np.hypot(y, x)
    rows, columns = np.nonzero((distance <= _RADIUS) & (distance > _RADIUS - 1.3 / _CELLS))
    order = np.argsort(np.arctan2(y[rows, columns], x[rows, columns]), kind="stable")
    return rows[order], columns[order]


def _cells(patterns: np.ndarray) -> np.ndarray:
    """Mean of the picture in `_CELLS` by `_CELLS` cells, (n, cells, cells) float64; what is not finite counts as 0."""
    x = np.where(np.abs(patterns) < 1e15, patterns, 0) if patterns.dtype.kind == "f" else patterns
    for axis in (1, 2):
        starts = np.arange(_CELLS) * x.shape[axis] // _CELLS
        counts = np.diff(np.append(starts, x.shape[axis]))
        x = np.add.reduceat(x, starts, axis=axis, dtype=np.float64)
        x /= counts[:, None] if axis == 1 else counts
    return x
