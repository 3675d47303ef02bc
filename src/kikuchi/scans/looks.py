"""Looks of patterns, in a few numbers that people have words for: a shift of the recording changes them first."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

#: What is measured of a prepared pattern, and what to call it where a scan lies higher or lower.
LOOKS: dict[str, tuple[str, str]] = {
    "ground": ("more uneven brightness over the screen", "more even brightness over the screen"),
    "band_width": (
        "wider bands, as from a farther screen or a lower voltage",
        "narrower bands, as from a nearer screen or a higher voltage",
    ),
    "detail": ("sharper or noisier", "smoother, less sharp"),
    "middle": ("brighter in the middle of the screen", "darker in the middle of the screen"),
    "slope": ("brighter at the top", "darker at the top"),
    "bright_lines": ("few bright features on dark ground", "few dark features on bright ground"),
}

# Rings of spatial frequency, cycles a side: broad brightness, wide bands, narrow bands, edges and noise.
_RINGS = ((1.0, 3.0), (4.0, 7.0), (8.0, 13.0), (16.0, 24.0))
_FLOOR = 1e-8


def pattern_looks(prepared: NDArray[np.floating]) -> NDArray[np.float64]:
    """Measure how prepared patterns look.

    Parameters
    ----------
    prepared
        As `kikuchi.scans.prepare` gives them, shape (n, s, s), in [-1, 1], s at least 32 for all rings to be there.

    Returns
    -------
    numpy.ndarray
        Shape (n, 6), columns as in `LOOKS`: logarithms of the power of broad brightness and of wide bands over that of
        narrow bands, of edges and noise over all bands; middle less edge, top less bottom, and the skewness of the grey
        values. Finite for every finite pattern, constant ones included.
    """
    x = np.asarray(prepared, dtype=np.float64)
    n, side = len(x), x.shape[-1]
    rings, middle, edge = _masks(side)
    spectrum = np.abs(np.fft.rfft2(x - x.mean(axis=(1, 2), keepdims=True))) ** 2 / side**4
    power = np.stack(
        [spectrum[:, ring].mean(axis=1) if ring.any() else np.zeros(n) for ring in rings], axis=1
    )
    broad, wide, narrow, edges = np.log(power + _FLOOR).T
    bands = np.logaddexp(wide, narrow)
    flat = x.reshape(n, -1)
    centred = flat - flat.mean(axis=1, keepdims=True)
    spread = np.maximum(centred.std(axis=1), 1e-6)
    return np.stack(
        [
            broad - bands,
            wide - narrow,
            edges - bands,
            (x[:, middle].mean(axis=1) - x[:, edge].mean(axis=1)) / spread,
            (x[:, : side // 2].mean(axis=(1, 2)) - x[:, side // 2 :].mean(axis=(1, 2))) / spread,
            (centred**3).mean(axis=1) / spread**3,
        ],
        axis=1,
    )


@lru_cache(maxsize=8)
def _masks(side: int) -> tuple[list[NDArray[np.bool_]], NDArray[np.bool_], NDArray[np.bool_]]:
    fy, fx = np.fft.fftfreq(side) * side, np.fft.rfftfreq(side) * side
    frequency = np.hypot(fy[:, None], fx)
    rings = [(frequency >= low) & (frequency <= high) for low, high in _RINGS]
    axis = (np.arange(side) + 0.5) / side * 2 - 1
    radius = np.hypot(axis[:, None], axis)
    return rings, radius < 0.4, (radius > 0.7) & (radius < 1.0)
