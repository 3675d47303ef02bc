import json
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensemble.calibration import METHODS, Calibration, fit_calibration
from ensemble.errors import InputError
from ensemble.metrics import expected_calibration_error, log_loss
from ensemble.softmax import softmax


def overconfident(n, k, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % k
    return softmax(3.0 * (rng.normal(size=(n, k)) + 1.5 * np.eye(k)[labels])), labels


@pytest.mark.parametrize("method", METHODS[1:])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_method_lowers_log_loss_and_calibration_error_on_new_patterns(method, dtype):
    p, labels = overconfident(6000, 3)
    fresh, truth = overconfident(6000, 3, seed=1)
    calibrated = fit_calibration(p.astype(dtype), labels, method).apply(fresh.astype(dtype))
    assert log_loss(calibrated, truth) < log_loss(fresh, truth) - 0.05
    assert expected_calibration_error(calibrated, truth) < 0.05 < expected_calibration_error(fresh, truth)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("k", [2, 5])
def test_every_calibration_survives_json(method, k):
    p, labels = overconfident(1500, k)
    fitted = fit_calibration(p, labels, method)
    read = Calibration.from_dict(json.loads(json.dumps(fitted.to_dict(), allow_nan=False)))
    assert read == fitted and read.method == method
    np.testing.assert_array_equal(read.apply(p), fitted.apply(p))


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(METHODS), st.integers(2, 5), st.integers(0, 1000))
def test_calibrated_rows_are_distributions_for_any_input(method, k, seed):
    p, labels = overconfident(600, k)
    fitted = fit_calibration(p, labels, method)
    fresh = np.random.default_rng(seed).dirichlet(np.full(k, 0.01), 20)
    out = fitted.apply(fresh)
    np.testing.assert_allclose(out.sum(axis=1), 1.0)
    assert (out >= 0).all()


@pytest.mark.parametrize("method", METHODS)
def test_nan_rows_stay_nan_and_alone(method):
    p, labels = overconfident(600, 3)
    fitted = fit_calibration(p, labels, method)
    out = fitted.apply(np.vstack([p[:1], [[np.nan] * 3]]))
    assert np.isnan(out[1]).all() and np.isfinite(out[0]).all()


def test_unreadable_held_out_patterns_take_no_part():
    p, labels = overconfident(600, 3)
    broken = np.vstack([p, [[np.nan] * 3] * 5])
    fitted = fit_calibration(broken, np.append(labels, [0] * 5), "temperature")
    assert fitted == fit_calibration(p, labels, "temperature")


def test_auto_keeps_the_simplest_where_nothing_is_better():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted = fit_calibration(*overconfident(3000, 3))
    assert fitted.method == "temperature"
    assert set(fitted.report["cross_validated"]) == set(METHODS)


def test_auto_finds_that_one_class_is_shown_too_rarely():
    rng = np.random.default_rng(1)
    truth = rng.dirichlet(np.ones(3), 4000)
    labels = (truth.cumsum(axis=1) > rng.random((4000, 1))).argmax(axis=1)
    shown = softmax(np.log(truth) - [0.0, 0.0, 2.0])
    assert fit_calibration(shown, labels).method == "vector"


def test_auto_leaves_good_probabilities_alone():
    rng = np.random.default_rng(2)
    truth = rng.dirichlet(np.ones(3), 3000)
    labels = (truth.cumsum(axis=1) > rng.random((3000, 1))).argmax(axis=1)
    assert fit_calibration(truth, labels).method == "none"


def test_auto_warns_of_a_missing_class_and_falls_back():
    p, labels = overconfident(300, 3)
    keep = labels != 1
    with pytest.warns(UserWarning, match="vector \\(class 1 has 0 of the 20 it needs\\)"):
        fitted = fit_calibration(p[keep], labels[keep])
    assert fitted.method in ("none", "temperature")
    assert "vector" in fitted.report["refused"]


def test_auto_fits_nothing_to_a_handful():
    with pytest.warns(UserWarning, match="fewer than"):
        assert fit_calibration(*overconfident(6, 3)).method == "none"


@pytest.mark.parametrize("method", ["vector", "beta", "isotonic", "histogram"])
def test_class_wise_methods_refuse_a_missing_class(method):
    p, labels = overconfident(300, 3)
    with pytest.raises(InputError, match="class 1 has no held-out pattern"):
        fit_calibration(p[labels != 1], labels[labels != 1], method)


def test_a_fit_that_raises_the_log_loss_is_not_used():
    # Ten bins cannot follow probabilities that differ within the lowest one.
    rng = np.random.default_rng(0)
    p = np.vstack([np.tile([0.999, 0.001], (2000, 1)), np.tile([0.92, 0.08], (2000, 1))])
    labels = (rng.random(4000) < p[:, 1]).astype(int)
    with pytest.warns(UserWarning, match="raised the log-loss"):
        assert fit_calibration(p, labels, "histogram").method == "none"


@pytest.mark.parametrize(
    ("p", "labels", "method", "says"),
    [
        ([[0.5, 0.5]], [0], "platt", "unknown calibration method"),
        ([[0.9, 0.9]], [0], "temperature", "not a distribution"),
        ([[np.nan, np.nan]], [0], "temperature", "no readable"),
        ([[0.5, 0.5]], [2], "temperature", "labels"),
        ([[0.5, 0.5]], [0, 1], "temperature", "label"),
        (np.empty((0, 2)), np.empty(0, int), "auto", "no readable"),
    ],
)
def test_wrong_input_is_refused_in_one_line(p, labels, method, says):
    with pytest.raises(InputError, match=says):
        fit_calibration(p, labels, method)


def test_another_number_of_classes_is_refused():
    with pytest.raises(InputError, match="3 classes"):
        fit_calibration(*overconfident(300, 3), "temperature").apply([[0.5, 0.5]])


@pytest.mark.parametrize("broken", [{}, {"method": "magic", "n_classes": 2, "parameters": {}, "report": {}}])
def test_what_is_no_calibration_is_refused(broken):
    with pytest.raises(InputError):
        Calibration.from_dict(broken)
