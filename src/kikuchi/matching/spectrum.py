"""Patterns as weighted cosine coefficients: what is compared when a pattern is matched.

A screen's blur and the background that is taken off are both products in the cosine transform (with half-sample
reflection at the edges), and so is a weight for every spatial frequency. A normalised scalar product of coefficients is
then a normalised cross-correlation of filtered patterns, with a fraction of the numbers.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from kikuchi.scans.preparation import resize_matrix

#: Standard deviation of the Gaussian that is taken for background, in shorter sides.
BACKGROUND = 0.12

#: Share of the highest frequency from which a pattern holds noise only.
_NOISE_FROM = 0.95

#: Half waves along the shorter side: what is longer is background that was taken off.
_LOWEST = 2.5

#: Grey values further off than so many standard deviations are clipped.
_CLIP = 4.0


@dataclass(frozen=True)
class Spectrum:
    """Conversion of one scan's patterns to features.

    Parameters
    ----------
    shape
        Rows and columns at which patterns are compared.
    highest
        Highest frequency that takes part, in half waves along the shorter side.
    blur
        Point spread of the screen, standard deviation in pixels of `shape`.
    weights
        Of radial frequencies 0, 1, 2 ... half waves along the shorter side; all alike where None.
    transfer
        What of a simulation's amplitude a pattern shows at those frequencies, in place of a Gaussian blur; None where
        it was not measured.
    mask
        Pixels that see the screen, shape `shape`, bool; None where all do.
    """

    shape: tuple[int, int]
    highest: float
    blur: float = 0.7
    weights: np.ndarray | None = None
    transfer: np.ndarray | None = None
    mask: np.ndarray | None = None

    @cached_property
    def _transforms(self) -> tuple[np.ndarray, np.ndarray]:
        """Orthonormal cosine transforms of rows and columns, shape (kept, length), float32."""
        return tuple(cosines(length, self._kept(length)) for length in self.shape)  # type: ignore[return-value]

    def _kept(self, length: int) -> int:
        return min(length, int(self.highest * length / min(self.shape)) + 1)

    @cached_property
    def radius(self) -> np.ndarray:
        """Radial frequency of every feature, half waves along the shorter side, shape (D,)."""
        return self._grid[self._inside]

    @cached_property
    def _grid(self) -> np.ndarray:
        shorter = min(self.shape)
        down, across = (np.arange(self._kept(length)) * shorter / length for length in self.shape)
        return np.hypot(down[:, None], across)

    @cached_property
    def _inside(self) -> np.ndarray:
        return (self._grid > _LOWEST) & (self._grid <= self.highest)

    @property
    def size(self) -> int:
        """Number of features D."""
        return int(self._inside.sum())

    @cached_property
    def _weight(self) -> np.ndarray:
        if self.weights is None:
            return np.ones(self.size, np.float32)
        rings = np.arange(len(self.weights))
        return np.interp(self.radius, rings, self.weights).astype(np.float32)

    @cached_property
    def _passed(self) -> np.ndarray:
        """A model's features after the screen's transfer function."""
        if self.transfer is not None:
            return np.interp(self.radius, np.arange(len(self.transfer)), self.transfer).astype(np.float32)
        cycles = self.radius / (2 * min(self.shape))
        blur = np.exp(-2 * (np.pi * self.blur * cycles) ** 2)
        return blur.astype(np.float32)

    @cached_property
    def _smoothing(self) -> tuple[np.ndarray, np.ndarray]:
        """Gaussian smoothing along both axes as matrices, float32."""
        made = []
        for length in self.shape:
            full = cosines(length, length)
            cycles = np.arange(length) / (2 * length)
            passed = np.exp(-2 * (np.pi * BACKGROUND * min(self.shape) * cycles) ** 2).astype(np.float32)
            made.append((full.T * passed) @ full)
        return made[0], made[1]

    def _smooth(self, images: np.ndarray) -> np.ndarray:
        down, across = self._smoothing
        if self.mask is None:
            return down @ images @ across
        share = np.maximum(down @ self.mask.astype(np.float32) @ across, 1e-3)
        return down @ (images * self.mask) @ across / share

    def _coefficients(self, images: np.ndarray) -> np.ndarray:
        down, across = self._transforms
        if self.mask is not None:
            images = images * self.mask
        return (down @ images @ across.T)[..., self._inside]

    def of_patterns(self, patterns: np.ndarray) -> np.ndarray:
        """Return unit features of recorded patterns.

        Parameters
        ----------
        patterns
            (n, sy, sx) as recorded, of the aspect of `shape`.

        Returns
        -------
        numpy.ndarray
            Shape (n, D), float32, each of length 1; zeros for a pattern without contrast.
        """
        return unit(self._coefficients(self._flat(patterns)) * self._weight)

    def _flat(self, patterns: np.ndarray) -> np.ndarray:
        """Bring patterns to `shape`, take their background off and clip what is far off."""
        images = np.nan_to_num(np.asarray(patterns, dtype=np.float32), nan=0.0, posinf=0.0, neginf=0.0)
        rows, columns = images.shape[1:]
        if (rows, columns) != self.shape:
            images = resize_matrix(rows, self.shape[0]) @ images @ resize_matrix(columns, self.shape[1]).T
        smooth = self._smooth(images)
        floor = 1e-3 * np.abs(images).mean(axis=(1, 2), keepdims=True) + np.float32(1e-12)
        images = images / np.maximum(smooth, floor) - 1
        if self.mask is not None:
            images = images * self.mask
        spread = _CLIP * images.std(axis=(1, 2), keepdims=True)
        return np.clip(images, -spread, spread)

    def of_models(self, images: np.ndarray) -> np.ndarray:
        """Return features of simulated patterns or of their derivatives, not normalised.

        Parameters
        ----------
        images
            Shape (..., rows, columns) of `shape`.

        Returns
        -------
        numpy.ndarray
            Shape (..., D), float32; linear in `images`.
        """
        if self.mask is None:
            return self._coefficients(images) * (self._weight * self._passed * self._without_smooth)
        return self._coefficients(images - self._smooth(images)) * (self._weight * self._passed)

    @cached_property
    def _without_smooth(self) -> np.ndarray:
        cycles = self.radius / (2 * min(self.shape))
        return (1 - np.exp(-2 * (np.pi * BACKGROUND * min(self.shape) * cycles) ** 2)).astype(np.float32)

    def contrast(self, patterns: np.ndarray) -> np.ndarray:
        """Return the standard deviation of patterns about their smooth background, relative to it, shape (n,)."""
        return self._flat(patterns).std(axis=(1, 2))

    def ceiling(self, patterns: np.ndarray) -> np.ndarray:
        """Return the correlation with its noise-free self that each pattern's noise allows, shape (n,).

        Noise is taken from the highest frequencies of all, which blur leaves to it, and is white.

        Parameters
        ----------
        patterns
            As for `of_patterns`.
        """
        images = self._flat(patterns)
        down, across = (cosines(length, length) for length in self.shape)
        power = np.square(down @ images @ across.T)
        rows, columns = (np.arange(length) / length for length in self.shape)
        noise = power[:, np.hypot(rows[:, None], columns) > _NOISE_FROM].mean(axis=1)
        seen = self._coefficients(images) * self._weight
        total = np.square(seen).sum(axis=1)
        share = noise * np.square(self._weight).sum() / np.maximum(total, 1e-30)
        return np.sqrt(np.clip(1 - share, 0.01, 1.0))

    def coarser(self, shorter: int, highest: float) -> "Spectrum":
        """Return the same comparison at fewer pixels and frequencies."""
        factor = shorter / min(self.shape)
        shape = (max(8, round(self.shape[0] * factor)), max(8, round(self.shape[1] * factor)))
        mask = self.mask
        if mask is not None:
            share = resize_matrix(self.shape[0], shape[0]) @ mask.astype(np.float32)
            mask = share @ resize_matrix(self.shape[1], shape[1]).T > 0.5
        return Spectrum(shape, highest, self.blur * factor, self.weights, self.transfer, mask)

    def on_grid(self, radius: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return what patterns show of a simulation, what they show beside it, and what is compared of both.

        Parameters
        ----------
        radius
            Radial frequencies in half waves along the shorter side, any shape.

        Returns
        -------
        shown, noise, compared
            Factors of the simulation's coefficients, standard deviations of the rest up to a common scale, and what
            taking the background off leaves of either times its weight; shape of `radius`. Beyond the highest
            frequency the first two go on as they are there, and nothing is compared.
        """
        cycles = radius / (2 * min(self.shape))
        if self.transfer is not None:
            shown = np.interp(radius, np.arange(len(self.transfer)), self.transfer)
        else:
            shown = np.exp(-2 * (np.pi * self.blur * cycles) ** 2)
        left = 1 - np.exp(-2 * (np.pi * BACKGROUND * min(self.shape) * cycles) ** 2)
        weights = self._on_rings(self.weights)
        inside = np.clip(radius, int(_LOWEST) + 1, int(self.highest))
        weight = np.interp(inside, np.arange(len(weights)), weights)
        noise = 1 / (weight * np.maximum(left, 0.3))
        compared = left * weight * ((radius > _LOWEST) & (radius <= self.highest))
        return shown.astype(np.float32), noise.astype(np.float32), compared.astype(np.float32)

    def whitened(self, features: np.ndarray) -> "Spectrum":
        """Return the comparison in which patterns have equal power at all frequencies.

        Parameters
        ----------
        features
            Of patterns by this comparison, shape (n, D).
        """
        power = self._rings(np.square(features).mean(axis=0)) / self._on_rings(self.weights) ** 2
        return self.weighted(1 / np.sqrt(np.maximum(power, 1e-12 * power.max())))

    def weighted(self, weights: np.ndarray) -> "Spectrum":
        """Return the comparison with other weights of the radial frequencies; their scale does not matter."""
        weights = np.asarray(weights, dtype=float)
        return replace(self, weights=weights / weights.max())

    def measured(self, features: np.ndarray, models: np.ndarray) -> "Spectrum":
        """Return the comparison that is best for patterns whose simulations are known.

        A model of unknown amplitude in noise is found best where every frequency has the amplitude that patterns show
        of it, divided by the noise: by what simulations do not explain (the matched filter). Real patterns differ from
        simulated ones by factors of 0.2 to 5 at low frequencies, and blur is part of it.

        Parameters
        ----------
        features, models
            Of patterns and of simulations at their poses by this comparison, shapes (n, D).
        """
        models = unit(models)
        shown = np.maximum(np.einsum("nd,nd->n", features, models), 0.0)
        models = models * shown[:, None]  # patterns of little contrast have little to say
        common, own = (
            _smoothed(self._sums((features * models).sum(axis=0))),
            _smoothed(self._sums(np.square(models).sum(axis=0))),
        )
        gain = np.clip(common / np.maximum(own, 1e-12), 0.1, 4.0)
        left = features - np.interp(self.radius, np.arange(len(gain)), gain) * models
        count = _smoothed(self._sums(np.ones(self.size)))
        noise = _smoothed(self._sums(np.square(left).mean(axis=0))) / np.maximum(count, 1e-12)
        noise /= self._on_rings(self.weights) ** 2
        before = self.transfer
        if before is None:
            cycles = np.arange(len(gain)) / (2 * min(self.shape))
            before = np.exp(-2 * (np.pi * self.blur * cycles) ** 2)
        transfer = before[: len(gain)] * gain
        made = self.weighted(1 / np.sqrt(np.maximum(noise, 1e-12 * noise.max())))
        return replace(made, transfer=transfer / transfer.max())

    def _on_rings(self, weights: np.ndarray | None) -> np.ndarray:
        rings = np.arange(int(self.highest) + 2)
        return np.ones(len(rings)) if weights is None else np.interp(rings, np.arange(len(weights)), weights)

    def _sums(self, values: np.ndarray) -> np.ndarray:
        """Sum values of features over rings of frequency."""
        return np.bincount(np.round(self.radius).astype(int), values, int(self.highest) + 2)

    def _rings(self, values: np.ndarray) -> np.ndarray:
        """Mean of values of features over rings of frequency; an empty ring takes its neighbour's."""
        count = self._sums(np.ones(self.size))
        there = np.flatnonzero(count)
        return np.interp(np.arange(len(count)), there, self._sums(values)[there] / count[there])


def _smoothed(rings: np.ndarray) -> np.ndarray:
    """Sum over five neighbouring rings, fewer at the ends."""
    return np.convolve(rings, np.ones(5), mode="same")


def cosines(length: int, kept: int) -> np.ndarray:
    """Return the orthonormal discrete cosine transform of type II, shape (kept, length), float32.

    Examples
    --------
    >>> c = cosines(8, 8)
    >>> bool(np.allclose(c @ c.T, np.eye(8), atol=1e-6))
    True
    """
    place = (np.arange(length) + 0.5) / length
    matrix = np.cos(np.pi * np.arange(kept)[:, None] * place) * np.sqrt(2 / length)
    matrix[0] /= np.sqrt(2)
    return matrix.astype(np.float32)


def unit(features: np.ndarray) -> np.ndarray:
    """Scale features to length 1 along the last axis; zeros stay."""
    length = np.linalg.norm(features, axis=-1, keepdims=True)
    return features / np.maximum(length, np.finfo(np.float32).tiny)
