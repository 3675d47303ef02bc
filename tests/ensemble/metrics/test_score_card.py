import numpy as np
import pytest

from ensemble.metrics import log_loss, score_card
from ensemble.metrics.score_card import METRICS


def test_every_metric_lies_within_its_interval_and_has_its_own_value():
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.full(4, 0.3), 800)
    y = (p.cumsum(axis=1) > rng.random((800, 1))).argmax(axis=1)
    card = score_card(p, y, n_resamples=60)
    assert set(card) == set(METRICS)
    assert card["log_loss"].value == pytest.approx(log_loss(p, y))
    assert card["accuracy"].value == np.mean(p.argmax(axis=1) == y)
    for name in ("accuracy", "log_loss", "brier", "aurc", "augrc", "sharpness"):
        assert card[name].low < card[name].value < card[name].high
