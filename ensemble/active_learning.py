"""Choice of patterns to label: those whose labels would teach most, and different from each other."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble.errors import InputError
from ensemble.validation import as_count, as_features, as_scores

_CHUNK = 2048


def choose_queries(
    score: ArrayLike, features: Sequence[ArrayLike], count: int, *, known: Sequence[ArrayLike] = ()
) -> NDArray[np.intp]:
    """Choose patterns one by one, each time where score times distance to everything known or chosen is largest.

    The score is how much a label is expected to teach, as the mutual information between it and the members (Houlsby et
    al. 2011); taken alone it asks the same question again and again (Kirsch, van Amersfoort & Gal, NeurIPS 2019). The
    distance is Euclidean between L2-normalised features, averaged over members (greedy farthest point, Gonzalez 1985).

    Parameters
    ----------
    score
        (N,), at least 0; NaN and 0 are never chosen.
    features
        Of each of M members, (N, F_m).
    count
        How many; fewer come back where fewer score above 0.
    known
        Features of each member of patterns that have labels, (R, F_m); none where empty.

    Returns
    -------
    numpy.ndarray
        Indices, the most instructive first.

    Raises
    ------
    InputError
        Nothing scores above 0, or fewer than one pattern is asked for.

    Examples
    --------
    The second twin of a chosen pattern is not chosen:

    >>> choose_queries([0.5, 0.5, 0.2], [[[1, 0], [1, 0], [0, 1]]], 2).tolist()
    [0, 2]
    """
    value = np.nan_to_num(as_scores(score, "scores", missing=True, low=0))
    as_count(count, "the number of patterns to ask about", least=0)
    if count < 1 or not (value > 0).any():
        raise InputError(
            "no pattern to ask about", remedy="ask for at least 1, on a map where members disagree"
        )
    rows = [_normalised(f) for f in as_features(features)]
    labelled = (
        [_normalised(f) for f in as_features(known, "features of known patterns")] if len(known) else []
    )
    if len(rows[0]) != len(value):
        raise InputError(f"features of {len(rows[0])} patterns, scores of {len(value)}")
    if labelled and [f.shape[1] for f in rows] != [f.shape[1] for f in labelled]:
        raise InputError("features of known patterns must come from the same members")
    # What has no features cannot be compared, and is never asked about.
    value[~np.all([np.isfinite(own).all(axis=1) for own in rows], axis=0)] = 0
    nearest = np.zeros(len(value)) if len(known) else np.full(len(value), np.sqrt(2.0))
    for own, reference in zip(rows, labelled, strict=False):
        nearest += _nearest(own, reference) / len(rows)
    chosen: list[int] = []
    for _ in range(min(count, int((value > 0).sum()))):
        worth = np.where(value > 0, value * nearest, -1)
        worth[chosen] = -1
        best = int(np.argmax(worth))
        chosen.append(best)
        apart = np.mean([np.linalg.norm(own - own[best], axis=1) for own in rows], axis=0)
        nearest = np.minimum(nearest, apart)
    return np.array(chosen, dtype=np.intp)


def _normalised(features: ArrayLike) -> NDArray[np.float32]:
    x = np.asarray(features, dtype=np.float32)
    length = np.linalg.norm(x, axis=1, keepdims=True)
    return x / np.maximum(length, np.finfo(np.float32).tiny)


def _nearest(rows: NDArray[np.float32], reference: NDArray[np.float32]) -> NDArray[np.float64]:
    """Distance of each row to the nearest reference row; both of length 1."""
    found = np.empty(len(rows))
    for start in range(0, len(rows), _CHUNK):
        part = slice(start, start + _CHUNK)
        cosine = (rows[part] @ reference.T).max(axis=1, initial=-1.0)
        found[part] = np.sqrt(np.maximum(2 - 2 * cosine, 0))
    return found
