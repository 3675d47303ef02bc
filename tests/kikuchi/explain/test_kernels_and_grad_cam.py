"""First-layer kernels compared fairly, and Grad-CAM against the logit it explains."""

import numpy as np
import pytest

from ensemble.errors import InputError
from kikuchi.explain.grad_cam import class_activations, grad_cam
from kikuchi.explain.kernels import feature_maps, first_kernels, nearest_kernels


def test_a_kernel_and_its_multiple_are_the_same_and_the_negative_is_2_away():
    first = np.array([[[1.0, 2.0], [0.0, -1.0]]])
    assert nearest_kernels(first, 3 * first, 1)[0].distance == pytest.approx(0)
    assert nearest_kernels(first, -first, 1)[0].distance == pytest.approx(2)


def test_orthogonal_kernels_are_root_2_apart():
    match = nearest_kernels(np.array([[[1.0, 0.0]]]), np.array([[[0.0, 1.0]]]), 1)[0]
    assert match.distance == pytest.approx(np.sqrt(2))


def test_each_kernel_is_paired_once_the_closest_first():
    a = np.array([[[1.0, 0.0]], [[1.0, 0.1]]])
    b = np.array([[[1.0, 0.1]], [[0.0, 1.0]]])
    matches = nearest_kernels(a, b, 5)
    assert [(m.first, m.second) for m in matches] == [(1, 0), (0, 1)]


def test_a_kernel_of_zeros_is_like_no_other():
    assert nearest_kernels(np.zeros((1, 3, 3)), np.ones((1, 3, 3)), 1) == []


def test_kernels_of_different_sizes_are_refused():
    with pytest.raises(InputError, match="cannot be compared"):
        nearest_kernels(np.ones((1, 3, 3)), np.ones((1, 5, 5)), 1)


def test_summed_channels_of_a_transfer_kernel_give_its_feature_map(trained):
    from scipy.signal import correlate2d

    member, x = trained.ensemble.members[1], trained.patterns[0]
    ours = correlate2d(x, first_kernels(member)[5], mode="same")
    # Stride 2 with "same" padding of an even input starts at the second row and column of a centred correlation.
    np.testing.assert_allclose(feature_maps(member, x)[:-1, :-1, 5], ours[1:-1:2, 1:-1:2], atol=1e-4)


@pytest.mark.parametrize("member", [0, 1], ids=["scratch", "transfer"])
def test_class_activation_sums_to_the_logit_less_the_bias(trained, member):
    model, x = trained.ensemble.members[member], trained.patterns[2]
    bias = np.asarray(model.get_layer("head").get_weights()[1])
    expected = trained.ensemble.logits(member, x[None])[0] - bias
    found = class_activations(model, x).sum(axis=(0, 1))
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_grad_cam_lies_on_the_patterns_grid_and_is_never_negative(trained):
    cam = grad_cam(trained.ensemble.members[0], trained.patterns[0])
    assert cam.shape == (*trained.patterns[0].shape, 3) and cam.min() >= 0
