"""Labelled EBSD scans from crystal structures and master patterns."""

from kikuchi.simulate.bloch_waves import bloch_wave_master
from kikuchi.simulate.cache import cached_master
from kikuchi.simulate.dynamical import dynamical_master
from kikuchi.simulate.isotypes import random_isotype
from kikuchi.simulate.kinematical import BandProfile, kinematical_master
from kikuchi.simulate.labelled import simulate_labelled, simulate_map
from kikuchi.simulate.load import load_master
from kikuchi.simulate.master import MasterPattern
from kikuchi.simulate.master_file import save_master
from kikuchi.simulate.microscope import Detector, Microscope
from kikuchi.simulate.random_crystals import random_crystal
from kikuchi.simulate.simulation import simulate
from kikuchi.simulate.structures import PAPER_MATERIALS, Structure, load_structure, structure_names

__all__ = [
    "PAPER_MATERIALS",
    "BandProfile",
    "Detector",
    "MasterPattern",
    "Microscope",
    "Structure",
    "bloch_wave_master",
    "cached_master",
    "dynamical_master",
    "kinematical_master",
    "load_master",
    "load_structure",
    "random_crystal",
    "random_isotype",
    "save_master",
    "simulate",
    "simulate_labelled",
    "simulate_map",
    "structure_names",
]
