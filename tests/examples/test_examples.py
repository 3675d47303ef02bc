"""The examples run as notebooks, each in a kernel of its own; those that build on the first share its folder."""

import base64
import importlib.util
import io
import os

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

from dev.notebooks import EXAMPLES, cells, main, notebook

NAMES = ("statistics_alone", "first_map", "explanations", "named_phases", "own_scans")


class Ran:
    """A notebook that has run: what its cells show."""

    def __init__(self, executed):
        self.outputs = [output for cell in executed.cells for output in cell.get("outputs", [])]
        self.code = "\n".join(cell.source for cell in executed.cells if cell.cell_type == "code")

    def text(self, *names):
        """Return all that was printed, to these streams."""
        return "".join(o.text for o in self.outputs if o.output_type == "stream" and o.name in names)

    @property
    def pictures(self):
        """Every picture that is shown, as an array."""
        import matplotlib.image

        found = [o.data["image/png"] for o in self.outputs if "image/png" in o.get("data", {})]
        return [matplotlib.image.imread(io.BytesIO(base64.b64decode(png))) for png in found]

    @property
    def bars(self):
        """The outputs that held bars while there was work."""
        drawn = [o.data.get("text/html", "") for o in self.outputs if o.output_type == "display_data"]
        return [html for html in drawn if html.startswith("<small>")]


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Run a notebook once, in the folder of all, as a user's kernel would: with nothing set to quiet a library."""
    folder, done = tmp_path_factory.mktemp("examples"), {}
    unset = {name: os.environ.pop(name, None) for name in ("TF_CPP_MIN_LOG_LEVEL", "MPLBACKEND")}

    def run(name):
        if name not in done:
            made = notebook(EXAMPLES / f"{name}.py")
            NotebookClient(made, timeout=600, resources={"metadata": {"path": str(folder)}}).execute()
            done[name] = Ran(made)
        return done[name]

    run.folder = folder / "examples-output"
    yield run
    os.environ.update({name: value for name, value in unset.items() if value is not None})


@pytest.mark.slow
def test_the_statistics_need_no_diffraction(ran):
    shown = ran("statistics_alone")
    said = shown.text("stdout")
    assert "calibrated" in said and "with 95 % confidence" in said
    assert "kikuchi" not in shown.code
    assert all(f"import {name}" in shown.code for name in ("keras", "torch")) and "sklearn" in shown.code
    assert len(shown.pictures) == 1 and "ConfusionMatrixDisplay" in shown.code


@pytest.mark.slow
def test_the_first_map_has_a_report_and_orix_and_pandas_draw_it(ran):
    shown = ran("first_map")
    assert "no solution, unfamiliar" in shown.text("stdout")
    assert (ran.folder / "maps" / "report.html").is_file() and (ran.folder / "maps" / "map.csv").is_file()
    assert len(shown.pictures) == 3 and "crystal_map.plot(" in shown.code and ".plot.barh(" in shown.code


@pytest.mark.slow
def test_explanations_are_drawn_by_shap(ran):
    ran("first_map")
    shown = ran("explanations")
    assert list((ran.folder / "why").rglob("*.png"))
    assert len(shown.pictures) == 1 and "shap.plots.image(" in shown.code


@pytest.mark.slow
def test_named_phases_are_mapped_without_a_label_and_orix_draws_orientations(ran):
    shown = ran("named_phases")
    assert "right" in shown.text("stdout")
    assert len(shown.pictures) == 3 and "IPFColorKeyTSL" in shown.code


@pytest.mark.slow
def test_labelled_images_become_an_ensemble_that_scikit_learn_displays(ran):
    shown = ran("own_scans")
    assert (ran.folder / "own-scans" / "evaluation" / "report.html").is_file()
    assert len(shown.pictures) == 2 and "CalibrationDisplay" in shown.code


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_shows_progress_and_results_and_nothing_else(ran, name):
    """No warning, no line of a library, no bar that stays, and few outputs."""
    if name == "explanations":
        ran("first_map")
    shown = ran(name)
    noise = shown.text("stderr")
    if name == "statistics_alone":
        # Its own import of Keras, which this toolkit has no hand in.
        noise = "\n".join(line for line in noise.splitlines() if "Warning" in line or "Error" in line)
    assert noise == ""
    assert not any("<progress" in html for html in shown.bars)
    assert len(shown.bars) == shown.code.count("kikuchi.bars()")
    assert all(np.ptp(picture[..., :3]) > 0.5 for picture in shown.pictures)
    assert len(shown.text("stdout").splitlines()) < 60


@pytest.mark.slow
def test_explanations_say_what_they_build_on(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    spec = importlib.util.spec_from_file_location("explanations", EXAMPLES / "explanations.py")
    with pytest.raises(SystemExit, match="run first_map first"):
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


def test_there_are_five_examples_and_a_notebook_of_each(tmp_path):
    assert {script.stem for script in EXAMPLES.glob("*.py")} == set(NAMES)
    main(tmp_path)
    for name in NAMES:
        made = nbformat.read(tmp_path / f"{name}.ipynb", as_version=4)
        nbformat.validate(made)
        first, *others = made.cells
        assert first.cell_type == "markdown" and any(cell.cell_type == "code" for cell in others)


def test_no_line_of_a_script_is_lost_in_its_notebook():
    for name in NAMES:
        script = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8")
        code = [line for kind, source in cells(script) if kind == "code" for line in source.splitlines()]
        body = script[script.index("# %%") :].splitlines()
        wanted = [line for line in body if line and not line.startswith("#")]
        assert [line for line in code if line and not line.startswith("#")] == wanted
