"""Pictures and the journey's small parts: sums kept, PNG written, wrong requests refused in one line."""

import numpy as np
import pytest

from ensemble.errors import InputError
from kikuchi.explain import Attribution, Disagreement, UncertaintyAttribution
from kikuchi.explain.kernel_picture import kernel_picture
from kikuchi.explain.kernels import Match
from kikuchi.explain.pictures import disagreement_card, png, shapley_overlay, smoothed
from kikuchi.workflows.explain import explain_map, read_budget


def attribution(seed, side=16):
    values = np.random.default_rng(seed).normal(size=(side, side))
    return Attribution(values, float(values.sum()), 0.0)


def texts(figure):
    from matplotlib.text import Text

    return [text.get_text() for text in figure.findobj(Text)]


def test_blurring_for_the_eye_keeps_the_sum():
    values = attribution(0).values
    assert smoothed(values).sum() == pytest.approx(values.sum())


@pytest.mark.parametrize("members", [1, 2, 6])
def test_a_card_shows_every_member_with_units_whatever_their_number(members):
    pairs = tuple(
        (attribution(m, 16 + 8 * (m % 2)), attribution(m + 9, 16 + 8 * (m % 2))) for m in range(members)
    )
    uncertainty = UncertaintyAttribution(tuple(a.values for a, _ in pairs), 0.5, 0.1)
    side = max(a.values.shape[0] for a, _ in pairs)
    names = [f"member-{m} says 225" for m in range(members)]
    figure = disagreement_card(
        np.zeros((side, side)),
        Disagreement((0, 1), pairs, uncertainty),
        names,
        (221, 225),
        "title",
        "caption",
    )
    shown = "\n".join(texts(figure))
    assert all(name in shown for name in names)
    assert "nats per pixel" in shown and "logit 221 less logit 225" in shown
    assert png(figure).startswith(b"\x89PNG")


def test_classes_are_drawn_in_the_order_given():
    figure = shapley_overlay(
        np.zeros((16, 16)), [attribution(0), attribution(1)], ["229: 80 %", "221: 20 %"], "title", "caption"
    )
    titles = [axes.get_title() for axes in figure.axes]
    assert titles[:3] == ["prepared pattern", "229: 80 %", "221: 20 %"]
    assert any("logits per pixel" in text for text in texts(figure))


def test_ten_classes_fill_rows_of_five_each_with_grad_cam_below_and_both_units():
    names = [f"{221 + i}: 10 %" for i in range(10)]
    figure = shapley_overlay(
        np.zeros((16, 16)),
        [attribution(i) for i in range(10)],
        names,
        "title",
        "caption",
        activations=[np.full((16, 16), 0.1)] * 10,
    )
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    below = [f"Grad-CAM, {name.split(':')[0]}" for name in names]
    # Row by row: five classes, their activations, the other five, theirs.
    assert titles == ["prepared pattern", *names[:5], *below[:5], *names[5:], *below[5:]]
    shown = "\n".join(texts(figure))
    assert "logits per pixel" in shown and "logits per place" in shown
    figure.draw_without_rendering()  # which lays it out
    first, second = (axes.get_position() for axes in figure.axes if "10⁻³" in axes.get_ylabel())
    assert not first.overlaps(second)


def test_the_kernel_picture_names_both_members_and_the_distance():
    kernels = np.random.default_rng(0).normal(size=(4, 3, 3))
    figure = kernel_picture([Match(1, 2, 0.25)], (kernels, kernels), ("scratch-1", "transfer-1"))
    shown = "\n".join(texts(figure))
    assert "d = 0.25" in shown and "scratch-1" in shown and "transfer-1" in shown
    assert png(figure).startswith(b"\x89PNG")


@pytest.mark.parametrize("text", ["", "m", "5x", "-3s", "0", "nan", "inf"])
def test_a_budget_that_is_no_time_is_refused(text):
    with pytest.raises(InputError, match="no time"):
        read_budget(text)


def test_a_folder_without_a_bundle_is_refused_by_name(tmp_path):
    with pytest.raises(InputError, match="no bundle here"):
        explain_map(tmp_path, "scan.h5", tmp_path / "run", tmp_path / "out")
