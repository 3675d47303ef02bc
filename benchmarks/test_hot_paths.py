"""Where a map, a simulation and a fit spend their time, each alone and small enough for a few seconds.

``python -m dev bench`` keeps its numbers in ``.benchmarks`` and prints them beside those of the run before. Numbers
to quote are measured by ``python -m reports.performance.study`` instead, whole ways in turn.
"""

import numpy as np
import pytest

from ensemble.abstention import decide, fit_abstention
from ensemble.calibration import fit_calibration
from ensemble.pooling import combine
from kikuchi.members import MemberSpec, build_member, predict
from kikuchi.scans import Preparation, prepare
from kikuchi.simulate import load_structure
from kikuchi.simulate.detector.acquisition import simulate_patterns
from kikuchi.simulate.detector.microscope import Detector, Microscope
from kikuchi.simulate.masters.bloch_waves import bloch_wave_master
from kikuchi.simulate.masters.kinematical import kinematical_master

SIZE = 64
PATTERNS = 512


@pytest.fixture(scope="module")
def raw():
    return np.random.default_rng(0).integers(0, 255, (PATTERNS, 60, 60), dtype=np.uint8)


@pytest.fixture(scope="module")
def member():
    return build_member(MemberSpec("benchmark", "scratch", "compact", SIZE, 6, seed=0))


@pytest.fixture(scope="module")
def inputs(raw):
    return prepare(raw, Preparation(size=SIZE))


def test_prepare(benchmark, raw):
    """Background, high-pass, local contrast, clip: what every pattern goes through before a network sees it."""
    found = benchmark(prepare, raw, Preparation(size=SIZE))
    assert found.shape == (PATTERNS, SIZE, SIZE)


def test_predict_by_keras(benchmark, member, inputs):
    logits, _ = predict(member, inputs)  # compiled outside the clock
    assert logits.shape == (PATTERNS, 6)
    benchmark(predict, member, inputs)


def test_predict_by_onnx_runtime(benchmark, member, inputs, tmp_path):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("tf2onnx")
    import onnxruntime

    from kikuchi.inference.onnx_export import export_member

    export_member(member, tmp_path / "member.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "member.onnx", providers=["CPUExecutionProvider"])
    entry = session.get_inputs()[0]
    shaped = inputs.reshape(PATTERNS, *(SIZE, SIZE, 1)[: len(entry.shape) - 1]).astype(np.float32)
    benchmark(session.run, None, {entry.name: shaped})


def test_pool_calibrate_and_decide(benchmark):
    """What another `--rule` or `--risk` costs: 100 000 patterns, five members, six classes."""
    rng = np.random.default_rng(1)
    n, k = 100_000, 6
    labels = rng.integers(0, k, n)
    logits = (rng.normal(size=(5, n, k)) + 4 * np.eye(k)[labels]).astype(np.float32)
    held = slice(0, 5000)

    def answers():
        pooled = combine(logits, "average")
        p = fit_calibration(pooled.probabilities[held], labels[held], "temperature").apply(
            pooled.probabilities
        )
        return decide(pooled, p, fit_abstention(p[held], labels[held]))

    assert len(benchmark(answers).status) == n


def test_simulate_patterns(benchmark):
    """Project, blur, and add noise: what `[stream]` and `ensemble simulate` do for every pattern."""
    master = kinematical_master(load_structure("Ni"), half_size=120)
    detector, microscope = Detector(shape=(SIZE, SIZE)), Microscope()
    simulate_patterns(master, 8, microscope, detector=detector, workers=1)  # numba compiles
    benchmark(simulate_patterns, master, PATTERNS, microscope, detector=detector, workers=1)


def test_bloch_wave_master(benchmark):
    """A dynamical master pattern of nickel, coarse."""
    benchmark.pedantic(bloch_wave_master, (load_structure("Ni"),), {"half_size": 25}, rounds=3)
