"""An evaluation says what scikit-learn and a pocket calculator say of the same patterns."""

import json
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta
from sklearn.metrics import confusion_matrix, log_loss, precision_recall_fscore_support

import kikuchi
from kikuchi.evaluation.selective_scores import error_rate
from tests.kikuchi.evaluation.conftest import CLASSES, RULES, row, synthetic_held_out, write_bundle


def test_log_loss_and_accuracy_are_those_of_the_test_part_only(judged, by_hand):
    labels, _, p = by_hand
    found = row(judged[1] / "rules.csv", who="average")
    assert found["log_loss"] == pytest.approx(log_loss(labels, p, labels=[0, 1, 2]))
    assert found["accuracy"] == pytest.approx((p.argmax(axis=1) == labels).mean())
    assert found["brier"] == pytest.approx(((p - np.eye(3)[labels]) ** 2).sum(axis=1).mean())
    assert found["log_loss_low"] < found["log_loss"] < found["log_loss_high"]


def test_aurc_is_the_mean_risk_over_all_coverages(judged, by_hand):
    labels, _, p = by_hand
    wrong = (p.argmax(axis=1) != labels)[np.argsort(-p.max(axis=1))]
    n = np.arange(1, len(wrong) + 1)
    aurc = (np.cumsum(wrong) / n).mean()
    perfect = (np.cumsum(np.sort(wrong)) / n).mean()
    found = row(judged[1] / "rules.csv", who="average")
    assert found["aurc"] == pytest.approx(aurc)
    assert found["excess_aurc"] == pytest.approx(aurc - perfect)


def test_classes_are_scikit_learns_precision_recall_and_f1(judged, by_hand):
    labels, _, p = by_hand
    table = pd.read_csv(judged[1] / "classes.csv")
    ours = table[table.who == "average"]
    each = precision_recall_fscore_support(labels, p.argmax(axis=1))
    assert list(ours.space_group) == list(CLASSES)
    np.testing.assert_allclose(ours[["precision", "recall", "f1", "support"]].T, each)
    mean = precision_recall_fscore_support(labels, p.argmax(axis=1), average="weighted")
    found = row(judged[1] / "rules.csv", who="average")
    assert [found[f"weighted_{m}"] for m in ("precision", "recall", "f1")] == pytest.approx(mean[:3])


def test_a_material_stands_against_other_space_groups_and_not_against_its_sister(judged, by_hand, bundle):
    labels, _, p = by_hand
    material = bundle.held_out.material[bundle.held_out.part == 2]
    feal = 1
    taken = (material == feal) | (labels != 0)
    expected = precision_recall_fscore_support(
        labels[taken] == 0, p[taken].argmax(axis=1) == 0, pos_label=True
    )
    found = row(judged[1] / "materials.csv", who="average", material="FeAl")
    assert found["recall"] == pytest.approx((p[material == feal].argmax(axis=1) == 0).mean())
    assert [found[m] for m in ("precision", "recall", "f1", "support")] == pytest.approx(
        [e[1] for e in expected]
    )


def test_confusion_is_scikit_learns_with_an_empty_row_for_unknown_groups(judged, by_hand):
    labels, _, p = by_hand
    table = pd.read_csv(judged[1] / "confusion_average.csv", index_col="truth")
    np.testing.assert_array_equal(table.to_numpy()[:3], confusion_matrix(labels, p.argmax(axis=1)))
    assert list(table.index) == ["221", "225", "229", "unknown"]
    assert not table.loc["unknown"].any()


def test_statuses_share_out_all_patterns_and_their_rates_have_exact_intervals(judged, bundle, by_hand):
    labels, _, p = by_hand
    decision = bundle.decide(bundle.held_out.test.outputs)
    table = pd.read_csv(judged[1] / "status.csv")
    ours = table[table.who == "average"].set_index("status")
    assert ours["count"].sum() == len(labels)
    assert ours.loc["unreadable", "count"] == (decision.quality <= 0.4).sum()
    wrong = p.argmax(axis=1) != labels
    for code, name in enumerate(("solved", "ambiguous", "unfamiliar", "unreadable")):
        here = decision.status == code
        k, n = wrong[here].sum(), here.sum()
        assert ours.loc[name, "count"] == n > 0
        assert ours.loc[name, "error_rate"] == pytest.approx(k / n)
        if 0 < k < n:
            assert ours.loc[name, "error_rate_low"] == pytest.approx(beta.ppf(0.025, k, n - k + 1))
            assert ours.loc[name, "error_rate_high"] == pytest.approx(beta.ppf(0.975, k + 1, n - k))


def test_no_error_among_few_answers_is_no_proof_of_none():
    """The exact interval of 0 in 10: 1 - 0.025 ** (1 / 10) = 0.3085; a bootstrap would say 0 to 0."""
    assert error_rate(0, 10)["high"] == pytest.approx(1 - 0.025 ** (1 / 10))


def test_risk_of_the_answered_has_the_same_exact_interval_everywhere(judged):
    evaluation, out = judged
    solved = row(out / "status.csv", who="average", status="solved")
    found = row(out / "rules.csv", who="average")
    for end in ("", "_low", "_high"):
        assert found[f"risk_answered{end}"] == solved[f"error_rate{end}"]
    assert evaluation["promises"]["average"]["measured_risk"]["high"] == found["risk_answered_high"]


