"""The workflow of `export`: a bundle becomes one ONNX file, held against the bundle before it is written."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ensemble.errors import InputError
from kikuchi._support.progress import SILENT, Progress
from kikuchi._support.result import Findings
from kikuchi.bundle.background import BACKGROUND as STORED_PATTERNS
from kikuchi.bundle.bundle import Bundle
from kikuchi.inference.exports import exemplars
from kikuchi.inference.onnx_ensemble import (
    BACKGROUND,
    PATTERNS,
    PROBABILITIES,
    ensemble_graph,
    write_ensemble,
)
from kikuchi.inference.predictor import Predictor
from kikuchi.scans import prepare

if TYPE_CHECKING:
    from onnx import ModelProto

#: Largest difference of a probability from the bundle's own that counts as rounding.
TOLERANCE = 1e-5


@dataclass(frozen=True, eq=False)
class Export(Findings):
    """What was exported: the graph's classes, inputs, rule and calibration, and how close it is to the bundle.

    Attributes
    ----------
    path
        The ONNX file.
    """

    path: Path

    def summary(self) -> str:
        """Return what the file is, what it takes, and how far it is from the bundle."""
        takes = " and ".join(self["inputs"])
        return "\n".join(
            [
                f"{self.path}: {len(self['members'])} members, rule {self['rule']}, calibration "
                f"{self['calibration']}, {len(self['classes'])} classes, {self['bytes'] / 1e6:.1f} MB",
                f"takes {takes} ({self['input']}, float32), gives {PROBABILITIES}",
                f"differs from the bundle by at most {self['largest_difference']:.1e} on "
                f"{self['compared_patterns']} patterns",
                "it answers every pattern: what is unreadable, unfamiliar or ambiguous, ensemble map alone says",
            ]
        )


def export(
    run: str | Path | Bundle,
    out: str | Path = "ensemble.onnx",
    *,
    rule: str | None = None,
    prepared: bool = False,
    background: bool = False,
    progress: Progress = SILENT,
) -> Export:
    """Write a bundle's preparation, members, pooling and calibration as one ONNX graph.

    Any runtime of ONNX then gives the calibrated probabilities of `Predictor.predict_proba`, without this package.
    The graph never abstains.

    Parameters
    ----------
    run
        A bundle of networks, or its folder, or ``"shipped"``.
    out
        The file.
    rule
        How members are pooled; the bundle's own where None.
    prepared
        Leave the preparation out: the graph takes what `kikuchi.scans.prepare` gives.
    background
        The graph takes the detector's static background too, for patterns that still hold it.
    progress
        Listener of the work.

    Returns
    -------
    Export
        What the file holds, read by key; `Export.summary` says it in a few lines.

    Raises
    ------
    InputError
        The bundle cannot be written as a graph (a matcher, a preparation that ONNX cannot express, members that do not
        export), the graph does not say what the bundle says, or the file cannot be written.
    """
    predictor, path = Predictor.of(run), Path(out)
    if path.is_dir():
        raise InputError("is a folder", path=path, remedy="name the file, such as ensemble.onnx")
    model = ensemble_graph(predictor, rule, ready=prepared, background=background, progress=progress)
    told = {entry.key: entry.value for entry in model.metadata_props}
    progress.say("holding the graph against the bundle")
    difference, patterns = _difference(predictor, model, told["rule"], prepared)
    if not difference <= TOLERANCE:
        raise InputError(
            f"the graph differs from the bundle by {difference:.1e} and is not written", path=path
        )
    write_ensemble(model, path)
    lists = {key: json.loads(told[key]) for key in ("classes", "space_groups", "members", "inputs")}
    found = {key: told[key] for key in ("rule", "calibration", "input", "bundle")} | lists
    found |= {"largest_difference": difference, "compared_patterns": patterns, "bytes": path.stat().st_size}
    return Export(found, path)


def _difference(predictor: Predictor, model: "ModelProto", rule: str, ready: bool) -> tuple[float, int]:
    """Return the largest difference of a probability, and on how many patterns."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    size = predictor.members[0].size
    patterns = _patterns(predictor, size)
    inputs = {entry.name for entry in session.get_inputs()}
    preparation = predictor.preparation(predictor.members[0])
    needed = BACKGROUND in inputs or preparation.static_background in ("file", "mean")
    across = np.linspace(0.5, 1.5, size, dtype=np.float32)
    background = np.outer(across, across) if needed else None
    outputs = predictor.member_outputs(patterns, background)
    wanted = predictor.calibrated(outputs, rule)[1]
    fed = {PATTERNS: prepare(patterns, preparation, background) if ready else patterns}
    if BACKGROUND in inputs and background is not None:
        fed[BACKGROUND] = background
    found = session.run([PROBABILITIES], fed)[0]
    return float(np.abs(found - wanted).max()), len(patterns)


def _patterns(predictor: Predictor, size: int) -> np.ndarray:
    """Real patterns that the bundle carries, or where it carries none, smooth random ones; (n, size, size)."""
    if (predictor.path / STORED_PATTERNS).is_file():
        return np.ascontiguousarray(exemplars(predictor, size), np.float32)
    from scipy.ndimage import gaussian_filter

    noise = np.random.default_rng(0).normal(size=(16, size, size))
    return gaussian_filter(noise, (0, size / 30, size / 30)).astype(np.float32)
