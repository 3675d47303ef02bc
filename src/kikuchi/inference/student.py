"""One network that speaks for a whole ensemble: one head for each member on a shared backbone.

Ensemble distribution distillation (Malinin, Mlodozeniec & Gales, ICLR 2020) keeps what members disagree on, where plain
distillation keeps their mean only. The distribution is kept here as its members, one head each (Hydra: Tran et al.,
2020), and not as the parameters of a Dirichlet: total, aleatoric and epistemic uncertainty then come apart by the same
formulas as for the ensemble, and every rule works on it.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ensemble.abstention import Familiarity
from ensemble.errors import InputError
from ensemble.pooling import DropoutDraws
from kikuchi._support.archive import read_archive
from kikuchi.inference.exports import read_shelf
from kikuchi.inference.runner import Runner
from kikuchi.members import read_spec

if TYPE_CHECKING:
    from kikuchi.bundle.bundle import Bundle

NAME = "student"
FEATURES = "features.npz"


@dataclass(frozen=True)
class StudentRunner(Runner):
    """A student on raw patterns, giving what its ensemble would have given; it has no dropout draws.

    Attributes
    ----------
    engines, specs, familiarity
        Of the student alone.
    heads
        Members M that it speaks for.
    """

    heads: int = 1

    def _members(
        self, prepared: dict[int, np.ndarray], n: int
    ) -> tuple[np.ndarray, DropoutDraws, np.ndarray]:
        spec, engine = self.specs[0], self.engines[0]
        flat, features = engine.predict(prepared[spec.size])
        logits = apart(flat, self.heads)
        m, _, k = logits.shape
        draws = DropoutDraws(
            np.full((m, n, k), np.nan, np.float32),
            np.full((m, n), np.nan, np.float32),
            np.zeros((m, n, k), np.uint16),
        )
        return logits, draws, self.familiarity.score([features])[None]


def student_of(bundle: "Bundle", kind: str = NAME) -> StudentRunner:
    """Open a bundle's student.

    Parameters
    ----------
    bundle
        Whose student.
    kind
        One of `kikuchi.inference.STUDENTS`.

    Raises
    ------
    InputError
        It has none.
    """
    shelf = read_shelf(bundle, kind)
    if shelf is None:
        raise InputError(
            f"no {kind} here",
            path=bundle.path,
            remedy="run `ensemble accelerate RUN DATASET --student` first",
        )
    remedy = "delete the folder and run `ensemble accelerate` again"
    familiarity = Familiarity.from_arrays(read_archive(shelf.folder / FEATURES, remedy=remedy))
    spec = read_spec(shelf.folder)
    return StudentRunner(
        [shelf.engine(NAME, kind)], (spec,), bundle.recipe, familiarity, heads=len(bundle.members)
    )


def apart(flat: np.ndarray, heads: int) -> np.ndarray:
    """Take a student's logits (n, M K) apart into members, (M, n, K).

    Examples
    --------
    >>> apart(np.arange(4.0)[None], 2).tolist()
    [[[0.0, 1.0]], [[2.0, 3.0]]]
    """
    return np.ascontiguousarray(flat.reshape(len(flat), heads, -1).transpose(1, 0, 2))
