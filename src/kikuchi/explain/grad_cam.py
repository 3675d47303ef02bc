"""Where in a pattern a class is seen: Grad-CAM."""

from typing import TYPE_CHECKING

import numpy as np

from kikuchi.explain.kernels import layer_output

if TYPE_CHECKING:
    import keras


def class_activations(member: "keras.Model", pattern: np.ndarray) -> np.ndarray:
    """Return what each place of the last convolution adds to each class's logit; Grad-CAM is its positive part.

    The members end in global average pooling and a linear head. There Grad-CAM (Selvaraju et al., ICCV 2017) needs no
    gradient: its weights are the head's, divided by the number of places (Zhou et al., CVPR 2016), and the map sums to
    the logit less the head's bias.

    Parameters
    ----------
    member
        Compact or Xception.
    pattern
        Prepared, (s, s).

    Returns
    -------
    numpy.ndarray
        (h, w, K), coarse: 2 x 2 to 10 x 10 for inputs of 32 to 299 pixels; logits.
    """
    pooled = member.get_layer("backbone").layers[-1]
    maps = layer_output(member, pooled.input, pattern).astype(float)
    kernel = np.asarray(member.get_layer("head").get_weights()[0], float)
    return maps @ kernel / (maps.shape[0] * maps.shape[1])


def grad_cam(member: "keras.Model", pattern: np.ndarray) -> np.ndarray:
    """Return Grad-CAM of each class on the pattern's own grid, (s, s, K), by bilinear interpolation; never negative."""
    from skimage.transform import resize

    positive = np.maximum(class_activations(member, pattern), 0)
    return np.maximum(resize(positive, (*pattern.shape, positive.shape[2]), order=1, mode="edge"), 0)
