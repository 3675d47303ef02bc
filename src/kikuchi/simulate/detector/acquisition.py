"""Record patterns of given crystals: projection, then camera, in blocks that threads share."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from kikuchi._support.threads import in_order
from kikuchi.simulate.detector.geometry import Geometry
from kikuchi.simulate.detector.imaging import standardise
from kikuchi.simulate.detector.microscope import Detector, Microscope, Parameters, degrade
from kikuchi.simulate.detector.orientations import product, random_orientations, small_turns
from kikuchi.simulate.detector.projection import crystal_basis, project_basis
from kikuchi.simulate.masters.master import MasterPattern

#: Patterns that share one random generator: fixed, so that results do not depend on how work is shared out.
BLOCK = 64

#: Orientations that stand for the spread within a deformed volume.
DEFORMATION_SAMPLES = 9


@dataclass(frozen=True)
class Crystals:
    """Crystals under the beam at every point.

    Parameters
    ----------
    phase
        Index of the master pattern, shape (n,); -1 where there are no bands to be seen.
    rotations
        Unit quaternions, scalar first, shape (n, 4).
    second_phase, second_rotations
        The crystal on the other side of a boundary, same shapes.
    mix
        Share of that second crystal, shape (n,), 0 to 1.
    """

    phase: np.ndarray
    rotations: np.ndarray
    second_phase: np.ndarray
    second_rotations: np.ndarray
    mix: np.ndarray

    def __len__(self) -> int:
        return len(self.phase)


def draw_parameters(
    detector: Detector, microscope: Microscope, n: int, seed: int | Sequence[int]
) -> Parameters:
    """Draw what differs from pattern to pattern, for all of them at once.

    Parameters
    ----------
    detector, microscope
        What it is drawn from.
    n
        Number of patterns.
    seed
        One number, or several.

    Returns
    -------
    dict of numpy.ndarray
        Shape (n,) each: a table of the truth.
    """
    rng = np.random.default_rng(np.random.SeedSequence([*np.atleast_1d(seed), 0]))
    return {**detector.draw(n, rng), **microscope.draw(n, rng)}


def random_crystals(phase: np.ndarray, overlap: np.ndarray, seed: int | Sequence[int]) -> Crystals:
    """Give crystals of given phases in orientations uniform on SO(3).

    Parameters
    ----------
    phase
        Index of the master pattern, shape (n,).
    overlap
        Share of a second crystal of the same phase, shape (n,).
    seed
        One number, or several.
    """
    rng = np.random.default_rng(np.random.SeedSequence([*np.atleast_1d(seed), 1]))
    n = len(phase)
    first = random_orientations(n, rng)
    return Crystals(np.asarray(phase), first, np.asarray(phase), random_orientations(n, rng), overlap)


def acquire(
    masters: Sequence[MasterPattern],
    crystals: Crystals,
    parameters: Parameters,
    detector: Detector,
    microscope: Microscope,
    seed: int | Sequence[int],
    workers: int | None = None,
) -> Iterator[tuple[int, np.ndarray]]:
    """Record the patterns, a block at a time and in order.

    Every block has its own random generator, made from the seed and the block's number.

    Parameters
    ----------
    masters
        Master patterns that `crystals` point to.
    crystals
        One per pattern.
    parameters
        As drawn by `draw_parameters`.
    detector, microscope
        For what is not drawn: shape, bits and camera.
    seed
        One number, or several.
    workers
        Threads; by default one per core.

    Yields
    ------
    start : int
        Index of the block's first pattern.
    patterns : numpy.ndarray
        Shape (up to `BLOCK`, rows, columns), uint8 or uint16.
    """

    def block(start: int) -> tuple[int, np.ndarray]:
        which = np.arange(start, min(start + BLOCK, len(crystals)))
        entropy = [*np.atleast_1d(seed), 2, start // BLOCK]
        rng = np.random.default_rng(np.random.SeedSequence(entropy))
        drawn = {name: values[which] for name, values in parameters.items()}
        signal = _signal(masters, crystals, which, drawn, detector, rng)
        return start, degrade(signal, microscope, rng, parameters=drawn)[0]

    return in_order(block, range(0, len(crystals), BLOCK), workers)


def _signal(
    masters: Sequence[MasterPattern],
    crystals: Crystals,
    which: np.ndarray,
    drawn: Parameters,
    detector: Detector,
    rng: np.random.Generator,
) -> np.ndarray:
    """Kikuchi signal of some of the points, shape (n, rows, columns): mean 0, and 0 without bands."""
    geometry = detector.geometry(drawn)
    spread, binning = drawn["deformation"], drawn["binning"].astype(int)
    signal = _seen(masters, crystals.phase[which], crystals.rotations[which], geometry, spread, binning, rng)
    mix = crystals.mix[which].astype(np.float32)
    mixed = np.flatnonzero(mix > 0)
    if len(mixed):
        second = _seen(
            masters,
            crystals.second_phase[which][mixed],
            crystals.second_rotations[which][mixed],
            geometry.take(mixed),
            spread[mixed],
            binning[mixed],
            rng,
        )
        share = mix[mixed, None, None]
        signal[mixed] = (1 - share) * signal[mixed] + share * second
    return signal


def _seen(
    masters: Sequence[MasterPattern],
    phase: np.ndarray,
    rotations: np.ndarray,
    geometry: Geometry,
    spread: np.ndarray,
    binning: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """One crystal per pattern, blurred by deformation, standardised; 0 where `phase` is -1."""
    signal = np.zeros((len(phase), *geometry.shape), dtype=np.float32)
    for bins, bent in np.unique(np.stack([binning, spread > 0]), axis=1).T:
        chosen = np.flatnonzero((binning == bins) & ((spread > 0) == bent))
        there, turned = geometry.take(chosen).scaled(int(bins)), rotations[chosen]
        patterns = np.zeros((len(chosen), *there.shape), dtype=np.float32)
        for _ in range(DEFORMATION_SAMPLES if bent else 1):
            if bent:
                # Lengths of normal vectors in three dimensions: the spread is alike about every axis.
                angles = spread[chosen] * np.sqrt(rng.chisquare(3, len(chosen)) / 3)
                turned = product(small_turns(angles, rng), rotations[chosen])
            basis = crystal_basis(turned, there)
            for index in np.unique(phase[chosen]):
                if index >= 0:
                    here = phase[chosen] == index
                    patterns[here] += project_basis(masters[index], basis[here], there.shape)
        signal[chosen] = standardise(_bin(patterns, int(bins)))
    return signal


def _bin(patterns: np.ndarray, factor: int) -> np.ndarray:
    if factor == 1:
        return patterns
    n, rows, columns = patterns.shape
    return patterns.reshape(n, rows // factor, factor, columns // factor, factor).mean(axis=(2, 4))


def simulate_patterns(
    master: MasterPattern,
    n: int,
    microscope: Microscope | None = None,
    seed: int = 0,
    *,
    detector: Detector | None = None,
    rotations: np.ndarray | None = None,
    workers: int | None = None,
) -> tuple[np.ndarray, Parameters]:
    """Simulate patterns of one material.

    Parameters
    ----------
    master
        The material.
    n
        Number of patterns.
    microscope
        How they are recorded; by default moderate noise on a hill of background.
    seed
        The same seed gives the same patterns.
    detector
        Screen and geometry; by default 64 x 64 pixels, 70 degrees.
    rotations
        Unit quaternions, scalar first, shape (n, 4); by default uniform on SO(3).
    workers
        Threads; by default one per core. They change nothing but the time.

    Returns
    -------
    patterns : numpy.ndarray
        Shape (n, rows, columns), uint8 or uint16.
    truth : dict of numpy.ndarray
        Drawn parameters, shape (n,) each, and ``rotations``, shape (n, 4).
    """
    microscope, detector = microscope or Microscope(), detector or Detector()
    parameters = draw_parameters(detector, microscope, n, seed)
    crystals = random_crystals(np.zeros(n, dtype=int), parameters["overlap"], seed)
    if rotations is not None:
        crystals = Crystals(
            crystals.phase,
            np.asarray(rotations, dtype=float),
            crystals.second_phase,
            crystals.second_rotations,
            crystals.mix,
        )
    blocks = acquire([master], crystals, parameters, detector, microscope, seed, workers)
    dtype = np.uint8 if microscope.bits == 8 else np.uint16
    patterns = np.empty((n, *detector.shape), dtype=dtype)
    for start, block in blocks:
        patterns[start : start + len(block)] = block
    return patterns, {**parameters, "rotations": crystals.rotations}
