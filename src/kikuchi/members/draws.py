"""Many heads on one backbone, which runs once: dropout masks before the head, or draws from its posterior."""

from dataclasses import dataclass

import numpy as np

from kikuchi.members.spec import MemberSpec


@dataclass(frozen=True)
class HeadDraws:
    """The sufficient statistics of T draws of one member's head.

    Parameters
    ----------
    mean
        Mean of the draws' probabilities, shape (n, K).
    entropy
        Mean of the draws' entropies in nats, shape (n,).
    votes
        How many draws chose each class, shape (n, K), sums to T.
    """

    mean: np.ndarray
    entropy: np.ndarray
    votes: np.ndarray


def dropout_draws(
    features: np.ndarray, kernel: np.ndarray, bias: np.ndarray, *, rate: float, draws: int, seed: int
) -> HeadDraws:
    """Draw T heads with dropped features and reduce them at once (Gal & Ghahramani, ICML 2016).

    Each draw is one mask for all patterns, a sub-network: so the outcome of a pattern depends neither on its
    neighbours nor on how a scan is cut into chunks.

    Parameters
    ----------
    features
        What enters the dropout layer, shape (n, F).
    kernel, bias
        The head's weights, shapes (F, K) and (K,).
    rate
        Share of features dropped, as in training.
    draws
        T, at least 1.
    seed
        Seed of the masks.

    Examples
    --------
    >>> f, w, b = np.ones((1, 4)), np.ones((4, 2)), np.zeros(2)
    >>> dropout_draws(f, w, b, rate=0.5, draws=10, seed=0).mean
    array([[0.5, 0.5]], dtype=float32)
    """
    return head_draws(features, *dropped_heads(kernel, bias, rate=rate, draws=draws, seed=seed))


def dropped_heads(
    kernel: np.ndarray, bias: np.ndarray, *, rate: float, draws: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Heads (T, F, K) and (T, K) that dropout masks make of one, drawn once for all patterns.

    Parameters
    ----------
    kernel, bias
        The head's weights, shapes (F, K) and (K,).
    rate
        Share of features dropped, as in training.
    draws
        T, at least 1.
    seed
        Seed of the masks.

    Returns
    -------
    tuple of numpy.ndarray
        Kernels and biases.
    """
    kept = np.random.default_rng(seed).random((draws, len(kernel))) >= rate
    masks = kept.astype(np.float32) / np.float32(1 - rate)
    return masks[:, :, None] * kernel[None].astype(np.float32), np.broadcast_to(bias, (draws, len(bias)))


def heads_of(spec: MemberSpec, head: dict[str, np.ndarray], draws: int) -> tuple[np.ndarray, np.ndarray]:
    """Heads (T, F, K) and (T, K) of a member: so many dropout masks, or what its posterior holds.

    Parameters
    ----------
    spec
        The member.
    head
        ``kernel`` and ``bias`` of its head; with a posterior also ``kernels`` and ``biases``.
    draws
        Dropout masks to draw; a posterior has as many heads as it was fitted with.

    Returns
    -------
    tuple of numpy.ndarray
        Kernels and biases.
    """
    if spec.head != "dropout":
        return head["kernels"], head["biases"]
    return dropped_heads(head["kernel"], head["bias"], rate=spec.dropout, draws=draws, seed=spec.seed)


def member_draws(
    spec: MemberSpec, head: dict[str, np.ndarray], features: np.ndarray, draws: int
) -> HeadDraws:
    """Draw a member's heads: so many dropout masks, or what its posterior holds.

    Parameters
    ----------
    spec
        The member.
    head
        ``kernel`` and ``bias`` of its head; with a posterior also ``kernels`` and ``biases``.
    features
        Features from its backbone, (n, F).
    draws
        Dropout masks to draw; a posterior has as many heads as it was fitted with.
    """
    return head_draws(features, *heads_of(spec, head, draws))


def head_draws(features: np.ndarray, kernels: np.ndarray, biases: np.ndarray) -> HeadDraws:
    """Apply T heads to features and reduce what they say at once.

    Parameters
    ----------
    features
        (n, F).
    kernels, biases
        (T, F, K) and (T, K).

    Examples
    --------
    Two heads that are sure of different classes: all of the entropy lies between them.

    >>> found = head_draws(np.ones((1, 1)), np.array([[[90.0, 0]], [[0, 90.0]]]), np.zeros((2, 2)))
    >>> found.mean.tolist(), found.entropy.round(3).tolist(), found.votes.tolist()
    ([[0.5, 0.5]], [0.0], [[1, 1]])
    """
    draws, _, k = kernels.shape
    n = len(features)
    heads = kernels.astype(np.float32).transpose(1, 0, 2).reshape(-1, draws * k)
    mean = np.empty((n, k), np.float32)
    entropy = np.empty(n, np.float32)
    votes = np.empty((n, k), np.uint16)
    for start in range(0, n, 1024):
        part = slice(start, start + 1024)
        logits = (features[part].astype(np.float32) @ heads).reshape(-1, draws, k) + biases.astype(np.float32)
        logits -= logits.max(axis=2, keepdims=True)
        exponent = np.exp(logits)
        total = exponent.sum(axis=2, keepdims=True)
        probabilities = exponent / total
        # -sum p log p = log(total) - sum p * logit, and needs no logarithm of a vanishing probability
        mean_entropy = (np.log(total[..., 0]) - (probabilities * logits).sum(axis=2)).mean(axis=1)
        mean[part] = probabilities.mean(axis=1)
        entropy[part] = np.maximum(mean_entropy, 0)
        winners = probabilities.argmax(axis=2)
        votes[part] = np.stack([(winners == c).sum(axis=1) for c in range(k)], axis=1)
    return HeadDraws(mean, entropy, votes)
