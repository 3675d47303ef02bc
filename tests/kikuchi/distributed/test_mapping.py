"""A map by workers is the map without them, to the bit: by chunks, by members, and with the patterns sent."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from kikuchi.distributed import mapping
from kikuchi.distributed.mapping import cluster_executor
from kikuchi.inference import Runner, run_scan
from kikuchi.inference.predictor import Predictor
from kikuchi.scans import open_scan
from kikuchi.simulate.scenes.writer import write_scan

OLD = Path(__file__).resolve().parents[2] / "data" / "format_1" / "bundle"


@dataclass
class Projections:
    """An engine without a network: fixed random projections, rectified."""

    seed: int
    name = "keras"

    def __post_init__(self):
        rng = np.random.default_rng(self.seed)
        self.inner = rng.normal(size=(32 * 32, 256)).astype(np.float32) / 32
        self.head = {"kernel": rng.normal(size=(256, 2)).astype(np.float32), "bias": np.zeros(2, np.float32)}

    def predict(self, patterns):
        features = np.maximum(patterns.reshape(len(patterns), -1) @ self.inner, 0)
        return features @ self.head["kernel"], features


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A scan of 60 noisy patterns and a bundle whose members are projections, on the workers too."""
    patterns = np.random.default_rng(0).integers(0, 255, (60, 40, 40), dtype=np.uint8)
    scan = write_scan(
        tmp_path / "scan.h5",
        [(0, patterns)],
        grid=(6, 10),
        signal_shape=(40, 40),
        dtype=np.uint8,
        step_um=1.0,
        voltage_kv=20.0,
        pattern_centre=np.array([0.5, 0.3, 0.6]),
    )

    def runner(self, engine="auto", **_):
        engines = [Projections(i) for i in range(len(self.members))]
        return Runner(engines, self.members, self.recipe, self.familiarity, self.stopping)

    monkeypatch.setattr(Predictor, "runner", runner)
    monkeypatch.setattr(run_scan, "CHUNK", 8)
    mapping._PLACES.clear()
    return scan, Predictor.load(OLD), tmp_path


def stored(store):
    return {name: np.array(getattr(store, name)) for name in (
        "logits", "draw_mean", "draw_entropy", "draw_votes", "unfamiliarity", "quality"
    )}  # fmt: skip


def assert_equal(one, other):
    assert one.missing() == other.missing() == []
    for name, array in stored(one).items():
        np.testing.assert_array_equal(stored(other)[name], array)


def test_chunks_on_workers_are_those_without(client, work):
    path, bundle, folder = work
    alone, _ = run_scan.run_store(open_scan(path), bundle, folder / "alone")
    shared, _ = run_scan.run_store(
        open_scan(path), bundle, folder / "shared", executor=cluster_executor(client)
    )
    assert stored(alone)["logits"].std() > 0
    assert_equal(alone, shared)


def test_members_as_tasks_are_the_same_as_all_at_once(client, work, monkeypatch):
    path, bundle, folder = work
    monkeypatch.setattr(run_scan, "CHUNK", 40)  # two chunks for two workers: fewer than keep them busy
    seen = []
    put = mapping._put_together
    monkeypatch.setattr(mapping, "_put_together", lambda several: seen.append(set(several)) or put(several))
    alone, _ = run_scan.run_store(open_scan(path), bundle, folder / "alone")
    shared, _ = run_scan.run_store(
        open_scan(path), bundle, folder / "shared", executor=cluster_executor(client)
    )
    assert seen == [{0, 1}, {0, 1}]
    assert_equal(alone, shared)


def test_workers_open_a_scan_with_the_grid_that_was_given_for_it(client, work, monkeypatch):
    path, bundle, folder = work
    scan = open_scan(path, (10, 6))
    alone, _ = run_scan.run_store(scan, bundle, folder / "alone")
    read = []
    usual = type(scan).read

    def noted(self, part):
        read.append(self)
        return usual(self, part)

    monkeypatch.setattr(type(scan), "read", noted)
    shared, _ = run_scan.run_store(scan, bundle, folder / "shared", executor=cluster_executor(client))
    assert_equal(alone, shared)
    # Workers on another grid would have called it another scan, and had its patterns sent.
    assert scan not in read and all(other.shape == (10, 6) for other in read)


def test_patterns_are_sent_to_workers_that_do_not_see_the_scan(client, work, monkeypatch):
    path, bundle, folder = work
    alone, _ = run_scan.run_store(open_scan(path), bundle, folder / "alone")
    scan = open_scan(path)

    def nothing(*_):
        raise OSError("no such host")

    monkeypatch.setattr(mapping, "open_scan", nothing)
    shared, _ = run_scan.run_store(scan, bundle, folder / "shared", executor=cluster_executor(client))
    assert_equal(alone, shared)


def test_a_map_begun_alone_goes_on_with_workers(client, work):
    path, bundle, folder = work
    alone, _ = run_scan.run_store(open_scan(path), bundle, folder / "alone")
    shutil.copytree(folder / "alone", folder / "half")
    done = np.load(folder / "half" / "done.npy")
    done[3:] = 0
    np.save(folder / "half" / "done.npy", done)
    half, _ = run_scan.run_store(open_scan(path), bundle, folder / "half", executor=cluster_executor(client))
    assert_equal(alone, half)


def test_a_bundle_that_arrives_altered_is_refused(work):
    _, bundle, folder = work
    content = mapping._packed(bundle, "keras")
    content["features.npz"] = content["features.npz"][:-1] + b"?"
    cargo = mapping.Cargo(content, bundle.fingerprint, None, "keras", folder / "scan.h5", "", None, (40, 40))
    (folder / "there").mkdir()
    with pytest.raises(mapping.InputError, match=r"features\.npz: altered"):
        mapping._unpacked(cargo, folder / "there")
