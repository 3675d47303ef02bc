"""Isotypes: the structure types of the literature, whatever the elements."""

import numpy as np
import pytest

from ensemble.errors import InputError
from kikuchi.simulate.crystals.isotypes import _filled, _types, isotype_groups, random_isotype
from kikuchi.simulate.crystals.random_crystals import closest_contact
from kikuchi.simulate.crystals.structures import detected_space_group

#: Atoms in the conventional cell (Pearson symbols; AFLOW Library of Crystallographic Prototypes).
PEARSON = {
    "A1": "cF4", "A2": "cI2", "A4": "cF8", "A15": "cP8", "B1": "cF8", "B2": "cP2", "C1": "cF12", "C3": "cP6",
    "C15": "cF24", "D0_3": "cF16", "D0_9": "cP4", "D2_1": "cP7", "D2_3": "cF112", "D8_4": "cF116", "D8_f": "cI40",
    "E2_1": "cP5", "H1_1": "cF56", "J1_1": "cF36", "L1_2": "cP4", "L2_1": "cF16", "S1_4": "cI160",
    "Ni3Al4": "cI112", "NaPt3O4": "cP16",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(PEARSON))
def test_every_type_has_its_cell_and_its_space_group(name):
    kind = _types()[name]
    crystal = _filled(name, kind, np.random.default_rng(3))
    assert len(crystal.atoms.numbers) == int(PEARSON[name][2:])
    assert detected_space_group(crystal, symprec=0.02) == kind["space_group"]


def test_every_type_is_looked_at():
    assert set(_types()) == set(PEARSON)


def test_elements_change_and_atoms_touch():
    crystals = [random_isotype(221, np.random.default_rng(seed)) for seed in range(6)]
    assert len({crystal.name for crystal in crystals}) > 3
    for crystal in crystals:
        assert 0.85 < closest_contact(crystal) < 1.2
        assert all(site.position == tuple(np.mod(site.position, 1)) for site in crystal.sites)


def test_a_group_without_types_names_those_that_have_some():
    with pytest.raises(InputError, match="space group 222") as error:
        random_isotype(222, np.random.default_rng(0))
    assert "221" in str(error.value.remedy) and 222 not in isotype_groups()
