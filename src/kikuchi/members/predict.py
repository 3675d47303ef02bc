"""Run one member on prepared patterns."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras

#: Patterns per forward pass; larger gains nothing on two cores and costs memory at 299 x 299.
BATCH = 64

#: The pass for so few patterns or fewer: a single image need not pay for 64.
FEW = 8


def predict(model: "keras.Model", patterns: np.ndarray, batch: int = BATCH) -> tuple[np.ndarray, np.ndarray]:
    """Return a member's logits and features.

    Parameters
    ----------
    model
        A member, as `build_member` or `load_member` gives it.
    patterns
        Prepared patterns, shape (n, size, size), range [-1, 1].
    batch
        Patterns per forward pass. The last one is filled up, so that a compiled function sees one shape only
        and a pattern's logits do not depend on how many patterns came with it.

    Returns
    -------
    logits, features
        float32 arrays of shapes (n, K) and (n, F).
    """
    n = len(patterns)
    batch = min(batch, FEW) if n <= FEW else batch
    logits: np.ndarray | None = None
    features: np.ndarray | None = None
    padded = np.zeros((batch, *patterns.shape[1:], 1), np.float32)
    for start in range(0, max(n, 1), batch):
        part = patterns[start : start + batch]
        padded[: len(part), ..., 0] = part
        padded[len(part) :] = 0
        one_logits, one_features = model.predict_on_batch(padded)
        if logits is None or features is None:
            logits = np.empty((n, one_logits.shape[1]), np.float32)
            features = np.empty((n, one_features.shape[1]), np.float32)
        logits[start : start + len(part)] = one_logits[: len(part)]
        features[start : start + len(part)] = one_features[: len(part)]
    assert logits is not None and features is not None
    return logits, features
