"""Twins divided by the scan's own mixture."""

import numpy as np
import pytest

from kikuchi.postprocessing.order_parameter import two_parts


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
