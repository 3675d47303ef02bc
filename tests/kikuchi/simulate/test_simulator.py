"""Simulators as an ensemble: drawn within what is promised, recorded with the master, part of the cache's key."""

from dataclasses import replace

import numpy as np
import pytest

from ensemble.errors import InputError
from kikuchi.simulate.crystals.structure_files import load_structure
from kikuchi.simulate.masters.bloch_waves import Scattering, bloch_wave_master
from kikuchi.simulate.masters.cache import cached_master
from kikuchi.simulate.masters.kinematical import kinematical_master
from kikuchi.simulate.masters.load import load_master
from kikuchi.simulate.masters.master_file import read_stored_master, save_master
from kikuchi.simulate.masters.simulator import Simulator, draw_simulator, simulated_master
from kikuchi.simulate.masters.simulator_names import bloch_waves_by


def test_draws_stay_in_their_ranges_and_cover_them():
    drawn = [draw_simulator(seed) for seed in range(300)]
    for name, low, high in (("depth", 0.6, 1.6), ("absorption", 0.6, 1.6), ("debye_waller", 0.6, 1.8)):
        values = np.array([getattr(simulator.scattering, name) for simulator in drawn])
        assert low <= values.min() < low * 1.05 and high / 1.05 < values.max() <= high
        # Log-uniform: the median is the geometric mean of the ends.
        assert np.median(values) == pytest.approx(np.sqrt(low * high), rel=0.08)
    assert {simulator.scattering.energies for simulator in drawn} == {2, 3, 4}


def test_large_cells_get_the_spacing_that_they_can_afford():
    assert draw_simulator(0, load_structure("Ni")).min_dspacing == 0.5
    assert (
        draw_simulator(0, load_structure("Garnet"), least_spacing=0.9, most_reflectors=500).min_dspacing > 0.9
    )


def test_a_simulator_survives_its_record():
    simulator = draw_simulator(5)
    assert Simulator.from_dict(simulator.to_dict()) == simulator
    with pytest.raises(InputError, match="simulator"):
        Simulator.from_dict({"beams": 3})


def test_masters_are_kept_by_their_simulator_and_say_which_it_was(tmp_path):
    nickel = load_structure("Ni")
    settings = [Simulator(Scattering(depth=depth, energies=1), min_dspacing=1.0) for depth in (1.0, 1.5)]
    masters = [
        cached_master(simulated_master, nickel, 20, folder=tmp_path, simulator=simulator, half_size=4)
        for simulator in (*settings, settings[0])
    ]
    files = sorted(tmp_path.glob("*.npz"))
    assert len(files) == 2
    records = [read_stored_master(file).simulation["simulator"] for file in files]
    assert {record["scattering"]["depth"] for record in records} == {1.0, 1.5}
    np.testing.assert_array_equal(masters[0].north, masters[2].north)
    assert [m.simulator for m in masters] == ["Bloch waves", "Bloch waves, drawn", "Bloch waves"]
    assert np.abs(masters[0].north - masters[1].north).max() > 0.01


def test_settings_that_are_never_drawn_are_told_from_drawn_ones():
    drawn = [draw_simulator(seed).scattering for seed in range(100)]
    assert {bloch_waves_by(scattering) for scattering in drawn} == {"Bloch waves, drawn"}
    # README of reports/simulation: draws of absorption end at 1.6.
    assert bloch_waves_by(Scattering(absorption=1.9)) == "Bloch waves, beyond drawn"


def test_libraries_written_before_masters_said_so_are_named_by_their_settings(tmp_path):
    nickel = load_structure("Ni")
    old = replace(kinematical_master(nickel, half_size=4), kind="dynamical", simulator="")
    records = (
        (None, "not said"),
        (draw_simulator(3).to_dict(), "Bloch waves, drawn"),
        ({"method": "bloch_wave_master", "half_size": 4}, "Bloch waves"),
        ({"method": "dynamical_master"}, "ebsdsim"),
        ({"scattering": {"depth": "deep"}}, "not said"),
    )
    for record, name in records:
        save_master(tmp_path / "old.npz", old, nickel, record)
        assert load_master(tmp_path / "old.npz").simulator == name


def test_another_default_of_the_simulator_makes_another_file(tmp_path, monkeypatch):
    """A nanometre added to all depths by default left old masters in caches, under the same name."""
    nickel = load_structure("Ni")
    settings = {"half_size": 4, "min_dspacing": 1.0}
    before = cached_master(bloch_wave_master, nickel, 20, folder=tmp_path, **settings)
    monkeypatch.setattr(
        Scattering.__init__, "__defaults__", (1.0, 0.0, *Scattering.__init__.__defaults__[2:])
    )
    after = cached_master(bloch_wave_master, nickel, 20, folder=tmp_path, **settings)
    assert len(list(tmp_path.glob("*.npz"))) == 2
    assert np.abs(after.north - before.north).max() > 0.01
