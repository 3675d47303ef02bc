"""Fit, choose, apply and store a calibration of the pool."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble.calibration.binning import apply_histogram, apply_isotonic, fit_histogram, fit_isotonic
from ensemble.calibration.netcal_scalers import APPLY_AS_NETCAL, FIT_BY_NETCAL
from ensemble.calibration.scaling import apply_beta, apply_vector, fit_beta, fit_vector
from ensemble.calibration.temperature import apply_temperature, fit_temperature
from ensemble.errors import InputError
from ensemble.metrics.proper import log_loss, log_loss_per_pattern
from ensemble.validation import as_choice, as_labels, as_names, as_probabilities

CalibrationName = Literal[
    "auto",
    "none",
    "temperature",
    "vector",
    "beta",
    "isotonic",
    "histogram",
    "netcal-temperature",
    "netcal-logistic",
    "netcal-beta",
    "netcal-histogram",
    "netcal-isotonic",
    "netcal-bbq",
    "netcal-enir",
]
"""What may be asked for by name, as recipes do."""

_FIT: dict[str, Callable[..., dict[str, Any]]] = {
    "none": lambda probabilities, labels: {},
    "temperature": fit_temperature,
    "vector": fit_vector,
    "beta": fit_beta,
    "isotonic": fit_isotonic,
    "histogram": fit_histogram,
}
_APPLY: dict[str, Callable[..., NDArray[np.float64]]] = {
    "none": lambda probabilities, parameters: probabilities,
    "temperature": apply_temperature,
    "vector": apply_vector,
    "beta": apply_beta,
    "isotonic": apply_isotonic,
    "histogram": apply_histogram,
}
METHODS: tuple[str, ...] = tuple(_FIT)
"""The package's own, from the simplest to the most flexible: what ``auto`` chooses from."""

_FIT |= FIT_BY_NETCAL
_APPLY |= APPLY_AS_NETCAL
NETCAL_METHODS: tuple[str, ...] = tuple(FIT_BY_NETCAL)
"""netcal's scalers, which are fitted by netcal; asked for by name, as its import alone takes seconds."""

_LEAST_PER_CLASS = {"vector": 20, "beta": 50, "isotonic": 200, "histogram": 200}
"""Held-out patterns of the rarest class below which ``auto`` does not try a method."""

_EVERY_CLASS = {*_LEAST_PER_CLASS, *NETCAL_METHODS} - {"netcal-temperature"}
"""Methods that fit something to every class."""

_ANY_SHAPE = {"isotonic", "histogram", "netcal-isotonic", "netcal-histogram", "netcal-bbq", "netcal-enir"}
"""Methods that can follow their own patterns as closely as they like: those say nothing of the next ones."""

_LEAST_IN_ALL = 10
_FOLDS = 5
_MOST_PATTERNS = 4000
"""Choosing between methods needs no more than this; the chosen one is fitted to everything."""


@dataclass(frozen=True)
class Calibration:
    """A fitted map from pooled to calibrated probabilities.

    Attributes
    ----------
    method
        One of `METHODS` or `NETCAL_METHODS`, never ``"auto"``: what was chosen.
    n_classes
        K.
    parameters
        Numbers and lists of numbers, plain JSON.
    report
        What fitting saw: ``n``, ``log_loss_before``, ``log_loss_after``, and where it chose,
        ``cross_validated`` log-losses by method and ``refused`` methods with the reason.
    """

    method: str
    n_classes: int
    parameters: dict[str, Any] = field(default_factory=dict)
    report: dict[str, Any] = field(default_factory=dict)

    def apply(self, probabilities: ArrayLike) -> NDArray[np.float64]:
        """Calibrated probabilities, shape (N, K), float64; NaN rows stay NaN.

        Raises
        ------
        InputError
            If the number of classes is not the one this was fitted on.
        """
        p = as_probabilities(probabilities, finite=False)
        if p.shape[1] != self.n_classes:
            raise InputError(f"this calibration is for {self.n_classes} classes, not {p.shape[1]}")
        return _APPLY[self.method](p, self.parameters)

    def to_dict(self) -> dict[str, Any]:
        """Everything, as plain JSON."""
        return {
            "method": self.method,
            "n_classes": self.n_classes,
            "parameters": self.parameters,
            "report": self.report,
        }

    @classmethod
    def from_dict(cls, d: dict[str, Any]) -> "Calibration":
        """Read back what `to_dict` wrote; needs neither netcal nor pickle.

        Raises
        ------
        InputError
            If a field is missing or the method is unknown.
        """
        try:
            calibration = cls(d["method"], int(d["n_classes"]), dict(d["parameters"]), dict(d["report"]))
        except (KeyError, OverflowError, TypeError, ValueError) as error:
            raise InputError(f"not a calibration: {error!r}") from error
        if calibration.method not in _FIT:
            raise InputError(f"unknown calibration method {calibration.method!r}")
        return calibration


