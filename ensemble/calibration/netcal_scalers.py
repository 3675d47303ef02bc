"""netcal's scalers, fitted by netcal itself and kept as plain numbers.

Küppers et al., CVPR Workshops 2020. A fitted scaler of netcal is written by it as a pickle of torch. What it does
to probabilities is a softmax of weighted logarithms or a function of one class at a time, which is asked of its
`transform` and kept as numbers; netcal is imported where one is fitted, never where one is applied. Everything is
float64: given float32, netcal's logistic fits return it unchanged.
"""

import contextlib
import io
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensemble.calibration.binning import apply_histogram, apply_isotonic, least_share
from ensemble.calibration.scaling import apply_beta, apply_vector
from ensemble.errors import InputError

Parameters = dict[str, Any]
Function = Callable[[NDArray[np.float64]], NDArray[np.float64]]

_BINS = 10


def fit_temperature_by_netcal(p: NDArray[np.float64], labels: NDArray[np.intp]) -> Parameters:
    """Fit `TemperatureScaling` of netcal.

    Returns
    -------
    dict[str, Any]
        ``weight`` and ``bias`` of `scaling.apply_vector`.
    """
    weight = float(_fitted("scaling", "TemperatureScaling", p, labels).weights[0])
    return {"weight": [weight] * p.shape[1], "bias": [0.0] * p.shape[1]}


def fit_logistic_by_netcal(p: NDArray[np.float64], labels: NDArray[np.intp]) -> Parameters:
    """Fit `LogisticCalibration` of netcal.

    Returns
    -------
    dict[str, Any]
        ``weight`` and ``bias`` of `scaling.apply_vector`.
    """
    model = _fitted("scaling", "LogisticCalibration", p, labels)
    weight, bias = np.ravel(model.weights).tolist(), np.ravel(model.intercept).tolist()
    # Of two classes netcal fits one logit, log p1 - log p0, which is this difference of two.
    return (
        {"weight": weight * 2, "bias": [0.0, *bias]} if len(weight) == 1 else {"weight": weight, "bias": bias}
    )


def fit_beta_by_netcal(p: NDArray[np.float64], labels: NDArray[np.intp]) -> Parameters:
    """Fit `BetaCalibration` of netcal.

    Its property `weights` fails (1.4), so they are found from what it answers: the log-odds of two classes are
    linear in log p and log(1 - p) of one of them.

    Returns
    -------
    dict[str, Any]
        ``a``, ``b`` and ``bias`` of `scaling.apply_beta`.
    """
    model = _fitted("scaling", "BetaCalibration", p, labels)
    k = p.shape[1]
    probes = np.array([0.25, 0.5, 0.75])
    features = np.stack([np.log(probes), -np.log1p(-probes), np.ones(3)], axis=1)
    if k == 2:
        q = model.transform(np.stack([1.0 - probes, probes], axis=1))
        a, b, bias = np.linalg.solve(features, np.log(q) - np.log1p(-q)).tolist()
        return {"a": [0.0, a], "b": [0.0, b], "bias": [0.0, bias]}
    weights = []
    for c in range(k):
        rows = np.full((3, k), 0.5)
        rows[:, c] = probes
        log_q = np.log(model.transform(rows))
        # The offset also holds what the other class says of 0.5, so that only the two weights are kept.
        weights.append(np.linalg.solve(features, log_q[:, c] - log_q[:, (c + 1) % k])[:2])
    a_all, b_all = np.transpose(weights).tolist()
    return {"a": a_all, "b": b_all, "bias": np.ravel(model.intercept).tolist()}


def fit_histogram_by_netcal(p: NDArray[np.float64], labels: NDArray[np.intp]) -> Parameters:
    """Fit `HistogramBinning` of netcal with ten bins.

    Returns
    -------
    dict[str, Any]
        ``edges``, ``y`` and ``floor`` of `binning.apply_histogram`.
    """
    edges = np.linspace(0.0, 1.0, _BINS + 1)
    return _as_steps("HistogramBinning", p, labels, lambda own: edges, bins=_BINS)


def fit_bbq_by_netcal(p: NDArray[np.float64], labels: NDArray[np.intp]) -> Parameters:
    """Fit `BBQ` of netcal (Naeini et al., AAAI 2015).

    Returns
    -------
    dict[str, Any]
        ``edges``, ``y`` and ``floor`` of `binning.apply_histogram`: a mean of histograms is a finer histogram.
    """

    def cuts(own: NDArray[np.float64]) -> NDArray[np.float64]:
        # As many bins as the paper's cube root of n allows: the edges of every histogram that may be in the mean.
        root = np.cbrt(len(own))
        most = int(min(np.ceil(len(own) / 5), np.ceil(root * 10) + 1))
        least = int(max(1, np.floor(root / 10) - 1))
        return np.unique(np.concatenate([np.linspace(0.0, 1.0, b + 1) for b in range(least, most + 1)]))

    return _as_steps("BBQ", p, labels, cuts)


