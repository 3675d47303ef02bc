"""Rules read from JSON: `1e400` is infinity there, which no whole number is; one line each."""

import numpy as np
import pytest

from ensemble.abstention import AbstentionRule, Familiarity
from ensemble.abstention.strangers import StrangerGate
from ensemble.calibration import Calibration
from ensemble.errors import InputError

INF = float("inf")
GATE = {"centre": [0.0], "scale": [1.0], "weights": [1.0], "threshold": 1.0, "false_alarm": 0.05, "groups": 9}


@pytest.mark.parametrize("name", list(GATE))
@pytest.mark.parametrize("value", [INF, float("nan"), None, "many", {}], ids=str)
def test_a_gate_of_anything_else_is_refused(name, value):
    assert StrangerGate.from_dict(GATE).to_dict()["groups"] == 9
    with pytest.raises(InputError) as refused:
        StrangerGate.from_dict(GATE | {name: value})
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("kind", [AbstentionRule, Calibration])
@pytest.mark.parametrize(
    "value", [{}, {"method": INF}, [], None, {"confidence": INF, "certificate": INF}], ids=str
)
def test_rules_of_anything_else_are_refused(kind, value):
    with pytest.raises(InputError) as refused:
        kind.from_dict(value)
    assert "\n" not in str(refused.value)


def test_familiarity_of_infinity_is_refused():
    arrays = {"scales": np.ones(1), "reference_0": np.ones((3, 2)), "k": np.array(1)}
    assert Familiarity.from_arrays(arrays).k == 1
    with pytest.raises(InputError):
        Familiarity.from_arrays(arrays | {"k": np.array(INF)})
