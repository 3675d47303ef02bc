"""Refit the heads of an ensemble on stored features and new ones, and say what it then says of patterns left out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ensemble.abstention import Familiarity, fit_familiarity
from ensemble.bayesian import fit_heads
from ensemble.pooling import DropoutDraws
from kikuchi.bundle.outputs import MemberOutputs
from kikuchi.members import MemberSpec, member_draws

#: Of the new patterns, a head that judges one part was fitted on the others.
FOLDS = 5

#: By this share of the logarithm of how rare a class is its logit is raised (Menon et al., ICLR 2021): all of it makes
#: up for the few patterns of a new class and costs the old ones 3 % of their patterns; a quarter, half a per cent
#: (`reports/future_work`).
RARE = 0.25

#: A member's head as arrays: ``kernel``, ``bias``, and with a posterior ``kernels`` and ``biases``.
Head = dict[str, np.ndarray]


@dataclass(frozen=True)
class Rehearsed:
    """Heads fitted on old and new patterns together.

    Attributes
    ----------
    heads
        Of each member, fitted on all patterns.
    familiarity
        What unfamiliarity is measured against, all patterns.
    crossed
        What the members say of the crossed patterns, each by heads and a reference without it.
    """

    heads: list[Head]
    familiarity: Familiarity
    crossed: MemberOutputs


def rehearse(
    specs: Sequence[MemberSpec],
    features: Sequence[np.ndarray],
    labels: np.ndarray,
    crossed: np.ndarray,
    groups: np.ndarray,
    quality: np.ndarray,
    *,
    old: Sequence[Head],
    draws: int,
    seed: int,
) -> Rehearsed:
    """Fit every member's head once on everything, and once without each fold of the crossed patterns.

    Parameters
    ----------
    specs
        The M members, their classes those of the new heads.
    features, labels
        Of n training patterns: M arrays (n, F_m), and class indices (n,).
    crossed
        Indices of the c patterns that are judged by heads fitted without them, (c,).
    groups
        Of the crossed patterns: those of one grain go to one fold, (c,).
    quality
        Of the crossed patterns, (c,).
    old
        Kernel and bias of each member's older head, columns in the order of the new classes: what a new one stays
        close to where the patterns say nothing.
    draws
        Dropout draws of a member.
    seed
        Of the folds and the heads.
    """
    fold = folds(labels[crossed], groups, seed)
    parts: list[tuple[np.ndarray, MemberOutputs]] = []
    for number in np.unique(fold):
        here = fold == number
        kept = np.setdiff1d(np.arange(len(labels)), crossed[here])
        heads = _fit(specs, features, labels, kept, old, seed)
        reference = fit_familiarity([f[kept] for f in features], labels[kept], seed=seed)
        own = [f[crossed[here]] for f in features]
        parts.append((np.flatnonzero(here), head_outputs(specs, heads, own, reference, quality[here], draws)))
    everything = np.arange(len(labels))
    return Rehearsed(
        heads=_fit(specs, features, labels, everything, old, seed),
        familiarity=fit_familiarity(features, labels, seed=seed),
        crossed=_in_order(parts, len(crossed)),
    )


def folds(labels: np.ndarray, groups: np.ndarray, seed: int) -> np.ndarray:
    """Deal groups of patterns into folds, evenly within each class.

    Parameters
    ----------
    labels, groups
        Class and group of each pattern, (c,).
    seed
        Of the dealing.

    Returns
    -------
    numpy.ndarray
        (c,), 0 to at most `FOLDS` - 1.

    Examples
    --------
    >>> np.ptp(folds(np.zeros(10, int), np.repeat(np.arange(5), 2), 0).reshape(5, 2), axis=1).tolist()
    [0, 0, 0, 0, 0]
    """
    rng = np.random.default_rng([seed, 3])
    fold = np.empty(len(labels), int)
    dealt = 0
    for label in np.unique(labels):
        for group in rng.permutation(np.unique(groups[labels == label])):
            fold[(labels == label) & (groups == group)] = dealt % FOLDS
            dealt += 1
    return fold


def head_outputs(
    specs: Sequence[MemberSpec],
    heads: Sequence[Head],
    features: Sequence[np.ndarray],
    familiarity: Familiarity,
    quality: np.ndarray,
    draws: int,
) -> MemberOutputs:
    """Return what members with given heads say of patterns whose features are known.

    Parameters
    ----------
    specs, heads
        The M members.
    features
        M arrays (N, F_m).
    familiarity
        What unfamiliarity is measured against.
    quality
        (N,).
    draws
        Dropout draws of a member.
    """
    drawn = [member_draws(s, h, f, draws) for s, h, f in zip(specs, heads, features, strict=True)]
    logits = [f @ h["kernel"] + h["bias"] for h, f in zip(heads, features, strict=True)]
    return MemberOutputs(
        logits=np.stack(logits).astype(np.float32),
        draws=DropoutDraws(
            np.stack([d.mean for d in drawn]),
            np.stack([d.entropy for d in drawn]),
            np.stack([d.votes for d in drawn]),
        ),
        unfamiliarity=familiarity.score(features),
        quality=quality,
    )


def _fit(
    specs: Sequence[MemberSpec],
    features: Sequence[np.ndarray],
    labels: np.ndarray,
    kept: np.ndarray,
    old: Sequence[Head],
    seed: int,
) -> list[Head]:
    heads = []
    for spec, own, before in zip(specs, features, old, strict=True):
        fitted = fit_heads(
            spec.head,
            own[kept],
            labels[kept],
            spec.classes,
            draws=spec.draws,
            seed=spec.seed + seed,
            rate=spec.dropout,
            prior=(before["kernel"], before["bias"]),
        )
        raised = -RARE * np.log(np.maximum(np.bincount(labels[kept], minlength=spec.classes), 1))
        head = {"kernel": fitted.kernel, "bias": fitted.bias + raised}
        if spec.head != "dropout":
            head |= {"kernels": fitted.kernels, "biases": fitted.biases + raised}
        heads.append({name: array.astype(np.float32) for name, array in head.items()})
    return heads


def _in_order(parts: list[tuple[np.ndarray, MemberOutputs]], n: int) -> MemberOutputs:
    """Put the outputs of several sets of patterns where their indices say."""
    from kikuchi.bundle.outputs import MemberOutputs

    order = np.argsort(np.concatenate([where for where, _ in parts]))
    assert len(order) == n
    return MemberOutputs.join([outputs for _, outputs in parts]).select(order)
