"""Label shift: the classes of a scan are mixed otherwise than the held-out patterns, and look the same in themselves.

Two estimates of the scan's mixture, one from the calibrated probabilities (Saerens, Latinne & Decaestecker, Neural
Computation 14, 2002: expectation maximisation; the most efficient where the probabilities are well calibrated,
Alexandari, Kundaje & Shrikumar, ICML 2020), one from the confusion of the hard answers (black-box shift estimation,
Lipton, Wang & Smola, ICML 2018). Where both agree and every class leaves a mark of its own, the probabilities of each
point are corrected by Bayes' rule; where not, they are left as they are, with the reason.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble.errors import InputError
from ensemble.label_shares import bbse_shares, em_shares
from ensemble.validation import (
    as_count,
    as_groups,
    as_labels,
    as_probabilities,
    as_share,
)

#: Gap between the intervals of the two estimates that is no contradiction yet: where a class is absent both are points.
TOLERATED = 0.02


#: Fewer independent units of a map say too little of its mixture.
LEAST_UNITS = 20

#: Smallest singular value of the confusion matrix (columns: answers for a class) below which the classes do
#: not leave marks of their own: the error of the estimate grows as its inverse (Lipton et al., theorem 3).
LEAST_SINGULAR = 0.2


@dataclass(frozen=True)
class LabelShift:
    """The mixture of a scan, estimated.

    Attributes
    ----------
    shares
        Share of each class among the scan's readable, familiar points, shape (K,), summing to 1 (EM).
    low, high
        Interval of each share, shape (K,): over whole blocks of the map and the held-out units, and over both
        estimates; an end within half a block of 0 or 1 is there.
    bbse
        Shares by the confusion of the hard answers, shape (K,).
    prior
        Share of each class among the held-out units, shape (K,).
    units
        Independent blocks of the map.
    smallest_singular
        Of the held-out confusion matrix, in [0, 1]; 1 where classes are never confused.
    identified
        Whether the mixture can be estimated.
    why
        In words, where it cannot; empty where it can.
    confidence
        Of the intervals, all classes together.
    merged
        Sets of class indices that cannot be distinguished, where the mixture can be estimated with each set taken as
        one class: the intervals of their classes then reach from 0 to what the set has, and those of the others hold.
    """

    shares: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    bbse: tuple[float, ...]
    prior: tuple[float, ...]
    units: int
    smallest_singular: float
    identified: bool
    why: str
    confidence: float
    merged: tuple[tuple[int, ...], ...] = ()

    @property
    def bounded(self) -> bool:
        """Whether `low` and `high` hold: the mixture is identified, or it is but for classes that are merged."""
        return self.identified or bool(self.merged)

    def to_dict(self) -> dict[str, Any]:
        """Everything, as plain JSON."""
        return asdict(self)


def estimate_label_shift(
    held_out: ArrayLike,
    labels: ArrayLike,
    scan: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    blocks: ArrayLike | None = None,
    confidence: float = 0.95,
    n_draws: int = 200,
    seed: int = 0,
) -> LabelShift:
    """Estimate the mixture of a scan from what the ensemble says of it, with intervals.

    Parameters
    ----------
    held_out
        Calibrated probabilities of held-out patterns, shape (H, K), finite.
    labels
        Their true classes, shape (H,).
    scan
        Calibrated probabilities of the scan's readable, familiar points, shape (N, K), finite.
    groups
        Group of each held-out pattern, shape (H,): whole groups are resampled, and each counts once.
    blocks
        Block or grain of each point of the scan, shape (N,): whole blocks are resampled.
    confidence
        Of the intervals, all classes together (Bonferroni).
    n_draws
        Of the Bayesian bootstrap (Rubin 1981).
    seed
        Of the draws.

    Returns
    -------
    LabelShift
        Shares of the classes with their intervals.

    Raises
    ------
    InputError
        If the arrays do not fit together, or the scan has no point.
    """
    p, q = as_probabilities(held_out), as_probabilities(scan)
    h, k = p.shape
    y = as_labels(labels, h, k)
    if q.shape[1] != k or not len(q):
        raise InputError(
            f"probabilities of {q.shape} points and of {p.shape} held-out patterns do not fit together"
        )
    as_share(confidence, "the confidence")
    as_count(n_draws, "the number of draws")
    as_count(seed, "the seed", least=0)
    if not h:
        raise InputError("no held-out pattern says how the classes are confused")
    unit = np.arange(h) if groups is None else as_groups(groups, h)
    block = np.arange(len(q)) if blocks is None else as_groups(blocks, len(q), "blocks")
    each = 1.0 / np.bincount(unit)[unit]
    prior = np.bincount(y, each, k)
    missing = np.flatnonzero(prior == 0)
    prior = prior / prior.sum()
    n_units = int(block.max()) + 1
    answered, own = q.argmax(axis=1), p.argmax(axis=1)
    table = _tables(block, answered, k)
    cells = _tables(unit, y * k + own, k * k) / np.bincount(unit)[:, None]
    shares = em_shares(q, np.where(prior > 0, prior, 0.0))
    if len(missing):
        why = f"no held-out pattern of class {missing[0]}"
        return _unidentified(shares, prior, n_units, 0.0, why, confidence)
    confusion = cells.sum(axis=0).reshape(k, k)
    bbse = bbse_shares(confusion, table.sum(axis=0))
    singular = float(np.linalg.svd(confusion / confusion.sum(axis=1, keepdims=True), compute_uv=False)[-1])
    if singular < LEAST_SINGULAR and k > 2:
        found = _merged_classes(p, y, q, confusion, unit, block, confidence, n_draws, seed)
        if found is not None:
            merged, part = found
            low, high = np.zeros(k), np.zeros(k)
            for one, classes in enumerate(merged):
                high[list(classes)] = part.high[one]
                low[list(classes)] = part.low[one] if len(classes) == 1 else 0.0
            sets = tuple(c for c in merged if len(c) > 1)
            return LabelShift(
                tuple(shares.tolist()), tuple(low.tolist()), tuple(high.tolist()), tuple(bbse.tolist()),
                tuple(prior.tolist()), n_units, singular, False, _confused(singular), confidence, sets,
            )  # fmt: skip
    rng = np.random.default_rng(seed)
    draws = np.empty((2, n_draws, k))
    for i in range(n_draws):
        of_block, of_unit = rng.standard_exponential(n_units), rng.standard_exponential(len(cells))
        drawn = (of_unit @ cells).reshape(k, k)
        draws[0, i] = bbse_shares(drawn, of_block @ table)
    sample = _sample(block, rng)
    for i in range(n_draws):
        of_block = rng.standard_exponential(n_units)
        draws[1, i] = _few_steps(q[sample], prior, of_block[block[sample]], shares)
    tail = (1.0 - confidence) / (2.0 * k)
    low, high = np.quantile(draws, [tail, 1.0 - tail], axis=1)
    # Expectation maximisation comes as near to 0 and 1 as one likes, and never there: less than half a block is none.
    low, high = np.where(low < 0.5 / n_units, 0.0, low), np.where(high > 1.0 - 0.5 / n_units, 1.0, high)
    why = _why(n_units, singular, shares, bbse, low, high)
    return LabelShift(
        shares=tuple(shares.tolist()),
        low=tuple(low.min(axis=0).tolist()),
        high=tuple(high.max(axis=0).tolist()),
        bbse=tuple(bbse.tolist()),
        prior=tuple(prior.tolist()),
        units=n_units,
        smallest_singular=singular,
        identified=not why,
        why=why,
        confidence=confidence,
    )


def _confused(singular: float) -> str:
    return f"two classes are confused too often (smallest singular value of the confusion {singular:.2f})"


def _merged_classes(
    p: NDArray[np.float64],
    y: NDArray[np.intp],
    q: NDArray[np.float64],
    confusion: NDArray[np.float64],
    unit: NDArray[np.integer],
    block: NDArray[np.integer],
    confidence: float,
    n_draws: int,
    seed: int,
) -> tuple[list[tuple[int, ...]], LabelShift] | None:
    """Merge the classes most alike in the outputs until the rest can be estimated; None where nothing is left.

    Merging follows the held-out patterns alone, so that the scan does not choose what is estimated of it.
    """
    sets: list[tuple[int, ...]] = [(c,) for c in range(len(confusion))]
    table = confusion
    while len(sets) > 2:
        given = table / table.sum(axis=1, keepdims=True)
        apart = np.abs(given[:, None] - given[None]).sum(axis=2)
        np.fill_diagonal(apart, np.inf)
        a, b = sorted(int(i) for i in np.unravel_index(np.argmin(apart), apart.shape))
        sets[a] = tuple(sorted(sets[a] + sets.pop(b)))
        onto = np.array([[c in one for one in sets] for c in range(len(confusion))], dtype=float)
        table = onto.T @ confusion @ onto
        rates = table / table.sum(axis=1, keepdims=True)
        if np.linalg.svd(rates, compute_uv=False)[-1] >= LEAST_SINGULAR:
            found = estimate_label_shift(
                p @ onto,
                onto.argmax(axis=1)[y],
                q @ onto,
                groups=unit,
                blocks=block,
                confidence=confidence,
                n_draws=n_draws,
                seed=seed,
            )
            return (sets, found) if found.identified else None
    return None


def _why(
    units: int,
    singular: float,
    shares: NDArray[np.float64],
    bbse: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
) -> str:
    if units < LEAST_UNITS:
        return f"the map is worth {units} independent block{'s' * (units != 1)}, fewer than {LEAST_UNITS}"
    if singular < LEAST_SINGULAR:
        return _confused(singular)
    apart = (low[0] > high[1] + TOLERATED) | (low[1] > high[0] + TOLERATED)
    if apart.any():
        worst = int(np.argmax(np.abs(shares - bbse) * apart))
        return (
            f"the two estimates contradict each other ({100 * shares[worst]:.1f} % by likelihood, "
            f"{100 * bbse[worst]:.1f} % by confusions): the points do not look like the held-out patterns of any class"
        )
    return ""


def _unidentified(
    shares: NDArray[np.float64],
    prior: NDArray[np.float64],
    units: int,
    singular: float,
    why: str,
    confidence: float,
) -> LabelShift:
    k = len(shares)
    nothing = tuple([float("nan")] * k)
    return LabelShift(
        tuple(shares.tolist()), (0.0,) * k, (1.0,) * k, nothing, tuple(prior.tolist()), units, singular, False, why,
        confidence,
    )  # fmt: skip


def _tables(unit: NDArray[np.integer], column: NDArray[np.integer], n_columns: int) -> NDArray[np.float64]:
    n = int(unit.max()) + 1
    return np.bincount(unit * n_columns + column, minlength=n * n_columns).reshape(n, n_columns).astype(float)


def _sample(block: NDArray[np.integer], rng: np.random.Generator, most: int = 5000) -> NDArray[np.intp]:
    """Points that stand for a large map in the bootstrap: as many of each block, in proportion."""
    return np.arange(len(block)) if len(block) <= most else np.sort(rng.permutation(len(block))[:most])


def _few_steps(
    q: NDArray[np.float64],
    prior: NDArray[np.float64],
    weights: NDArray[np.float64],
    start: NDArray[np.float64],
) -> NDArray[np.float64]:
    """EM from the solution of the whole, lifted from 0, where it could not rise."""
    w = weights / weights.sum()
    likelihood = q / prior
    shares = np.maximum(start, 1e-4)
    shares /= shares.sum()
    for _ in range(60):
        joint = likelihood * shares
        new = w @ (joint / np.maximum(joint.sum(axis=1, keepdims=True), 1e-300))
        done = np.abs(new - shares).max() < 1e-4
        shares = new
        if done:
            break
    return shares
