"""Labelled EBSD scans from crystal structures and master patterns.

Everything is imported when it is first asked for: a recipe, which may hold a detector, needs no Bloch waves.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

#: Module of each name.
_HOMES = {
    "BandProfile": "masters.kinematical",
    "Detector": "detector.microscope",
    "MasterPattern": "masters.master",
    "Microscope": "detector.microscope",
    "PAPER_MATERIALS": "crystals.structure_files",
    "Simulator": "masters.simulator",
    "Structure": "crystals.structures",
    "bloch_wave_master": "masters.bloch_waves",
    "cached_master": "masters.cache",
    "draw_simulator": "masters.simulator",
    "dynamical_master": "masters.dynamical",
    "kinematical_master": "masters.kinematical",
    "load_master": "masters.load",
    "load_structure": "crystals.structure_files",
    "random_crystal": "crystals.random_crystals",
    "random_isotype": "crystals.isotypes",
    "save_master": "masters.master_file",
    "simulate": "scenes.simulation",
    "simulate_labelled": "scenes.labelled",
    "simulate_map": "scenes.labelled",
    "simulated_master": "masters.simulator",
    "structure_names": "crystals.structure_files",
}

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


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'kikuchi.simulate' has no attribute {name!r}")
    return getattr(importlib.import_module(f"kikuchi.simulate.{_HOMES[name]}"), name)
