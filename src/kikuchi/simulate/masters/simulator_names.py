"""What simulated a master pattern, in a few words: bundles say by which simulators their patterns were made."""

from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from typing import Any

BLOCH_WAVES = "Bloch waves"
KINEMATICAL = "kinematical"
EMSOFT = "EMsoft"
EBSDSIM = "ebsdsim"
UNKNOWN = "not said"

#: What `draw_simulator` draws of the free numbers of scattering, from and to.
DRAWN = {
    "depth": (0.6, 1.6),
    "least_depth": (0.0, 15.0),
    "absorption": (0.6, 1.6),
    "debye_waller": (0.6, 1.8),
    "least_energy": (0.6, 0.85),
}

#: What they are by default.
_USUAL = {"depth": 1.0, "least_depth": 10.0, "absorption": 1.0, "debye_waller": 1.0, "least_energy": 0.7}


def bloch_waves_by(scattering: Any) -> str:
    """Name Bloch waves by how the electrons are taken to move.

    Parameters
    ----------
    scattering
        `Scattering` or the same as a mapping; what it does not hold is as by default.

    Returns
    -------
    str
        ``"Bloch waves"``, with ``", drawn"`` where a number is another than by default and all are among what
        `draw_simulator` draws, with ``", beyond drawn"`` where one is not.

    Examples
    --------
    >>> bloch_waves_by({}), bloch_waves_by({"depth": 1.2}), bloch_waves_by({"depth": 2.2})
    ('Bloch waves', 'Bloch waves, drawn', 'Bloch waves, beyond drawn')
    """
    given = asdict(scattering) if is_dataclass(scattering) else dict(scattering)  # type: ignore[arg-type]
    numbers = {name: float(given.get(name, usual)) for name, usual in _USUAL.items()}
    if numbers == _USUAL:
        return BLOCH_WAVES
    inside = all(low <= numbers[name] <= high for name, (low, high) in DRAWN.items())
    return f"{BLOCH_WAVES}, {'drawn' if inside else 'beyond drawn'}"


def named_by_record(kind: str, simulation: Mapping[str, Any] | None) -> str:
    """Name what simulated a stored master that does not say so, from the settings that lie with it.

    Parameters
    ----------
    kind
        ``"kinematical"`` or ``"dynamical"``.
    simulation
        Settings as `save_master` was given them; None where there are none.
    """
    if kind == "kinematical":
        return KINEMATICAL
    if simulation is None:
        return UNKNOWN
    if simulation.get("method") == "dynamical_master":
        return EBSDSIM
    inner = simulation.get("simulator") or simulation
    scattering = inner.get("scattering") if isinstance(inner, Mapping) else None
    try:
        return bloch_waves_by(scattering if isinstance(scattering, Mapping) else {})
    except (TypeError, ValueError):
        return UNKNOWN
