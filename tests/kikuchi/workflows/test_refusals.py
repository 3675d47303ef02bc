"""What is said instead of a silent wrong: contradicting labels, names of two meanings, engines that lose labels."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ensemble.errors import InputError
from kikuchi.bundle.bundle import SHIPPED_FOLDER, _folder_of
from kikuchi.inference.engine_summary import recommended
from kikuchi.members import Epoch, History
from kikuchi.members.history import convergence, write_history
from kikuchi.scans import Dataset, Material, scan_from_array
from kikuchi.scans.dataset import contradictions, refuse_or_say
from kikuchi.workflows.accelerate import require_exporters


def _dataset(label):
    scan = scan_from_array(np.zeros((3, 20, 20)), "ni", space_groups=np.array([225, 225, 0]))
    return Dataset([Material("Ni", label, scan)])


def test_a_label_against_the_scans_own_list_is_refused_unless_insisted_on():
    (said,) = contradictions(_dataset(221))
    assert "labelled 221" in said and "says 225 of 2 of its 3 patterns" in said
    with pytest.raises(InputError, match=r"labels contradict.*--force"):
        refuse_or_say([said], None, False, print)
    lines = []
    refuse_or_say([said], None, True, lines.append)
    assert len(lines) == 1


def test_a_label_that_agrees_is_taken_without_a_word():
    assert contradictions(_dataset(225)) == []
    refuse_or_say([], None, False, pytest.fail)


def test_a_folder_called_shipped_is_not_taken_for_the_packaged_bundle(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert _folder_of("shipped") == SHIPPED_FOLDER
    assert _folder_of(Path("shipped")) == SHIPPED_FOLDER
    assert _folder_of("./shipped").resolve() == tmp_path / "shipped"
    (tmp_path / "shipped").mkdir()
    (tmp_path / "shipped" / "bundle.json").touch()
    assert _folder_of(Path("shipped")) == Path("shipped")
    with pytest.raises(InputError, match=r"shipped: is the name of the packaged bundle"):
        _folder_of("shipped")


@pytest.mark.parametrize(
    ("backend", "name"), [("tensorflow", "onnxruntime"), ("tensorflow", "tf2onnx"), ("torch", "onnxscript")]
)
def test_what_makes_engines_is_asked_for_by_name_before_any_work(backend, name, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", backend)
    monkeypatch.setattr("importlib.util.find_spec", lambda wanted: None if wanted == name else object())
    how = r"onnxscript, or KERAS_BACKEND=tensorflow" if backend == "torch" else r"\[fast\]"
    with pytest.raises(
        InputError, match=rf"{name} is not installed: no engine can be made.*pip install.*{how}"
    ):
        require_exporters()


def _measured(agreement, stop):
    return {"label_agreement": agreement, "stops": {"cascade": {"label_agreement": stop}}}


def test_only_engines_that_keep_labels_are_recommended():
    # 8 bits kept 85.7 % of the labels and were recommended all the same.
    assert "--engine auto" in recommended({"int8": _measured(0.857, 0.85)}, "run")
    assert recommended({"int8": _measured(0.857, 0.85), "onnx": _measured(1.0, 0.999)}, "run").endswith(
        "--run run --engine onnx --stop cascade"
    )
    assert recommended({"int8": _measured(0.995, 0.95)}, "run").endswith("--run run --engine int8")


def test_a_member_at_chance_did_not_converge(tmp_path):
    for name, losses in (("scratch-1", (1.1, 1.09, 1.12)), ("scratch-2", (1.1, 0.6, 0.5))):
        folder = tmp_path / "members" / name
        folder.mkdir(parents=True)
        epochs = [Epoch(i + 1, loss, 0.4, loss, 0.4, 1.0) for i, loss in enumerate(losses)]
        write_history(folder, History(epochs))
    lines = convergence(tmp_path, ["scratch-1", "scratch-2"], 0.001, guess=float(np.log(3)))
    assert lines[0].startswith("warning: scratch-1 has learned nothing")
    assert lines[1] == "scratch: 3 epochs to converge (1 member)"


@pytest.mark.parametrize("guard", [False, True])
def test_a_script_without_a_main_guard_is_told_so_before_workers_start(tmp_path, guard):
    script = tmp_path / "script.py"
    work = "from kikuchi.distributed.cluster import _require_guard\n"
    call = "if __name__ == '__main__':\n    _require_guard()\n" if guard else "_require_guard()\n"
    script.write_text(work + call)
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
    assert (done.returncode == 0) == guard
    assert guard or "put the work under" in done.stderr.splitlines()[-1]


def test_distributed_is_there_as_the_documentation_has_it():
    code = "import kikuchi; print(kikuchi.distributed.connected)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "connected" in done.stdout, done.stderr


def test_a_console_of_another_encoding_gets_the_end_of_a_run(tmp_path):
    code = (
        "import sys, typer\n"
        "sys.argv = ['ensemble', '--help']\n"
        "from ensemble_cli import main as m\n"
        "m.app = lambda: print('\\u03b3\\u2032 \\u2192 done')\n"
        "m.main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, env=os.environ | {"PYTHONIOENCODING": "cp1252"}
    )
    assert done.returncode == 0 and b"done" in done.stdout, done.stderr
