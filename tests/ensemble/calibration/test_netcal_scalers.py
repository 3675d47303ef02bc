"""netcal's scalers as plain numbers, held to what netcal's own `transform` answers."""

import json
import subprocess
import sys
from functools import cache

import numpy as np
import pytest

from ensemble.calibration import METHODS, NETCAL_METHODS, Calibration, fit_calibration
from ensemble.calibration.netcal_scalers import APPLY_AS_NETCAL, FIT_BY_NETCAL
from ensemble.errors import InputError
from ensemble.metrics import log_loss
from ensemble.softmax import softmax

CLASSES = {
    "netcal-temperature": "scaling.TemperatureScaling",
    "netcal-logistic": "scaling.LogisticCalibration",
    "netcal-beta": "scaling.BetaCalibration",
    "netcal-histogram": "binning.HistogramBinning",
    "netcal-isotonic": "binning.IsotonicRegression",
    "netcal-bbq": "binning.BBQ",
    "netcal-enir": "binning.ENIR",
}


def overconfident(n, k, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n) % k)
    return softmax(3.0 * (rng.normal(size=(n, k)) + 1.5 * np.eye(k)[labels])), labels


@cache
def fitted(method, k, rounded=False):
    """netcal's own fitted scaler and the numbers kept of it, of the same 200 patterns."""
    import netcal.binning
    import netcal.scaling

    p, labels = overconfident(200, k)
    if rounded:  # many ties, zeros and ones
        p = np.round(p, 2) / np.round(p, 2).sum(axis=1, keepdims=True)
    package, name = CLASSES[method].split(".")
    options = {"bins": 10} if method == "netcal-histogram" else {}
    model = getattr(getattr(netcal, package), name)(**options).fit(p, labels)
    return model, FIT_BY_NETCAL[method](p, labels), p


def against_netcal(method, k, fresh, **how):
    """Both answers, as rows of K probabilities, where netcal's make a distribution, and that share."""
    model, parameters, _ = fitted(method, k, **how)
    q = model.transform(fresh)
    expected = np.stack([1.0 - q, q], axis=1) if q.ndim == 1 else q
    # Where all its functions say nearly 0, netcal divides by that or by a clipped sum.
    proper = np.abs(expected.sum(axis=1) - 1.0) < 1e-9
    exact = {k: v for k, v in parameters.items() if k != "floor"}
    return APPLY_AS_NETCAL[method](fresh, exact)[proper], expected[proper], proper.mean()


def test_every_scaler_the_issue_names_is_on_offer():
    assert set(NETCAL_METHODS) == set(CLASSES) and not set(NETCAL_METHODS) & set(METHODS)


@pytest.mark.parametrize("method", NETCAL_METHODS)
@pytest.mark.parametrize("k", [2, 3])
def test_the_numbers_kept_answer_as_netcal_answers_on_patterns_it_never_saw(method, k):
    found, expected, proper = against_netcal(method, k, overconfident(1000, k, seed=1)[0])
    assert proper > 0.9
    np.testing.assert_allclose(found, expected, atol=1e-9)


@pytest.mark.parametrize("method", sorted(set(NETCAL_METHODS) - {"netcal-beta", "netcal-logistic"}))
def test_ties_zeros_and_ones_answer_as_netcal_answers(method):
    fresh = np.vstack([np.eye(3), fitted(method, 3, rounded=True)[2], [[1e-20, 0.5, 0.5]]])
    found, expected, proper = against_netcal(method, 3, fresh, rounded=True)
    assert proper > 0.8
    np.testing.assert_allclose(found, expected, atol=1e-9)


@pytest.mark.parametrize("method", ["netcal-beta", "netcal-logistic"])
def test_certainty_answers_as_netcal_answers(method):
    found, expected, proper = against_netcal(method, 3, np.vstack([np.eye(3), [[1e-20, 0.5, 0.5]]]))
    assert proper == 1.0
    np.testing.assert_allclose(found, expected, atol=1e-9)


@pytest.mark.parametrize("method", ["netcal-histogram", "netcal-isotonic", "netcal-bbq", "netcal-enir"])
def test_a_function_of_one_class_never_says_that_something_cannot_be(method):
    _, parameters, p = fitted(method, 3)
    floored = APPLY_AS_NETCAL[method](np.vstack([np.eye(3), p]), parameters)
    # At most two of 201/202 and one of 1/202, before they are normalised.
    assert floored.min() >= (1 / 202) / (403 / 202) - 1e-12


