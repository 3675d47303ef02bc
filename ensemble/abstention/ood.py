"""Scores of unfamiliarity, how unlike training a pattern is; higher is always less familiar."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble.errors import InputError
from ensemble.softmax import softmax
from ensemble.validation import as_count, as_features, as_labels, as_logits, as_number, as_numbers, as_share

_CHUNK_BYTES = 32 * 2**20


@dataclass(frozen=True)
class Familiarity:
    """Compact reference of training features that new patterns are measured against.

    Attributes
    ----------
    references
        Of each member, L2-normalised features of a sample of training patterns, shape (R, F_m), float32.
    scales
        Median distance of a reference pattern to its own neighbours, shape (M,): members with different
        features are averaged in units of it.
    k
        Which neighbour is measured.
    """

    references: tuple[NDArray[np.float32], ...]
    scales: NDArray[np.float64]
    k: int

    def __post_init__(self) -> None:
        as_count(self.k, "which neighbour is measured")
        if not self.references or np.shape(self.scales) != (len(self.references),):
            raise InputError("a familiarity reference needs one scale for each member")
        for scale in self.scales:
            as_number(float(scale), "the scale of a familiarity reference", low=1e-12)

    def score(self, features: Sequence[ArrayLike]) -> NDArray[np.float64]:
        """Distance to the k-th nearest training pattern, averaged over members.

        Parameters
        ----------
        features
            Penultimate features of each member, M arrays of shape (N, F_m).

        Returns
        -------
        Shape (N,), at least 0, about 1 for familiar patterns; NaN where a feature is NaN.

        Raises
        ------
        InputError
            If the members or their features are not those of the reference.
        """
        if len(features) != len(self.references):
            raise InputError(f"features of {len(features)} members, reference of {len(self.references)}")
        total: NDArray[np.float64] | float = 0.0
        for own, reference, scale in zip(features, self.references, self.scales, strict=True):
            x = as_numbers(own, "features of a member")
            if x.ndim != 2 or x.shape[1] != reference.shape[1]:
                raise InputError(
                    f"features of shape {x.shape} where {reference.shape[1]} columns are expected"
                )
            total = total + _kth_distance(_normalised(x), reference, self.k) / scale
        return np.asarray(total / len(self.references))

    def to_arrays(self) -> dict[str, NDArray]:
        """Everything as named arrays, for an npz file without pickle."""
        named: dict[str, NDArray] = {f"reference_{i}": r for i, r in enumerate(self.references)}
        return named | {"scales": self.scales, "k": np.array(self.k)}

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray]) -> "Familiarity":
        """Read back what `to_arrays` wrote.

        Raises
        ------
        InputError
            If an array is missing.
        """
        try:
            scales = np.asarray(arrays["scales"], dtype=np.float64)
            references = tuple(np.asarray(arrays[f"reference_{i}"]) for i in range(len(scales)))
            return cls(references, scales, int(arrays["k"]))
        except (KeyError, OverflowError, TypeError, ValueError) as error:
            raise InputError(f"not a familiarity reference: {error!r}") from error


def fit_familiarity(
    features: Sequence[ArrayLike],
    labels: ArrayLike | None = None,
    *,
    k: int = 10,
    max_reference: int = 2000,
    seed: int = 0,
) -> Familiarity:
    """Keep a sample of training features to measure new patterns against.

    k-nearest-neighbour distance on L2-normalised penultimate features (Sun et al., ICML 2022), which OpenOOD
    v1.5 (Zhang et al. 2023) finds among the best on near cases, where a Mahalanobis distance is weak.

    Parameters
    ----------
    features
        Penultimate features of the training patterns, M arrays of shape (N, F_m).
    labels
        True class indices, shape (N,): the sample then holds equally many of each class, as far as there
        are.
    k
        Which neighbour is measured; at most the number of reference patterns less one.
    max_reference
        Most patterns to keep.
    seed
        Of the sample.

    Returns
    -------
    Familiarity
        The reference; `Familiarity.score` of the training patterns themselves is too small to set a threshold
        with, so use held-out ones.

    Raises
    ------
    InputError
        If there are no members, fewer than two patterns, or different numbers of patterns.
    """
    as_count(k, "which neighbour is measured")
    as_count(max_reference, "the number of reference patterns", least=2)
    rows = [_normalised(f) for f in as_features(features)]
    if len(rows[0]) < 2:
        raise InputError("familiarity needs the features of at least two patterns, the same for every member")
    finite = np.flatnonzero(np.all([np.isfinite(r).all(axis=1) for r in rows], axis=0))
    if len(finite) < 2:
        raise InputError("familiarity needs at least two patterns with finite features")
    y = np.zeros(len(rows[0]), int) if labels is None else as_numbers(labels, "labels")
    y = as_labels(y, len(rows[0]), int(y.max(initial=0)) + 1)[finite]
    kept = np.sort(finite[_balanced_sample(y, max_reference, np.random.default_rng(seed))])
    k = min(k, len(kept) - 1)
    references = tuple(np.ascontiguousarray(r[kept]) for r in rows)
    # The nearest neighbour of a reference pattern is itself: one further gives the k-th other.
    medians = [float(np.median(_kth_distance(r, r, k + 1))) for r in references]
    return Familiarity(references, np.array([m if m > 0 else 1.0 for m in medians]), k)


def energy(logits: ArrayLike) -> NDArray[np.float64]:
    """Free energy, averaged over members (Liu et al., NeurIPS 2020).

    Parameters
    ----------
    logits
        Shape (M, N, K).

    Returns
    -------
    numpy.ndarray
        Minus log sum exp of the logits, shape (N,), any real number; higher = stranger.

    Examples
    --------
    >>> energy([[[0.0, 0.0]]]).round(4).tolist()
    [-0.6931]
    """
    from scipy.special import logsumexp

    return -logsumexp(as_logits(logits).astype(np.float64), axis=-1).mean(axis=0)


def generalised_entropy(logits: ArrayLike, gamma: float = 0.1, top: int = 100) -> NDArray[np.float64]:
    """GEN score, averaged over members (Liu, Lochman & Zach, CVPR 2023).

    Parameters
    ----------
    logits
        Shape (M, N, K).
    gamma
        Exponent in (0, 1): small values weigh small probabilities more.
    top
        How many of the largest probabilities enter.

    Returns
    -------
    numpy.ndarray
        Sum over the top classes of p^gamma (1 - p)^gamma, shape (N,), at least 0; higher = stranger (the paper's
        sign is the opposite).

    Examples
    --------
    >>> generalised_entropy([[[0.0, 0.0]]], gamma=0.5).tolist()
    [1.0]
    """
    as_share(gamma, "gamma")
    as_count(top, "the number of classes that enter")
    p = np.sort(softmax(as_logits(logits)), axis=-1)[..., ::-1][..., :top]
    return ((p * (1.0 - p)) ** gamma).sum(axis=-1).mean(axis=0)


def _normalised(x: NDArray) -> NDArray[np.float32]:
    rows = np.asarray(x, dtype=np.float32)
    if rows.ndim != 2:
        raise InputError(f"features must have shape (patterns, features), not {rows.shape}")
    norm = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.maximum(norm, np.finfo(np.float32).tiny)


def _kth_distance(x: NDArray[np.float32], reference: NDArray[np.float32], k: int) -> NDArray[np.float64]:
    """Euclidean distance of unit vectors to the k-th nearest unit vector of the reference."""
    out = np.empty(len(x))
    step = max(1, _CHUNK_BYTES // (4 * len(reference)))
    for start in range(0, len(x), step):
        cosine = x[start : start + step] @ reference.T
        # The k-th largest cosine is the k-th smallest distance.
        kth = np.partition(cosine, len(reference) - k, axis=1)[:, len(reference) - k]
        out[start : start + step] = np.sqrt(np.maximum(2.0 - 2.0 * kth, 0.0))
    out[np.isnan(x).any(axis=1)] = np.nan
    return out


def _balanced_sample(labels: NDArray[np.intp], size: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Draw indices of at most `size` patterns, the classes taking turns."""
    shuffled = rng.permutation(len(labels))
    turn = np.empty(len(labels), dtype=int)
    for c in np.unique(labels):
        own = shuffled[labels[shuffled] == c]
        turn[own] = np.arange(len(own))
    return shuffled[np.argsort(turn[shuffled], kind="stable")[:size]]
