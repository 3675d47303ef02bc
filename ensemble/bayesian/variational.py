"""Variational inference of the last layer, with tensorflow-probability."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensemble.bayesian.library import probability
from ensemble.bayesian.softmax_regression import Regression

_STEPS, _LEARNING_RATE = 600, 0.02


def draw_variational(
    problem: Regression, mode: NDArray[np.float64], draws: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], float]:
    """Fit independent normal weights by their evidence lower bound, and draw from them.

    Columns and classes are rotated to the principal axes of their Kronecker factors first, which changes neither the
    model nor the prior but leaves the weights nearly independent. Logits are drawn instead of weights (local
    reparameterisation, Kingma, Salimans & Welling, NeurIPS 2015): every pattern gets noise of its own at the cost of
    two matrix products.

    Parameters
    ----------
    problem
        Patterns and prior.
    mode
        Where the means start, (D, K).
    draws
        T.
    rng
        Source of chance.

    Returns
    -------
    draws, bound
        (T, D, K), and the evidence lower bound, nats, mean over the last tenth of the steps.
    """
    tfp, tf_keras = probability()
    import tensorflow as tf

    tfd = tfp.distributions
    moment, u, spread, v = problem.factors(mode)
    x, axes = tf.constant(problem.x @ u), tf.constant(v.T)
    y = tf.constant(problem.y, tf.int32)
    prior = tfd.Normal(
        tf.constant(u.T @ problem.centre @ v), tf.constant(problem.precision**-0.5, tf.float64)
    )
    mean = tf.Variable(u.T @ mode @ v)
    # Laplace's own width under the same factors: a start as wide as the prior takes ten times the steps.
    log_width = tf.Variable(-0.5 * np.log(np.outer(moment, spread) + problem.precision))
    seed = tf.constant(rng.integers(0, 2**31 - 1, size=2), tf.int32)
    step = tf.Variable(0, dtype=tf.int32, trainable=False)

    def loss() -> Any:
        weights = tfd.Normal(mean, tf.exp(log_width))
        logits = tfd.Normal(x @ mean, tf.sqrt(tf.square(x) @ tf.square(weights.scale)))
        drawn = logits.sample(seed=seed + step.assign_add(1)) @ axes
        misfit = tf.nn.sparse_softmax_cross_entropy_with_logits(y, drawn)
        return tf.reduce_sum(misfit) + tf.reduce_sum(tfd.kl_divergence(weights, prior))

    schedule = tf_keras.optimizers.schedules.CosineDecay(_LEARNING_RATE, _STEPS)
    losses = tfp.math.minimize(
        loss,
        num_steps=_STEPS,
        optimizer=tf_keras.optimizers.Adam(schedule),
        trainable_variables=[mean, log_width],
        jit_compile=False,
    )
    found = mean.numpy() + np.exp(log_width.numpy()) * rng.standard_normal((draws, *mode.shape))
    return u @ found @ v.T, -float(np.mean(losses.numpy()[-_STEPS // 10 :]))
