"""One small ensemble, fitted once by the command itself, for all end-to-end tests."""

import pytest
from ensemble_cli.main import app
from typer.testing import CliRunner

SPEC = """
seed = 3
half_size = 60
diffraction = "kinematical"
[[material]]
name = "Ni"
count = 130
[[material]]
name = "Si"
count = 130
[detector]
shape = [48, 48]
[microscope]
contrast = 0.3
dose = 3000
"""

RECIPE = """
[[member]]
kind = "scratch"
count = 2
size = 32
[[member]]
kind = "transfer"
size = 32
weights = "backbone.weights.h5"
[train]
epochs = 3
batch = 16
cosine_decay = true
[split]
train_per_class = 50
validation_per_class = 16
[combine]
draws = 10
[abstain]
risk = 0.2
"""


def run(*arguments: object) -> str:
    """Run the command in this process; its standard output, or the failure."""
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def refusal(*arguments: object) -> str:
    """Run a command that must fail with exit code 1, and return its one line."""
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exit_code == 1, result.output
    lines = [line for line in result.stderr.splitlines() if line.startswith("ensemble: ")]
    assert len(lines) == 1 and "Traceback" not in result.output
    return lines[0]


@pytest.fixture(scope="session")
def workshop(tmp_path_factory):
    """A folder with simulated labelled scans, a recipe and the bundle fitted on them."""
    from kikuchi.members import build_backbone

    folder = tmp_path_factory.mktemp("workshop")
    (folder / "spec.toml").write_text(SPEC)
    (folder / "recipe.toml").write_text(RECIPE)
    build_backbone("compact", 32, 3).save_weights(folder / "backbone.weights.h5")
    run("simulate", folder / "spec.toml", "--out", folder / "scans", "--quiet")
    run(
        "fit",
        folder / "scans" / "dataset.toml",
        "--recipe",
        folder / "recipe.toml",
        "--out",
        folder / "run",
        "--quiet",
    )
    return folder
