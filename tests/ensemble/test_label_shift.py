"""Label shift: the mixture of a scan, estimated from what is said of it."""

import matplotlib
import numpy as np
import pytest

from ensemble.errors import InputError
from ensemble.label_shares import bbse_shares, em_shares, reweighted
from ensemble.label_shift import estimate_label_shift


def _drawn(n, shares, rng, distance=3.0):
    """Draw Gaussian classes at the corners of a simplex: their posteriors for equal shares are known exactly."""
    k = len(shares)
    label = rng.choice(k, size=n, p=shares)
    x = rng.normal(size=(n, k))
    x[np.arange(n), label] += distance / np.sqrt(2)
    logits = x * distance / np.sqrt(2)
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True), label


def test_em_agrees_with_quapy():
    # quapy sets fonts and sizes of Matplotlib for the whole process when it is imported.
    with matplotlib.rc_context():
        aggregative = pytest.importorskip("quapy.method.aggregative", reason="quapy is a test-only oracle")
    p, _ = _drawn(3000, [0.7, 0.2, 0.1], np.random.default_rng(0), distance=2.0)
    prior = np.full(3, 1 / 3)
    theirs, posteriors = aggregative.EMQ.EM(prior, p, 1e-7)
    ours = em_shares(p, prior)
    assert ours == pytest.approx(theirs, abs=2e-3)
    assert reweighted(p, prior, ours) == pytest.approx(posteriors, abs=5e-3)


def test_bbse_solves_the_linear_system_where_the_solution_lies_inside():
    confusion = np.array([[80.0, 15, 5], [10, 85, 5], [8, 2, 90]])
    answers = np.array([400.0, 350, 250])
    given = confusion / confusion.sum(axis=1, keepdims=True)
    # Adjusted count: the linear system itself.
    assert bbse_shares(confusion, answers) == pytest.approx(
        np.linalg.solve(given.T, answers / 1000), abs=1e-4
    )


def test_points_are_corrected_by_bayes_rule():
    # Posterior odds 3 : 1 under even shares, shares 1 : 9 -> odds 3 : 9.
    assert reweighted([[0.75, 0.25]], [0.5, 0.5], [0.1, 0.9])[0] == pytest.approx([0.25, 0.75])
    assert np.isnan(reweighted([[np.nan, np.nan]], [0.5, 0.5], [0.1, 0.9])).all()


def test_corrected_points_are_right_more_often():
    rng = np.random.default_rng(1)
    p, label = _drawn(20_000, [0.9, 0.1], rng, distance=1.5)
    shares = em_shares(p, [0.5, 0.5])
    assert shares == pytest.approx([0.9, 0.1], abs=0.03)
    before = (p.argmax(axis=1) == label).mean()
    assert (reweighted(p, [0.5, 0.5], shares).argmax(axis=1) == label).mean() > before + 0.05


def test_intervals_hold_the_truth():
    rng = np.random.default_rng(2)
    even, shares = [1 / 3] * 3, np.array([0.8, 0.15, 0.05])
    held = 0
    for i in range(40):
        p, y = _drawn(600, even, rng)
        q, _ = _drawn(500, shares, rng)
        found = estimate_label_shift(p, y, q, n_draws=100, seed=i)
        assert found.identified
        held += bool(((np.array(found.low) <= shares) & (shares <= np.array(found.high))).all())
    assert held >= 36


def test_blocks_widen_the_intervals():
    rng = np.random.default_rng(3)
    p, y = _drawn(600, [0.5, 0.5], rng)
    q, label = _drawn(2000, [0.5, 0.5], rng)
    order = np.argsort(label, kind="stable")
    # Forty blocks of one class each.
    blocks = np.arange(2000) // 50
    alone = estimate_label_shift(p, y, q[order], n_draws=100)
    together = estimate_label_shift(p, y, q[order], blocks=blocks, n_draws=100)
    assert together.high[0] - together.low[0] > 2 * (alone.high[0] - alone.low[0])


def test_what_cannot_be_identified_is_said():
    rng = np.random.default_rng(4)
    p, y = _drawn(400, [0.5, 0.5], rng, distance=0.2)
    q, _ = _drawn(400, [0.9, 0.1], rng, distance=0.2)
    assert "confused" in estimate_label_shift(p, y, q, n_draws=20).why
    p, y = _drawn(400, [0.5, 0.5], rng)
    q, _ = _drawn(400, [0.9, 0.1], rng)
    few = estimate_label_shift(p, y, q, blocks=np.arange(400) // 40, n_draws=20)
    assert not few.identified and "10 independent blocks" in few.why
    missing = estimate_label_shift(p[y == 0], y[y == 0], q, n_draws=20)
    assert not missing.identified and missing.low == (0.0, 0.0) and missing.high == (1.0, 1.0)


@pytest.mark.parametrize("shares", [[0.5], [0.5, 0.6], [-0.1, 1.1]])
def test_shares_are_checked(shares):
    with pytest.raises(InputError, match="sum to 1"):
        em_shares([[0.5, 0.5]], shares)


def _three(counts, rng):
    """Probabilities of three classes, of which the first two are never told apart and the third nearly always is."""
    y = np.repeat([0, 1, 2], counts)
    third = np.where(y == 2, 0.98, 0.02) + rng.uniform(-0.01, 0.01, len(y))
    first = rng.uniform(0.45, 0.55, len(y))
    return np.stack([(1 - third) * first, (1 - third) * (1 - first), third], axis=1), y


def test_a_pair_never_told_apart_is_bounded_together_and_the_rest_is_told():
    rng = np.random.default_rng(0)
    held, y = _three([500, 500, 500], rng)
    scan, _ = _three([300, 100, 600], rng)
    found = estimate_label_shift(held, y, scan)
    assert not found.identified and found.bounded
    assert found.merged == ((0, 1),)
    assert found.low[0] == found.low[1] == 0.0
    # Together the pair has 400 of 1000 points, so each of them may have so many and the third has 600.
    assert found.high[0] == found.high[1] > 0.4
    assert found.high[0] < 0.5
    assert found.low[2] < 0.6 < found.high[2]


def test_nothing_is_bounded_where_no_class_is_left_to_tell():
    rng = np.random.default_rng(1)
    p = rng.dirichlet(np.ones(3) * 50, 900)
    found = estimate_label_shift(p, np.repeat([0, 1, 2], 300), p[:300])
    assert not found.identified and not found.bounded


def test_a_class_that_is_absent_may_be_absent_and_one_alone_may_be_all():
    rng = np.random.default_rng(3)
    held, y = _drawn(3000, [1 / 3] * 3, rng, distance=5.0)
    scan, _ = _drawn(400, [1.0, 0.0, 0.0], rng, distance=5.0)
    found = estimate_label_shift(held, y, scan)
    assert found.identified
    assert found.high[0] == 1.0
    assert found.low[1] == found.low[2] == 0.0
