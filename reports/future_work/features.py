"""What the shipped backbone says of the simulated patterns: computed once, kept in the work folder."""

from pathlib import Path

import numpy as np

from kikuchi.members import MemberSpec, build_member, features_of, load_backbone_weights
from kikuchi.scans import Preparation
from reports.future_work import populations


def shipped_features(work: Path, seed: int) -> dict[str, np.ndarray]:
    """Return, by population, features (n, 256) under its name and space groups (n,) under ``<name>_y``."""
    path = work / f"features-{seed}.npz"
    if not path.is_file():
        model = build_member(MemberSpec("shipped", "scratch", "compact", 64, 6))
        load_backbone_weights(model, "kikuchi")
        found = {}
        for name, data in populations.all_of(work, seed).items():
            found[name] = features_of(model, data.prepared(np.arange(data.n), Preparation(size=64)))
            found[f"{name}_y"] = data.space_group
        np.savez(path, allow_pickle=False, **found)
    with np.load(path) as stored:
        return dict(stored)