def fit_enir_by_netcal(p: NDArray[np.float64], labels: NDArray[np.intp]) -> Parameters:
    """Fit `ENIR` of netcal (Naeini & Cooper, ICDM 2016).

    Returns
    -------
    dict[str, Any]
        ``edges``, ``y`` and ``floor`` of `binning.apply_histogram`: a mean of step functions is one of more steps.
    """

    def cuts(own: NDArray[np.float64]) -> NDArray[np.float64]:
        ranked = np.sort(own)
        between = (ranked[1:] + ranked[:-1]) / 2.0
        return np.unique(np.concatenate([[0.0], between, [1.0]]))

    return _as_steps("ENIR", p, labels, cuts)


def fit_isotonic_by_netcal(p: NDArray[np.float64], labels: NDArray[np.intp]) -> Parameters:
    """Fit `IsotonicRegression` of netcal.

    Returns
    -------
    dict[str, Any]
        ``x``, ``y`` and ``floor`` of `binning.apply_isotonic`.
    """
    x, y = [], []
    for own, function in _one_by_one("IsotonicRegression", p, labels):
        corners = np.unique(own)
        values = function(corners)
        # A corner between two of its own height changes nothing.
        bends = np.ones(len(corners), dtype=bool)
        bends[1:-1] = (values[1:-1] != values[:-2]) | (values[1:-1] != values[2:])
        x.append(corners[bends].tolist())
        y.append(values[bends].tolist())
    return {"x": x, "y": y, "floor": least_share(len(labels))}


FIT_BY_NETCAL: dict[str, Callable[..., Parameters]] = {
    "netcal-temperature": fit_temperature_by_netcal,
    "netcal-logistic": fit_logistic_by_netcal,
    "netcal-beta": fit_beta_by_netcal,
    "netcal-histogram": fit_histogram_by_netcal,
    "netcal-isotonic": fit_isotonic_by_netcal,
    "netcal-bbq": fit_bbq_by_netcal,
    "netcal-enir": fit_enir_by_netcal,
}
APPLY_AS_NETCAL: dict[str, Callable[..., NDArray[np.float64]]] = {
    "netcal-temperature": apply_vector,
    "netcal-logistic": apply_vector,
    "netcal-beta": apply_beta,
    "netcal-histogram": apply_histogram,
    "netcal-isotonic": apply_isotonic,
    "netcal-bbq": apply_histogram,
    "netcal-enir": apply_histogram,
}


def _fitted(module: str, name: str, x: NDArray[np.float64], y: NDArray[np.intp], **options: Any) -> Any:
    """Fit a scaler of netcal, its prints and bars unheard; what it cannot fit is one `InputError`."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                if module == "scaling":
                    from netcal import scaling as package
                else:
                    from netcal import binning as package
                model = getattr(package, name)(**options)
                return model.fit(np.clip(x, 0.0, 1.0).astype(np.float64, order="C"), y.astype(np.int64))
        except ImportError as error:
            raise InputError(f"netcal cannot be imported: {error}", remedy="pip install netcal") from error
        except Exception as error:  # whatever a library throws, a fit of hours must not be lost to it
            raise InputError(f"netcal's {name} failed: {error}", remedy="use another calibration") from error


def _one_by_one(
    name: str, p: NDArray[np.float64], labels: NDArray[np.intp], **options: Any
) -> list[tuple[NDArray[np.float64], Function]]:
    """For each class, or of two the second: its probabilities, and what netcal makes of any."""
    found = []
    for c in range(p.shape[1]) if p.shape[1] > 2 else [1]:
        model = _fitted("binning", name, p[:, c], (labels == c).astype(np.intp), **options)
        found.append((np.asarray(p[:, c], dtype=np.float64), model.transform))
    return found


def _as_steps(
    name: str, p: NDArray[np.float64], labels: NDArray[np.intp], cuts: Function, **options: Any
) -> Parameters:
    """Write functions that are flat between cuts as bins; each interval holds its upper end, not its lower."""
    edges, y = [], []
    for own, function in _one_by_one(name, p, labels, **options):
        upper = cuts(own)[1:]
        values = function(upper)
        last = np.append(values[1:] != values[:-1], True)
        edges.append([0.0, *upper[last].tolist()])
        y.append(values[last].tolist())
    return {"edges": edges, "y": y, "floor": least_share(len(labels))}
