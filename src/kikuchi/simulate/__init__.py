"""Labelled EBSD scans from crystal structures and master patterns."""

from kikuchi.simulate.crystals.isotypes import random_isotype
from kikuchi.simulate.crystals.random_crystals import random_crystal
from kikuchi.simulate.crystals.structure_files import PAPER_MATERIALS, load_structure, structure_names
from kikuchi.simulate.crystals.structures import Structure
from kikuchi.simulate.detector.microscope import Detector, Microscope
from kikuchi.simulate.masters.bloch_waves import bloch_wave_master
from kikuchi.simulate.masters.cache import cached_master
from kikuchi.simulate.masters.dynamical import dynamical_master
from kikuchi.simulate.masters.kinematical import BandProfile, kinematical_master
from kikuchi.simulate.masters.load import load_master
from kikuchi.simulate.masters.master import MasterPattern
from kikuchi.simulate.masters.master_file import save_master
from kikuchi.simulate.masters.simulator import Simulator, draw_simulator, simulated_master
from kikuchi.simulate.scenes.labelled import simulate_labelled, simulate_map
from kikuchi.simulate.scenes.simulation import simulate

__all__ = [
    "PAPER_MATERIALS",
    "BandProfile",
    "Detector",
    "MasterPattern",
    "Microscope",
    "Simulator",
    "Structure",
    "bloch_wave_master",
    "cached_master",
    "draw_simulator",
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
    "simulated_master",
    "structure_names",
]
