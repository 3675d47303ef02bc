"""The statistics of an ensemble: arrays in, arrays out. No Keras, no files, no diffraction.

From the outputs of any classifiers, logits (M, N, K) of M members for N patterns and K classes: `combine` them,
`fit_calibration`, `fit_abstention`, `decide`; then `ensemble.phase_fractions`, and the scores of
`ensemble.metrics`.
"""

import importlib
from typing import TYPE_CHECKING, Any

from ensemble.errors import InputError

if TYPE_CHECKING:
    from ensemble.abstention import AbstentionRule, Decision, Status, fit_abstention
    from ensemble.abstention.conformal import fit_conformal
    from ensemble.abstention.decide import decide
    from ensemble.calibration import Calibration, fit_calibration
    from ensemble.pooling import Combined, combine

#: Module of each name: imported when it is first asked for.
_HOMES = {
    "AbstentionRule": "abstention",
    "Calibration": "calibration",
    "Combined": "pooling",
    "Decision": "abstention",
    "Status": "abstention",
    "combine": "pooling",
    "decide": "abstention",
    "fit_abstention": "abstention",
    "fit_calibration": "calibration",
    "fit_conformal": "abstention.conformal",
}

__all__ = [
    "AbstentionRule",
    "Calibration",
    "Combined",
    "Decision",
    "InputError",
    "Status",
    "combine",
    "decide",
    "fit_abstention",
    "fit_calibration",
    "fit_conformal",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'ensemble' has no attribute {name!r}")
    return getattr(importlib.import_module(f"ensemble.{_HOMES[name]}"), name)
