"""An exported bundle answers in ONNX Runtime what the bundle answers here."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from scipy.ndimage import gaussian_filter
from typer.testing import CliRunner

import kikuchi
from ensemble.calibration import METHODS, NETCAL_METHODS, fit_calibration
from ensemble.errors import InputError
from ensemble.pooling import combine
from ensemble.softmax import softmax
from kikuchi.inference.onnx_answer import calibrated, pooled
from kikuchi.inference.onnx_ensemble import ensemble_graph
from kikuchi.inference.onnx_graph import Graph
from kikuchi.inference.onnx_preparation import prepared, resize_weights
from kikuchi.scans import Preparation, prepare
from kikuchi.scans.preparation import resize_matrix

ROOT = Path(__file__).resolve().parents[3]
DOCS, DATA = ROOT / "docs", ROOT / "tests" / "data"


@pytest.fixture(scope="module")
def shipped():
    return kikuchi.Predictor.load("shipped")


def run(graph, inputs, output, **fed):
    """Run a piece of a graph; `inputs` by name and type."""
    from onnx import helper

    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "piece",
            [
                helper.make_tensor_value_info(
                    name, helper.np_dtype_to_tensor_dtype(value.dtype), [None] * value.ndim
                )
                for name, value in fed.items()
            ],
            [helper.make_tensor_value_info(output, inputs, None)],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", graph.opset)],
        ir_version=8,
    )
    return onnxruntime.InferenceSession(model.SerializeToString()).run([output], fed)[0]


def single(graph, output, **fed):
    from onnx import TensorProto

    return run(graph, TensorProto.FLOAT, output, **fed)


def double(graph, output, **fed):
    from onnx import TensorProto

    return run(graph, TensorProto.DOUBLE, output, **fed)


def textured(n, shape, seed=0):
    """Smooth patterns, as bands are: white noise would be unreadable."""
    noise = np.random.default_rng(seed).normal(size=(n, *shape))
    return np.clip(128 + 200 * gaussian_filter(noise, (0, 2, 2)), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("rule", ["vote", "average", "geometric", "mc-dropout"])
def test_every_rule_gives_the_probabilities_of_predict_proba(shipped, rule, tmp_path):
    exported = kikuchi.export(shipped, tmp_path / "e.onnx", rule=rule)
    session = onnxruntime.InferenceSession(exported.path)
    for shape in ((60, 60), (64, 64), (75, 100)):
        patterns = textured(12, shape)
        wanted = shipped.predict_proba(patterns, False, rule=rule)
        found = session.run(["probabilities"], {"patterns": patterns.astype(np.float32)})[0]
        assert np.isfinite(wanted).all() and len(np.unique(wanted.argmax(axis=1))) > 1
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5)
    assert exported["rule"] == rule and exported["largest_difference"] < 1e-5


def test_the_five_lines_of_the_docs_run_without_this_package(shipped, tmp_path):
    kikuchi.export("shipped", tmp_path / "ensemble.onnx")
    section = (DOCS / "howto.md").read_text(encoding="utf-8").split("## Run an ensemble elsewhere")[1]
    (code,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)[:1]
    assert len(code.split("\n")) - code.count("\n\n") - 1 == 5 and "kikuchi" not in code
    patterns = textured(8, (60, 60))
    np.save(tmp_path / "patterns.npy", patterns)
    ending = "import sys; assert not {'kikuchi', 'ensemble', 'keras'} & set(sys.modules)"
    script = f"import numpy; patterns = numpy.load('patterns.npy')\n{code}\n{ending}"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str([str(group) for group in shipped.predict(patterns, False)])
    assert done.stderr == ""


def test_a_background_is_taken_off_as_prepare_takes_it_off(shipped, tmp_path):
    # Stains: a slope alone the preparation takes off by itself.
    stains = gaussian_filter(np.random.default_rng(5).normal(size=(60, 60)), 2)
    background = np.clip(100 + 400 * stains, 5, None).astype(np.float32)
    patterns = textured(6, (60, 60)).astype(np.float32) + background
    exported = kikuchi.export(shipped, tmp_path / "e.onnx", background=True)
    assert exported["inputs"] == ["patterns", "background"]
    session = onnxruntime.InferenceSession(exported.path)
    found = session.run(None, {"patterns": patterns, "background": background})[0]
    outputs = shipped.member_outputs(patterns, background)
    np.testing.assert_allclose(found, shipped.calibrated(outputs)[1], rtol=0, atol=1e-5)
    without = shipped.calibrated(shipped.member_outputs(patterns))[1]
    assert np.abs(found - without).max() > 1e-3


def test_recorded_nickel_is_answered_as_from_kikuchipys_signal(shipped, tmp_path):
    import kikuchipy as kp

    signal = kp.data.nickel_ebsd_small()
    wanted = shipped.predict_proba(signal)
    fed = {
        "patterns": signal.data.reshape(-1, 60, 60).astype(np.float32),
        "background": signal.static_background.astype(np.float32),
    }
    session = onnxruntime.InferenceSession(kikuchi.export(shipped, tmp_path / "e.onnx", background=True).path)
    found = session.run(None, fed)[0]
    assert np.isfinite(wanted).all()
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5)


def test_patterns_prepared_elsewhere_are_taken_as_they_are(shipped, tmp_path):
    exported = kikuchi.export(shipped, tmp_path / "e.onnx", prepared=True)
    patterns = textured(6, (80, 80))
    ready = prepare(patterns, shipped.preparation(shipped.members[0]))
    found = onnxruntime.InferenceSession(exported.path).run(None, {"patterns": ready})[0]
    np.testing.assert_allclose(found, shipped.predict_proba(patterns, False), rtol=0, atol=1e-5)
    assert exported["input"] == "prepared patterns"


@pytest.mark.parametrize("length", [16, 40, 63, 64, 65, 120, 480])
def test_patterns_of_any_size_are_resized_as_by_scikit_image(length):
    graph = Graph(15)
    found = single(graph, resize_weights(graph, "length", 64), length=np.array(length, np.int64))
    np.testing.assert_allclose(found, resize_matrix(length, 64), atol=1e-6)


@pytest.mark.parametrize("opset", [15, 18])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"crop": "squeeze", "circular_mask": False},
        {"dynamic_background": 0.0, "local_contrast": 0.0},
        {"static_background": "file", "static_operation": "divide"},
    ],
)
def test_the_preparation_is_that_of_prepare(settings, opset):
    preparation = Preparation(size=32, **settings)
    patterns = textured(5, (50, 70)).astype(np.float32)
    patterns[1] = 7.0  # constant: 0 everywhere
    background = np.outer(np.linspace(50, 90, 50), np.linspace(0.8, 1.2, 70)).astype(np.float32)
    given = background if preparation.static_background == "file" else None
    graph = Graph(opset)
    output = prepared(graph, "x", preparation, None if given is None else "b")
    fed = {"x": patterns} | ({} if given is None else {"b": given})
    np.testing.assert_allclose(single(graph, output, **fed), prepare(patterns, preparation, given), atol=2e-5)


def test_dead_pixels_are_filled_as_by_prepare(shipped, tmp_path):
    patterns = textured(4, (60, 60)).astype(np.float32)
    patterns[0, 3, 4], patterns[1, 7, 7] = np.nan, np.inf
    session = onnxruntime.InferenceSession(kikuchi.export(shipped, tmp_path / "e.onnx").path)
    found = session.run(None, {"patterns": patterns})[0]
    np.testing.assert_allclose(found, shipped.predict_proba(patterns, False), rtol=0, atol=1e-5)


def overconfident(n, k, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n) % k)
    return softmax(3.0 * (rng.normal(size=(n, k)) + 1.5 * np.eye(k)[labels])), labels


# netcal's fits of both kinds have the parameters of ours; of one kind each, its own is enough.
@pytest.mark.parametrize("method", [*METHODS, "netcal-isotonic", "netcal-bbq", "netcal-temperature"])
@pytest.mark.parametrize("k", [2, 4])
def test_every_calibration_is_written_as_it_is_applied(method, k):
    p, labels = overconfident(1200, k)
    fitted = fit_calibration(p, labels, method)
    assert fitted.method == method
    fresh = np.vstack([overconfident(200, k, seed=1)[0], np.eye(k), p[:50]])
    graph = Graph(15)
    found = double(graph, graph.op("Identity", calibrated(graph, "p", fitted)), p=fresh)
    np.testing.assert_allclose(found, fitted.apply(fresh), rtol=0, atol=1e-12)


def test_no_name_of_a_calibration_is_without_a_graph():
    p, labels = overconfident(1200, 2)
    for method in (*METHODS, *NETCAL_METHODS):
        like = method.removeprefix("netcal-")
        ours = {"logistic": "vector", "bbq": "histogram", "enir": "histogram"}.get(like, like)
        like_ours = fit_calibration(p, labels, "vector" if method == "netcal-temperature" else ours)
        calibrated(Graph(15), "p", replace(like_ours, method=method))


@pytest.mark.parametrize("rule", ["vote", "average", "geometric"])
@pytest.mark.parametrize("weights", [np.full(4, 0.25), np.array([0.1, 0.2, 0.3, 0.4])])
def test_pools_are_those_of_the_statistics_ties_and_all(rule, weights):
    logits = np.random.default_rng(0).normal(0, 2, (4, 500, 3))
    logits[:, :100] = np.round(logits[:, :100])  # equal votes and equal members
    graph = Graph(15)
    found = double(graph, pooled(graph, "z", rule, weights), z=logits)
    wanted = combine(logits, rule, weights=weights).probabilities
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12)


def test_the_metadata_say_what_the_columns_are(shipped, tmp_path):
    session = onnxruntime.InferenceSession(kikuchi.export(shipped, tmp_path / "e.onnx").path)
    told = session.get_modelmeta().custom_metadata_map
    assert json.loads(told["space_groups"]) == list(range(221, 231))
    assert json.loads(told["classes"]) == [str(group) for group in range(221, 231)]
    assert told["rule"] == shipped.rule and told["bundle"] == shipped.fingerprint
    assert told["calibration"] == shipped.calibrations[shipped.rule].method
    assert "never abstains" in told["note"]


def test_the_command_writes_the_file_and_says_how_close_it_is(tmp_path):
    from ensemble_cli.main import app

    out = tmp_path / "new" / "e.onnx"
    done = CliRunner().invoke(app, ["export", "shipped", "--out", str(out), "--quiet"])
    assert done.exit_code == 0, done.output
    assert "5 members, rule geometric" in done.output and "differs from the bundle by at most" in done.output
    assert [path.name for path in out.parent.iterdir()] == ["e.onnx"]
    told = CliRunner().invoke(app, ["export", "shipped", "--out", str(out), "--quiet", "--json"])
    assert json.loads(told.stdout)["compared_patterns"] >= 16


def refused(bundle, tmp_path, says, **options):
    with pytest.raises(InputError, match=says) as error:
        kikuchi.export(bundle, tmp_path / "e.onnx", **options)
    assert "\n" not in str(error.value) and not (tmp_path / "e.onnx").exists()


def test_what_cannot_be_a_graph_is_refused_in_one_line(shipped, tmp_path):
    matcher = replace(shipped.members[0], kind="matcher", architecture="matching")
    refused(replace(shipped, members=(matcher, *shipped.members[1:])), tmp_path, "no network to export")
    refused(shipped.among("225,229"), tmp_path, "as it was fitted")
    for settings in ({"neighbours": "average"}, {"spectrum": 0.5}):
        recipe = shipped.recipe.model_copy(update={"prepare": settings})
        refused(replace(shipped, recipe=recipe), tmp_path, "--prepared exports without the preparation")
    recipe = shipped.recipe.model_copy(update={"prepare": {"static_background": "none"}})
    refused(replace(shipped, recipe=recipe), tmp_path, "leave --background out", background=True)
    refused(shipped, tmp_path, "unknown rule", rule="majority")
    wider = replace(shipped.members[0], size=96)
    refused(
        replace(shipped, members=(wider, *shipped.members[1:])), tmp_path, "different sizes", prepared=True
    )
    with pytest.raises(InputError, match="is a folder"):
        kikuchi.export(shipped, tmp_path)


def test_a_graph_that_says_something_else_is_not_written(shipped, tmp_path, monkeypatch):
    def another(bundle, rule=None, **options):
        model = ensemble_graph(bundle, "vote", **options)
        next(entry for entry in model.metadata_props if entry.key == "rule").value = "geometric"
        return model

    monkeypatch.setattr("kikuchi.workflows.export.ensemble_graph", another)
    refused(shipped, tmp_path, "differs from the bundle by")


@pytest.mark.slow
def test_members_that_no_export_lies_beside_are_exported_first(tmp_path):
    shutil.copytree(DATA / "format_1" / "bundle", tmp_path / "run")
    bundle = kikuchi.Predictor.load(tmp_path / "run")
    for rule in bundle.calibrations:
        exported = kikuchi.export(bundle, tmp_path / "e.onnx", rule=rule)
        patterns = textured(10, (70, 70))
        found = onnxruntime.InferenceSession(exported.path).run(
            None, {"patterns": patterns.astype(np.float32)}
        )[0]
        wanted = bundle.calibrated(bundle.member_outputs(patterns), rule)[1]
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5)
