"""The labelled patterns a bundle is judged on: its own test part, or another dataset."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ensemble.errors import InputError
from kikuchi._support import atomic
from kikuchi._support.progress import Progress
from kikuchi.bundle.bundle import Bundle
from kikuchi.bundle.outputs import MemberOutputs
from kikuchi.bundle.write import SPLITS
from kikuchi.inference.predictor import Predictor
from kikuchi.scans import Dataset, background_for, dataset_with_neighbours, load_dataset
from kikuchi.scans.split import pattern_hash

#: Part of the held-out patterns that neither calibration nor abstention has seen.
TEST_PART = 2

#: Class index of a space group that the bundle does not know.
UNKNOWN = -1


@dataclass(frozen=True)
class Labelled:
    """Patterns with their truth and every member's outputs.

    Attributes
    ----------
    outputs
        Of the N patterns.
    labels
        True class indices, (N,); `UNKNOWN` for a space group the bundle was not fitted on.
    material
        Index into `materials`, (N,).
    materials
        Name and space-group number of each material.
    name
        What the patterns are, for people.
    left_out
        Patterns of the dataset that are not judged, because the bundle was fitted on them.
    warnings
        What a reader of the numbers must know.
    """

    outputs: MemberOutputs
    labels: np.ndarray
    material: np.ndarray
    materials: tuple[tuple[str, int], ...]
    name: str
    left_out: int = 0
    warnings: tuple[str, ...] = field(default=())

    @property
    def n(self) -> int:
        """Number of patterns."""
        return len(self.labels)


def own_test_patterns(bundle: Bundle) -> Labelled:
    """Return the bundle's test part, which nothing in it was fitted on.

    Raises
    ------
    InputError
        The split left no pattern for the test.
    """
    test = bundle.held_out.test
    if len(test.labels) == 0:
        raise InputError(
            "this bundle has no test patterns",
            path=bundle.path,
            remedy="give a labelled dataset to judge it on",
        )
    return Labelled(
        outputs=test.outputs,
        labels=test.labels,
        material=test.material,
        materials=tuple((m["name"], int(m["space_group"])) for m in bundle.manifest["materials"]),
        name="the bundle's own test patterns",
    )


def dataset_patterns(bundle: Predictor, dataset: str | Path | Dataset, progress: Progress) -> Labelled:
    """Run every member on a labelled dataset, except on patterns that the bundle was fitted on.

    Parameters
    ----------
    bundle
        Whose members run.
    dataset
        A dataset TOML, or one opened before. Its space groups need not be the bundle's.
    progress
        Listener of the work.

    Raises
    ------
    InputError
        The dataset cannot be read, or the bundle was fitted on all its patterns.
    """
    fitted = _fitted_hashes(bundle)
    preparation = bundle.preparation(bundle.members[0])
    data = dataset if isinstance(dataset, Dataset) else load_dataset(dataset)
    data = dataset_with_neighbours(data, preparation)
    truth = data.labels(bundle.classes)
    backgrounds = [background_for(material.scan, preparation) for material in data.materials]
    outputs: list[MemberOutputs] = []
    kept: list[np.ndarray] = []
    with progress.bar("running the members", data.n) as step:
        for positions, number, patterns in data.iter_patterns():
            fresh = np.array([pattern_hash(pattern) not in fitted for pattern in patterns], dtype=bool)
            if fresh.any():
                outputs.append(
                    _unread_as_unreadable(
                        bundle.member_outputs(patterns[fresh], backgrounds[number]),
                        data.index[positions[fresh]],
                        data.materials[number].scan.problems,
                    )
                )
                kept.append(positions[fresh])
            step(len(positions))
    if not kept:
        raise InputError(
            "the bundle was fitted on every pattern of this dataset",
            path=data.path,
            remedy="leave the dataset out to judge the bundle on its own test patterns",
        )
    judged = np.concatenate(kept)
    left_out = data.n - len(judged)
    return Labelled(
        outputs=MemberOutputs.join(outputs),
        labels=truth[judged],
        material=data.material[judged],
        materials=tuple((m.name, m.space_group) for m in data.materials),
        name=str(data.path.name) if data.path else "a labelled dataset",
        left_out=left_out,
        warnings=tuple(_warnings(bundle, data, left_out)),
    )


def _fitted_hashes(bundle: Bundle) -> frozenset[str]:
    """Content hashes of the patterns that trained, validated, calibrated or certified the bundle."""
    if SPLITS not in bundle.manifest["files"]:
        return frozenset()
    splits = atomic.read_json(bundle.path / SPLITS, remedy="copy the bundle again or refit it")
    return frozenset(h for part in ("train", "validation", "calibration") for h in splits.get(part, []))


def _unread_as_unreadable(
    outputs: MemberOutputs, indices: np.ndarray, problems: dict[int, str]
) -> MemberOutputs:
    # A pattern that could not be read came as zeros; its quality says so whatever the members say.
    unread = np.isin(indices, list(problems))
    return replace(outputs, quality=np.where(unread, 0.0, outputs.quality))


def _warnings(bundle: Bundle, data: Dataset, left_out: int) -> list[str]:
    warnings = []
    if left_out:
        warnings.append(f"{left_out} patterns were left out: the bundle was fitted on them")
    unknown = sorted(set(data.classes) - set(bundle.classes))
    if unknown:
        warnings.append(
            f"the bundle does not know space group {', '.join(map(str, unknown))}: every answer there is wrong"
        )
    fitted_at = bundle.manifest.get("voltages_kv") or []
    taken_at = {m.scan.voltage_kv for m in data.materials if m.scan.voltage_kv is not None}
    others = sorted(v for v in taken_at if fitted_at and not any(abs(v - f) <= 1 for f in fitted_at))
    if others:
        warnings.append(
            f"taken at {', '.join(f'{v:g}' for v in others)} kV, the bundle was fitted at "
            f"{', '.join(f'{v:g}' for v in fitted_at)} kV: the promised risk does not carry over"
        )
    return warnings
