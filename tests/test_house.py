"""The house keeps its shape: arrows one way, light imports, a fast help."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import ensemble
import kikuchi

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = {
    "ensemble": ROOT / "ensemble",
    "kikuchi": ROOT / "src" / "kikuchi",
    "ensemble_cli": ROOT / "cli" / "ensemble_cli",
}
FORBIDDEN = {
    "ensemble": {"kikuchi", "ensemble_cli", "keras"},
    "kikuchi": {"ensemble_cli"},
    "ensemble_cli": set(),
}


def imported(path: Path) -> set[str]:
    """Top-level names of everything a file imports anywhere, inside functions too."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add((node.module or "").split(".")[0])
    return names


@pytest.mark.parametrize("package", PACKAGES)
def test_arrows_go_one_way(package):
    for path in PACKAGES[package].rglob("*.py"):
        assert not imported(path) & FORBIDDEN[package], path


def test_members_need_keras_numpy_and_the_standard_library_only():
    allowed = {"keras", "numpy", "kikuchi", "ensemble"} | set(sys.stdlib_module_names)
    # PyTorch is one of two ways to train, taken only where it is installed.
    may_use_torch = {"backend.py", "torch_backend.py"}
    for path in (PACKAGES["kikuchi"] / "members").rglob("*.py"):
        assert imported(path) <= allowed | ({"torch"} if path.name in may_use_torch else set()), path


def test_no_pickle_anywhere():
    for folder in PACKAGES.values():
        for path in folder.rglob("*.py"):
            assert not imported(path) & {"pickle", "dill", "joblib", "cloudpickle", "shelve"}, path


def test_importing_the_packages_loads_nothing_heavy():
    heavy = (
        "{'tensorflow', 'keras', 'torch', 'shap', 'netcal', 'matplotlib', 'kikuchipy', 'hyperspy', 'pandas'}"
    )
    code = f"import sys, ensemble, kikuchi, ensemble_cli.main; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_help_lists_every_command():
    done = subprocess.run([sys.executable, "-m", "ensemble_cli", "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    for command in ("demo", "simulate", "fit", "evaluate", "map", "info", "extend", "label", "learn-curve"):
        assert command in done.stdout


def test_every_help_ends_with_an_example_that_could_be_typed():
    import shlex

    import typer.main
    from ensemble_cli.main import app
    from typer.testing import CliRunner

    group = typer.main.get_command(app)
    assert len(group.commands) >= 14
    for name, command in group.commands.items():
        shown = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "200", "TERM": "dumb"}).output
        assert command.epilog in " ".join(shown.split()), name
        program, first, *arguments = shlex.split(command.epilog.removeprefix("Example: "))
        assert (program, first) == ("ensemble", name)
        # Every option is known and every value is of its kind; nothing is run.
        command.make_context(name, arguments)


def test_no_file_holds_more_than_400_lines():
    for folder in PACKAGES.values():
        for path in folder.rglob("*.py"):
            assert len(path.read_text(encoding="utf-8").splitlines()) <= 400, path


def test_public_names_are_listed_once_and_each_is_there():
    source = ast.parse((PACKAGES["kikuchi"] / "__init__.py").read_text(encoding="utf-8"))
    block = next(node for node in source.body if isinstance(node, ast.If))
    typed = {
        a.asname or a.name for node in block.body if isinstance(node, ast.ImportFrom) for a in node.names
    }
    assert typed | {"InputError", "__version__"} == set(kikuchi.__all__)
    assert len(kikuchi.__all__) == len(set(kikuchi.__all__))
    assert [name for name in kikuchi.__all__ if getattr(kikuchi, name, None) is None] == []
    with pytest.raises(AttributeError, match="no attribute 'unheard_of'"):
        kikuchi.unheard_of  # noqa: B018


def test_the_statistics_hand_out_what_they_list():
    assert [name for name in ensemble.__all__ if getattr(ensemble, name, None) is None] == []


def test_no_workflow_needs_an_extra_to_be_imported():
    """A plain install has neither Dask's cluster nor ONNX Runtime, OpenVINO, SHAP or pyebsdindex."""
    extras = [
        "distributed",
        "onnxruntime",
        "onnx",
        "openvino",
        "shap",
        "ebsdsim",
        "pyebsdindex",
        "mapie",
        "quapy",
    ]
    workflows = sorted(
        p.stem for p in (PACKAGES["kikuchi"] / "workflows").glob("*.py") if p.stem != "__init__"
    )
    code = (
        f"import importlib, sys; sys.modules.update(dict.fromkeys({extras}));"
        f"[importlib.import_module('kikuchi.workflows.' + name) for name in {workflows}]"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
