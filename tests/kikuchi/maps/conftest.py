"""Hand-made maps: every number is written down, none is computed by the code under test."""

import numpy as np
import pytest

from ensemble.abstention import Decision
from kikuchi.maps import PhaseMap

CLASSES = (221, 225, 229)
NAN = np.nan


def decision(n: int, **changes: object) -> Decision:
    """n solved patterns of 225, except for what is given."""
    values: dict[str, object] = {
        "status": np.zeros(n, np.int8),
        "winner": np.ones(n, np.int16),
        "candidates": np.tile([False, True, False], (n, 1)),
        "probabilities": np.tile([0.1, 0.8, 0.1], (n, 1)),
        "confidence": np.full(n, 0.8),
        "entropy": np.full(n, 0.639),
        "expected_entropy": np.full(n, 0.5),
        "mutual_information": np.full(n, 0.139),
        "variation_ratio": np.zeros(n),
        "unfamiliarity": np.full(n, 0.25),
        "quality": np.full(n, 0.75),
        "votes": np.ones((2, n), np.int16),
    }
    return Decision(**(values | changes))  # type: ignore[arg-type]


def make_map(
    shape: tuple[int, int], d: Decision, keep: np.ndarray | None = None, **changes: object
) -> PhaseMap:
    """A map of two members on a grid of 0.5 um steps, with the points of `keep` only."""
    row, col = (a.ravel() for a in np.indices(shape))
    if keep is not None:
        row, col = row[keep], col[keep]
    values: dict[str, object] = {
        "name": "nickel Phases\t#1",
        "classes": CLASSES,
        "members": ("scratch-1", "transfer, 1"),
        "member_kinds": ("scratch", "transfer"),
        "shape": shape,
        "row": row,
        "col": col,
        "x": 0.5 * col,
        "y": 0.5 * row,
        "step": (0.5, 0.5),
        "decision": d,
        "member_probabilities": np.tile(d.probabilities, (2, 1, 1)).astype(np.float32),
    }
    return PhaseMap(**(values | changes))  # type: ignore[arg-type]


@pytest.fixture
def four_statuses() -> PhaseMap:
    """2 x 3 points: 225, 221, ambiguous, unfamiliar, unreadable (no numbers at all), 229; with orientations."""
    d = decision(
        6,
        status=np.array([0, 0, 1, 2, 3, 0], np.int8),
        winner=np.array([1, 0, 1, 1, -1, 2], np.int16),
        candidates=np.array(
            [[0, 1, 0], [1, 0, 0], [1, 1, 0], [0, 0, 0], [0, 0, 0], [0, 0, 1]],
            dtype=bool,
        ),
        probabilities=np.array(
            [[0.1, 0.8, 0.1], [0.7, 0.2, 0.1], [0.4, 0.5, 0.1], [0.3, 0.4, 0.3], [NAN] * 3, [0.0, 0.0, 1.0]]
        ),
        confidence=np.array([0.8, 0.7, 0.5, 0.4, NAN, 1.0]),
        entropy=np.array([0.6390, 0.8018, 0.9433, 1.0889, NAN, 0.0]),
        expected_entropy=np.array([0.5, 0.6, 0.7, 0.8, NAN, 0.0]),
        mutual_information=np.array([0.1390, 0.2018, 0.2433, 0.2889, NAN, 0.0]),
        variation_ratio=np.array([0.0, 0.5, 0.5, 0.0, NAN, 0.0]),
        unfamiliarity=np.array([0.1, 0.2, 0.3, 0.9, NAN, 0.0]),
        quality=np.array([0.9, 0.8, 0.7, 0.6, 0.0, 1.0]),
        votes=np.array([[1, 0, 0, 1, -1, 2], [1, 1, 1, 1, -1, 2]], np.int16),
    )
    # Turns about z by 0, 10, ..., 50 degrees.
    half = np.deg2rad(10.0 * np.arange(6)) / 2
    orientations = np.column_stack([np.cos(half), np.zeros(6), np.zeros(6), np.sin(half)])
    return make_map(
        (2, 3),
        d,
        orientations=orientations,
        meta={
            "rule": "average",
            "promised_risk": np.float64(0.02),
            "timings": {"total_s": 1.5},
            "measured_risk": NAN,
        },
        problems={4: "every pixel is NaN"},
    )


@pytest.fixture
def cropped() -> PhaseMap:
    """3 x 4 points of which the first and the last were never recorded."""
    keep = np.ones(12, bool)
    keep[[0, 11]] = False
    return make_map((3, 4), decision(10), keep)


@pytest.fixture
def single() -> PhaseMap:
    """One pattern, step unknown."""
    return make_map((1, 1), decision(1), step=(0.0, 0.0))


@pytest.fixture
def one_row() -> PhaseMap:
    """One row of seven points; no step down."""
    return make_map((1, 7), decision(7), step=(0.0, 0.5))


@pytest.fixture
def hexagonal() -> PhaseMap:
    """4 x 5 points, odd rows shifted by half a step to the right."""
    row, col = (a.ravel() for a in np.indices((4, 5)))
    return make_map((4, 5), decision(20), x=0.5 * col + 0.25 * (row % 2), y=0.433 * row, step=(0.433, 0.5))


@pytest.fixture
def with_orientations():
    """A maker of maps, all 225, with the orientations given, shape (N, 4)."""

    def make(shape: tuple[int, int], orientations: np.ndarray) -> PhaseMap:
        return make_map(shape, decision(len(orientations)), orientations=orientations)

    return make
