"""An evaluation says what scikit-learn and a pocket calculator say of the same patterns."""

import json
from dataclasses import asdict
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter
from scipy.special import softmax
from scipy.stats import beta
from sklearn.metrics import confusion_matrix, log_loss, precision_recall_fscore_support, roc_auc_score

import kikuchi
from ensemble.abstention import fit_familiarity
from ensemble.pooling import DropoutDraws
from kikuchi import files
from kikuchi.deciding import fit_decision
from kikuchi.evaluation import leave_one_out, scores
from kikuchi.evaluation.abstaining import error_rate
from kikuchi.evaluation.unfamiliarity import separation, unfamiliar_scores
from kikuchi.histories import write_history
from kikuchi.members import Epoch, History, MemberSpec, build_member, predict, save_member
from kikuchi.outputs import HeldOut, MemberOutputs, write_held_out
from kikuchi.recipe import Recipe
from kikuchi.scans.split import pattern_hash

CLASSES = (221, 225, 229)
MATERIALS = (("NiAl", 221), ("FeAl", 221), ("Ni", 225), ("Fe", 229))
RULES = ("average", "geometric", "vote", "mc-dropout")
RECIPE = Recipe.model_validate(
    {
        "member": [{"kind": "scratch", "count": 2, "size": 32}],
        "calibrate": {"method": "temperature"},
        "abstain": {"risk": 0.1, "coverage": 0.9},
    }
)


def synthetic_held_out(members=2, seed=0):
    """Members that are too sure; on the calibration part the first is better, on the test part the second."""
    rng = np.random.default_rng(seed)
    part = np.repeat([0, 1, 2], [120, 240, 240]).astype(np.int8)
    n, k = len(part), len(CLASSES)
    material = rng.integers(0, len(MATERIALS), n)
    labels = np.array([CLASSES.index(group) for _, group in MATERIALS])[material]
    truth = np.eye(k)[labels]
    strength = np.where(part == 2, np.array([[1.3], [1.8]]), np.array([[1.8], [1.3]]))[:members]
    logits = 3 * (rng.normal(0, 1, (members, n, k)) + strength[:, :, None] * truth)
    p = softmax(logits, axis=-1)
    draws = DropoutDraws(p, -(p * np.log(p)).sum(axis=-1), np.round(50 * p).astype(np.int16))
    unfamiliarity, quality = rng.normal(1, 0.1, n), np.where(rng.random(n) < 0.02, 0.1, 2.0)
    outputs = MemberOutputs(logits.astype(np.float32), draws, unfamiliarity, quality)
    return HeldOut(outputs, labels, material, part, np.arange(len(labels)))


def write_bundle(folder, held_out, classes=CLASSES, fitted_hashes=()):
    """Write a bundle as `fit` leaves it, with untrained members."""
    members = []
    for index in range(len(held_out.outputs.logits)):
        spec = MemberSpec(f"scratch-{index + 1}", "scratch", "compact", 32, len(classes), seed=index)
        members.append(spec)
        model = build_member(spec)
        place = folder / "members" / spec.name
        save_member(model, spec, place)
        write_history(place, History([Epoch(1, 1.0, 0.5, 1.2, 0.4, 0.1), Epoch(2, 0.5, 0.6, 0.9, 0.5, 0.1)]))
    noise = np.random.default_rng(1).normal(0, 0.3, (30, 32, 32)).astype(np.float32)
    features = predict(model, noise)[1]
    decisions = {rule: fit_decision(held_out, rule, RECIPE) for rule in RULES}
    files.write_json(folder / "calibration.json", {r: c.to_dict() for r, (c, _) in decisions.items()})
    files.write_json(folder / "abstention.json", {r: a.to_dict() for r, (_, a) in decisions.items()})
    np.savez(folder / "features.npz", **fit_familiarity([features] * len(members)).to_arrays())
    write_held_out(folder / "held_out.npz", held_out)
    files.write_json(folder / "splits.json", {"train": list(fitted_hashes)})
    written = [p for p in folder.rglob("*") if p.is_file()]
    manifest = {
        "format_version": 1,
        "created": "2026-01-01T00:00:00+00:00",
        "classes": list(classes),
        "members": [m.name for m in members],
        "member_specs": [asdict(m) for m in members],
        "materials": [{"name": name, "space_group": group} for name, group in MATERIALS],
        "voltages_kv": [20.0],
        "rule": "average",
        "recipe": RECIPE.model_dump(mode="json"),
        "files": {p.relative_to(folder).as_posix(): files.sha256(p) for p in written},
    }
    files.write_json(folder / "bundle.json", manifest)
    return kikuchi.Bundle.load(folder)


