"""A bundle and a store written in format 1 open in this version, and say what they said then."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import kikuchi
from ensemble.errors import InputError
from kikuchi.inference.logits_store import LogitsStore

OLD = Path(__file__).resolve().parents[2] / "data" / "format_1"


@pytest.fixture(scope="module")
def bundle():
    return kikuchi.Predictor.load(OLD / "bundle")


def test_an_old_bundle_gives_its_old_answers(bundle):
    told = json.loads((OLD / "answers.json").read_text())
    test = bundle.held_out.test
    decision = bundle.decide(test.outputs)
    assert bundle.rule == told["rule"] and bundle.classes == (225, 229)
    np.testing.assert_array_equal(test.labels, told["labels"])
    np.testing.assert_allclose(decision.probabilities, told["probabilities"], atol=1e-6)
    np.testing.assert_array_equal(decision.status, told["status"])


def test_the_members_of_an_old_bundle_say_what_the_old_store_holds(bundle):
    store = LogitsStore.read(OLD / "store")
    assert store.missing() == [] and store.identity.bundle == bundle.fingerprint
    outputs = bundle.member_outputs(np.load(OLD / "patterns.npy"))
    np.testing.assert_allclose(outputs.logits, store.logits[:, :8], atol=1e-3)
    np.testing.assert_allclose(outputs.draws.mean, store.draw_mean[:, :8], atol=1e-3)


def test_a_bundle_without_kept_patterns_is_checked_as_far_as_it_goes():
    found = kikuchi.verify(OLD / "bundle")
    assert found["files"] == 12 and found["patterns"] == 0
    assert "not checked" in found.summary()


def test_a_bundle_of_a_later_format_is_refused_with_its_number(tmp_path):
    shutil.copytree(OLD / "bundle", tmp_path / "bundle")
    manifest = tmp_path / "bundle" / "bundle.json"
    manifest.write_text(manifest.read_text().replace('"format_version": 1', '"format_version": 99'))
    with pytest.raises(InputError, match="format 99"):
        kikuchi.Predictor.load(tmp_path / "bundle")
