"""What netcal says of the same probabilities: another library's word beside ours, where it is asked for.

Küppers et al., CVPR Workshops 2020. Its import takes seconds and most of a gigabyte, so that nothing else loads it.
"""

import warnings
from typing import TYPE_CHECKING

import numpy as np

from ensemble.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Bins of equal width, as in our own report.
BINS = 15

#: How far its numbers may be from ours, where no confidence lies on the edge of a bin (there the two count
#: it to different sides).
TOLERANCE = 1e-9


def netcal_scores(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Return netcal's ECE and MCE of the top class, under the keys of our own scores.

    Parameters
    ----------
    probabilities
        Shape (N, K), without NaN.
    labels
        True class indices, shape (N,).

    Returns
    -------
    dict[str, float]
        ``ece`` and ``maximum_calibration_error``, in [0, 1].

    Raises
    ------
    InputError
        If netcal cannot be imported.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            from netcal.metrics import ECE, MCE
        except ImportError as error:
            raise InputError(f"netcal cannot be imported: {error}", remedy="pip install netcal") from error
    confidence, hit = _top(probabilities, labels)
    return {
        "ece": float(ECE(BINS).measure(confidence, hit)),
        "maximum_calibration_error": float(MCE(BINS).measure(confidence, hit)),
    }


def netcal_diagram(probabilities: np.ndarray, labels: np.ndarray, title: str) -> "Figure":
    """Let netcal draw its reliability diagram of the top class.

    Parameters
    ----------
    probabilities
        Shape (N, K), without NaN.
    labels
        True class indices, shape (N,).
    title
        Whose probabilities they are.

    Returns
    -------
    matplotlib.figure.Figure
        A histogram of the confidences above the diagram.
    """
    from matplotlib.figure import Figure
    from netcal.presentation import ReliabilityDiagram

    confidence, hit = _top(probabilities, labels)
    figure = Figure(figsize=(5.4, 6.4))
    return ReliabilityDiagram(BINS).plot(confidence, hit, title_suffix=title, fig=figure)


def _top(probabilities: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Confidence and hit of the top class: netcal takes two classes for one event, which is not that."""
    p = np.asarray(probabilities, dtype=np.float64)
    return p.max(axis=1)[:, None], (p.argmax(axis=1) == labels).astype(np.int64)
