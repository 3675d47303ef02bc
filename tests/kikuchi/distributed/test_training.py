"""Members as tasks: written where the worker sees the folder, sent where it does not, told of as they learn."""

import time
from types import SimpleNamespace

import numpy as np
import pytest

from kikuchi._support import atomic
from kikuchi._support.progress import Progress
from kikuchi.distributed import training
from kikuchi.members import Epoch, MemberSpec, Training


class Listener(Progress):
    def __init__(self):
        self.lines = []

    def say(self, text):
        self.lines.append(text)


@pytest.fixture
def members(monkeypatch):
    """Two members whose training writes down what it was given."""
    model = SimpleNamespace(get_weights=lambda: [np.full(3, 7.0)], set_weights=lambda w: None)
    monkeypatch.setattr(training, "begun", lambda spec, group: model)
    monkeypatch.setattr(training, "build_member", lambda spec: SimpleNamespace(set_weights=lambda w: None))

    def train_one(model, spec, parts, schedule, place, on_epoch):
        on_epoch(Epoch(1, 0.5, 0.75, 0.25, 1.0, 2.0))
        place.mkdir(parents=True, exist_ok=True)
        (place / "member.weights.h5").write_bytes(f"{spec.name} {parts} {schedule.epochs}".encode())
        (place / "member.json").write_text(spec.name)

    monkeypatch.setattr(training, "train_one", train_one)
    return [(MemberSpec(f"scratch-{i}", "scratch", "compact", 32, 2, seed=i), None) for i in (1, 2)]


@pytest.mark.parametrize("seen", [True, False], ids=["the folder is seen", "the files are sent"])
def test_members_lie_in_the_bundle_whoever_trained_them(client, members, tmp_path, monkeypatch, seen):
    atomic.write_json(tmp_path / "fit.json", {"seed": 1})
    if not seen:
        monkeypatch.setattr(training, "_same", lambda path, digest: False)
    heard = Listener()
    training.train_on_cluster(client, members, {32: "patterns"}, Training(epochs=9), tmp_path, heard)
    for name in ("scratch-1", "scratch-2"):
        place = tmp_path / "members" / name
        assert (place / "member.weights.h5").read_text() == f"{name} patterns 9"
        assert (place / "member.json").read_text() == name
    for _ in range(100):  # events come when they come
        if len(heard.lines) == 2:
            break
        time.sleep(0.05)
    assert sorted(heard.lines)[0].startswith(
        "scratch-1 epoch 1: loss 0.500, validation loss 0.250, accuracy 100"
    )


def test_another_folder_of_the_same_name_is_not_taken_for_the_clients(tmp_path):
    atomic.write_json(tmp_path / "fit.json", {"seed": 1})
    digest = atomic.sha256(tmp_path / "fit.json")
    assert training._same(tmp_path / "fit.json", digest)
    atomic.write_json(tmp_path / "fit.json", {"seed": 2})
    assert not training._same(tmp_path / "fit.json", digest)
    assert not training._same(tmp_path / "nowhere" / "fit.json", digest)
