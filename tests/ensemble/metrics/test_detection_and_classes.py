import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from ensemble.errors import InputError
from ensemble.metrics import Interval, auroc, bootstrap_interval, class_report, fpr_at


def test_auroc_of_normals_one_apart_is_phi_of_one_over_root_two():
    rng = np.random.default_rng(0)
    known, strange = rng.normal(0, 1, 20_000), rng.normal(1, 1, 20_000)
    assert auroc(known, strange) == pytest.approx(0.7602, abs=0.006)
    # P(N(1, 1) <= 1.6449) = Phi(.6449).
    assert fpr_at(known, strange) == pytest.approx(0.7405, abs=0.015)


def test_perfect_detection():
    assert auroc([0, 1], [2, 3]) == 1.0
    assert fpr_at([0, 1], [2, 3]) == 0.0


@pytest.mark.parametrize("pair", [([], [1.0]), ([1.0], []), ([np.nan], [1.0])])
def test_detection_without_scores_is_refused(pair):
    with pytest.raises(InputError):
        auroc(*pair)


def test_class_report_by_hand():
    # Truth 3 + 1, predictions: class 0 twice right, once taken for 1; class 1 right.
    report = class_report([0, 0, 0, 1], [0, 0, 1, 1], 3)
    np.testing.assert_allclose(report.precision, [1.0, 0.5, 0.0])
    np.testing.assert_allclose(report.recall, [2 / 3, 1.0, 0.0])
    np.testing.assert_allclose(report.f1, [0.8, 2 / 3, 0.0])
    np.testing.assert_array_equal(report.support, [3, 1, 0])
    np.testing.assert_array_equal(report.confusion, [[2, 1, 0], [0, 1, 0], [0, 0, 0]])
    assert report.weighted_f1 == pytest.approx((3 * 0.8 + 2 / 3) / 4)
    assert report.accuracy == 0.75 == report.weighted_recall


def test_class_report_is_plain_json():
    import json

    assert json.loads(json.dumps(class_report([0, 1], [0, 1], 2).to_dict()))["accuracy"] == 1.0


@pytest.mark.parametrize("pair", [([], []), ([0], [0, 1]), ([0, 3], [0, 1]), ([0, 1], [0, -1])])
def test_wrong_classes_are_refused(pair):
    with pytest.raises(InputError):
        class_report(*pair, 2)


def test_bootstrap_interval_of_a_mean_is_that_of_the_normal():
    x = np.random.default_rng(0).normal(size=400)
    value, low, high = bootstrap_interval(np.mean, x, n_resamples=2000)
    half = 1.96 * x.std() / 20
    assert value == x.mean()
    assert low == pytest.approx(value - half, abs=0.01) and high == pytest.approx(value + half, abs=0.01)


def test_bootstrap_resamples_its_arrays_together():
    y = np.arange(30) % 3
    assert bootstrap_interval(accuracy_score, y, y, n_resamples=50) == Interval(1.0, 1.0, 1.0)


def test_bootstrap_of_groups_is_wider_where_neighbours_agree():
    # Twenty scans of fifty equal pixels are twenty numbers: sqrt(50) times the interval of a thousand.
    x = np.repeat(np.random.default_rng(0).normal(size=20), 50)
    alone = bootstrap_interval(np.mean, x)
    grouped = bootstrap_interval(np.mean, x, groups=np.repeat(np.arange(20), 50))
    assert (grouped.high - grouped.low) / (alone.high - alone.low) == pytest.approx(np.sqrt(50), rel=0.15)


def test_bootstrap_passes_over_resamples_without_a_value():
    found = bootstrap_interval(
        lambda s, u: auroc(s[~u], s[u]),
        np.array([0.0, 1.0, 2.0]),
        np.array([False, False, True]),
        n_resamples=100,
    )
    assert found == Interval(1.0, 1.0, 1.0)


def test_weighted_f1_agrees_with_sklearn():
    rng = np.random.default_rng(1)
    y, predicted = rng.integers(0, 4, 200), rng.integers(0, 4, 200)
    expected = f1_score(y, predicted, average="weighted")
    assert class_report(y, predicted, 4).weighted_f1 == pytest.approx(expected)