@pytest.fixture(scope="module", autouse=True)
def few_resamples():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scores, "_MOST_RESAMPLES", 60)
        patch.setattr(scores, "_FEWEST_RESAMPLES", 60)
        yield


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Two folders of images, of a known and of an unknown space group, and the dataset that names them."""
    import skimage.io

    folder = tmp_path_factory.mktemp("dataset")
    rng = np.random.default_rng(3)
    made = {}
    for name in ("known", "unknown"):
        # Smooth, as bands are: white noise would be unreadable before anybody asks whether it is familiar.
        smooth = gaussian_filter(rng.normal(size=(14, 40, 40)), (0, 3, 3))
        made[name] = np.clip(128 + 300 * smooth, 0, 255).astype(np.uint8)
        (folder / name).mkdir()
        for index, image in enumerate(made[name]):
            skimage.io.imsave(folder / name / f"{index:02}.png", image, check_contrast=False)
    path = folder / "dataset.toml"
    path.write_text(
        '[[material]]\nname = "Ni"\nspace_group = 225\nscan = "known"\n'
        '[[material]]\nname = "Fe3C"\nspace_group = 62\nscan = "unknown"\n'
    )
    return path, made


@pytest.fixture(scope="module")
def bundle(tmp_path_factory, images):
    fitted = [pattern_hash(image) for image in images[1]["known"][:3]]
    return write_bundle(tmp_path_factory.mktemp("run"), synthetic_held_out(), fitted_hashes=fitted)


@pytest.fixture(scope="module")
def judged(bundle, tmp_path_factory):
    out = tmp_path_factory.mktemp("evaluation")
    return kikuchi.evaluate(bundle, None, out), out


@pytest.fixture(scope="module")
def by_hand(bundle, judged):
    """Truth, pooled and tempered probabilities of the test part, from the logits and one temperature."""
    held_out = bundle.held_out
    test = held_out.part == 2
    pooled = softmax(held_out.outputs.logits[:, test].astype(float), axis=-1).mean(axis=0)
    temperature = bundle.calibrations["average"].parameters["temperature"]
    tempered = pooled ** (1 / temperature)
    return held_out.labels[test], pooled, tempered / tempered.sum(axis=1, keepdims=True)


def row(path, **wanted):
    """Return the one row of a CSV whose columns hold these values."""
    table = pd.read_csv(path)
    for column, value in wanted.items():
        table = table[table[column] == value]
    assert len(table) == 1
    return table.iloc[0]


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
    decision = bundle.decide(bundle.held_out.select(bundle.held_out.part == 2).outputs)
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
    solved = bundle.decide(bundle.held_out.select(bundle.held_out.part == 2).outputs).status == 0
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
    assert page.headings[0] == "Ensemble against single members"
    assert page.headings[-1] == "Training"
    # Risk-coverage, losses, and five for the rule and the best single member each.
    assert len(page.pictures) == 12
    assert all(picture.startswith("data:image/") for picture in page.pictures)


def test_the_description_names_the_rule_the_single_member_and_the_report(judged):
    text = kikuchi.describe_evaluation(*judged)
    assert "rule average against the best single member (scratch-1)" in text
    assert str(judged[1] / "report.html") in text


@pytest.fixture(scope="module")
def strange(bundle, images, tmp_path_factory):
    out = tmp_path_factory.mktemp("strange")
    return kikuchi.evaluate(bundle, images[0], out), out


def test_patterns_that_the_bundle_was_fitted_on_are_left_out(strange):
    evaluation, _ = strange
    assert (evaluation["patterns"], evaluation["left_out_patterns"]) == (25, 3)
    assert "3 patterns were left out: the bundle was fitted on them" in evaluation["warnings"]


def test_an_unknown_space_group_is_never_right(strange):
    evaluation, out = strange
    assert evaluation["unknown_patterns"] == 14
    table = pd.read_csv(out / "decisions_average.csv", index_col="truth")
    assert table.loc["unknown"].sum() == 14
    for rows in evaluation["statuses"].values():
        assert sum(r["unknown"] for r in rows) == 14
        assert all(r["errors"] >= r["unknown"] for r in rows)
    assert evaluation["materials_of"]["average"][1]["precision"] is None


def test_accuracy_is_of_known_space_groups_only(strange, bundle, images):
    known = images[1]["known"][3:]
    right = bundle.predict_proba(known).argmax(axis=1) == CLASSES.index(225)
    assert strange[0]["scores"]["average"]["accuracy"]["value"] == pytest.approx(right.mean())


def test_unfamiliar_is_judged_by_how_well_it_tells_unknown_from_known(strange, bundle, images):
    known, unknown = images[1]["known"][3:], images[1]["unknown"]
    outputs = bundle.member_outputs(np.concatenate([known, unknown]))
    readable = outputs.quality > bundle.abstentions["average"].quality_threshold
    assert readable[:11].any() and readable[11:].any()
    truth = np.repeat([0, 1], [len(known), len(unknown)])
    expected = roc_auc_score(truth[readable], outputs.unfamiliarity[readable])
    assert strange[0]["unfamiliar"]["separation"][0]["auroc"]["value"] == pytest.approx(expected)


def test_a_dataset_that_the_bundle_was_fitted_on_is_refused(images, tmp_path):
    fitted = [pattern_hash(image) for image in np.concatenate([images[1]["known"], images[1]["unknown"]])]
    all_seen = write_bundle(tmp_path / "run", synthetic_held_out(members=1), fitted_hashes=fitted)
    with pytest.raises(kikuchi.InputError, match="fitted on every pattern"):
        kikuchi.evaluate(all_seen, images[0], tmp_path / "out")


def test_a_bundle_without_test_patterns_asks_for_a_dataset(tmp_path):
    held_out = synthetic_held_out(members=1)
    untested = write_bundle(tmp_path / "run", held_out.select(held_out.part < 2))
    with pytest.raises(kikuchi.InputError, match="no test patterns"):
        kikuchi.evaluate(untested, None, tmp_path / "out")


def test_a_file_in_the_way_of_the_output_is_one_line(bundle, tmp_path):
    (tmp_path / "out").write_text("not a folder")
    with pytest.raises(kikuchi.InputError, match="cannot be written"):
        kikuchi.evaluate(bundle, None, tmp_path / "out")


def test_interval_of_accuracy_is_as_wide_as_the_binomial_says():
    class Always:
        probabilities = np.tile([0.7, 0.3], (400, 1))
        confidence = np.full(400, 0.7)
        decision = type("D", (), {"status": np.zeros(400, int)})

        def wrong(self, labels):
            return labels != 0

    labels = np.repeat([0, 1], [300, 100])
    values, draws = scores.score_draws(Always(), labels, 0.1, 1000)
    column = scores.SCORES.index("accuracy")
    found = scores.interval(values[column], draws[:, column])
    half = 1.96 * np.sqrt(0.75 * 0.25 / 400)
    assert found["value"] == 0.75
    assert found["high"] - found["low"] == pytest.approx(2 * half, rel=0.1)


def test_leave_one_out_judges_each_space_group_by_a_bundle_without_it(images, tmp_path, monkeypatch):
    """The fits are replaced: what is claimed is who stands against whom, and what is written."""
    fitted = []

    def fit(dataset, recipe, out, *, seed, progress):
        fitted.append(dataset.classes)
        return write_bundle(out, synthetic_held_out(members=1), classes=(*dataset.classes, 230))

    monkeypatch.setattr("kikuchi.evaluation.leaving_out.fit", fit)
    monkeypatch.setattr("kikuchi.evaluation.unfamiliarity._RESAMPLES", 50)
    path = tmp_path / "three.toml"
    third = '[[material]]\nname = "Fe"\nspace_group = 229\nscan = "{}"\n'
    folder = images[0].parent
    path.write_text(
        images[0]
        .read_text()
        .replace('"known"', f'"{folder}/known"')
        .replace('"unknown"', f'"{folder}/unknown"')
        + third.format(f"{folder}/known/*0.png")
    )
    found = leave_one_out(path, RECIPE, tmp_path / "out")
    assert fitted == [(225, 229), (62, 229), (62, 225)]
    assert [g["unknown"] for g in found["groups"]] == [14, 14, 2]
    assert all(g["known"] == 240 for g in found["groups"])
    for group in found["groups"]:
        assert sum(share["value"] for share in group["became"].values()) == pytest.approx(1)
        assert group["scores"][0]["auroc"]["low"] <= group["scores"][0]["auroc"]["value"]
    assert json.loads((tmp_path / "out" / "leave_one_out.json").read_text()) == found
    assert len(pd.read_csv(tmp_path / "out" / "leave_one_out.csv")) == 9


def test_scores_of_unfamiliarity_do_not_exist_where_nothing_is_unknown_or_readable():
    outputs = synthetic_held_out().outputs
    found = separation(unfamiliar_scores(outputs, 0.4), np.zeros(600, bool))
    assert [r["auroc"]["value"] for r in found] == [None] * 3
    unread = np.isnan(unfamiliar_scores(outputs, 0.4)["energy"])
    np.testing.assert_array_equal(unread, outputs.quality <= 0.4)


def test_leave_one_out_needs_three_space_groups(images, tmp_path):
    with pytest.raises(kikuchi.InputError, match="too few to leave one out"):
        leave_one_out(images[0], RECIPE, tmp_path / "out")
