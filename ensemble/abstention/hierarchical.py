"""Answer as finely as the risk allows: the deepest level of a hierarchy that can be promised."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble.abstention.risk_control import expected_bound, risk_bound
from ensemble.abstention.splitting import split_groups
from ensemble.errors import InputError
from ensemble.validation import as_flags, as_labels, as_probabilities, as_scores, as_share

_STEPS = 40
_REACH = (1 / 16, 2.0)
"""Planned risks that are tried, as shares of the risk asked for."""


@dataclass(frozen=True)
class LevelRule:
    """Thresholds of confidence that each level must reach to be answered.

    Attributes
    ----------
    thresholds
        Smallest probability of a node that is answered, one a level from coarse to fine; above 1 for never.
    target_risk, confidence
        Allowed share of wrong answers, over all levels together, and the probability with which it must hold.
    certified
        Whether that is certified.
    bound
        Exact upper bound (Clopper-Pearson) on the risk of these thresholds.
    n_tested, n_answered, n_errors
        Held-out patterns in the test, those answered at any level, and the wrong ones among them.
    """

    thresholds: tuple[float, ...]
    target_risk: float
    confidence: float
    certified: bool
    bound: float
    n_tested: int
    n_answered: int
    n_errors: int

    def to_dict(self) -> dict[str, Any]:
        """Everything, as plain JSON."""
        return asdict(self)


def answer_levels(
    probabilities: Sequence[NDArray[np.float64]],
    thresholds: Sequence[float],
    answerable: ArrayLike | None = None,
) -> tuple[NDArray[np.int8], NDArray[np.intp]]:
    """Return the deepest level that is sure enough, and its likeliest node.

    Parameters
    ----------
    probabilities
        Of every level's nodes, L arrays of shape (N, nodes); NaN rows are not answered.
    thresholds
        One a level.
    answerable
        Which patterns may be answered at all, shape (N,); all where None.

    Returns
    -------
    level, node
        Shape (N,); -1 where no level is sure enough.

    Examples
    --------
    >>> coarse, fine = np.array([[0.9, 0.1], [0.6, 0.4]]), np.array([[0.5, 0.4, 0.1], [0.3, 0.3, 0.4]])
    >>> level, node = answer_levels([coarse, fine], [0.8, 0.8])
    >>> level.tolist(), node.tolist()
    ([0, -1], [0, -1])
    """
    checked, allowed = _checked(probabilities, answerable)
    n = len(allowed)
    limits = as_scores(list(thresholds), "the thresholds of the levels", (len(checked),), low=0)
    level, node = np.full(n, -1, dtype=np.int8), np.full(n, -1, dtype=np.intp)
    for depth, (p, threshold) in enumerate(zip(checked, limits, strict=True)):
        sure = allowed & (p.max(axis=1) >= threshold)
        level[sure], node[sure] = depth, p[sure].argmax(axis=1)
    return level, node


def fit_levels(
    probabilities: Sequence[NDArray[np.float64]],
    labels: Sequence[NDArray[np.integer]],
    *,
    answerable: ArrayLike | None = None,
    risk: float = 0.02,
    confidence: float = 0.95,
    groups: ArrayLike | None = None,
    seed: int = 0,
) -> LevelRule:
    """Set every level's threshold on held-out patterns, and certify all answers together.

    A third of the data plans: for a series of risks from strict to loose, thresholds from the finest level up, each
    the smallest that keeps the planned risk among the patterns no finer level answers. The rest tests the series in
    that order (Learn then Test, Angelopoulos et al. 2021, with the exact binomial bound) and stops at the first
    that fails. Every level is planned at the same risk, so that sure answers of a coarse level pay for no
    guesses of a fine one. A level with a single node is never answered: it says nothing.

    Parameters
    ----------
    probabilities
        Of every level's nodes, L arrays of shape (N, nodes), calibrated on other patterns.
    labels
        True node of each pattern, L arrays of shape (N,).
    answerable
        Which patterns may be answered, shape (N,).
    risk
        Allowed error rate among all answers, in (0, 1).
    confidence
        Probability, over the draw of the held-out data, with which it must hold.
    groups
        Patterns of one group are not independent, shape (N,): groups are never split, one of each tests.
    seed
        Of the split.

    Returns
    -------
    LevelRule
        The rule. Where nothing can be certified, the strictest thresholds, with their bound.

    Raises
    ------
    InputError
        If a level is out of range or fewer than two patterns (or groups) are left.
    """
    as_share(risk, "the risk")
    as_share(confidence, "the confidence")
    probabilities, allowed = _checked(probabilities, answerable)
    n = len(allowed)
    if len(labels) != len(probabilities):
        raise InputError(f"labels of {len(labels)} levels, probabilities of {len(probabilities)}")
    labels = [as_labels(y, n, p.shape[1]) for p, y in zip(probabilities, labels, strict=True)]
    top = np.stack([np.where(allowed, np.nan_to_num(p.max(axis=1), nan=-1.0), -1.0) for p in probabilities])
    wrong = np.stack([p.argmax(axis=1) != y for p, y in zip(probabilities, labels, strict=True)])
    top[[p.shape[1] < 2 for p in probabilities]] = -1.0
    planning, testing = split_groups(n, groups, np.random.default_rng(seed))
    planned_risks = risk * np.geomspace(*_REACH, _STEPS)
    series = [_plan(top[:, planning], wrong[:, planning], planned) for planned in planned_risks]
    scale = len(testing) / len(planning)
    series = series[_start(series, top[:, planning], wrong[:, planning], risk, confidence, scale) :]
    chosen: LevelRule | None = None
    for thresholds in series:
        errors, answered = _count(top[:, testing], wrong[:, testing], thresholds)
        bound = float(risk_bound(errors, answered, confidence))
        if chosen is not None and bound > risk:
            break
        chosen = LevelRule(
            tuple(thresholds), risk, confidence, bound <= risk, bound, len(testing), answered, errors
        )
        if bound > risk:
            break
    assert chosen is not None
    return chosen


def _checked(
    probabilities: Sequence[NDArray[np.float64]], answerable: ArrayLike | None
) -> tuple[list[NDArray[np.float64]], NDArray[np.bool_]]:
    checked = [as_probabilities(p, finite=False) for p in probabilities]
    if not checked or len({len(p) for p in checked}) != 1:
        raise InputError("levels need probabilities of the same patterns, at least one level")
    n = len(checked[0])
    return checked, np.ones(n, dtype=bool) if answerable is None else as_flags(answerable, "answerable", (n,))


def _plan(top: NDArray[np.float64], wrong: NDArray[np.bool_], risk: float) -> list[float]:
    """Thresholds, coarse to fine, whose answers are expected to be wrong at a rate of at most `risk` a level."""
    left = np.ones(top.shape[1], dtype=bool)
    thresholds: list[float] = []
    for sure, errs in zip(top[::-1], wrong[::-1], strict=True):
        open_ = np.flatnonzero(left & (sure >= 0))
        order = open_[np.argsort(-sure[open_], kind="stable")]
        # Half an error is added to what was seen: no errors among few are no proof of none.
        rate = (np.cumsum(errs[order]) + 0.5) / (np.arange(len(order)) + 2.0)
        last_of_equal = np.append(np.diff(sure[order]) < 0, True)[: len(order)]
        fine = np.flatnonzero((rate <= risk) & last_of_equal)
        threshold = float(sure[order[fine[-1]]]) if len(fine) else 2.0
        left &= sure < threshold
        thresholds.insert(0, threshold)
    return thresholds


def _count(
    top: NDArray[np.float64], wrong: NDArray[np.bool_], thresholds: Sequence[float]
) -> tuple[int, int]:
    """Wrong answers and answers, each pattern at the deepest level that is sure enough."""
    passes = top >= np.asarray(thresholds)[:, None]
    answered = passes.any(axis=0)
    deepest = len(thresholds) - 1 - passes[::-1].argmax(axis=0)
    errors = wrong[deepest, np.arange(top.shape[1])] & answered
    return int(errors.sum()), int(answered.sum())


def _start(
    series: list[list[float]],
    top: NDArray[np.float64],
    wrong: NDArray[np.bool_],
    risk: float,
    confidence: float,
    scale: float,
) -> int:
    """Where the test begins: the strictest thresholds expected to pass with two errors to spare.

    As in `threshold_sequence`: the strictest answer so little that no error at all is needed to fail them.
    """
    bounds, cautious = [], []
    for thresholds in series:
        errors, answered = _count(top, wrong, thresholds)
        expected = scale * answered
        errors_there = np.round((errors + 0.5) / (answered + 1.0) * expected)
        bounds.append(float(expected_bound(errors_there, np.floor(expected), confidence)))
        cautious.append(float(expected_bound(errors_there + 2, np.floor(expected), confidence)))
    passing = np.flatnonzero(np.array(cautious) <= risk)
    return int(passing[0]) if len(passing) else int(np.argmin(bounds))