def test_enrichment_is_the_ratio_of_error_rates(judged, bundle, by_hand):
    labels, _, p = by_hand
    solved = bundle.decide(bundle.held_out.test.outputs).status == 0
    wrong = p.argmax(axis=1) != labels
    expected = wrong[~solved].mean() / wrong[solved].mean()
    assert row(judged[1] / "rules.csv", who="average")["enrichment"] == pytest.approx(expected)
    assert expected > 1


def test_the_best_single_member_is_chosen_on_the_calibration_part(judged):
    evaluation, out = judged
    assert evaluation["best_single"] == "scratch-1"
    table = pd.read_csv(out / "rules.csv").set_index("who")
    assert table.loc["best-single", "log_loss"] == table.loc["scratch-1", "log_loss"]
    assert table.loc["scratch-2", "log_loss"] < table.loc["scratch-1", "log_loss"]


def test_single_members_are_calibrated_by_the_recipes_method_on_the_calibration_part(judged):
    """Bayes' rule gives logits 1.8 z for unit noise around 1.8; the member says 3 z: too sure by 3 / 1.8."""
    found = judged[0]["calibration"]["best-single"]
    assert found["method"] == "temperature"
    assert found["parameters"]["temperature"] == pytest.approx(3 / 1.8, rel=0.25)
    assert found["after"]["scores"]["log_loss"]["value"] < found["before"]["scores"]["log_loss"]["value"]
    assert found["after"]["scores"]["ece"]["value"] < found["before"]["scores"]["ece"]["value"]


def test_reliability_bins_hold_every_pattern_once(judged, by_hand):
    labels, pooled, _ = by_hand
    table = pd.read_csv(judged[1] / "reliability.csv")
    before = table[(table.who == "average") & (table.calibration == "before")]
    top, right = pooled.max(axis=1), pooled.argmax(axis=1) == labels
    assert before.patterns.sum() == len(labels)
    last = top > 14 / 15
    assert before.iloc[-1].patterns == last.sum()
    assert before.iloc[-1].accuracy == pytest.approx(right[last].mean())


def test_an_ensemble_of_one_is_exactly_its_best_single_member(tmp_path):
    alone = write_bundle(tmp_path / "run", synthetic_held_out(members=1))
    evaluation = kikuchi.evaluate(alone, None, tmp_path / "out")
    against = evaluation["against_best_single"]["average"]
    assert against["log_loss_ratio"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert against["accuracy_gain"] == {"value": 0.0, "low": 0.0, "high": 0.0}


def test_every_file_opens_and_the_returned_numbers_are_the_written_ones(judged):
    evaluation, out = judged
    assert json.loads((out / "evaluation.json").read_text()) == evaluation
    names = {p.name for p in out.glob("*.csv")}
    assert {"rules.csv", "classes.csv", "materials.csv", "status.csv", "promise.csv"} <= names
    assert {f"confusion_{who}.csv" for who in (*RULES, "best-single")} <= names
    for name in names:
        assert len(pd.read_csv(out / name)) > 0, name


class _Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.pictures, self.headings, self.words, self._heading = [], [], [], False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self._heading = tag == "h2"
        if tag == "img":
            self.pictures.append(dict(attrs)["src"])

    def handle_data(self, data):
        self.words.append(data)
        if self._heading:
            self.headings.append(data)
            self._heading = False


def test_the_report_prints_the_promise_beside_the_measured_risk_and_its_limits(judged):
    evaluation, out = judged
    page = _Page((out / "report.html").read_text())
    text = " ".join(page.words)
    held = evaluation["promises"]["average"]
    assert held["certificate"]["message"] in text
    assert f"{held['errors']} wrong of {held['answered']} answered" in text
    assert "no change of sample, voltage or detector" in text
    assert text.index("patterns the ensemble answers") < text.index("Ensemble against single members")
    assert page.headings[0] == "Ensemble against single members"
    assert page.headings[-1] == "Training"
    # Risk-coverage, losses, and five for the rule and the best single member each.
    assert len(page.pictures) == 12
    assert all(picture.startswith("data:image/") for picture in page.pictures)


def test_the_description_names_the_rule_the_single_member_and_the_report(judged):
    text = judged[0].summary()
    assert "rule average against the best single member (scratch-1)" in text
    assert str(judged[1] / "report.html") in text


def test_every_material_and_every_answered_class_is_counted_by_itself(judged, bundle):
    evaluation, out = judged
    parts = pd.read_csv(out / "promise_parts.csv")
    of = parts.groupby("of")
    # Answers fall into one material and one class each.
    held = evaluation["promises"][evaluation["rule"]]
    assert set(of.groups) == {"true material", "answered class"}
    assert list(of.answered.sum()) == [held["answered"]] * 2
    assert list(of.errors.sum()) == [held["errors"]] * 2
    certificate = bundle.abstentions[bundle.rule].certificate
    by_itself = parts[parts.promised < 1]
    assert (by_itself.promised == certificate.certified_risk).all()