def fit_calibration(
    probabilities: ArrayLike,
    labels: ArrayLike,
    method: str = "auto",
    *,
    names: Sequence[str] | None = None,
    seed: int = 0,
) -> Calibration:
    """Fit a calibration on held-out pooled probabilities.

    Parameters
    ----------
    probabilities
        Pooled, of patterns that no member trained on and the test does not hold, shape (N, K). NaN rows
        (patterns that cannot be read) do not take part.
    labels
        True class indices, shape (N,).
    method
        One of `METHODS`, or ``"auto"``: the simplest of them whose cross-validated log-loss is within one
        standard error of the smallest; those that the split cannot carry are left out with a warning. Or one
        of `NETCAL_METHODS`: netcal fits it, in float64, and it is kept and applied as plain numbers. Its
        functions of one class are kept 1 / (n + 2) away from 0 and 1, as the package's own.
    names
        Of the K classes, for messages.
    seed
        Of the folds.

    Returns
    -------
    Calibration
        The calibration. Where fitting failed, or did not lower the log-loss, it warns and returns ``"none"``.

    Raises
    ------
    InputError
        If the method is unknown, the arrays do not fit together, or a class-wise method is asked for where
        a class is missing.

    Examples
    --------
    >>> p = [[0.8, 0.2], [0.8, 0.2], [0.8, 0.2], [0.8, 0.2], [0.8, 0.2]] * 200
    >>> fitted = fit_calibration(p, [0, 0, 0, 1, 1] * 200, "temperature")
    >>> fitted.apply([[0.8, 0.2]]).round(2).tolist()
    [[0.6, 0.4]]
    """
    as_choice(method, ("auto", *METHODS, *NETCAL_METHODS), "calibration method")
    p = as_probabilities(probabilities, finite=False)
    y = as_labels(labels, *p.shape)
    words = as_names(names, p.shape[1])
    readable = ~np.isnan(p).any(axis=1)
    p, y = p[readable], y[readable]
    if len(y) == 0:
        raise InputError("no readable held-out patterns to calibrate on")
    report: dict[str, Any] = {"n": len(y)}
    chosen_by_name = method != "auto"
    if not chosen_by_name:
        method, choice = _choose(p, y, words, seed)
        report |= choice
    missing = np.flatnonzero(np.bincount(y, minlength=p.shape[1]) == 0)
    if method in _EVERY_CLASS and len(missing):
        raise InputError(
            f"{method} calibration needs every class, and {words[missing[0]]} has no held-out pattern",
            remedy="hold out patterns of it, or use temperature",
        )
    before = log_loss(p, y)
    parameters, after, failure = _guarded(method, p, y, before)
    if chosen_by_name and not failure and method in _ANY_SHAPE:
        losses, failure = _guarded_by_others(method, p, y, seed)
        report |= losses
    if failure:
        warnings.warn(f"{failure}: no calibration is used", stacklevel=2)
        method, parameters, after = "none", {}, before
    report |= {"log_loss_before": before, "log_loss_after": after}
    return Calibration(method, p.shape[1], parameters, report)


