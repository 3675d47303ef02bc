import itertools

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from skimage.color import deltaE_ciede2000, rgb2lab

from ensemble.abstention import Status
from kikuchi.maps.colour_derivation import HAND_PICKED, RESERVED
from kikuchi.maps.colour_vision import seen_by
from kikuchi.maps.colours import FLAT_TONES, NO_PATTERN_COLOUR, SPACE_GROUP_COLOURS, STATUS_TONES

M_3M = range(221, 231)


# Machado, Oliveira & Fernandes 2009, severity 1.0, typed again from the paper's table.
DICHROMATS = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.01182, 0.04294, 0.968881],
    ],
}


def lab(colours, vision):
    rgb = np.array([to_rgb(c) for c in colours])
    if vision != "normal":
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        linear = np.clip(linear @ np.array(DICHROMATS[vision]).T, 0, 1)
        rgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return rgb2lab(rgb)


def smallest_distance(first, second=None, vision="normal"):
    a = lab(first, vision)
    if second is None:
        pairs = np.array(list(itertools.combinations(range(len(a)), 2)))
        return deltaE_ciede2000(a[pairs[:, 0]], a[pairs[:, 1]]).min()
    b = lab(second, vision)
    return min(deltaE_ciede2000(a, np.broadcast_to(c, a.shape)).min() for c in b)


@pytest.mark.parametrize("vision", ["normal", "protanopia", "deuteranopia"])
def test_the_ten_groups_of_m3m_are_told_apart(vision):
    assert smallest_distance([SPACE_GROUP_COLOURS[g] for g in M_3M], vision=vision) > 12


@pytest.mark.parametrize("vision", ["normal", "protanopia", "deuteranopia"])
def test_all_230_groups_have_colours_of_their_own(vision):
    assert list(SPACE_GROUP_COLOURS) == list(range(1, 231))
    assert smallest_distance(list(SPACE_GROUP_COLOURS.values()), vision=vision) > 2


@pytest.mark.parametrize("vision", ["normal", "protanopia", "deuteranopia"])
def test_no_group_looks_like_a_reason_or_like_paper(vision):
    reasons = [STATUS_TONES[s].colour for s in Status if s != Status.SOLVED]
    groups = list(SPACE_GROUP_COLOURS.values())
    assert smallest_distance([*reasons, NO_PATTERN_COLOUR], groups, vision) > 8


def test_reasons_are_told_apart_by_tone_alone_and_by_stripes():
    reasons = {s: STATUS_TONES[s] for s in Status if s != Status.SOLVED}
    alone = [r.colour for s, r in reasons.items() if s != Status.MIXED]
    assert smallest_distance(alone) > 20
    # What is mixed has candidates too, and the ground of what is ambiguous, under darker stripes the other way.
    mixed, ambiguous = reasons[Status.MIXED], reasons[Status.AMBIGUOUS]
    assert {mixed.slope, ambiguous.slope} == {"/", "\\"}
    assert smallest_distance([mixed.stripes, mixed.colour]) > smallest_distance(
        [ambiguous.stripes, ambiguous.colour]
    )
    assert smallest_distance([FLAT_TONES[s] for s in reasons]) > 15


def test_table_was_derived_from_the_colours_in_use():
    assert {g: SPACE_GROUP_COLOURS[g] for g in M_3M} == HAND_PICKED
    reasons = [STATUS_TONES[s].colour for s in Status if s != Status.SOLVED]
    assert set(RESERVED) == {NO_PATTERN_COLOUR, *reasons}


def test_greys_stay_grey_to_dichromats():
    for vision in DICHROMATS:
        assert seen_by([[0.5, 0.5, 0.5]], vision)[0] == pytest.approx([0.5, 0.5, 0.5], abs=1e-3)


def test_simulation_is_that_of_the_paper():
    # Pure sRGB red has linear value 1, so that the seen colour is the encoded first column of the matrix.
    encoded = [1.055 * v ** (1 / 2.4) - 0.055 for v in (0.367322, 0.280085)]
    assert seen_by([1.0, 0.0, 0.0], "deuteranopia") == pytest.approx([*encoded, 0.0])
