"""Endless fresh training patterns: never the same twice, the same seed in the same order."""

from collections.abc import Sequence

import numpy as np

from ensemble.errors import InputError
from kikuchi.simulate.detector.acquisition import Crystals, acquire, draw_parameters, random_crystals
from kikuchi.simulate.detector.distribution import Distribution, between, constant, log_between
from kikuchi.simulate.detector.microscope import Detector, Microscope, Parameters
from kikuchi.simulate.masters.master import MasterPattern
from kikuchi.simulate.training.zone_axis_targets import zone_axis_targets

Batch = tuple[np.ndarray, np.ndarray]


def labelled_batch(
    masters: Sequence[MasterPattern],
    labels: np.ndarray,
    n: int,
    detector: Detector,
    microscope: Microscope,
    seed: Sequence[int],
    workers: int | None = None,
    class_sampling: Sequence[float] | None = None,
) -> Batch:
    """Simulate patterns of classes drawn by `class_sampling`, then a master pattern within the class.

    Parameters
    ----------
    masters, labels
        Master patterns and the class of each, shape (len(masters),).
    n
        Number of patterns.
    detector, microscope
        What every pattern's recording is drawn from.
    seed
        The same seed gives the same patterns, whatever the number of workers.
    workers
        Threads; by default one per core.
    class_sampling
        Of the classes that have masters, ascending, up to a common factor; equal by default.

    Returns
    -------
    patterns, labels
        Shapes (n, rows, columns) and (n,).
    """
    patterns, labels, _, _ = _drawn(masters, labels, n, detector, microscope, seed, workers, class_sampling)
    return patterns, labels


def batch_with_targets(
    masters: Sequence[MasterPattern],
    labels: np.ndarray,
    n: int,
    detector: Detector,
    microscope: Microscope,
    seed: Sequence[int],
    cells: int,
    workers: int | None = None,
    class_sampling: Sequence[float] | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Simulate as `labelled_batch` does, and return the directions that parts of the screen look at.

    Parameters
    ----------
    masters, labels, n, detector, microscope, seed, workers, class_sampling
        As there; the screen is square.
    cells
        Parts along a side of the screen.

    Returns
    -------
    patterns, labels, targets
        Shapes (n, rows, columns), (n,) and (n, cells, cells, `TARGETS`), see
        `kikuchi.simulate.training.zone_axis_targets`.
    """
    if detector.shape[0] != detector.shape[1]:
        raise InputError("the auxiliary task needs a square screen: members see no more of a wider one")
    patterns, truth, crystals, parameters = _drawn(
        masters, labels, n, detector, microscope, seed, workers, class_sampling
    )
    return patterns, truth, zone_axis_targets(crystals.rotations, detector.geometry(parameters), cells)


def _drawn(
    masters: Sequence[MasterPattern],
    labels: np.ndarray,
    n: int,
    detector: Detector,
    microscope: Microscope,
    seed: Sequence[int],
    workers: int | None,
    class_sampling: Sequence[float] | None,
) -> tuple[np.ndarray, np.ndarray, Crystals, Parameters]:
    rng = np.random.default_rng(np.random.SeedSequence([*seed, 4]))
    classes, member_of = np.unique(labels, return_inverse=True)
    shares = np.ones(len(classes)) if class_sampling is None else np.asarray(class_sampling, float)
    weights = (shares / shares.sum() / np.bincount(member_of))[member_of]
    phase = rng.choice(len(masters), size=n, p=weights)
    parameters = draw_parameters(detector, microscope, n, seed)
    crystals = random_crystals(phase, parameters["overlap"], seed)
    blocks = acquire(masters, crystals, parameters, detector, microscope, seed, workers)
    return np.concatenate([block for _, block in blocks]), labels[phase], crystals, parameters


def varied_detector(shape: tuple[int, int] = (64, 64)) -> Detector:
    """Give a detector whose geometry covers what microscopes are set to.

    Parameters
    ----------
    shape
        Rows and columns, pixels.
    """
    return Detector(
        shape=shape,
        pcx=between(0.4, 0.6),
        pcy=between(0.15, 0.6),
        pcz=between(0.4, 0.9),
        sample_tilt=Distribution(kind="normal", values=(70, 1)),
        tilt=between(-5, 10),
        azimuthal=between(-5, 5),
    )


def varied_microscope() -> Microscope:
    """Give a microscope that differs widely from pattern to pattern, to train on."""
    return Microscope(
        contrast=log_between(0.02, 0.2),
        background_x=between(0.3, 0.7),
        background_y=between(0.25, 0.65),
        gradient_x=between(-0.4, 0.4),
        gradient_y=between(-0.4, 0.4),
        blur=between(0.2, 1.3),
        dose=log_between(500, 20_000),
        read_noise=between(0, 10),
        gamma=between(0.7, 1.3),
        gain_variation=log_between(1e-4, 0.02),
        dead_pixels=Distribution(kind="choice", values=(0, 1e-4, 1e-3)),
        occlusion=Distribution(kind="choice", values=(0, 0.05, 0.1), weights=(8, 1, 1)),
        screen_radius=Distribution(kind="choice", values=(2, 1.2, 1.0), weights=(4, 1, 1)),
        deformation=constant(0),
    )


def real_detector(shape: tuple[int, int] = (64, 64)) -> Detector:
    """Give a detector as wide as the real scans at hand, camera distances to 1.05 heights among them.

    Parameters
    ----------
    shape
        Rows and columns, pixels.
    """
    return varied_detector(shape).model_copy(
        update={
            "pcx": between(0.38, 0.62),
            "pcy": between(0.1, 0.6),
            "pcz": between(0.42, 1.08),
        }
    )


def real_microscope() -> Microscope:
    """Give a microscope whose radial spectra reach as far as those of real recordings, to train on.

    Beside `varied_microscope`: a transfer function, stains, noise that is not white, real static backgrounds, screens
    whose round edge lies inside the picture, and contrasts from 2.5 to 40 %. `reports/simulation/spectra.py` compares.
    """
    return varied_microscope().model_copy(
        update={
            "contrast": log_between(0.025, 0.4),
            "dose": log_between(1000, 40_000),
            "background_height": between(0.3, 1.0),
            "blur": between(0.2, 1.2),
            "screen_radius": Distribution(
                kind="choice", values=(2, 1.2, 1.02, 0.98, 0.94), weights=(6, 1, 1, 1, 1)
            ),
            # Wider shadows make a pattern unreadable: `kikuchi.scans.shadow`.
            "occlusion": Distribution(kind="choice", values=(0, 0.1, 0.2, 0.3), weights=(8, 1, 1, 1)),
            "screen_x": between(0.48, 0.52),
            "screen_y": between(0.48, 0.52),
            "transfer_low": log_between(0.08, 1.5),
            "transfer_middle": log_between(0.7, 2.8),
            "transfer_high": log_between(0.4, 2.2),
            "stains": log_between(0.0005, 0.05),
            "smoothing": between(0, 0.6),
            "screen": Distribution(kind="choice", values=(-1, 0, 1, 2, 3, 4), weights=(10, 1, 1, 1, 1, 1)),
        }
    )
