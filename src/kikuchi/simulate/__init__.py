"""Labelled EBSD scans from crystal structures and master patterns."""

from kikuchi.simulate.kinematical import BandProfile, kinematical_master
from kikuchi.simulate.labelled import simulate_labelled, simulate_map
from kikuchi.simulate.master import MasterPattern
from kikuchi.simulate.microscope import Detector, Microscope
from kikuchi.simulate.simulation import simulate
from kikuchi.simulate.structures import Structure, load_structure, structure_names

__all__ = [
    "BandProfile",
    "Detector",
    "MasterPattern",
    "Microscope",
    "Structure",
    "kinematical_master",
    "load_structure",
    "simulate",
    "simulate_labelled",
    "simulate_map",
    "structure_names",
]
