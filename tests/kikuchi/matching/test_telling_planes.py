"""Planes that tell phases apart, against the rules of extinction."""

from kikuchi.matching.telling_planes import families, telling_planes
from kikuchi.simulate import load_structure


def test_an_ordered_crystal_is_told_by_its_superlattice():
    found = telling_planes(load_structure("Ni3Al"), load_structure("Ni"))
    # Face centring forbids mixed parities, which order allows.
    assert all(len({index % 2 for index in family.hkl}) == 2 for family in found)


def test_families_of_nickel_are_those_of_face_centring():
    found = families(load_structure("Ni"))
    assert [f.hkl for f in found][:4] == [(1, 1, 1), (2, 0, 0), (2, 2, 0), (3, 1, 1)]
    assert abs(sum(f.share for f in found) - 1) < 1e-9
    assert abs(found[0].spacing - load_structure("Ni").lattice[0] / 3**0.5) < 1e-6
