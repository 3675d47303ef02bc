"""Verification of a bundle: its files, its versions, and its members' outputs for patterns kept for this."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.errors import InputError
from ensemble.softmax import softmax
from kikuchi._support.archive import read_archive
from kikuchi._support.result import Findings
from kikuchi._support.versions import versions
from kikuchi.bundle.checks import CHECKS
from kikuchi.inference.matching_runner import MatchingRunner
from kikuchi.inference.predictor import Predictor

#: Between machines and versions a probability may move by rounding; one that moves by more is another network's.
ALLOWED = 0.01

_REMEDY = "copy the bundle again or refit it"


@dataclass(frozen=True, eq=False)
class Verification(Findings):
    """Result of `verify`, read by key.

    ``files``: how many have the hash they were written with. ``versions``: what differs, as "then -> now".
    ``patterns``: how many were run again, 0 in a bundle of format 1. ``largest_difference``: of a logit from the
    stored one, None where there is none; 0 is equal to the bit.
    """

    def summary(self) -> str:
        """Return files, versions and logits, a line each."""
        changed = ", ".join(f"{name} {change}" for name, change in self["versions"].items())
        if not self["patterns"]:
            logits = "not checked, a bundle of this format keeps no patterns to run again"
        elif self["largest_difference"] == 0:
            logits = f"{self['patterns']} patterns run again, equal to the bit"
        else:
            logits = (
                f"{self['patterns']} patterns run again, largest difference {self['largest_difference']:.2g}"
            )
        return "\n".join(
            [
                f"files: {self['files']}, every one as it was written",
                f"versions: {changed or 'the same as when it was written'}",
                f"logits: {logits}",
            ]
        )


def verify(path: str | Path) -> Verification:
    """Check a bundle's files against their hashes, its versions against those here, and compute logits again.

    Parameters
    ----------
    path
        Folder of the bundle.

    Returns
    -------
    Verification
        Files, versions and logits, read by key.

    Raises
    ------
    InputError
        A file is missing or altered, or a member's answer moved by more than rounding explains.
    """
    bundle = Predictor.load(path)
    here = versions()
    found: dict[str, Any] = {
        "files": len(bundle.manifest["files"]),
        "versions": {
            name: f"{then} -> {here.get(name, 'absent')}"
            for name, then in bundle.manifest.get("versions", {}).items()
            if here.get(name) != then
        },
        "patterns": 0,
        "largest_difference": None,
    }
    if CHECKS not in bundle.manifest["files"]:
        return Verification(found)
    kept = read_archive(bundle.path / CHECKS, remedy=_REMEDY)
    stored = bundle.held_out.outputs.logits
    try:
        rows = kept["rows"]
        expected = stored[:, rows]
        again = _outputs_again(bundle, kept)
        difference = np.abs(again - expected)
    except (IndexError, KeyError, OverflowError, ValueError) as error:
        raise InputError(
            "not the patterns of this bundle", path=bundle.path / CHECKS, remedy=_REMEDY
        ) from error
    moved = np.abs(softmax(again) - softmax(expected)).max(axis=(1, 2))
    if not (moved <= ALLOWED).all():
        member = bundle.members[int(np.argmax(np.nan_to_num(moved, nan=np.inf)))].name
        raise InputError(
            f"member {member} no longer says what it said when the bundle was written",
            path=bundle.path,
            remedy=f"install the versions it was written with: {_listed(bundle.manifest.get('versions', {}))}",
        )
    return Verification(found | {"patterns": len(rows), "largest_difference": float(difference.max())})


def _outputs_again(bundle: Predictor, kept: dict[str, np.ndarray]) -> np.ndarray:
    """Return what the members say now of the patterns that were kept, logits (M, n, K)."""
    patterns = kept["patterns"]
    runner = bundle.running(patterns=len(patterns)) if "flat" in kept else None
    if not isinstance(runner, MatchingRunner):
        return np.asarray(bundle.member_outputs(patterns, kept.get("background")).logits)
    # Simulations have no background to divide by, and the pixels at which patterns are compared.
    found = runner.matcher.matcher.match(kept["flat"], kept["place"])
    return np.asarray(runner.outputs_of(found, runner.matcher.evidence, patterns).logits)


def _listed(written: dict[str, str]) -> str:
    return ", ".join(
        f"{name} {version}" for name, version in written.items() if name in ("keras", "tensorflow")
    )
