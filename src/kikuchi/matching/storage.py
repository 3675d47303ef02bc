"""A matcher as a member of a bundle: what it says, and how it lies on disk. Nothing in it is run on load."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.errors import InputError
from kikuchi._support import atomic
from kikuchi._support.archive import read_archive
from kikuchi.matching.matcher import Evidence, Matcher, Matches, flattened
from kikuchi.matching.search import CentrePlane
from kikuchi.matching.spectrum import Spectrum
from kikuchi.matching.survey import EXPLAINED_LEAST
from kikuchi.matching.texture import texture_of
from kikuchi.simulate import MasterPattern
from kikuchi.simulate.detector.geometry import Geometry

ARCHIVE = "matcher.npz"
_REMEDY = "copy the bundle again or adapt it again"
_MOST_PIXELS = 4001


@dataclass(frozen=True)
class Answers:
    """Outputs of a matcher.

    Attributes
    ----------
    logits
        Shape (n, K), float32.
    poses
        Unit quaternions of every phase, sample to crystal, shape (n, K, 4), float32.
    unfamiliarity
        Shape (n,): 1 where the best phase explains `EXPLAINED_LEAST` of what a pattern shows or more; higher = less.
    """

    logits: np.ndarray
    poses: np.ndarray
    unfamiliarity: np.ndarray


@dataclass(frozen=True)
class MatcherMember:
    """A matcher with what turns its scores into logits.

    Parameters
    ----------
    matcher
        Of the phases, at the scan's geometry.
    evidence
        From scores to logits.
    background
        What patterns are divided by, shape (sy, sx), or None.
    """

    matcher: Matcher
    evidence: Evidence
    background: np.ndarray | None

    def answer(self, patterns: np.ndarray, place: np.ndarray | None = None) -> Answers:
        """Match patterns (n, sy, sx) as a detector gave them, at their places (n, 2) in the scan.

        Raises
        ------
        InputError
            They are of another size than the scan that the bundle was adapted to.
        """
        if self.background is not None and self.background.shape != patterns.shape[1:]:
            have, wanted = (" x ".join(map(str, s)) for s in (patterns.shape[1:], self.background.shape))
            raise InputError(
                f"patterns of {have} pixels, and the bundle was adapted to {wanted}",
                remedy="adapt to this scan: ensemble adapt",
            )
        return self.answers(self.matcher.match(flattened(patterns, self.background), place))

    def answers(self, found: Matches) -> Answers:
        """Turn matches into answers."""
        logits = self.evidence.logits(found.scores, self.matcher.spectrum.size)
        # What is explained well enough is all alike: simulations, which set the threshold, fit better than recordings.
        unfamiliarity = np.maximum(EXPLAINED_LEAST / np.maximum(found.explained, 0.01), 1.0)
        return Answers(logits.astype(np.float32), found.rotations.astype(np.float32), unfamiliarity)


def save_matcher(folder: Path, member: MatcherMember, masters: list[MasterPattern]) -> None:
    """Write a matcher into a member's folder as ``matcher.npz``.

    Parameters
    ----------
    folder
        Of the member; made if missing.
    member
        What to write.
    masters
        Of its phases, in order: textures are derived from them again.
    """
    spectrum = member.matcher.spectrum
    settings = member.matcher.settings() | {
        "slope": member.evidence.slope,
        "bias": list(member.evidence.bias),
        "voltages_kv": [m.voltage_kv for m in masters],
    }
    arrays = {"settings": np.array(json.dumps(settings))}
    for k, master in enumerate(masters):
        arrays[f"north_{k}"], arrays[f"south_{k}"] = _half(master)
    for name in ("weights", "transfer", "mask"):
        if (array := getattr(spectrum, name)) is not None:
            arrays[name] = array
    if member.background is not None:
        arrays["background"] = np.asarray(member.background, np.float32)
    folder.mkdir(parents=True, exist_ok=True)
    with atomic.replaced(folder / ARCHIVE) as partial:
        np.savez_compressed(partial, allow_pickle=False, **arrays)


def load_matcher(folder: Path) -> MatcherMember:
    """Open a matcher again.

    Raises
    ------
    InputError
        It is missing or broken.
    """
    path = folder / ARCHIVE
    arrays = read_archive(path, remedy=_REMEDY)
    try:
        settings: dict[str, Any] = json.loads(str(arrays["settings"]))
        groups = tuple(int(g) for g in settings["space_groups"])
        masters = []
        for k, (group, kv) in enumerate(zip(groups, settings["voltages_kv"], strict=True)):
            north, south = (np.asarray(arrays[f"{half}_{k}"], np.float32) for half in ("north", "south"))
            if north.shape != south.shape or north.ndim != 2 or not 3 <= len(north) <= _MOST_PIXELS:
                raise ValueError(f"hemispheres of {north.shape} and {south.shape}")
            if north.shape[0] != north.shape[1] or not (
                np.isfinite(north).all() and np.isfinite(south).all()
            ):
                raise ValueError("hemispheres that are no squares of numbers")
            masters.append(MasterPattern(str(k), group, float(kv), north, south, "dynamical"))
        record = settings["spectrum"]
        rows, columns = (int(v) for v in record["shape"])
        if not (8 <= rows <= 512 and 8 <= columns <= 512):
            raise ValueError(f"shape {record['shape']}")
        spectrum = Spectrum(
            (rows, columns),
            float(record["highest"]),
            float(record["blur"]),
            arrays.get("weights"),
            arrays.get("transfer"),
            arrays.get("mask"),
        )
        middle, slope = (
            np.array(settings["pattern_centre"], float),
            np.array(settings["pattern_centre_slope"], float),
        )
        if middle.shape != (3,) or slope.shape != (2, 3) or not np.isfinite([*middle, *slope.ravel()]).all():
            raise ValueError("a pattern centre that is none")
        angles = (float(settings["camera"][n]) for n in ("sample_tilt", "tilt", "azimuthal", "twist"))
        matcher = Matcher(
            tuple(texture_of(master) for master in masters),
            groups,
            spectrum,
            Geometry((rows, columns), middle, *angles),
            CentrePlane(middle, slope),
        )
        evidence = Evidence(float(settings["slope"]), tuple(float(b) for b in settings["bias"]))
        if len(evidence.bias) != len(groups):
            raise ValueError("biases of other classes")
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise InputError(f"not a matcher: {error}", path=path, remedy=_REMEDY) from None
    return MatcherMember(matcher, evidence, arrays.get("background"))


def _half(master: MasterPattern) -> tuple[np.ndarray, np.ndarray]:
    """Scale a master to 0..1 at 16 bits, which changes nothing that a correlation sees."""
    low = min(float(master.north.min()), float(master.south.min()))
    span = max(float(master.north.max()), float(master.south.max())) - low
    north, south = (
        ((half - low) / max(span, 1e-30)).astype(np.float16) for half in (master.north, master.south)
    )
    return north, south
