import numpy as np
import pytest
from scipy.special import softmax

from ensemble.errors import InputError
from kikuchi.matching.lookalike import Lookalike
from kikuchi.matching.matcher import fit_evidence, flattened, log_likelihood
from kikuchi.matching.phases import candidates, check_distinct
from kikuchi.matching.search import CentrePlane
from kikuchi.matching.spectrum import Spectrum
from kikuchi.matching.survey import screen_mask
from kikuchi.matching.texture import plain_views, texture_of
from kikuchi.simulate import MasterPattern, load_structure
from kikuchi.simulate.detector.geometry import Geometry
from kikuchi.simulate.detector.orientations import random_orientations


def test_evidence_has_the_slope_that_labels_were_drawn_with():
    rng = np.random.default_rng(0)
    scores = rng.uniform(0.3, 0.5, (4000, 2))
    logits = 0.05 * log_likelihood(scores, 1000) + np.array([0.4, -0.4])
    labels = (rng.random(4000) > softmax(logits, axis=1)[:, 0]).astype(int)
    found = fit_evidence(scores, labels, 1000)
    assert found.slope == pytest.approx(0.05, rel=0.1)
    assert found.bias == pytest.approx((0.4, -0.4), abs=0.1)


def test_flattened_takes_a_static_background_off():
    background = np.linspace(50, 150, 12).reshape(3, 4)
    assert np.allclose(flattened(2 * background[None], background), 200)


def test_drawn_patterns_are_as_like_their_simulations_as_asked():
    rng = np.random.default_rng(1)
    band = np.exp(-((np.linspace(-6, 6, 101)[:, None] - 1) ** 2)) + np.exp(
        -((np.linspace(-8, 8, 101)[None] + 2) ** 2)
    )
    texture = texture_of(
        MasterPattern("x", 1, 20.0, band.astype(np.float32), band.astype(np.float32), "kinematical")
    )
    spectrum = Spectrum((40, 40), 26.0)
    plane = CentrePlane(np.array([0.5, 0.3, 0.6]), np.zeros((2, 3)))
    base = Geometry((40, 40), plane.middle)
    drawn = Lookalike(spectrum, base, plane, np.array([0.6]), 0.02, np.ones((40, 40), np.float32))
    rotations = random_orientations(60, rng)
    patterns, _ = drawn.patterns([texture], np.zeros(60, int), rng, rotations=rotations)
    model = spectrum.of_models(plain_views(texture, rotations, base))
    score = (spectrum.of_patterns(patterns) * model).sum(axis=1) / np.linalg.norm(model, axis=1)
    assert score.mean() == pytest.approx(0.6, abs=0.03)
    assert spectrum.contrast(patterns).mean() == pytest.approx(0.02, rel=0.15)


def test_a_round_screen_is_found_and_a_square_one_has_no_mask():
    distance = np.hypot(*np.mgrid[-59.5:60, -59.5:60])
    hill = 40 + 150 * np.exp(-((distance / 60) ** 2))
    mask = screen_mask(np.where(distance < 56, hill, 1.0), (60, 60))
    radius = np.hypot(*np.mgrid[-29.5:30, -29.5:30])
    assert mask is not None
    assert mask[radius < 24].all() and not mask[radius > 28].any()
    assert screen_mask(hill, (60, 60)) is None


def test_phases_are_named_as_the_user_does():
    found = candidates(["Ni", "Fe3C"])
    assert [(p.name, p.space_group) for p in found] == [("Ni", 225), ("Fe3C", 62)]
    assert found[1].lattice == pytest.approx(load_structure("Fe3C").lattice)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["Ni"], "1 phase to choose from"),
        (["Ni", "Ni"], "are one structure"),
        (["Ni", "Unobtainium"], "no structure is called"),
        (["Ni", "absent.cif"], "no such structure file"),
    ],
)
def test_phases_that_make_no_question_are_refused(names, words):
    with pytest.raises(InputError, match=words):
        candidates(names)


def test_a_structure_whose_atoms_have_another_group_is_refused(tmp_path):
    file = tmp_path / "wrong.toml"
    file.write_text(
        'name = "wrong"\nspace_group = 221\nlattice = 3.52\n'
        '[[site]]\nelement = "Ni"\nposition = [0, 0, 0]\n[[site]]\nelement = "Ni"\nposition = [0, 0.5, 0.5]\n'
    )
    with pytest.raises(InputError, match="says space group 221 and its atoms have 225"):
        candidates(["Si", file])


def test_phases_with_the_same_patterns_are_refused():
    phases = candidates(["Ni", "Cu"])
    image = np.random.default_rng(2).random((21, 21)).astype(np.float32)
    masters = [MasterPattern(p.name, 225, 20.0, image, image, "dynamical") for p in phases]
    with pytest.raises(InputError, match="same patterns"):
        check_distinct(phases, masters)
