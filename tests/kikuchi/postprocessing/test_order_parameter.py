"""Twins divided by the scan's own mixture."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ensemble.abstention import Status
from kikuchi.postprocessing.order_parameter import two_parts, with_order_parameter


def test_two_gaussians_are_found_where_zero_lies_outside_both():
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(-3.4, 0.7, 700), rng.normal(-0.6, 0.6, 300)])
    found = two_parts(values)
    assert found.means == pytest.approx([-3.4, -0.6], abs=0.1)
    assert found.spreads == pytest.approx([0.7, 0.6], abs=0.1)
    assert found.shares == pytest.approx([0.7, 0.3], abs=0.03)
    assert found.bimodal
    upper = found.upper(values) > 0.5
    # Bayes' error of these two lies at about 1.5 %.
    assert (upper[:700].mean() < 0.03) and (upper[700:].mean() > 0.95)


def test_one_hump_is_not_divided():
    values = np.random.default_rng(1).normal(-2.0, 1.0, 1000)
    assert not two_parts(values).bimodal


def test_a_few_stray_points_are_no_phase():
    rng = np.random.default_rng(2)
    values = np.concatenate([rng.normal(0, 1, 1000), [30.0, 31.0, 32.0]])
    assert not two_parts(values).bimodal


@dataclass(frozen=True)
class Decided:
    """As much of a map as a division looks at."""

    order: np.ndarray
    words: tuple[str, ...] = ("Ni", "Ni3Al")
    columns: dict[str, np.ndarray] = field(default_factory=dict)
    meta: dict[str, Any] = field(default_factory=dict)

    @property
    def n(self) -> int:
        return len(self.order)

    @property
    def member_probabilities(self) -> np.ndarray:
        upper = 1 / (1 + np.exp(-self.order))
        return np.stack([1 - upper, upper], axis=1)[None]

    @property
    def decision(self) -> SimpleNamespace:
        return SimpleNamespace(status=np.full(self.n, Status.SOLVED))


def bundle(*doubts: str) -> SimpleNamespace:
    return SimpleNamespace(phases=("Ni", "Ni3Al"), manifest={"adapted": {"separability": {"doubts": doubts}}})


HUMPS = np.concatenate([np.linspace(-5, -4, 600), np.linspace(-1, 0, 400)])
SECOND = np.arange(1000) >= 600


def test_labels_that_agree_with_two_humps_confirm_the_mixture():
    points = np.array([0, 300, 700, 999])
    found = with_order_parameter(Decided(HUMPS), bundle(), (points, SECOND[points].astype(int)))
    assert found.meta["order_parameter"]["by"] == "mixture, which the labels confirm"
    assert ((found.columns["by_order"] == "Ni3Al") == SECOND).all()


def test_labels_that_know_better_than_two_humps_divide():
    """Two humps of the first phase, as of two grains whose scores differ: the second is what lies far above."""
    values = np.append(HUMPS, [4.0, 5.0, 6.0])
    points = np.array([100, 700, 800, 1000, 1002])
    found = with_order_parameter(Decided(values), bundle("disagree"), (points, np.array([0, 0, 0, 1, 1])))
    division = found.meta["order_parameter"]
    assert (division["by"], division["labelled_wrong_by_mixture"], division["labelled_wrong"]) == (
        "labels",
        2,
        0,
    )
    assert (found.columns["by_order"] == "Ni3Al").sum() == 3


def test_where_simulators_agree_nothing_is_divided_without_labels():
    assert with_order_parameter(Decided(HUMPS), bundle()).columns == {}
    assert "by_order" in with_order_parameter(Decided(HUMPS), bundle("disagree")).columns
