"""Superpositions of held-out patterns: networks that can tell them say mixed, and the certificate leaves them out."""

import json

import numpy as np
import pytest

import kikuchi
from kikuchi.bundle.bundle import Bundle
from kikuchi.bundle.outputs import read_held_out
from kikuchi.recipes.schema import parse_recipe
from kikuchi.scans import Dataset, scan_from_array
from tests.kikuchi.workflows.test_fit_strangers import RECIPE, striped

pytestmark = pytest.mark.slow

WAVE = np.sin(np.arange(40) / 2)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """Fitted on rows and columns, with superpositions of both."""
    rng = np.random.default_rng(0)
    data = Dataset([striped("rows", 225, WAVE[:, None], rng), striped("columns", 229, WAVE[None, :], rng)])
    recipe = parse_recipe(RECIPE + "[abstain]\noverlaps = true\n", "r")
    return kikuchi.fit(data, recipe, tmp_path_factory.mktemp("overlaps") / "run", seed=3)


def test_the_gate_is_kept_where_superpositions_are_told(bundle):
    record = bundle.manifest["mixed"]
    assert record["kept"] and record["caught"] > 0.8 and record["overlaps"] == 400
    assert "of superpositions set aside are told" in bundle.summary()
    assert Bundle.load(bundle.path).mixed == bundle.mixed
    assert json.loads((bundle.path / "mixed.json").read_text())["false_alarm"] == 0.05


def test_a_map_of_overlaps_is_mixed_with_both_candidates(bundle, tmp_path):
    rng = np.random.default_rng(9)
    both = 100 + 10 * WAVE[:, None] + 10 * WAVE[None, :] + rng.normal(0, 6, (6, 20, 40, 40))
    one = 100 + 20 * WAVE[:, None] + rng.normal(0, 8, (6, 20, 40, 40))
    scan = scan_from_array(np.concatenate([both, one]).astype(np.float32), "scan")
    phase_map = kikuchi.map_scan(scan, bundle, tmp_path / "maps")
    d = phase_map.decision
    assert (d.status[:120] == 4).mean() > 0.7 and (d.status[120:] == 4).mean() < 0.2
    here = np.flatnonzero(d.status == 4)
    assert d.candidates[here].all() and np.isnan(d.unfamiliarity[here]).all()
    text = (tmp_path / "maps" / "map.csv").read_text()
    assert "mixed,225|229" in text


def test_what_is_flagged_among_the_held_out_sets_no_threshold(bundle):
    outputs = bundle.held_out.outputs
    flagged = outputs.mixed
    assert (
        np.isnan(outputs.unfamiliarity[flagged]).all() and np.isfinite(outputs.unfamiliarity[~flagged]).all()
    )
    kept = read_held_out(bundle.path / "held_out.npz").outputs
    assert np.isfinite(kept.unfamiliarity).all()
    decision = bundle.decide(outputs)
    assert np.array_equal(decision.status == 4, flagged)