def _guarded(
    method: str, p: NDArray[np.float64], y: NDArray[np.intp], before: float
) -> tuple[dict[str, Any], float, str]:
    """Parameters, the log-loss with them, and why they must not be used ("" where they may).

    One guard for every method and library: what is fitted to lower the log-loss of these patterns has to lower it.
    """
    try:
        parameters = _FIT[method](p, y)
        after = log_loss(_APPLY[method](p, parameters), y)
    except InputError as error:
        if method not in NETCAL_METHODS:
            raise
        return {}, before, f"{method} calibration failed: {error}"
    if after <= before + 1e-6:
        return parameters, after, ""
    return {}, before, f"{method} calibration raised the log-loss from {before:.4f} to {after:.4f}"


def _guarded_by_others(
    method: str, p: NDArray[np.float64], y: NDArray[np.intp], seed: int
) -> tuple[dict[str, Any], str]:
    """Cross-validated log-losses, and why the method must not be used: fitted to some, it has to help others."""
    if len(y) < _LEAST_IN_ALL:
        return {}, f"{len(y)} patterns are fewer than the {_LEAST_IN_ALL} that {method} calibration needs"
    try:
        losses = _cross_validate(p, y, ["none", method], seed)
    except InputError as error:
        return {}, f"{method} calibration failed: {error}"
    means = {m: float(values.mean()) for m, values in losses.items()}
    if means[method] <= means["none"] + 1e-6:
        return {"cross_validated": means}, ""
    return {"cross_validated": means}, (
        f"{method} calibration raised the log-loss of patterns it was not fitted to from {means['none']:.4f} "
        f"to {means[method]:.4f}"
    )


def _choose(
    p: NDArray[np.float64], y: NDArray[np.intp], names: Sequence[str], seed: int
) -> tuple[str, dict[str, Any]]:
    refused = _refusals(y, names)
    if refused:
        reasons = ", ".join(f"{method} ({why})" for method, why in refused.items())
        warnings.warn(
            f"held-out patterns are too few for some methods of calibration: {reasons}", stacklevel=3
        )
    candidates = [m for m in METHODS if m not in refused]
    if len(candidates) == 1:
        return candidates[0], {"refused": refused}
    losses = _cross_validate(p, y, candidates, seed)
    means = {m: float(losses[m].mean()) for m in candidates}
    best = min(means, key=means.__getitem__)
    chosen = next(m for m in candidates if _as_good(losses[m], losses[best]))
    return chosen, {"cross_validated": means, "refused": refused}


def _refusals(y: NDArray[np.intp], names: Sequence[str]) -> dict[str, str]:
    if len(y) < _LEAST_IN_ALL:
        return {m: f"{len(y)} patterns are fewer than {_LEAST_IN_ALL}" for m in METHODS[1:]}
    counts = np.bincount(y, minlength=len(names))
    rarest = int(counts.argmin())
    refused = {}
    for method, least in _LEAST_PER_CLASS.items():
        if counts[rarest] < least:
            refused[method] = f"{names[rarest]} has {counts[rarest]} of the {least} it needs"
    return refused


def _cross_validate(
    p: NDArray[np.float64], y: NDArray[np.intp], methods: list[str], seed: int
) -> dict[str, NDArray[np.float64]]:
    """Log-loss of every pattern under each method fitted to the other folds."""
    rng = np.random.default_rng(seed)
    rows = rng.permutation(len(y))[:_MOST_PATTERNS]
    # Neighbours in the order of classes go to different folds, which keeps every class in every fit.
    rows = rows[np.argsort(y[rows], kind="stable")]
    fold = np.arange(len(rows)) % _FOLDS
    losses = {m: np.empty(len(rows)) for m in methods}
    for f in range(_FOLDS):
        fit, held = rows[fold != f], rows[fold == f]
        for m in methods:
            calibrated = _APPLY[m](p[held], _FIT[m](p[fit], y[fit]))
            losses[m][fold == f] = log_loss_per_pattern(calibrated, y[held])
    return losses


def _as_good(losses: NDArray[np.float64], best: NDArray[np.float64]) -> bool:
    worse = losses - best
    return bool(worse.mean() <= worse.std(ddof=1) / np.sqrt(len(worse)))
