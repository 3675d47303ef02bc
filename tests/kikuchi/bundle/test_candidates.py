"""Candidates that a user names, on the bundle that is shipped: no network runs."""

from dataclasses import replace

import numpy as np
import pytest

from ensemble.errors import InputError
from kikuchi.bundle.among import named_classes, promise_size
from kikuchi.inference.predictor import Predictor


@pytest.fixture(scope="module")
def shipped():
    return Predictor.load("shipped")


@pytest.mark.parametrize(
    ("named", "groups"),
    [("229, 225", (225, 229)), ([225, 229, 225], (225, 229)), (["221", 230], (221, 230))],
)
def test_groups_are_read_in_ascending_order(shipped, named, groups):
    assert named_classes(shipped, named) == (groups, ())


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("225", "leaves 1 space group to choose from"),
        ("", "leaves 0 space groups"),
        ("225,12", "does not know '12'"),
        ("Ni,Unobtainium", "does not know 'Ni'"),
        ("225,In-221-0", "both groups"),
    ],
)
def test_what_cannot_be_named_is_said(shipped, named, message):
    with pytest.raises(InputError, match=message):
        named_classes(shipped, named)


def test_materials_stand_for_their_groups(shipped):
    materials = shipped.manifest["materials"]
    first = next(m["name"] for m in materials if m["space_group"] == 229)
    second = next(m["name"] for m in materials if m["space_group"] == 225)
    assert named_classes(shipped, f"{first},{second}") == ((225, 229), (second, first))


def test_a_material_of_one_crystal_cannot_be_calibrated_among(shipped):
    names = [
        next(m["name"] for m in shipped.manifest["materials"] if m["space_group"] == g) for g in (225, 229)
    ]
    with pytest.raises(InputError, match="no held-out patterns of"):
        shipped.among(names)


def test_among_two_groups_the_held_out_patterns_of_these_are_certified_anew(shipped):
    among = shipped.among("225,227")
    held_out = shipped.held_out
    of_two = np.isin(held_out.labels, [shipped.classes.index(225), shipped.classes.index(227)])
    assert among.classes == (225, 227)
    assert len(among.held_out.labels) == of_two.sum()
    assert among.held_out.outputs.logits.shape[2] == 2
    # A third of the crystals plans, two thirds test, one pattern each.
    crystals = len(np.unique(held_out.group[of_two & (held_out.part == 1)]))
    certificate = among.abstentions[among.rule].certificate
    assert certificate.n_tested == crystals - max(1, round(crystals / 3))


def test_among_all_groups_is_the_bundle_itself(shipped):
    among = shipped.among(shipped.classes)
    outputs = shipped.held_out.test.outputs
    narrowed = among.candidates.narrow(outputs)
    assert np.array_equal(narrowed.logits, outputs.logits)
    assert among.calibrated(narrowed)[1] == pytest.approx(shipped.calibrated(outputs)[1], abs=1e-6)


def test_strangers_to_the_candidates_are_called_unfamiliar_more_often(shipped):
    among = shipped.among("225,227")
    held_out = shipped.held_out.test
    status = among.decide(among.candidates.narrow(held_out.outputs)).status
    numbers = np.array(shipped.classes)[held_out.labels]
    own, stranger = np.isin(numbers, [225, 227]), np.isin(numbers, [229, 223])
    assert (status[own] == 2).mean() < 0.05
    assert (status[stranger] == 2).mean() > 2 * (status[own] == 2).mean()


def test_who_names_groups_is_told_how_many_held_out_crystals_test_the_promise(shipped):
    certificate = shipped.among("225,227").abstentions[shipped.rule].certificate
    said = promise_size(certificate)
    assert said.startswith(f"{certificate.n_tested} held-out crystals")
    # ln 0.05 / ln 0.98 = 148.3; with one error 0.98^n + 0.02 n 0.98^(n - 1) is at most 0.05 from 236 on.
    assert said.endswith("2 % takes 149 answered without an error, or 236 with one")
    assert 0.98**236 + 236 * 0.02 * 0.98**235 <= 0.05 < 0.98**235 + 235 * 0.02 * 0.98**234
    assert not promise_size(replace(certificate, certified=True))
