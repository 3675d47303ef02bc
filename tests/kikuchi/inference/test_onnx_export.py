"""Exports are trusted only where they say what Keras says, and only as they were written."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

from ensemble.errors import InputError
from kikuchi._support.progress import Progress
from kikuchi.bundle.background import BACKGROUND, Background, write_background
from kikuchi.inference import KerasEngine, OnnxEngine, engines_for, exports, openvino_engine
from kikuchi.inference.openvino_engine import Bf16Engine, bf16_missing
from kikuchi.inference.quantisation import quantise
from kikuchi.members import MemberSpec, build_member

SIZE = 32


class Heard(Progress):
    def __init__(self):
        self.lines = []

    def say(self, text):
        self.lines.append(text)


@pytest.fixture(scope="module")
def models():
    """A member of each kind, with one channel and with three."""
    specs = [
        MemberSpec(kind, kind, "compact", SIZE, 3, seed=i) for i, kind in enumerate(("scratch", "transfer"))
    ]
    return specs, {spec.name: build_member(spec) for spec in specs}


@pytest.fixture
def bundle(models, tmp_path):
    """As much of a bundle as an export needs."""
    specs, networks = models
    patterns = np.random.default_rng(0).integers(0, 256, (20, SIZE, SIZE), dtype=np.uint8)
    write_background(tmp_path / BACKGROUND, Background({SIZE: patterns}, np.arange(20) % 3))
    return SimpleNamespace(path=tmp_path, members=specs, model=networks.get, fingerprint="0" * 64)


@pytest.fixture(scope="module")
def exported(models, tmp_path_factory):
    """The same exports for all tests that only read them."""
    specs, networks = models
    folder = tmp_path_factory.mktemp("bundle")
    patterns = np.random.default_rng(0).integers(0, 256, (20, SIZE, SIZE), dtype=np.uint8)
    write_background(folder / BACKGROUND, Background({SIZE: patterns}, np.arange(20) % 3))
    whole = SimpleNamespace(path=folder, members=specs, model=networks.get, fingerprint="0" * 64)
    assert exports.export_bundle(whole) is not None
    return whole


def prepared(n):
    return np.random.default_rng(5).uniform(-1, 1, (n, SIZE, SIZE)).astype(np.float32)


def test_onnx_runtime_says_what_keras_says(exported):
    patterns = prepared(70)
    for onnx, keras in zip(engines_for(exported, "onnx"), engines_for(exported, "keras"), strict=True):
        assert isinstance(onnx, OnnxEngine) and isinstance(keras, KerasEngine)
        for seen, wanted in zip(onnx.predict(patterns), keras.predict(patterns), strict=True):
            np.testing.assert_allclose(seen, wanted, atol=1e-5)
        for name, weights in keras.head.items():
            np.testing.assert_array_equal(onnx.head[name], weights)


def test_auto_uses_exports_that_are_there_and_makes_none_for_a_few_patterns(exported, bundle):
    assert engines_for(exported, "auto", patterns=9)[0].name == "onnx"
    assert engines_for(bundle, "auto", patterns=9)[0].name == "keras"


def test_an_altered_export_is_not_used(exported, tmp_path):
    file = exported.path / "engines" / "onnx" / "scratch.onnx"
    whole = file.read_bytes()
    try:
        file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        assert exports.read_shelf(exported, "onnx") is None
    finally:
        file.write_bytes(whole)


def test_exports_of_another_bundle_are_not_used(exported):
    other = SimpleNamespace(path=exported.path, members=exported.members, fingerprint="1" * 64)
    assert exports.read_shelf(other, "onnx") is None


def test_an_export_that_says_something_else_is_refused_and_keras_used(bundle, monkeypatch):
    honest = OnnxEngine.predict

    def slightly_off(self, patterns):
        logits, features = honest(self, patterns)
        return logits + np.float32(0.01) * np.arange(3, dtype=np.float32), features

    monkeypatch.setattr(OnnxEngine, "predict", slightly_off)
    monkeypatch.setattr(bundle, "members", bundle.members[:1])
    heard = Heard()
    engines = engines_for(bundle, "onnx", progress=heard)
    assert [engine.name for engine in engines] == ["keras"]
    assert any("differs from Keras" in line for line in heard.lines)


def test_an_exporter_that_fails_leaves_keras_with_a_note(bundle, monkeypatch):
    def fails(model, path):
        raise ValueError("no rule for this layer")

    monkeypatch.setattr(exports, "export_member", fails)
    heard = Heard()
    assert engines_for(bundle, "auto", patterns=10**6, progress=heard)[0].name == "keras"
    assert any("no rule for this layer" in line for line in heard.lines)


def test_a_bundle_that_cannot_be_written_keeps_its_exports_in_the_users_cache(bundle, monkeypatch, tmp_path):
    monkeypatch.setattr(exports.os, "access", lambda path, mode: False)
    monkeypatch.setenv("KIKUCHI_CACHE", str(tmp_path / "cache"))
    folder = exports.shelf_folder(bundle, "onnx")
    assert folder.is_relative_to(tmp_path / "cache") and bundle.fingerprint[:24] in folder.parts


@pytest.mark.parametrize(
    "choice,remedy", [("int8", "accelerate"), ("bf16", "accelerate"), ("tpu", "auto, keras, onnx")]
)
def test_engines_that_are_not_there_are_refused_with_the_remedy(bundle, choice, remedy):
    with pytest.raises(InputError, match=remedy):
        engines_for(bundle, choice)


def test_eight_bits_are_off_by_little_and_weigh_a_fraction(exported, tmp_path):
    """A weight is off by at most half a step of 1/127 of its channel: logits follow those of 32 bits closely."""
    source = exported.path / "engines" / "onnx" / "scratch.onnx"
    patterns = prepared(96)
    quantise(source, tmp_path / "eight.onnx", patterns[:64])
    single = engines_for(exported, "onnx")[0]
    seen = OnnxEngine(tmp_path / "eight.onnx", single.head, "int8").predict(patterns[64:])[1]
    wanted = single.predict(patterns[64:])[1]
    # Across features: what varies from pattern to pattern in noise is little of it.
    assert np.corrcoef(seen.ravel(), wanted.ravel())[0, 1] > 0.99
    assert (tmp_path / "eight.onnx").stat().st_size < 0.6 * source.stat().st_size


def test_bfloat16_is_off_by_its_eight_bits_and_called_from_threads(exported):
    """Numbers are rounded to 1 in 256, some forty layers deep: features follow those of 32 bits closely."""
    if (reason := bf16_missing()) is not None:
        pytest.skip(reason)
    patterns = prepared(96)
    single = engines_for(exported, "onnx")[0]
    engine = Bf16Engine(exported.path / "engines" / "onnx" / "scratch.onnx", single.head)
    with ThreadPoolExecutor(3) as pool:
        parts = list(pool.map(engine.predict, np.split(patterns, 6)))
    logits, features = (np.concatenate(several) for several in zip(*parts, strict=True))
    wanted = single.predict(patterns)[1]
    assert np.corrcoef(features.ravel(), wanted.ravel())[0, 1] > 0.999
    assert not np.array_equal(features, wanted)
    head = engine.head
    np.testing.assert_allclose(logits, features @ head["kernel"] + head["bias"], atol=1e-5)


def test_threads_that_begin_together_in_a_new_process_do_not_wait_for_each_other(exported):
    """OpenVINO's tables are filled at their first use; threads at it together stand still in most such processes."""
    if (reason := bf16_missing()) is not None:
        pytest.skip(reason)
    code = """
import sys, threading
sys.setswitchinterval(1e-6)
import numpy as np
from pathlib import Path
from kikuchi.inference.openvino_engine import Bf16Engine
engine = Bf16Engine(Path(sys.argv[1]), {"kernel": np.ones((256, 3), "f4"), "bias": np.zeros(3, "f4")})
together = threading.Barrier(8)
def run():
    engine._local.request = engine._model.create_infer_request()  # so that nothing but inference is left
    together.wait()
    engine.predict(np.zeros((8, 32, 32), "f4"))
threads = [threading.Thread(target=run) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""
    path = exported.path / "engines" / "onnx" / "scratch.onnx"
    subprocess.run([sys.executable, "-c", code, str(path)], check=True, timeout=60)


def test_a_machine_without_bfloat16_does_not_take_something_else(exported, monkeypatch):
    monkeypatch.setattr(openvino_engine, "bf16_missing", lambda: "this processor does not multiply bfloat16")
    with pytest.raises(InputError, match=r"does not multiply bfloat16.*--engine auto"):
        Bf16Engine(exported.path / "engines" / "onnx" / "scratch.onnx", {})


def test_a_broken_export_is_refused_by_name_in_bfloat16_too(tmp_path):
    if (reason := bf16_missing()) is not None:
        pytest.skip(reason)
    (tmp_path / "broken.onnx").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"broken\.onnx"):
        Bf16Engine(tmp_path / "broken.onnx", {})


def test_a_plain_install_runs_keras_and_says_what_would_be_faster(monkeypatch):
    """A plain install has ONNX Runtime for the shipped members, and not what exports others."""
    from types import SimpleNamespace

    bundle = SimpleNamespace(path="run", members=(SimpleNamespace(name="a"),), model=lambda name: name)
    said = []
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "tf2onnx" else object())
    monkeypatch.setattr(exports, "read_shelf", lambda *_: None)
    monkeypatch.setattr(exports, "precision", lambda: "float32")
    monkeypatch.setattr(exports, "KerasEngine", lambda model: f"keras {model}")
    progress = SimpleNamespace(say=said.append)
    assert exports.engines_for(bundle, "auto", patterns=10**6, progress=progress) == ["keras a"]
    assert said == [
        'note: Keras runs the members; with tf2onnx they run several times faster (pip install -e ".[fast]")'
    ]
    with pytest.raises(exports.InputError, match=r"tf2onnx is not installed.*pip install -e \"\.\[fast\]\""):
        exports.engines_for(bundle, "onnx", patterns=1, progress=progress)
