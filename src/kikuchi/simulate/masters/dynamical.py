"""Dynamical master patterns from a crystal structure, through ebsdsim (the extra ``[dynamical]``)."""

from typing import Any

import numpy as np

from ensemble.errors import InputError
from kikuchi.simulate.crystals.structures import Structure
from kikuchi.simulate.masters.master import MasterPattern
from kikuchi.simulate.masters.simulator_names import EBSDSIM


def dynamical_master(
    structure: Structure,
    voltage_kv: float = 20.0,
    *,
    half_size: int = 50,
    min_dspacing: float = 0.8,
    energy_bin_kev: float | None = None,
    rank: int = 8,
) -> MasterPattern:
    """Compute a dynamical master pattern by multi-beam Bloch waves.

    ebsdsim solves the wave equation on a GPU, or without one on Mesa's software Vulkan (package
    ``mesa-vulkan-drivers``, with ``VK_DRIVER_FILES`` naming its ``lvp_icd`` file), where masters beyond 121 pixels
    meet the driver's buffer limit.

    Parameters
    ----------
    structure, voltage_kv, half_size, min_dspacing
        As for `kikuchi.simulate.kinematical_master`.
    energy_bin_kev
        Width of the energy bins over which the pattern is averaged, keV. By default one bin takes all: a nickel
        master then correlates 0.9993 with one of three bins and takes a quarter of the time.
    rank
        Rank of ebsdsim's Krylov solver, 1 to 16; below 8 the results are not to be trusted.

    Returns
    -------
    master
        Both hemispheres, float32.

    Raises
    ------
    InputError
        If ebsdsim or a device for it is missing, or it cannot compute this crystal.
    """
    ebsdsim = _import_ebsdsim()
    atoms = [
        ebsdsim.Atom(site.element, *site.position, occupancy=site.occupancy, b_iso=site.b_iso)
        for site in structure.sites
    ]
    cell = ebsdsim.Cell(*structure.lattice, space_group=structure.space_group)
    try:
        result = ebsdsim.master_pattern(
            ebsdsim.Material(cell=cell, atoms=atoms, name=structure.name),
            voltage_kv=voltage_kv,
            halfw=half_size,
            dmin=min_dspacing / 10,
            energy_binwidth_keV=voltage_kv if energy_bin_kev is None else energy_bin_kev,
            rank=rank,
        )
    except Exception as error:  # wgpu's drivers raise many types, none of them documented
        raise InputError(
            f"ebsdsim cannot compute {structure.name}: {error}",
            remedy="it needs a GPU, or mesa-vulkan-drivers and VK_DRIVER_FILES; try a smaller half_size",
        ) from error
    axes = result.axes
    hemispheres = result.data[axes["energy_integrated_index"], axes["site_integrated_index"]]
    north = np.ascontiguousarray(hemispheres[0], dtype=np.float32)
    if not (np.isfinite(north).all() and np.ptp(north) > 0):
        raise InputError(f"ebsdsim gave no pattern for {structure.name}", remedy="raise min_dspacing or rank")
    south = np.ascontiguousarray(hemispheres[-1], dtype=np.float32)
    return MasterPattern.of(
        structure,
        voltage_kv,
        north,
        north if np.array_equal(north, south) else south,
        kind="dynamical",
        simulator=EBSDSIM,
    )


def _import_ebsdsim() -> Any:
    try:
        import ebsdsim
    except ImportError:
        raise InputError(
            "dynamical master patterns need the package ebsdsim",
            remedy='pip install "kikuchi-ensemble[dynamical]"',
        ) from None
    return ebsdsim
