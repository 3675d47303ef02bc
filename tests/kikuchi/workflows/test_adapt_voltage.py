"""The voltage that the patterns name: the one they were simulated at, by surveys that are acted here."""

from types import SimpleNamespace

import numpy as np
import pytest

from ensemble.errors import InputError
from kikuchi.workflows import adapt_voltage
from kikuchi.workflows.adapt_voltage import Surveyed, survey_at_best_voltage

SCAN = SimpleNamespace(path="scan.h5")


def phase(name, file=None):
    return SimpleNamespace(name=name, file=file, space_group=225)


NAMED = [phase("Ni"), phase("Si")]


def act(monkeypatch, found):
    """Act the surveys: what each voltage explains, and which phase comes first there."""

    def one(scan, named, voltage, say):
        share, first = found[voltage]
        fit = SimpleNamespace(phase=np.full(9, first))
        return Surveyed(voltage, (None, None), (), SimpleNamespace(explained=np.full(9, share), fit=fit))

    monkeypatch.setattr(adapt_voltage, "survey_at", one)


def test_the_voltage_that_explains_most_is_taken_and_all_are_said(monkeypatch):
    # The real map of Inconel 718: silicon comes first at 20 kV, nickel explains more at 30.
    act(monkeypatch, {10.0: (0.5, 1), 15.0: (0.55, 1), 20.0: (0.62, 1), 30.0: (0.71, 0)})
    said = []
    assert survey_at_best_voltage(SCAN, NAMED, said.append).voltage_kv == 30
    assert "62% at 20 kV (Si first), 71% at 30 kV (Ni first)" in said[-1]


def test_a_phase_that_hangs_on_the_voltage_is_not_decided(monkeypatch):
    act(monkeypatch, {10.0: (0.5, 1), 15.0: (0.55, 1), 20.0: (0.68, 1), 30.0: (0.71, 0)})
    with pytest.raises(
        InputError, match=r"scan\.h5: does not say its voltage, and which phase fits depends on it"
    ):
        survey_at_best_voltage(SCAN, NAMED, lambda _: None)


def test_phases_that_a_free_voltage_alone_makes_fit_are_refused(monkeypatch):
    # The same map, told that it is iron or silicon.
    act(monkeypatch, {10.0: (0.5, 1), 15.0: (0.58, 1), 20.0: (0.62, 1), 30.0: (0.58, 1)})
    with pytest.raises(InputError, match=r"at none do the phases explain 65% .* 62% at 20 kV \(Si first\)"):
        survey_at_best_voltage(SCAN, NAMED, lambda _: None)


def test_a_near_voltage_that_names_the_same_phase_is_no_rival(monkeypatch):
    act(monkeypatch, {10.0: (0.5, 0), 15.0: (0.55, 1), 20.0: (0.70, 0), 30.0: (0.71, 0)})
    assert survey_at_best_voltage(SCAN, NAMED, lambda _: None).voltage_kv == 30


def test_a_master_pattern_of_one_voltage_cannot_say_it():
    with pytest.raises(InputError, match="NiO is a master pattern of one voltage"):
        survey_at_best_voltage(SCAN, [phase("Ni"), phase("NiO", "NiO.sht")], lambda _: None)
