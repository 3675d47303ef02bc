"""`ensemble explain`: a disagreement taken apart within a time, and a bundle's members drawn without any scan."""

import json
from pathlib import Path

import pytest

import kikuchi
from tests.end_to_end.conftest import refusal, run

#: Two compact members of 32 x 32, trained once and kept with the tests.
RUN = Path(__file__).resolve().parents[1] / "data" / "format_1" / "bundle"

SPEC = """
half_size = 40
diffraction = "kinematical"
[[material]]
name = "Ni"
count = 9
[detector]
shape = [32, 32]
"""


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nickel")
    (folder / "spec.toml").write_text(SPEC)
    run("simulate", folder / "spec.toml", "--out", folder, "--quiet")
    return folder / "Ni.h5"


@pytest.mark.slow
def test_explaining_a_map_adds_up_and_begins_no_point_beyond_its_time(scan, tmp_path):
    maps, out = tmp_path / "maps", tmp_path / "why"
    run("map", scan, "--run", RUN, "--out", maps, "--quiet")
    asked = ("explain", scan, "--run", RUN, "--map", maps, "--out", out, "--points", "3", "--budget", "1s")
    told = json.loads(run(*asked, "--quiet", "--json"))
    # The first point is always explained; after a second no other may begin.
    assert (told["chosen_points"], told["explained_points"], len(told["points"])) == (3, 1, 1)
    point = told["points"][0]
    assert point["worst_error"] < 0.05
    for member in point["members"]:
        first, second = (logit["value"] for logit in member["logits"])
        assert abs(first - second - member["margin"]) < 1e-4
    # Nickel, simulated without overlap: what is true of it lies beside the scan.
    assert point["truth"]["phase"] == "Ni"
    assert 0 <= point["truth"]["shared"]["zone_axes"]["area"] < point["truth"]["shared"]["bands"]["area"] < 1
    assert told["background"]["patterns"] == 36 and "bundle" in told["background"]["origin"]
    assert json.loads((out / "explanations.json").read_text())["points"] == told["points"]
    written = {point["picture"], point["classes_picture"], *told["compared"]["pictures"].values()}
    assert {p.name for p in out.glob("*.png")} == written
    # What a second did not allow is named: two points, and what was left out of the first.
    others = [part for part in told["left_out"] if part.startswith("points ")]
    assert len(others) == 1 and others[0].count("(") == 2
    assert told["expected_s"] > 0 and set(told["cost_of_a_point_s"]) >= {"margins", "information", "classes"}
    assert (out / "map.html").is_file() and (out / "report.html").is_file()


@pytest.mark.slow
def test_the_attributions_of_a_point_are_kept_for_the_library(scan, tmp_path):
    maps, out = tmp_path / "maps", tmp_path / "why"
    run("map", scan, "--run", RUN, "--out", maps, "--quiet")
    told = json.loads(
        run("explain", scan, "--run", RUN, "--map", maps, "--out", out, "--points", "1", "--quiet", "--json")
    )
    assert told["left_out"] == [] and told["explained_points"] == 1
    point = told["points"][0]
    disputed, information = (kikuchi.read_explanation(out / name) for name in point["explanations"])
    a, b = map(str, point["pair"])
    assert list(disputed.output_names) == [a, b, f"{a} less {b}"]
    assert list(disputed.instance_names) == [member["name"] for member in point["members"]]
    sums = disputed.values.sum(axis=(1, 2, 3)) + disputed.base_values
    for row, member in zip(sums, point["members"], strict=True):
        assert row[0] == pytest.approx(member["logits"][0]["value"], abs=0.01)
        assert row[2] == pytest.approx(member["margin"], abs=0.01)
    total = information.values.sum() + information.base_values.sum()
    assert total == pytest.approx(point["mutual_information"]["value"], abs=0.02)


@pytest.mark.slow
def test_members_are_drawn_from_the_bundle_alone(tmp_path):
    pair = ["scratch-2", "scratch-1"]
    told = json.loads(
        run("explain", "--run", RUN, "--out", tmp_path, "--pair", ",".join(pair), "--quiet", "--json")
    )
    assert told["compared"]["members"] == pair
    assert [(e["space_group"], e["member"]) for e in told["examples"]] == [
        (group, member) for group in (225, 229) for member in pair
    ]
    assert told["worst_error"] < 0.05
    drawn = {*told["compared"]["pictures"].values(), *(e["picture"] for e in told["examples"])}
    assert {p.name for p in tmp_path.glob("*.png")} == drawn and len(drawn) == 7
    assert (tmp_path / "report.html").is_file()


def test_a_scan_without_its_map_is_refused(scan):
    assert "a scan without its map" in refusal("explain", scan, "--run", RUN)
