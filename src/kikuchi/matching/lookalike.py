"""Patterns as one scan records them: its geometry, spectrum, noise and background, measured from the scan itself."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kikuchi.matching.search import CentrePlane, base_at
from kikuchi.matching.spectrum import Spectrum, cosines
from kikuchi.matching.texture import Texture, plain_views
from kikuchi.simulate.detector.geometry import Geometry
from kikuchi.simulate.detector.orientations import random_orientations

_BATCH = 256


@dataclass(frozen=True)
class Lookalike:
    """Distribution of a scan's patterns.

    Attributes
    ----------
    spectrum
        Says how much of a simulation a pattern shows at every frequency, and what the rest is.
    base, plane
        The camera and its pattern centres.
    scores
        How alike patterns and simulations are, as found in the scan, shape (n,): one is drawn for each pattern.
    contrast
        Standard deviation of a pattern about its background, relative to it.
    background
        Mean pattern at the spectrum's pixels, mean 1.
    """

    spectrum: Spectrum
    base: Geometry
    plane: CentrePlane
    scores: np.ndarray
    contrast: float
    background: np.ndarray

    def patterns(
        self,
        textures: Sequence[Texture],
        labels: np.ndarray,
        rng: np.random.Generator,
        *,
        rotations: np.ndarray | None = None,
        flat: bool = False,
        scores: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw patterns of given phases in random orientations.

        Parameters
        ----------
        textures
            Of the phases.
        labels
            Which phase each pattern is of, shape (n,).
        rng
            Where randomness comes from.
        rotations
            Unit quaternions, shape (n, 4), where they are known.
        flat
            Leave the background out, as `flattened` does.
        scores
            How alike each pattern is to its simulation, shape (n,); drawn from those of the scan by default.

        Returns
        -------
        patterns, places
            Shapes (n, rows, columns) float32 with mean about 1, and (n, 2).
        """
        n = len(labels)
        turns = random_orientations(n, rng) if rotations is None else rotations
        place = rng.uniform(-1, 1, (n, 2))
        alike = rng.choice(self.scores, n) if scores is None else np.asarray(scores)
        out = np.empty((n, *self.spectrum.shape), np.float32)
        for start in range(0, n, _BATCH):
            part = np.arange(start, min(start + _BATCH, n))
            geometry = base_at(self.base, self.spectrum, self.plane.at(place[part]))
            clean = np.empty((len(part), *self.spectrum.shape), np.float32)
            for k in np.unique(labels[part]):
                here = np.flatnonzero(labels[part] == k)
                clean[here] = plain_views(textures[k], turns[part][here], geometry.take(here))
            out[part] = self._recorded(clean, alike[part], rng)
        return (out if flat else out * self.background), place

    def _recorded(self, clean: np.ndarray, scores: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Add what simulations do not show, in the proportion that the scores say, and scale to the scan's contrast."""
        down, across = (cosines(length, length) for length in self.spectrum.shape)
        rows, columns = self.spectrum.shape
        grid = np.hypot(
            np.arange(rows)[:, None] * min(rows, columns) / rows,
            np.arange(columns) * min(rows, columns) / columns,
        )
        shown, noise, compared = self.spectrum.on_grid(grid)
        model = (down @ clean @ across.T) * shown
        drawn = rng.standard_normal(model.shape, dtype=np.float32) * noise
        signal, rest = (np.sqrt(np.square(part * compared).sum(axis=(1, 2))) for part in (model, drawn))
        score = np.clip(scores, 0.02, 0.98)
        weight = (np.sqrt(1 / score**2 - 1) * signal / np.maximum(rest, 1e-12)).astype(np.float32)
        images = down.T @ (model + weight[:, None, None] * drawn) @ across
        images /= np.maximum(images.std(axis=(1, 2), keepdims=True), 1e-12)
        # The contrast is that about a smooth background, which takes some of the signal with it.
        images *= (0.01 / np.maximum(self.spectrum.contrast(1 + 0.01 * images), 1e-9))[:, None, None]
        return np.maximum(1 + np.float32(self.contrast) * images, 0)
