"""However Keras is set up, a command works or says in one line why not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ensemble.errors import InputError
from kikuchi._support import keras_setup

CODE = """
from ensemble.errors import InputError
from kikuchi._support.keras_setup import import_keras
try:
    print(import_keras().config.image_data_format())
except InputError as error:
    print(error)
"""


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    return tmp_path


@pytest.mark.parametrize("named", ["jax", "tensorfow", "numpy", "openvino", "../torch"])
def test_other_backends_and_misspelt_ones_are_refused(named, home, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", named)
    with pytest.raises(
        InputError,
        match=rf"KERAS_BACKEND: this toolkit does not run on Keras' backend '{named}' \(set KERAS_BACKEND=",
    ):
        keras_setup.import_keras()


def test_so_are_those_of_keras_own_file(home):
    (home / "keras.json").write_text('{"backend": "jax"}')
    with pytest.raises(InputError, match=r"keras\.json: this toolkit does not run on Keras' backend 'jax'"):
        keras_setup.import_keras()


def test_a_backend_that_is_not_installed_is_told(home, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    monkeypatch.setattr(keras_setup.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="the backend torch is not installed"):
        keras_setup.import_keras()


@pytest.mark.parametrize(
    ("content", "backend"),
    [
        ("", "tensorflow"),
        ("[]", "tensorflow"),
        ("{", "tensorflow"),
        ('{"backend": "torch"}', "torch"),
        ("{}", "tensorflow"),
    ],
)
def test_what_keras_makes_of_its_file_is_made_of_it_here(content, backend, home, monkeypatch):
    assert keras_setup.wanted_backend()[0] == "tensorflow"
    (home / "keras.json").write_text(content)
    assert keras_setup.wanted_backend()[0] == backend
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    assert keras_setup.wanted_backend() == ("tensorflow", "KERAS_BACKEND")


def test_channels_first_is_meant_for_other_networks(tmp_path):
    (tmp_path / "keras.json").write_text('{"image_data_format": "channels_first", "backend": "torch"}')
    environment = os.environ | {"KERAS_HOME": str(tmp_path), "KERAS_BACKEND": "torch"}
    done = subprocess.run(
        [sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["channels_last"]


def test_the_command_says_it_in_a_line(home, monkeypatch):
    from ensemble_cli.main import app
    from typer.testing import CliRunner

    monkeypatch.setenv("KERAS_BACKEND", "tensorfow")
    result = CliRunner().invoke(app, ["map", str(Path(__file__)), "--out", str(home / "out")])
    assert result.exit_code == 1
    assert [line for line in result.stderr.splitlines() if line] == [
        "ensemble: KERAS_BACKEND: this toolkit does not run on Keras' backend 'tensorfow' "
        "(set KERAS_BACKEND=tensorflow or torch)"
    ]
