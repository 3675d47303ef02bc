"""A map as pixels: colours of points, stripes of reasons, rows of a hexagonal grid shifted."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ensemble.abstention import Status
from kikuchi.maps.colours import NO_PATTERN_COLOUR, STATUS_TONES, class_colours, rgb_of
from kikuchi.maps.frame import map_size
from kikuchi.maps.full_grid import is_hexagonal
from kikuchi.maps.map_data import MapData

PIXELS = 900
"""Pixels along the longer side, about: fine enough for stripes on a map of a few points."""
STRIPE = 12
"""Distance of stripes, pixels."""


def pixels(phase_map: MapData, values: NDArray, fill: object) -> NDArray:
    """Lay values of patterns out as nearly square pixels, shape (R', C', ...).

    Every point is enlarged by whole numbers. Every other row of a hexagonal map is shifted by half a point.
    """
    image = phase_map.image(values, fill)
    rows, cols = phase_map.shape
    width, height = map_size(phase_map, PIXELS)
    down, across = max(1, round(height / rows)), max(1, round(width / cols))
    if not is_hexagonal(phase_map):
        return image.repeat(down, axis=0).repeat(across, axis=1)
    half = max(1, across // 2)
    bricks = np.full((rows, (2 * cols + 1) * half, *image.shape[2:]), fill, dtype=image.dtype)
    wide = image.repeat(2 * half, axis=1)
    odd = phase_map.row % 2 == 1
    offset = phase_map.x - phase_map.step[1] * phase_map.col
    shifted = 1 if np.median(offset[odd]) > np.median(offset[~odd]) else 0
    bricks[1 - shifted :: 2, : 2 * cols * half] = wide[1 - shifted :: 2]
    bricks[shifted::2, half:] = wide[shifted::2]
    return bricks.repeat(down, axis=0)


def class_pixels(phase_map: MapData, indices: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Paint class indices, shape (N,), in the colours of their space groups, black where -1.

    Returns
    -------
    numpy.ndarray
        Red, green and blue in 0-255, shape (R', C', 3).
    """
    table = rgb_of(
        [
            *class_colours(phase_map.classes),
            NO_PATTERN_COLOUR,
            STATUS_TONES[Status.UNREADABLE].colour,
        ]
    )
    return table[pixels(phase_map, np.asarray(indices, dtype=np.int64), len(phase_map.classes))]


def decision_pixels(phase_map: MapData) -> NDArray[np.uint8]:
    """Paint solved points in the colours of their space groups and the others in the tones of their reasons."""
    image = class_pixels(phase_map, phase_map.decision.winner)
    return _tones_over(image, phase_map, [s for s in Status if s != Status.SOLVED])


def fade(confidence: NDArray[np.floating], classes: int) -> NDArray[np.float64]:
    """Share of its own colour that a first choice keeps where it is no answer, the rest being paper.

    Parameters
    ----------
    confidence
        Calibrated, shape (N,).
    classes
        Number K of classes: 1 / K is a guess.

    Returns
    -------
    numpy.ndarray
        0.18 for a guess to 0.75 for a sure choice, shape (N,); an answer alone is in full colour.

    Examples
    --------
    >>> fade(np.array([0.25, 1.0]), 4).tolist()
    [0.18, 0.75]
    """
    guess = 1.0 / classes
    above = (np.nan_to_num(np.asarray(confidence, dtype=np.float64)) - guess) / (1.0 - guess or 1.0)
    return 0.18 + 0.57 * np.clip(above, 0.0, 1.0)


def first_choice_pixels(phase_map: MapData) -> NDArray[np.uint8]:
    """Paint every point in the colour of the group put first: in full where it is answered, else faded by confidence.

    What is unfamiliar, unreadable or mixed has no first choice worth showing, and the tone of its reason.
    """
    d = phase_map.decision
    image = class_pixels(phase_map, d.winner)
    share = np.where(d.status == Status.SOLVED, 1.0, fade(d.confidence, len(phase_map.classes)))
    kept = pixels(phase_map, share, 1.0)[..., None]
    image = np.round(kept * image + (1.0 - kept) * 255).astype(np.uint8)
    return _tones_over(image, phase_map, [Status.UNFAMILIAR, Status.UNREADABLE, Status.MIXED])


def striped_pixels(
    phase_map: MapData, codes: NDArray[np.integer], paints: Sequence[tuple[str, str]]
) -> NDArray[np.uint8]:
    """Paint codes, shape (N,), each in its colour with stripes of its second one; unfamiliar and unreadable as ever."""
    ground = rgb_of([*(first for first, _ in paints), NO_PATTERN_COLOUR])
    stripes = rgb_of([*(second for _, second in paints), NO_PATTERN_COLOUR])
    code = pixels(phase_map, np.asarray(codes, dtype=np.int64), len(paints))
    row, col = np.ogrid[: code.shape[0], : code.shape[1]]
    striped = ((row + col) % STRIPE < STRIPE // 2)[..., None]
    image = np.where(striped, stripes[code], ground[code])
    return _tones_over(image, phase_map, [Status.UNFAMILIAR, Status.UNREADABLE])


def status_pixels(phase_map: MapData) -> NDArray[np.uint8]:
    """Paint every point in the tone of its status."""
    image = class_pixels(phase_map, np.zeros(phase_map.n, dtype=int))
    return _tones_over(image, phase_map, list(Status))


def _tones_over(image: NDArray[np.uint8], phase_map: MapData, statuses: list[Status]) -> NDArray[np.uint8]:
    """Paint points of some statuses in their tones, stripes running through neighbouring points."""
    status = pixels(phase_map, phase_map.decision.status, np.int8(-1))
    row, col = np.ogrid[: status.shape[0], : status.shape[1]]
    for s in statuses:
        tone = STATUS_TONES[s]
        here = status == s
        image[here] = rgb_of(tone.colour)
        if tone.slope:
            diagonal = row + col if tone.slope == "/" else row - col
            image[here & (diagonal % STRIPE < STRIPE // 3)] = rgb_of(tone.stripes)
    return image
