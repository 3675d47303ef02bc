"""Adapting to a scan of named phases: two of one space group, simulated here, told apart by name."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import kikuchi
from ensemble.abstention import Familiarity
from ensemble.errors import InputError
from kikuchi._support.progress import SILENT
from kikuchi.bundle.bundle import Bundle
from kikuchi.inference.predictor import Predictor
from kikuchi.matching import survey as surveys
from kikuchi.matching.phases import candidates
from kikuchi.matching.separability import separability
from kikuchi.scans import scan_from_array
from kikuchi.simulate import (
    Detector,
    Microscope,
    cached_master,
    kinematical_master,
    load_structure,
    simulate_map,
)
from kikuchi.simulate.detector.distribution import constant
from kikuchi.simulate.masters.master_file import save_master
from kikuchi.simulate.scenes.microstructure import voronoi_grains
from kikuchi.workflows.adapt import _checked, _familiarity
from kikuchi.workflows.explain import explain_members
from kikuchi.workflows.extend import extend
from kikuchi.workflows.info import facts
from kikuchi.workflows.verify import verify

NAMES = ("TiC", "Austenite")  # both 225


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """Masters of two phases, and a small scan of both whose geometry its file knows."""
    folder = tmp_path_factory.mktemp("adapt")
    masters = []
    for name in NAMES:
        structure = load_structure(name)
        master = cached_master(
            kinematical_master, structure, 20.0, folder=folder / "cache", half_size=80, min_dspacing=0.8
        )
        masters.append(replace(master, name=name))
        save_master(folder / f"{name}.npz", master, structure)
    grains = voronoi_grains((8, 12), np.array([0.5, 0.5]), 4, 0.0, np.random.default_rng(1))
    detector = Detector(shape=(48, 48), pcx=constant(0.49), pcy=constant(0.26), pcz=constant(0.56))
    scan = simulate_map(
        masters,
        grains,
        folder / "scan.h5",
        detector=detector,
        microscope=Microscope(contrast=constant(0.2)),
        seed=2,
    )
    return folder, scan


@pytest.fixture(scope="module")
def adapted(scene):
    folder, scan = scene
    fewer = pytest.MonkeyPatch()
    fewer.setattr("kikuchi.workflows.adapt.HELD_OUT_EACH", 150)
    fewer.setattr(surveys, "_FITTED", 16)
    try:
        yield kikuchi.adapt(scan, [folder / f"{name}.npz" for name in NAMES], folder / "run")
    finally:
        fewer.undo()


@pytest.mark.slow
def test_the_pattern_centre_is_that_of_the_simulation(adapted):
    found = adapted.manifest["adapted"]["geometry"]["pattern_centre"]
    assert found == pytest.approx([0.49, 0.26, 0.56], abs=0.003)


@pytest.mark.slow
def test_a_map_names_phases_of_one_space_group_and_orients_them(adapted, scene):
    folder, scan = scene
    phase_map = kikuchi.map_scan(scan, adapted, folder / "maps")
    truth = pd.read_csv(scan.with_name("scan.truth.csv"))
    table = pd.read_csv(folder / "maps" / "map.csv")
    assert (table[[f"p_{n}" for n in NAMES]].idxmax(axis=1).str[2:] == truth["phase"]).mean() > 0.97
    solved = table["status"] == "solved"
    assert solved.mean() > 0.8 and (table["phase"] == truth["phase"])[solved].mean() > 0.97
    assert set(table["space_group"].dropna()) == {225}
    from orix.quaternion import Orientation, Rotation
    from orix.quaternion.symmetry import Oh

    right = np.flatnonzero(solved & (table["phase"] == truth["phase"]))
    turns = Rotation.from_euler(np.deg2rad(truth[["phi1", "Phi", "phi2"]].to_numpy()[right]))
    found = Orientation(phase_map.orientations[right], symmetry=Oh)
    off = np.rad2deg((found - Orientation(turns.data, symmetry=Oh)).angle)
    assert np.median(off) < 0.3


@pytest.mark.slow
def test_other_programs_read_names_cells_and_angles(adapted, scene):
    from orix.io import load

    folder, scan = scene
    kikuchi.map_scan(scan, adapted, folder / "maps")
    cell = load_structure("TiC").lattice[0]
    ang = (folder / "maps" / "map.ang").read_text()
    assert "MaterialName  \tTiC" in ang and f"LatticeConstants      {cell:.3f}" in ang
    ctf = (folder / "maps" / "map.ctf").read_text()
    assert f"{cell:.3f};{cell:.3f};{cell:.3f}\t90.000;90.000;90.000\tTiC\t11\t225" in ctf
    opened = load(folder / "maps" / "map.h5")
    names = {phase.name: phase for i, phase in opened.phases if i > 0}
    assert set(names) == set(NAMES) and names["TiC"].space_group.number == 225
    assert names["TiC"].structure.lattice.a == pytest.approx(cell)


@pytest.mark.slow
def test_the_bundle_opens_again_and_the_same_command_is_done_at_once(adapted, scene):
    folder, scan = scene
    again = kikuchi.adapt(scan, [folder / f"{name}.npz" for name in NAMES], folder / "run")
    assert again.fingerprint == adapted.fingerprint
    assert [p.name for p in Bundle.load(folder / "run").phases] == list(NAMES)
    assert again.members[0].kind == "matcher"
    # The matcher holds the masters that were given; held-out patterns are simulated by other scattering as well.
    alone = facts(folder / "run")["simulators"].rpartition("; held out and never trained on: ")[2]
    assert alone == "Bloch waves, other scattering"


@pytest.mark.slow
def test_its_logits_can_be_computed_again(adapted):
    found = verify(adapted.path)
    assert found["patterns"] == 8 and found["largest_difference"] is not None


@pytest.mark.slow
def test_a_map_says_where_it_looked_for_a_second_phase(adapted, scene):
    folder, scan = scene
    phase_map = kikuchi.map_scan(scan, adapted, folder / "maps")
    share, names = phase_map.columns["second_share"], phase_map.columns["second_phase"]
    looked = np.isfinite(share)
    assert looked.any() and not looked.all()
    assert set(names[looked]) <= {"", *NAMES} and set(names[~looked]) == {""}
    # The boundaries of this scan have no width: no pattern is of two crystals.
    assert (names != "").mean() < 0.05


@pytest.mark.slow
@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (lambda run, out: explain_members(run, out), "has nothing inside to explain"),
        (lambda run, out: extend(run, out / "labels.csv", out / "more"), "learns no labels"),
        (lambda run, out: Predictor.of(run).among("225,229"), "answers among the phases it was given"),
    ],
)
def test_what_only_networks_can_do_is_refused_in_a_line(adapted, tmp_path, asked, words):
    with pytest.raises(InputError, match=words):
        asked(adapted.path, tmp_path)
    assert not list(tmp_path.iterdir())


def test_patterns_of_noise_are_refused_and_nothing_is_written(tmp_path, scene):
    folder, _ = scene
    scan = scan_from_array(np.random.default_rng(0).integers(0, 255, (4, 5, 48, 48)).astype(np.uint8))
    with pytest.raises(InputError, match="0 of 20 patterns looked at show bands"):
        kikuchi.adapt(scan, [folder / f"{n}.npz" for n in NAMES], tmp_path / "run", voltage_kv=20)
    assert not (tmp_path / "run").exists()


def test_a_scan_that_fits_no_phase_is_refused():
    seen = SimpleNamespace(
        explained=np.array([0.3, 0.4, 0.4, 0.5]),
        fit=SimpleNamespace(phase=np.zeros(4, int), plane=SimpleNamespace(middle=np.array([0.5, 0.3, 0.6]))),
        centre_from="file",
        background_from="none",
    )
    scan = scan_from_array(np.zeros((2, 2, 48, 48), np.uint8))
    with pytest.raises(InputError, match="none of Ni, Fe fits: they explain 40% of what its patterns show"):
        _checked(seen, scan, candidates(["Ni", "Fe"]), SILENT)


def test_no_promise_where_simulators_disagree():
    logits = np.array([[1.0, 0], [1, 0], [0, 1], [0, 1], [1, 0], [0, 1], [0, 1], [0, 1]])
    labels = np.array([0, 0, 1, 1, 0, 0, 1, 1])
    told = separability(logits, labels, np.repeat([0, 1], 4), ("A", "B"), ("one", "other"))
    assert told.errors.tolist() == [[0, 0], [0.5, 0]]
    assert told.confusion.tolist() == [[0.75, 0.25], [0, 1]]
    assert told.doubts == [
        "simulators disagree about A and B (0% against 50% of patterns confused): no promise holds for them"
    ]


@pytest.mark.slow
def test_a_few_labelled_points_divide_the_phases(adapted, scene):
    folder, scan = scene
    kikuchi.map_scan(scan, adapted, folder / "maps")
    found = kikuchi.suggest_labels(folder / "maps", scan, adapted, folder / "labels.csv", points=10)
    assert found.phases == NAMES and "material" in found.summary()
    table = pd.read_csv(folder / "labels.csv", dtype={"material": "object"})
    truth = pd.read_csv(scan.with_name("scan.truth.csv"))
    assert set(table["guess"]) <= set(NAMES) and len(table) == 10
    table["material"] = truth["phase"].to_numpy()[table["index"]]
    table.to_csv(folder / "labels.csv", index=False)
    phase_map = kikuchi.map_scan(scan, adapted, folder / "divided", labels=folder / "labels.csv")
    mapped = pd.read_csv(folder / "divided" / "map.csv")
    assert (mapped["by_order"] == truth["phase"]).mean() > 0.97
    assert phase_map.meta["order_parameter"]["by"] == "labels"
    table["material"] = NAMES[0]
    table.to_csv(folder / "labels.csv", index=False)
    with pytest.raises(InputError, match="of one phase") as refused:
        kikuchi.map_scan(scan, adapted, folder / "divided", labels=folder / "labels.csv")
    assert refused.value.path == str(folder / "labels.csv")


def test_a_matcher_beside_networks_has_neighbours_enough_for_a_bundle_to_open():
    """`adapt --members 1` wrote a bundle that could not be opened: fewer rows than neighbours asked for."""
    networks = Familiarity((np.eye(40, 5, dtype=np.float32),), np.ones(1), 8)
    both = _familiarity(networks)
    features = [np.ones((1, reference.shape[1])) for reference in both.references]
    assert np.isfinite(both.score(features)).all() and both.k == 8
