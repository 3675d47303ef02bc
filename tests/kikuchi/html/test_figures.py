import numpy as np
import pytest

from ensemble.errors import InputError
from kikuchi.html.figures import (
    confidence_histogram,
    confusion_matrix,
    loss_history,
    reliability_diagram,
    risk_coverage_curve,
)


def line(axes, label):
    return next(drawn for drawn in axes.get_lines() if drawn.get_label() == label)


def test_reliability_leaves_empty_bins_out():
    figure = reliability_diagram(
        [0.2, np.nan, 0.9], [0.3, np.nan, 0.8], [5, 0, 7], band=[[0.1, 0, 0.7], [0.5, 1, 0.9]]
    )
    diagram, below = figure.axes
    assert line(diagram, "measured").get_xydata().tolist() == [[0.2, 0.3], [0.9, 0.8]]
    assert [bar.get_height() for bar in below.patches] == [5, 0, 7]


def test_reliability_refuses_arrays_of_different_lengths():
    with pytest.raises(InputError, match="one shape"):
        reliability_diagram([0.1, 0.2], [0.1, 0.2], [3])


def test_risk_coverage_draws_each_curve_by_name_and_the_promise():
    figure = risk_coverage_curve(
        {"ensemble": ([0.5, 1], [0, 0.1]), "member": ([1], [0.2])}, promise=(0.8, 0.02)
    )
    axes = figure.axes[0]
    assert line(axes, "ensemble").get_xydata().tolist() == [[0.5, 0], [1, 0.1]]
    assert line(axes, "promised: risk at most 2 %").get_xydata().tolist() == [[0.8, 0.02]]


def test_confidence_histogram_counts_right_and_wrong_apart():
    figure = confidence_histogram([0.1, 0.9, 0.95, np.nan], [False, True, False, True], bins=2)
    right, wrong = (patch.get_data().values.tolist() for patch in figure.axes[0].patches)
    assert (right, wrong) == ([0, 1], [1, 1])


def test_confusion_matrix_writes_counts_and_paints_shares_of_rows():
    axes = confusion_matrix([[3, 1, 0], [0, 0, 0]], ["225", "229", "ambiguous"]).axes[0]
    assert [words.get_text() for words in axes.texts] == ["3", "1", "0", "0", "0", "0"]
    assert axes.images[0].get_array().tolist() == [[0.75, 0.25, 0], [0, 0, 0]]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["225", "229"]


def test_loss_history_is_mean_and_standard_deviation_over_members_still_training():
    figure = loss_history({"scratch": [([4.0, 2.0], [4.0, 3.0]), ([2.0], [6.0])]})
    axes = figure.axes[0]
    assert line(axes, "training").get_xydata().tolist() == [[1, 3], [2, 2]]
    assert line(axes, "validation").get_xydata().tolist() == [[1, 5], [2, 3]]
    band = axes.collections[0].get_paths()[0].vertices
    # Sample standard deviation of 4 and 2 is sqrt(2); one member alone, at the second epoch, has none.
    assert band[:, 1].max() == pytest.approx(3 + np.sqrt(2))
    assert band[:, 1].min() == pytest.approx(3 - np.sqrt(2))
    assert set(band[:, 0]) == {1.0}
