import io

import numpy as np
import pytest
from scipy.special import logsumexp
from sklearn.neighbors import NearestNeighbors

from ensemble.abstention import Familiarity, energy, fit_familiarity, generalised_entropy
from ensemble.abstention.ood import _kth_distance
from ensemble.errors import InputError
from ensemble.metrics import auroc


@pytest.fixture
def features():
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(3, 16))
    labels = np.arange(300) % 3
    return [centres[labels] + 0.2 * rng.normal(size=(300, 16)), rng.normal(size=(300, 8)) + 3.0], labels


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def test_the_distance_agrees_with_sklearn(features):
    reference, fresh = unit(features[0][0]), unit(np.random.default_rng(1).normal(size=(50, 16)))
    expected = NearestNeighbors(n_neighbors=5).fit(reference).kneighbors(fresh)[0][:, -1]
    found = _kth_distance(fresh.astype(np.float32), reference.astype(np.float32), 5)
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_familiar_patterns_score_about_one_and_strange_ones_more(features):
    known, labels = features
    fitted = fit_familiarity([f[::2] for f in known], labels[::2])
    familiar = fitted.score([f[1::2] for f in known])
    strange = fitted.score([np.random.default_rng(2).normal(size=(100, f.shape[1])) for f in known])
    assert np.median(familiar) == pytest.approx(1.0, abs=0.2)
    assert auroc(familiar, strange) > 0.99


def test_the_length_of_a_feature_vector_does_not_matter(features):
    fitted = fit_familiarity(features[0])
    np.testing.assert_allclose(
        fitted.score([7.0 * f for f in features[0]]), fitted.score(features[0]), rtol=1e-3, atol=1e-3
    )


def test_the_reference_is_compact_and_holds_every_class_equally(features):
    known, labels = features
    skewed = np.where(np.arange(300) < 270, 0, labels)
    marked = [np.concatenate([f, skewed[:, None]], axis=1) for f in known]
    fitted = fit_familiarity(marked, skewed, max_reference=30)
    assert len(fitted.references[0]) == 30
    assert fit_familiarity(known, max_reference=50).references[1].shape == (50, 8)
    found = fitted.references[0][:, -1] > 0
    assert found.sum() == 20


def test_a_nan_feature_gives_a_nan_score_and_no_crash(features):
    fitted = fit_familiarity(features[0])
    broken = [f[:3].copy() for f in features[0]]
    broken[1][1, 0] = np.nan
    score = fitted.score(broken)
    assert np.isnan(score[1]) and np.isfinite(score[[0, 2]]).all()


def test_a_nan_pattern_is_not_kept_as_reference(features):
    features[0][0][5] = np.nan
    assert np.isfinite(fit_familiarity(features[0]).references[0]).all()


def test_the_reference_survives_an_npz_without_pickle(features):
    fitted = fit_familiarity(features[0])
    file = io.BytesIO()
    np.savez(file, **fitted.to_arrays())
    file.seek(0)
    with np.load(file, allow_pickle=False) as arrays:
        read = Familiarity.from_arrays(dict(arrays))
    np.testing.assert_array_equal(read.score(features[0]), fitted.score(features[0]))


def test_identical_references_do_not_divide_by_zero():
    assert np.isfinite(fit_familiarity([np.ones((5, 3))]).score([np.eye(3)])).all()


def test_energy_is_minus_logsumexp_averaged_over_members():
    logits = np.random.default_rng(0).normal(size=(3, 10, 4))
    np.testing.assert_allclose(energy(logits), -logsumexp(logits, axis=-1).mean(axis=0))


def test_generalised_entropy_of_a_uniform_guess_by_hand():
    # K p^g (1 - p)^g with p = 1/4, g = 1/2: 4 sqrt(3)/4.
    assert generalised_entropy(np.zeros((2, 1, 4)), gamma=0.5)[0] == pytest.approx(np.sqrt(3))
    assert generalised_entropy([[[100.0, 0.0]]])[0] < 1e-3


@pytest.mark.parametrize("wrong", [[], [np.ones((1, 2))], [np.ones((3, 2)), np.ones((4, 2))], [np.ones(3)]])
def test_features_that_are_no_reference_are_refused(wrong):
    with pytest.raises(InputError):
        fit_familiarity(wrong)


def test_features_of_other_members_are_refused(features):
    fitted = fit_familiarity(features[0])
    with pytest.raises(InputError):
        fitted.score(features[0][:1])
    with pytest.raises(InputError):
        fitted.score(features[0][::-1])
    with pytest.raises(InputError):
        Familiarity.from_arrays({})
