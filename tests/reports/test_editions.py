"""Studies of the shipped ensemble's editions: which crystals take part, and that the studies run at all."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from kikuchi.simulate.crystals.structure_files import load_structure
from kikuchi.simulate.masters.kinematical import kinematical_master
from kikuchi.simulate.masters.master_file import save_master
from kikuchi.simulate.training.batches import labelled_batch
from reports.simulation import library, third_bundle, third_edition, trunk


def test_held_out_crystals_are_the_others_of_those_that_train():
    order = library.plan(200, 8)
    kept, rest = library.chosen(order, "7/8", None), library.chosen(order, None, "7/8")
    # Indices 0 to 28 and a few of 29; of 7, 15 and 23 six groups each, and four rare ones of 7.
    assert sorted(kept) == [
        (g, n) for g in range(221, 231) for n in (7, 15, 23) if n < 8 or g % 2 or g == 230
    ]
    assert sorted(kept + rest) == sorted(order) and not set(kept) & set(rest)
    assert all(trunk.held_out(Path(f"isotypes/{g}_{n:04d}.npz")) for g, n in kept)
    assert not any(trunk.held_out(Path(f"isotypes/{g}_{n:04d}.npz")) for g, n in rest)


def test_each_of_five_members_leaves_out_another_third():
    out = np.array([[third_edition.left_out(225, n, member) for n in range(150)] for member in range(1, 6)])
    assert (out.sum(axis=1) == 50).all()
    # Nobody leaves out what another does, and no crystal is left out by all or by none.
    assert len({tuple(row) for row in out}) == 5
    assert set(out.sum(axis=0).tolist()) <= {1, 2}


@pytest.fixture(scope="module")
def library_of_three(tmp_path_factory):
    """A library of kinematical crystals of three groups, some of them held out."""
    work = tmp_path_factory.mktemp("library")
    crystals = {221: "SrTiO3", 225: "Ni", 227: "Si"}
    masters = {
        group: kinematical_master(load_structure(name), half_size=20) for group, name in crystals.items()
    }
    for folder, numbers in (("isotypes", range(9)), ("validation", (7,)), ("structures", (20,))):
        (work / folder).mkdir()
        for group, master in masters.items():
            for number in numbers:
                file = work / folder / f"{group}_{number:04d}.npz"
                save_master(file, master, load_structure(crystals[group]))
    (work / "crystals").mkdir()
    return work


def test_a_member_never_sees_what_is_held_out_or_left_out(library_of_three):
    # Of indices 0 to 8 one is held out; a third of the others is left out, and structures come twice.
    wanted = [
        (group, number)
        for group in (221, 225, 227)
        for number in range(9)
        if number != 7 and (7 * number + group - 6) % 15 >= 5
    ]
    assert len(third_edition.masters_of(library_of_three, 2)) == len(wanted) + 2 * 3


def test_isotypes_that_picked_epochs_judge_nothing(tmp_path):
    for folder, numbers in (("isotypes_outside", (7, 39, 47)), ("crystals_outside", (15, 31))):
        (tmp_path / folder).mkdir()
        for number in numbers:
            (tmp_path / folder / f"225_{number:04d}.npz").touch()
    assert [p.name for p in third_edition.unseen(tmp_path / "isotypes_outside")] == ["225_0047.npz"]
    assert len(third_edition.unseen(tmp_path / "crystals_outside")) == 2


@pytest.mark.slow
def test_a_member_goes_on_from_the_shipped_one(library_of_three, monkeypatch):
    monkeypatch.setattr(third_edition, "CLASSES", (221, 225, 227))
    monkeypatch.setattr(third_edition, "CHANCES", (1.0, 1.0, 1.0))
    arguments = ["third_edition", str(library_of_three), "--members", "3", "--epochs", "1", "--share", "0.02"]
    monkeypatch.setattr(sys, "argv", arguments)
    third_edition.main()
    place = library_of_three / "members" / "transfer-3"
    described = json.loads((place / "member.json").read_text(encoding="utf-8"))
    assert described["name"] == "transfer-3" and described["classes"] == 10
    assert (place / "history.csv").read_text(encoding="utf-8").count("\n") == 2


def test_a_held_out_crystal_is_recorded_in_all_ways_and_says_what_simulated_it():
    master = kinematical_master(load_structure("Ni"), half_size=20)
    one = third_bundle.material(master, 4, 20, (1, 4))
    # Half as real scans are, a quarter as before and a quarter with nothing subtracted: 10, 5 and 5 of 20.
    parts = [
        labelled_batch([master], np.zeros(1, int), n, detector, microscope, [1, 4, kind])[0]
        for kind, (n, (detector, microscope, _)) in enumerate(
            zip((10, 5, 5), third_edition.RECORDINGS, strict=True)
        )
    ]
    np.testing.assert_array_equal(one.scan.read(slice(None)), np.concatenate(parts))
    assert one.scan.simulated and one.scan.simulators == ("kinematical",)
