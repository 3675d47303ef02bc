"""Words from files are no formulas in a spreadsheet, and steer no terminal."""

import csv
import io
import json

import numpy as np
import pytest

from ensemble.errors import InputError, printable
from kikuchi._support.bars import TerminalBars
from kikuchi._support.cells import cell, cells, word
from kikuchi._support.progress import Lines
from kikuchi.evaluation.tables import write_csv
from kikuchi.html.frame import _environment, script_json
from kikuchi.maps.headline import headline
from kikuchi.scans import scan_from_array
from kikuchi.scans.dataset import Material
from kikuchi.simulate.scenes.writer import write_truth

FORMULAS = ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "'=1", "''@x"]
WORDS = ["Ni", "", "Fe3C", "a=b", "'tis", "gamma' iron", "2-1"]
#: What writes a title, clears a screen, types into some terminals, in 7 and in 8 bits; and turns text round.
ESCAPES = [
    "\x1b]0;owned\x07",
    "\x1b[2J",
    "\x1bP$q\x1b\\",
    "\x9b2J",
    "\x08\x08",
    "\r",
    "\x00",
    "\u202etxt.exe",
    "\udcff",
]


@pytest.mark.parametrize("text", FORMULAS)
def test_formulas_are_given_an_apostrophe_and_read_back(text):
    assert cell(text, exact=True) == "'" + text
    assert word(cell(text, exact=True)) == text


@pytest.mark.parametrize("text", WORDS)
def test_words_stay_as_they_are(text):
    assert cell(text) == text and word(text) == text


def test_numbers_stay_as_they_are():
    assert cells({"a": -1, "b": -0.5, "c": None, "-d": "=x"}) == {"a": -1, "b": -0.5, "c": None, "'-d": "'=x"}


def test_tables_hold_no_formula(tmp_path):
    write_csv(tmp_path / "a.csv", [{"who": text, "=n": -1.5} for text in FORMULAS])
    write_truth(
        tmp_path / "b.csv", {"phase": np.array(FORMULAS, dtype=object), "n": np.full(len(FORMULAS), -1.5)}
    )
    for name in ("a.csv", "b.csv"):
        with (tmp_path / name).open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
        assert [word(row[0]) for row in rows[1:]] == [printable(text) for text in FORMULAS]
        for row in rows:
            assert not [
                c for c in row if c.startswith(("=", "+", "@", "\t", "\r")) or (c[:1] == "-" and c != "-1.5")
            ]


def test_truth_that_is_missing_stays_empty(tmp_path):
    write_truth(tmp_path / "a.csv", {"n": np.arange(2), "phase": np.array(["Ni", None], dtype=object)})
    assert (tmp_path / "a.csv").read_text() == "n,phase\n0,Ni\n1,\n"


@pytest.mark.parametrize("text", ESCAPES)
def test_no_control_character_gets_past_any_door(text, capsys):
    name = f"Ni{text}Al"

    def clean(shown):
        return all(c == "\n" or printable(c) == c for c in shown)

    assert clean(printable(name)) and printable(name).startswith("Ni")
    assert clean(str(InputError(name, path=name, remedy=name)))
    assert clean(headline(name))
    assert clean(_environment().from_string("{{ name }}").render(name=name))
    assert clean(script_json({name: [name, 1]})) and json.loads(script_json([name]))[0].startswith("Ni")
    Lines().say(name)
    assert clean(capsys.readouterr().out)
    scan = scan_from_array(
        np.zeros((1, 2, 8, 8), np.uint8),
        name,
        phase_names=np.array([name, "Fe"], object),
        space_groups=np.array([225, 229]),
    )
    assert clean(scan.name) and clean(scan.phase_names[0]) and scan.phase_names[1] == "Fe"
    material = Material(name, 225, scan, phase=name)
    assert clean(material.name) and material.phase == scan.phase_names[0]


def test_text_of_several_lines_keeps_them_and_other_scripts_their_letters():
    assert printable("a\n\tb", keep="\n\t") == "a\n\tb"
    assert printable("鉄 فولاد 🔬") == "鉄 فولاد 🔬"


def test_json_of_a_page_is_read_back_as_it_was():
    value = {"path": "C:\\u001b\\n", "text": 'a"b\n\t</script>', "n": [1.5, None, True]}
    assert json.loads(script_json(value)) == value


def test_the_command_says_nothing_raw(tmp_path):
    from types import SimpleNamespace

    import typer
    from ensemble_cli.console import guarded, result
    from rich.console import Console

    bars = TerminalBars()
    shown = io.StringIO()
    bars._bars.live.console = bars._console = Console(file=shown, force_terminal=False)
    for text in [*ESCAPES, "[/red] [bold]x"]:
        bars.say(f"Ni{text}")
        with bars.bar(f"mapping {text}", 3) as step:
            step(1)
    assert not set("\x1b\x9b\x07\x00\u202e") & set(shown.getvalue()) and "[/red]" in shown.getvalue()

    @guarded
    def wrong() -> None:
        raise InputError("no file \x1b[2J")

    with pytest.raises(typer.Exit):
        wrong()
    result(SimpleNamespace(summary=lambda: "a\x1b[2J"), False)