@pytest.mark.parametrize("method", NETCAL_METHODS)
def test_every_scaler_lowers_the_loss_and_survives_json(method):
    # Beta and logistic fits of netcal differentiate numerically: 200 patterns are enough for them.
    p, labels = overconfident(200 if method in ("netcal-beta", "netcal-logistic") else 2400, 3)
    fresh, truth = overconfident(2000, 3, seed=1)
    found = fit_calibration(p, labels, method)
    read = Calibration.from_dict(json.loads(json.dumps(found.to_dict(), allow_nan=False)))
    assert read == found and read.method == method
    assert found.report["log_loss_after"] < found.report["log_loss_before"]
    assert log_loss(read.apply(fresh), truth) < log_loss(fresh, truth)
    assert np.isnan(read.apply([[np.nan] * 3])).all()


@pytest.mark.parametrize("method", ["netcal-enir", "netcal-histogram"])
def test_a_scaler_that_only_learns_its_patterns_by_heart_is_not_used(method):
    # Calibrated probabilities: whatever lowers the loss of these 60 raises that of others.
    rng = np.random.default_rng(1)
    p = rng.dirichlet(np.ones(3), 60)
    labels = (p.cumsum(axis=1) > rng.random((60, 1))).argmax(axis=1)
    with pytest.warns(UserWarning, match="patterns it was not fitted to from"):
        found = fit_calibration(p, labels, method)
    assert found.method == "none" and found.report["log_loss_after"] == found.report["log_loss_before"]
    assert found.report["cross_validated"][method] > found.report["cross_validated"]["none"]


def test_float32_is_calibrated_as_float64_is():
    # netcal itself returns float32 input of its logistic fits unchanged.
    p, labels = overconfident(200, 2)
    single = fit_calibration(p.astype(np.float32), labels, "netcal-logistic").apply(p)
    assert np.abs(single - p).max() > 0.05
    np.testing.assert_allclose(single, fit_calibration(p, labels, "netcal-logistic").apply(p), atol=1e-3)


def test_a_scaler_that_raises_the_loss_is_not_used():
    # Ten bins cannot follow probabilities that differ within the lowest one.
    rng = np.random.default_rng(0)
    p = np.vstack([np.tile([0.999, 0.001], (2000, 1)), np.tile([0.92, 0.08], (2000, 1))])
    labels = (rng.random(4000) < p[:, 1]).astype(int)
    with pytest.warns(UserWarning, match="netcal-histogram calibration raised the log-loss"):
        assert fit_calibration(p, labels, "netcal-histogram").method == "none"


def test_a_scaler_that_netcal_cannot_fit_leaves_the_probabilities_with_one_line(monkeypatch):
    import netcal.scaling

    def broken(self, *arguments, **options):
        raise RuntimeError("the optimiser gave up")

    monkeypatch.setattr(netcal.scaling.BetaCalibration, "fit", broken)
    p, labels = overconfident(300, 3)
    with pytest.warns(UserWarning, match=r"netcal-beta calibration failed: .*optimiser gave up") as told:
        fitted = fit_calibration(p, labels, "netcal-beta")
    assert fitted.method == "none" and "\n" not in str(told[0].message)
    np.testing.assert_array_equal(fitted.apply(p), p)


@pytest.mark.parametrize("method", sorted(set(NETCAL_METHODS) - {"netcal-temperature"}))
def test_a_missing_class_is_refused(method):
    p, labels = overconfident(300, 3)
    with pytest.raises(InputError, match="class 1 has no held-out pattern"):
        fit_calibration(p[labels != 1], labels[labels != 1], method)


def test_nothing_of_netcal_is_printed(capfd):
    p, labels = overconfident(60, 2)
    for method in NETCAL_METHODS:
        FIT_BY_NETCAL[method](p, labels)
    assert capfd.readouterr() == ("", "")


def test_applying_what_netcal_fitted_imports_nothing_of_it():
    stored = [Calibration(method, 3, fitted(method, 3)[1]).to_dict() for method in NETCAL_METHODS]
    code = (
        "import json, sys; from ensemble.calibration import Calibration\n"
        "for d in json.load(sys.stdin): Calibration.from_dict(d).apply([[0.2, 0.3, 0.5]])\n"
        "print(sorted({'netcal', 'torch', 'sklearn', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=json.dumps(stored), capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_the_packages_own_methods_need_no_netcal():
    code = (
        "import sys; import numpy as np; from ensemble.calibration import METHODS, fit_calibration\n"
        "p = np.random.default_rng(0).dirichlet([1, 1], 900); y = np.arange(900) % 2\n"
        "import warnings; warnings.simplefilter('ignore')\n"
        "for method in METHODS: fit_calibration(p, y, method)\n"
        "print(sorted({'netcal', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
