"""Load a master pattern from any of the field's files."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.errors import InputError
from kikuchi._support.archive import check_archive
from kikuchi._support.hdf5_probe import probe_hdf5
from kikuchi._support.home import load_kikuchipy
from kikuchi.simulate.crystals.symmetry import is_centrosymmetric
from kikuchi.simulate.masters.master import MasterPattern
from kikuchi.simulate.masters.master_file import read_stored_master
from kikuchi.simulate.masters.sht import load_sht
from kikuchi.simulate.masters.simulator_names import EBSDSIM, EMSOFT

_FORMATS = ".sht, .npz (ebsdsim or this toolkit) or .h5 (EMsoft or kikuchipy)"


def load_master(path: str | Path, voltage_kv: float | None = None, *, half_size: int = 200) -> MasterPattern:
    """Load a master pattern.

    Parameters
    ----------
    path
        ``.sht`` (EMsoft, EMSphInx), ``.npz`` (ebsdsim, or written by `save_master`) or ``.h5`` (EMsoft, kikuchipy).
    voltage_kv
        Which energy to take where a file holds several, the highest by default; with one energy, what the file is
        expected to be for.
    half_size
        Pixels from the pole to the edge for ``.sht`` files, which have no pixels of their own.

    Returns
    -------
    master
        Both hemispheres, float32.

    Raises
    ------
    InputError
        If the file is absent, damaged, of another kind or for another voltage.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError("no such master pattern", path=path)
    suffix = path.suffix.lower()
    if suffix == ".sht":
        return _of_voltage(load_sht(path, half_size=half_size), voltage_kv, path)
    if suffix == ".npz":
        if _is_ours(path):
            return _of_voltage(read_stored_master(path).master, voltage_kv, path)
        check_archive(path, remedy=f"give {_FORMATS}")
        return _through_kikuchipy(path, voltage_kv)
    if suffix in (".h5", ".hdf5"):
        probe_hdf5(path, remedy=f"give {_FORMATS}")
        return _through_kikuchipy(path, voltage_kv, projection="lambert")
    raise InputError("not a master pattern that can be read", path=path, remedy=f"give {_FORMATS}")


def _of_voltage(master: MasterPattern, voltage_kv: float | None, path: Path) -> MasterPattern:
    _require_voltage(master.voltage_kv, voltage_kv, path)
    return master


def _require_voltage(held: float, asked: float | None, path: Path) -> None:
    if asked is not None and abs(asked - held) > 0.5:
        raise InputError(f"it is for {held:g} kV, not {asked:g}", path=path)


def _is_ours(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return set(archive.namelist()) == {"meta.npy", "values.npy"}
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile):
        raise InputError("not a NumPy archive, or cut short", path=path) from None


def _through_kikuchipy(path: Path, voltage_kv: float | None, **options: Any) -> MasterPattern:
    kikuchipy = load_kikuchipy()
    try:
        signal = kikuchipy.load(path, hemisphere="both", **options)
    except ImportError as error:
        raise InputError(f"{error}", path=path, remedy='pip install "kikuchi-ensemble[dynamical]"') from None
    except Exception as error:  # readers of five formats raise what they like
        raise InputError(
            f"kikuchipy cannot read it: {error}", path=path, remedy=f"give {_FORMATS}"
        ) from error
    if not isinstance(signal, kikuchipy.signals.EBSDMasterPattern):
        raise InputError(f"it holds {type(signal).__name__}, not a master pattern", path=path)
    if signal.phase.space_group is None:
        raise InputError("the master pattern does not say its space group", path=path)
    space_group = int(signal.phase.space_group.number)
    signal, energy = _one_energy(signal, voltage_kv, path)
    if signal.projection != "lambert":
        signal = signal.as_lambert(show_progressbar=False)
    north, south = _both_hemispheres(np.asarray(signal.data, dtype=np.float32), space_group, path)
    return MasterPattern(
        name=signal.phase.name or path.stem,
        space_group=space_group,
        voltage_kv=energy,
        north=north,
        south=south,
        kind="dynamical",
        source=path.name,
        # kikuchipy's own files hold what EMsoft computed.
        simulator=EBSDSIM if path.suffix.lower() == ".npz" else EMSOFT,
    )


def _one_energy(signal: Any, voltage_kv: float | None, path: Path) -> tuple[Any, float]:
    """Pick the energy that is asked for, or the highest."""
    names = [axis.name for axis in signal.axes_manager.navigation_axes]
    if "energy" not in names:
        # kikuchipy forgets the energy where a file holds only one.
        known = (
            _emsoft_energy(path)
            or signal.original_metadata.get_item("voltage_kv")
            or signal.metadata.get_item("Acquisition_instrument.SEM.beam_energy")
            or voltage_kv
        )
        if known is None:
            raise InputError("the file does not say its voltage", path=path, remedy="give voltage_kv")
        _require_voltage(float(known), voltage_kv, path)
        return signal, float(known)
    axis = signal.axes_manager.navigation_axes[names.index("energy")]
    energies = np.asarray(axis.axis, dtype=float)
    index = int(np.abs(energies - (energies.max() if voltage_kv is None else voltage_kv)).argmin())
    if voltage_kv is not None and abs(energies[index] - voltage_kv) > max(axis.scale, 0.5):
        held = f"{energies.min():g} to {energies.max():g}"
        raise InputError(f"it holds {held} kV, not {voltage_kv:g}", path=path)
    picked = (slice(None), index) if names.index("energy") == 1 else index
    try:
        return signal.inav[picked], float(energies[index])
    except TypeError as error:  # HDF5 objects that stand for damaged values cannot be copied
        raise InputError(
            f"its description is damaged: {error}", path=path, remedy=f"give {_FORMATS}"
        ) from None


def _emsoft_energy(path: Path) -> float | None:
    """Return the highest energy, keV, of an EMsoft file."""
    import h5py

    if not h5py.is_hdf5(path):
        return None
    with h5py.File(path) as file:
        energies = file.get("EMData/EBSDmaster/EkeVs")
        return float(np.max(energies)) if isinstance(energies, h5py.Dataset) and energies.size else None


def _both_hemispheres(data: np.ndarray, space_group: int, path: Path) -> tuple[np.ndarray, np.ndarray]:
    if data.shape[-1] != data.shape[-2] or data.shape[-1] % 2 == 0 or not np.isfinite(data).all():
        raise InputError(f"a master pattern of {data.shape[-2:]} pixels is no Lambert square", path=path)
    if data.ndim == 3 and len(data) == 2:
        north, south = data
    elif is_centrosymmetric(space_group):
        north = data.reshape(data.shape[-2:])
        south = north[::-1, ::-1]
    else:
        raise InputError(
            f"space group {space_group} needs both hemispheres and the file holds one", path=path
        )
    return north, north if np.array_equal(north, south) else south
