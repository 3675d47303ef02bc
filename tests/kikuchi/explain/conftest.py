"""Two small members, one of each kind, trained a little on stripes."""

from dataclasses import dataclass

import numpy as np
import pytest

from kikuchi.explain import Background, Ensemble, choose_background
from kikuchi.members import MemberSpec, Training, build_member, copy_backbone, train_member

SIZE = 32


def stripes(n, seed):
    """Patterns whose class is where a bright stripe lies."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    patterns = rng.normal(0, 0.2, (n, SIZE, SIZE)).astype(np.float32)
    for pattern, label in zip(patterns, labels, strict=True):
        pattern[4 + 10 * label : 7 + 10 * label] += 0.8
    return np.clip(patterns, -1, 1), labels


@dataclass
class Trained:
    """Members of both channel kinds with their background."""

    specs: list
    ensemble: Ensemble
    background: Background
    patterns: np.ndarray
    labels: np.ndarray


@pytest.fixture(scope="session")
def trained() -> Trained:
    patterns, labels = stripes(120, seed=0)
    specs = [
        MemberSpec(name=kind, kind=kind, architecture="compact", size=SIZE, classes=3)
        for kind in ("scratch", "transfer")
    ]
    members = [build_member(spec) for spec in specs]
    train_member(
        members[0], (patterns, labels), (patterns[:30], labels[:30]), Training(epochs=10, batch=20), seed=0
    )
    # The second goes on from the first one's weights, off by a tenth so that the two disagree: one training is enough.
    copy_backbone(members[0].get_layer("backbone"), members[1].get_layer("backbone"))
    members[1].get_layer("head").set_weights(members[0].get_layer("head").get_weights())
    rng = np.random.default_rng(1)
    members[1].set_weights(
        [w + 0.1 * w.std() * rng.normal(size=w.shape) if w.ndim > 1 else w for w in members[1].get_weights()]
    )
    background = choose_background({SIZE: patterns}, labels, per_class=4, seed=1)
    new, new_labels = stripes(6, seed=7)
    return Trained(specs, Ensemble(members, [SIZE, SIZE], background), background, new, new_labels)
