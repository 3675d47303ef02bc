"""Tools made for scikit-learn's classifiers take a predictor as it is."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from sklearn.base import is_classifier
from sklearn.metrics import ConfusionMatrixDisplay, accuracy_score, get_scorer, log_loss, make_scorer

import kikuchi


@pytest.fixture(scope="module")
def judged():
    """The shipped ensemble, sixty textured patterns, and made-up truths: every third is not the first choice."""
    predictor = kikuchi.Predictor.load("shipped")
    noise = np.random.default_rng(0).normal(size=(60, 60, 60))
    patterns = np.clip(128 + 200 * gaussian_filter(noise, (0, 2, 2)), 0, 255).astype(np.uint8)
    truth = predictor.predict(patterns, False)
    truth[::3] = 221 + (truth[::3] - 220) % 10
    return predictor, patterns, truth


@pytest.mark.filterwarnings("ignore:no static background")
def test_scorers_say_what_the_metrics_say_of_the_same_answers(judged):
    predictor, patterns, truth = judged
    assert is_classifier(predictor)
    first, p = predictor.predict(patterns, False), predictor.predict_proba(patterns, False)
    assert get_scorer("accuracy")(predictor, patterns, truth) == accuracy_score(truth, first) == 40 / 60
    wanted = -log_loss(truth, p, labels=predictor.classes_)
    scorer = make_scorer(
        log_loss, greater_is_better=False, response_method="predict_proba", labels=predictor.classes_
    )
    assert scorer(predictor, patterns, truth) == pytest.approx(wanted, rel=1e-6)


@pytest.mark.filterwarnings("ignore:no static background")
def test_a_confusion_is_drawn_from_the_predictor_itself(judged):
    import matplotlib as mpl

    mpl.use("agg")
    predictor, patterns, truth = judged
    drawn = ConfusionMatrixDisplay.from_estimator(predictor, patterns, truth)
    assert drawn.confusion_matrix.sum() == 60 and drawn.confusion_matrix.trace() == 40


@pytest.mark.filterwarnings("ignore:no static background")
def test_mapie_conformalises_the_predictor_and_its_sets_cover_what_they_were_fitted_to(judged):
    from mapie.classification import SplitConformalClassifier

    predictor, patterns, truth = judged
    sets = SplitConformalClassifier(predictor, confidence_level=0.9).conformalize(patterns, truth)
    first, held = sets.predict_set(patterns)
    np.testing.assert_array_equal(first, predictor.predict(patterns, False))
    # The quantile is of the very patterns judged: at least nine in ten hold their truth, by its definition.
    holds = held[np.arange(60), np.searchsorted(predictor.classes_, truth), 0]
    assert holds.mean() >= 0.9
