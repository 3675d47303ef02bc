"""Precision, recall and F1, as the field reports them."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble.errors import InputError
from ensemble.validation import as_count, as_indices


@dataclass(frozen=True)
class ClassReport:
    """Recognition of each class.

    Attributes
    ----------
    precision, recall, f1
        Of each class, shape (K,), in [0, 1]; 0 where a class is never predicted or never there.
    support
        True patterns of each class, shape (K,).
    accuracy
        Share right.
    weighted_precision, weighted_recall, weighted_f1
        Means over classes weighted by support.
    confusion
        Patterns of true class (row) put into each class (column), shape (K, K).
    """

    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    f1: NDArray[np.float64]
    support: NDArray[np.intp]
    accuracy: float
    weighted_precision: float
    weighted_recall: float
    weighted_f1: float
    confusion: NDArray[np.intp]

    def to_dict(self) -> dict[str, Any]:
        """Everything, as plain JSON."""
        return {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in asdict(self).items()}


def class_report(labels: ArrayLike, predictions: ArrayLike, n_classes: int) -> ClassReport:
    """Precision, recall and F1 per class and weighted, by scikit-learn.

    Parameters
    ----------
    labels, predictions
        Class indices, shape (N,), N at least 1.
    n_classes
        K.

    Returns
    -------
    ClassReport
        Numbers of each class and the weighted means.

    Raises
    ------
    InputError
        If the arrays are empty, differ in length or hold an index outside 0..K-1.

    Examples
    --------
    >>> class_report([0, 0, 1, 1], [0, 1, 1, 1], 2).recall.tolist()
    [0.5, 1.0]
    """
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    as_count(n_classes, "the number of classes")
    y = as_indices(labels, "labels", high=n_classes - 1)
    predicted = as_indices(predictions, "predictions", (len(y),), high=n_classes - 1)
    if len(y) == 0:
        raise InputError("no patterns to score")
    classes = np.arange(n_classes)
    each = precision_recall_fscore_support(y, predicted, labels=classes, zero_division=0.0)
    mean = precision_recall_fscore_support(
        y, predicted, labels=classes, average="weighted", zero_division=0.0
    )
    return ClassReport(
        precision=each[0],
        recall=each[1],
        f1=each[2],
        support=each[3],
        accuracy=float((y == predicted).mean()),
        weighted_precision=float(mean[0]),
        weighted_recall=float(mean[1]),
        weighted_f1=float(mean[2]),
        confusion=confusion_matrix(y, predicted, labels=classes),
    )
