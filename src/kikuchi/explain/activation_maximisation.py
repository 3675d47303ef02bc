"""Activation maximisation: the input that a member answers most strongly."""

from typing import TYPE_CHECKING, Any

import numpy as np

from kikuchi.explain.gradients import Gradients

if TYPE_CHECKING:
    import keras

#: Steps of the ascent, and the length of one: root mean square in units of the grey scale -1..1.
STEPS = 48
STEP = 0.05

#: Contrast that no answer may exceed, root mean square: that of prepared patterns, which are clipped at 3 deviations.
CONTRAST = 1 / 3

_BLUR = 1.0  # pixels: without it the answer is a checkerboard that no lens could image


def maximise(
    member: "keras.Model", size: int, *, steps: int = STEPS, blur: float = _BLUR, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Draw for every class the pattern that raises its logit the most above the mean of the others.

    Gradient ascent from faint noise (Erhan et al. 2009), with the regularisation of Yosinski et al. (2015): steps of
    even length, each blurred, and grey values and contrast that stay within those of prepared patterns. What comes
    out is no pattern of the class: it shows which lines and spots the member counts as evidence.

    Parameters
    ----------
    member
        From prepared patterns (n, s, s, 1) to ``[logits, features]``.
    size
        s.
    steps
        Of the ascent.
    blur
        Standard deviation in pixels of the blur of every step; 0 for none.
    seed
        Of the noise, the same for every class.

    Returns
    -------
    patterns, logits
        (K, s, s) in [-1, 1], and what the member says of each, (K, K).
    """
    from keras import ops
    from scipy.ndimage import gaussian_filter

    def logits_of(x: Any) -> Any:
        return member(x, training=False)[0]

    noise = np.random.default_rng(seed).normal(0, 0.1, (size, size))
    classes = int(logits_of(ops.zeros((1, size, size, 1))).shape[1])
    # A class' own logit, less the mean of the others.
    weights = ((np.eye(classes) * classes - 1) / (classes - 1)).astype(np.float32)
    # An array times a tensor would be taken for arrays by PyTorch.
    gradients = Gradients(
        lambda inputs: ops.sum(ops.multiply(logits_of(inputs[0]), ops.convert_to_tensor(weights)), axis=1)
    )
    patterns = np.repeat(np.clip(noise, -1, 1)[None], classes, axis=0)
    for _ in range(steps):
        uphill = gradients([patterns[..., None]])[0][..., 0].astype(float)
        if blur > 0:
            uphill = gaussian_filter(uphill, (0, blur, blur))
        length = np.sqrt((uphill**2).mean(axis=(1, 2), keepdims=True))
        patterns = patterns + STEP * uphill / np.maximum(length, 1e-12)
        contrast = np.sqrt((patterns**2).mean(axis=(1, 2), keepdims=True))
        patterns = np.clip(patterns * np.minimum(1, CONTRAST / np.maximum(contrast, 1e-12)), -1, 1)
    logits = logits_of(ops.convert_to_tensor(patterns[..., None].astype(np.float32)))
    return patterns, ops.convert_to_numpy(logits).astype(np.float64)
