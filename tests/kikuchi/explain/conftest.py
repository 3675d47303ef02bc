"""Two small members, one of each kind, that tell how stripes run."""

from dataclasses import dataclass

import numpy as np
import pytest

from kikuchi.explain import Background, Ensemble, choose_background
from kikuchi.members import MemberSpec, build_member, predict

SIZE = 32


def stripes(n, seed):
    """Patterns whose class is how stripes run: across, down or aslant."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    rows, cols = np.mgrid[:SIZE, :SIZE]
    along = np.stack([rows, cols, (rows + cols) / np.sqrt(2)])[labels]
    waves = np.sin(along * 2 * np.pi / 6 + rng.uniform(0, 6, (n, 1, 1)))
    return np.clip(0.5 * waves + rng.normal(0, 0.2, along.shape), -1, 1).astype(np.float32), labels


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
        MemberSpec(name=kind, kind=kind, architecture="compact", size=SIZE, classes=3, seed=seed)
        for seed, kind in enumerate(("scratch", "transfer"))
    ]
    members = []
    for spec in specs:
        member = build_member(spec)
        # Only the head is fitted, by least squares: seconds less than a training, and each member errs its own way.
        features = predict(member, patterns)[1].astype(float)
        scale = np.abs(features).max()
        design = np.hstack([features / scale, np.ones((len(features), 1))])
        ridge = design.T @ design + 1e-5 * np.eye(design.shape[1])
        solution = np.linalg.solve(ridge, design.T @ (8 * np.eye(3)[labels]))
        member.get_layer("head").set_weights([solution[:-1] / scale, solution[-1]])
        members.append(member)
    background = choose_background({SIZE: patterns}, labels, per_class=4, seed=1)
    new, new_labels = stripes(6, seed=7)
    return Trained(specs, Ensemble(members, [SIZE, SIZE], background), background, new, new_labels)
