"""Explanations as the library `shap` has them: its plots draw them, and they are kept without pickle."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ensemble.errors import InputError
from kikuchi._support import atomic
from kikuchi._support.archive import read_archive

if TYPE_CHECKING:
    import shap


class Attributed(Protocol):
    """An output, attributed to pixels."""

    @property
    def values(self) -> np.ndarray:
        """Return the parts, (s, s), in the unit of the output."""

    @property
    def base(self) -> float:
        """Return what they are counted from."""


_REMEDY = "explain again"
_WANTED = ("values", "base_values", "data", "output_names", "instance_names")


def to_explanation(
    attributions: Sequence[Sequence[Attributed]],
    patterns: np.ndarray,
    outputs: Sequence[str],
    instances: Sequence[str],
) -> "shap.Explanation":
    """Put attributions into one `shap.Explanation`, which ``shap.plots.image`` draws as it is.

    Parameters
    ----------
    attributions
        For each of N patterns those of its C outputs.
    patterns
        Prepared, (N, s, s).
    outputs
        Names of the C outputs.
    instances
        Names of the N patterns.

    Returns
    -------
    shap.Explanation
        ``values`` (N, s, s, 1, C), in the unit of the outputs; ``base_values`` (N, C), the outputs' means over the
        background; ``data`` (N, s, s, 1); ``output_names``; ``instance_names``. The values of a pattern and an output
        sum to the output for that pattern less its base value.

    Raises
    ------
    InputError
        The numbers of patterns, outputs and names differ.
    """
    values = np.array([[a.values for a in row] for row in attributions], float)
    bases = np.array([[a.base for a in row] for row in attributions], float)
    data = np.asarray(patterns, np.float32)
    if values.shape != (len(instances), len(outputs), *data.shape[1:]) or len(data) != len(instances):
        raise InputError(
            f"attributions of shape {values.shape} for {len(data)} patterns, {len(instances)} names of patterns "
            f"and {len(outputs)} of outputs"
        )
    return explanation(np.moveaxis(values, 1, -1)[..., None, :], bases, data[..., None], outputs, instances)


def explanation(
    values: np.ndarray,
    base_values: np.ndarray,
    data: np.ndarray,
    outputs: Sequence[str],
    instances: Sequence[str],
) -> "shap.Explanation":
    """Return a `shap.Explanation` of arrays shaped as `to_explanation` describes them."""
    return import_shap().Explanation(
        values, base_values, data, output_names=list(outputs), instance_names=list(instances)
    )


def import_shap() -> Any:
    """Import the library `shap` without its bars' complaint that a notebook has no widgets."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import shap

    return shap


def write_explanation(path: str | Path, explained: "shap.Explanation") -> Path:
    """Keep an explanation in one ``.npz`` file: arrays of numbers and of text, no pickle.

    Parameters
    ----------
    path
        Replaced if there.
    explained
        As `to_explanation` or any explainer of `shap` for images gives it.
    """
    path, values = Path(path), np.asarray(explained.values)
    outputs = explained.output_names if explained.output_names is not None else ["output"]
    instances = explained.instance_names
    names = [str(i) for i in range(len(values))] if instances is None else instances
    with atomic.replaced(path) as partial, partial.open("wb") as file:
        np.savez_compressed(
            file,
            allow_pickle=False,
            values=values,
            base_values=np.asarray(explained.base_values, float),
            data=np.asarray(explained.data),
            output_names=np.array([str(name) for name in np.atleast_1d(np.asarray(outputs))]),
            instance_names=np.array([str(name) for name in names]),
        )
    return path


def read_explanation(path: str | Path) -> "shap.Explanation":
    """Read what `write_explanation` wrote; nothing in the file is run.

    Parameters
    ----------
    path
        A ``point_<i>.npz`` or ``point_<i>_information.npz`` that `explain` left.

    Returns
    -------
    shap.Explanation
        Values of shape (N, s, s, 1, C): N members or one, C outputs.

    Raises
    ------
    InputError
        It is missing, broken or no explanation.
    """
    path = Path(path)
    found = read_archive(path, remedy=_REMEDY)
    missing = [name for name in _WANTED if name not in found]
    if missing:
        raise InputError(f"holds no {missing[0]}", path=path, remedy=_REMEDY)
    values, bases, data, outputs, instances = (found[name] for name in _WANTED)
    fits = (
        values.ndim == 5
        and values.dtype.kind == bases.dtype.kind == data.dtype.kind == "f"
        and outputs.dtype.kind == instances.dtype.kind == "U"
        and data.shape == values.shape[:4]
        and bases.shape == (len(values), values.shape[-1])
        and (outputs.shape, instances.shape) == ((values.shape[-1],), (len(values),))
    )
    if not fits:
        raise InputError("its arrays do not belong together", path=path, remedy=_REMEDY)
    return explanation(values, bases, data, outputs.tolist(), instances.tolist())


def on_grid(values: np.ndarray, side: int) -> np.ndarray:
    """Lay an attribution, (s, s), on a grid of another side; its sum stays what it was."""
    if values.shape[0] == side:
        return values
    from skimage.transform import resize

    share = (values.shape[0] / side) ** 2
    resized = resize(values, (side, side), order=1, anti_aliasing=True) * share
    return resized + (values.sum() - resized.sum()) / resized.size


def pattern_on_grid(pattern: np.ndarray, side: int) -> np.ndarray:
    """Lay a pattern, (s, s), on a grid of another side."""
    if pattern.shape[0] == side:
        return pattern
    from skimage.transform import resize

    return resize(pattern, (side, side), order=1, anti_aliasing=True)
