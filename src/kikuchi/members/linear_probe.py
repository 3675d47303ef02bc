"""Fit a member's head on a backbone that stays as it is: features once, then the head in seconds."""

import time
from typing import TYPE_CHECKING

import numpy as np

from ensemble.bayesian import fit_heads
from ensemble.softmax import log_softmax
from kikuchi.members.posterior import set_posterior
from kikuchi.members.predict import predict
from kikuchi.members.spec import MemberSpec
from kikuchi.members.train import Epoch, History, Patterns

if TYPE_CHECKING:
    import keras


def features_of(model: "keras.Model", patterns: np.ndarray, *, flip: bool = False) -> np.ndarray:
    """Return the features of prepared patterns, and with `flip` those of the mirrored patterns after them.

    Parameters
    ----------
    model
        A member.
    patterns
        (n, size, size), range [-1, 1].
    flip
        A mirrored pattern has the same Laue class and absences: (2 n, F) instead of (n, F).
    """
    features = predict(model, patterns)[1]
    if not flip:
        return features
    return np.concatenate([features, predict(model, patterns[:, :, ::-1])[1]])


def fit_head(
    model: "keras.Model",
    spec: MemberSpec,
    features: np.ndarray,
    labels: np.ndarray,
    prior: tuple[np.ndarray, np.ndarray] | None = None,
) -> None:
    """Fit a member's head to features and put it into the member, with its posterior where it has one.

    Parameters
    ----------
    model, spec
        The member; its backbone is left alone.
    features, labels
        Of the training patterns, (n, F) and (n,).
    prior
        Kernel and bias that the head should stay close to, such as those of an older one.
    """
    heads = fit_heads(
        spec.head,
        features,
        labels,
        spec.classes,
        draws=spec.draws,
        seed=spec.seed,
        rate=spec.dropout,
        prior=prior,
    )
    model.get_layer("head").set_weights([heads.kernel.astype(np.float32), heads.bias.astype(np.float32)])
    if spec.head != "dropout":
        set_posterior(model, heads.kernels, heads.biases)


def train_frozen(
    model: "keras.Model", spec: MemberSpec, train: Patterns, validation: Patterns, *, flip: bool
) -> History:
    """Train only the head of a member: one pass of its backbone over the patterns, and an exact fit.

    Parameters
    ----------
    model, spec
        The member, its backbone filled.
    train, validation
        Prepared patterns and class indices. The validation patterns are scored, nothing is chosen by them.
    flip
        Fit to the mirrored patterns as well; not where the head has a posterior, which would count them as further
        observations.

    Returns
    -------
    History
        One epoch.
    """
    begin = time.perf_counter()
    flip = flip and spec.head == "dropout"
    features = features_of(model, train[0], flip=flip)
    labels = np.tile(train[1], 2) if flip else train[1]
    fit_head(model, spec, features, labels)
    kernel, bias = (np.asarray(w) for w in model.get_layer("head").get_weights())
    loss, accuracy = _score(features, labels, kernel, bias)
    validation_loss, validation_accuracy = _score(
        features_of(model, validation[0]), validation[1], kernel, bias
    )
    seconds = time.perf_counter() - begin
    return History([Epoch(1, loss, accuracy, validation_loss, validation_accuracy, seconds)])


def _score(
    features: np.ndarray, labels: np.ndarray, kernel: np.ndarray, bias: np.ndarray
) -> tuple[float, float]:
    """Return the mean cross-entropy in nats and the accuracy."""
    log_p = log_softmax(features @ kernel + bias)
    right = log_p.argmax(axis=1) == labels
    return float(-log_p[np.arange(len(labels)), labels].mean()), float(right.mean())
