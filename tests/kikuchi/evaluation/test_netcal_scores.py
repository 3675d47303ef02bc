"""netcal's word on the calibration stands beside ours, and is the same."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import kikuchi
from ensemble.calibration import Calibration
from kikuchi.bundle.decision import fit_decision
from kikuchi.evaluation.netcal_scores import BINS, TOLERANCE, netcal_diagram, netcal_scores
from kikuchi.recipes.schema import CalibrateTable
from tests.kikuchi.evaluation.conftest import RECIPE, synthetic_held_out, write_bundle

SCORES = ("ece", "maximum_calibration_error")


@pytest.fixture(scope="module")
def beside(bundle, tmp_path_factory):
    out = tmp_path_factory.mktemp("beside")
    kikuchi.evaluate(bundle, None, out, netcal=True)
    return json.loads((out / "evaluation.json").read_text()), out


def test_netcals_ece_and_mce_in_the_report_agree_with_ours_to_the_tolerance_stated(beside):
    evaluation, out = beside
    assert TOLERANCE <= 1e-9
    table = pd.read_csv(out / "calibration.csv")
    assert len(table) == 4  # the rule and the best single member, before and after
    for score in SCORES:
        np.testing.assert_allclose(table[f"netcal_{score}"], table[score], rtol=0, atol=TOLERANCE)
        assert table[score].min() > 0
    for found in evaluation["calibration"].values():
        assert set(found["before"]["netcal"]) == set(SCORES)


def test_the_page_holds_both_and_netcals_diagrams(beside):
    evaluation, out = beside
    page = (out / "report.html").read_text()
    assert "ECE by netcal" in page and "MCE by netcal" in page
    for who in evaluation["calibration"]:
        assert f"{who}, before calibration, by netcal." in page
        assert f"{who}, after calibration, by netcal." in page


def test_netcals_diagram_shows_the_bins_of_our_table(beside, by_hand):
    labels, raw, _ = by_hand
    evaluation, _ = beside
    diagram = netcal_diagram(raw, labels, "average, before").axes[1]
    shown = np.array([bar.get_height() for bar in diagram.patches[:BINS]])
    bins = evaluation["calibration"]["average"]["before"]["reliability"]
    filled = np.array(bins["count"]) > 0
    ours = np.array([np.nan if a is None else a for a in bins["accuracy"]], dtype=float)
    np.testing.assert_allclose(shown[filled], ours[filled], atol=TOLERANCE)


def test_two_classes_are_judged_by_the_class_put_first():
    # Surer than right by .2 whichever class it names; as one event's probability the gaps would cancel.
    p = [[0.8, 0.2]] * 5 + [[0.2, 0.8]] * 5
    labels = np.array([0, 0, 0, 1, 1, 1, 1, 1, 0, 0])
    found = netcal_scores(np.array(p), labels)
    assert found["ece"] == pytest.approx(0.2) and found["maximum_calibration_error"] == pytest.approx(0.2)


@pytest.mark.parametrize("method", ["netcal-temperature", "netcal-isotonic"])
def test_a_recipe_that_names_netcal_gives_a_bundle_that_opens_and_decides(method, tmp_path):
    recipe = RECIPE.model_copy(update={"calibrate": CalibrateTable(method=method)})
    held_out = synthetic_held_out()
    fitted = write_bundle(tmp_path / "run", held_out)
    calibration, _ = fit_decision(held_out, "average", recipe)
    assert calibration.method == method
    read = Calibration.from_dict(json.loads(json.dumps(calibration.to_dict(), allow_nan=False)))
    bundle = replace(fitted, calibrations=fitted.calibrations | {"average": read})
    answered = bundle.decide(held_out.outputs)
    assert np.isfinite(answered.confidence).any()


def test_without_being_asked_nothing_of_netcal_is_loaded(judged):
    code = "import sys, kikuchi.workflows.evaluate; print('netcal' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
    assert "netcal" not in (judged[1] / "calibration.csv").read_text().splitlines()[0]
