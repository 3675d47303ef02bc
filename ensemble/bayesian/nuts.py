"""The posterior of the last layer sampled with No-U-Turn sampling: what the approximations are checked against."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ensemble.bayesian.laplace import MOST_WEIGHTS, whitening
from ensemble.bayesian.library import probability
from ensemble.bayesian.softmax_regression import Regression
from ensemble.errors import InputError

_CHAINS, _WARM_UP, _TREE_DEPTH = 2, 150, 7


class Sampled(NamedTuple):
    """Draws (T, D, K), the largest R-hat of a pattern's logits over the chains, and the mean acceptance."""

    draws: NDArray[np.float64]
    r_hat: float
    acceptance: float


def draw_nuts(
    problem: Regression,
    mode: NDArray[np.float64],
    draws: int,
    rng: np.random.Generator,
    *,
    thinning: int = 4,
) -> Sampled:
    """Draw from the posterior itself with tensorflow-probability's No-U-Turn sampler (Hoffman & Gelman, JMLR 15, 2014).

    The chains run in coordinates in which Laplace's approximation is a standard normal distribution, so that few steps
    cross the posterior; two chains start at draws of it.

    Parameters
    ----------
    problem
        Patterns and prior.
    mode
        Of the posterior, (D, K).
    draws
        T in all, spread evenly over the chains.
    rng
        Source of chance.
    thinning
        Of so many states one is kept.

    Returns
    -------
    Sampled
        Draws, shape (T, D, K).

    Raises
    ------
    InputError
        There are more weights than a dense whitening allows.
    """
    if mode.size > MOST_WEIGHTS:
        raise InputError(
            f"No-U-Turn sampling of {mode.size} weights is out of reach (at most {MOST_WEIGHTS})",
            remedy='choose head = "laplace"',
        )
    tfp, _ = probability()
    import tensorflow as tf

    x, y, centre = (tf.constant(a) for a in (problem.x, problem.y.astype(np.int32), problem.centre))
    spread, middle = tf.constant(whitening(problem, mode)), tf.constant(mode)
    shape = (-1, *mode.shape)

    def log_density(z: Any) -> Any:
        weights = middle + tf.reshape(z @ tf.transpose(spread), shape)
        logits = tf.einsum("nd,cdk->cnk", x, weights)
        truth = tf.tile(y[None], [tf.shape(z)[0], 1])
        misfit = tf.reduce_sum(tf.nn.sparse_softmax_cross_entropy_with_logits(truth, logits), axis=1)
        away = tf.reduce_sum(tf.square(weights - centre), axis=[1, 2])
        return -misfit - 0.5 * problem.precision * away

    each = -(-draws // _CHAINS)
    sampler = tfp.mcmc.DualAveragingStepSizeAdaptation(
        tfp.mcmc.NoUTurnSampler(log_density, tf.constant(0.3, tf.float64), max_tree_depth=_TREE_DEPTH),
        num_adaptation_steps=_WARM_UP * 4 // 5,
    )

    @tf.function(autograph=False)
    def run(first: Any, seed: Any) -> Any:
        return tfp.mcmc.sample_chain(
            each * thinning,
            first,
            kernel=sampler,
            num_burnin_steps=_WARM_UP,
            seed=seed,
            trace_fn=lambda _, state: tf.exp(tf.minimum(state.inner_results.log_accept_ratio, 0.0)),
        )

    states, acceptance = run(
        tf.constant(rng.standard_normal((_CHAINS, mode.size))),
        tf.constant(rng.integers(0, 2**31 - 1, size=2), tf.int32),
    )
    weights = mode + (states.numpy() @ spread.numpy().T).reshape(each * thinning, _CHAINS, *mode.shape)
    logits = np.einsum("nd,tcdk->tcnk", problem.x[:: max(1, len(problem.x) // 50)], weights)
    # A constant added to all classes of a pattern is held by the prior alone and decides nothing.
    logits -= logits.mean(axis=-1, keepdims=True)
    reduction = tfp.mcmc.potential_scale_reduction(tf.constant(logits), independent_chain_ndims=1)
    drawn = weights[::thinning].reshape(-1, *mode.shape)[:draws]
    # tensorflow-probability gives the square of what Gelman & Rubin call R-hat.
    return Sampled(drawn, float(np.sqrt(np.max(reduction.numpy()))), float(np.mean(acceptance.numpy())))
