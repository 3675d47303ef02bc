"""What people see of long work: bars in a terminal, one output in a notebook, lines in a log."""

import subprocess
import sys

import nbformat
import pytest
from nbclient import NotebookClient

import kikuchi
from kikuchi._support.bars import TerminalBars


def outputs(*sources):
    """Run cells in a kernel of their own; return the outputs of each."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    NotebookClient(notebook, timeout=60).execute()
    return [cell.outputs for cell in notebook.cells]


WORK = """
import time, kikuchi
progress = kikuchi.bars()
with progress.bar("the whole <fit>", 4) as whole:
    for member in "ab":
        with progress.bar(f"training {member}", 50) as step:
            for _ in range(50):
                step(1)
        whole(2)
progress.say("note: a short scan")
"""


@pytest.fixture(scope="module")
def shown():
    again = 'with progress.bar("mapping", 10) as step:\n    step(10)'
    amid = (
        'with progress.bar("mapping", 10) as step:\n    step(5); time.sleep(0.5); step(1); raise ValueError'
    )
    return outputs(
        WORK, again, f"try:\n    {amid.replace(chr(10), chr(10) + '    ')}\nexcept ValueError: pass"
    )


def test_all_bars_of_a_cell_are_one_output_and_what_is_said_another(shown):
    bars, said = shown[0]
    assert (bars.output_type, said.output_type) == ("display_data", "stream")
    assert said.text == "note: a short scan\n"


def test_what_stays_in_a_saved_notebook_is_a_line_without_bars(shown):
    data = shown[0][0].data
    assert data["text/plain"] == "the whole <fit>: 0 s"
    assert data["text/html"] == "<small>the whole &lt;fit&gt;: 0 s</small>"


def test_a_second_cell_has_an_output_of_its_own(shown):
    (bars,) = shown[1]
    assert bars.data["text/plain"] == "mapping: 0 s"


def test_what_fails_leaves_no_bar_behind(shown):
    (bars,) = shown[2]
    assert "progress" not in bars.data["text/html"]


def test_the_time_left_is_that_of_the_steps_to_come(monkeypatch):
    """A quarter took 90 s: three quarters take 270 s."""
    from kikuchi._support import bars

    monkeypatch.setattr(bars.time, "monotonic", lambda: 190.0)
    bar = bars._Bar("mapping", 200, done=50, begin=100.0)
    assert bar.text() == "mapping: 50 of 200, 4 min 30 s left"
    assert "<progress value='50' max='200'>" in bar.html()


def test_a_log_file_gets_lines_and_no_bars():
    done = subprocess.run([sys.executable, "-c", WORK], capture_output=True, text=True, check=True)
    assert done.stdout == "" and done.stderr == "note: a short scan\n"
    assert isinstance(kikuchi.bars(), TerminalBars)
