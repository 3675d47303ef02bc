"""The voltage of a scan that does not say it: the one at which the named phases explain its patterns best."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ensemble.errors import InputError
from kikuchi.matching.phases import Candidate, check_distinct
from kikuchi.matching.survey import Survey, survey
from kikuchi.matching.texture import Texture, texture_of
from kikuchi.scans import Scan
from kikuchi.simulate import MasterPattern

#: Voltages that are tried where the scan names none, in kilovolts: what scanning electron microscopes are used at.
VOLTAGES_KV = (10.0, 15.0, 20.0, 30.0)

#: Another voltage that puts another phase first must explain so much less, or the phase follows from the voltage alone.
LEAST_MARGIN = 0.05

#: Median share of what patterns show that must be explained where the voltage was free, which helps wrong phases:
#: silicon explains 0.63 of the real patterns of Inconel 718, nickel 0.71 (`reports/adapt`).
LEAST_EXPLAINED = 0.65


@dataclass(frozen=True)
class Surveyed:
    """A scan, looked at with the phases simulated at one voltage.

    Attributes
    ----------
    voltage_kv
        Accelerating voltage, in kilovolts.
    masters, textures
        Of each phase.
    seen
        What was found.
    """

    voltage_kv: float
    masters: tuple[MasterPattern, ...]
    textures: tuple[Texture, ...]
    seen: Survey

    @property
    def explained(self) -> float:
        """Median share of what patterns show that the best phase explains."""
        return float(np.median(self.seen.explained))

    @property
    def first(self) -> int:
        """Index of the phase that fits most patterns best."""
        return int(np.bincount(self.seen.fit.phase, minlength=len(self.masters)).argmax())


def survey_at(
    scan: Scan, named: Sequence[Candidate], voltage_kv: float, say: Callable[[str], None]
) -> Surveyed:
    """Look at a scan with the phases simulated at one voltage.

    Parameters
    ----------
    scan
        The scan.
    named
        Two or more phases.
    voltage_kv
        In kilovolts.
    say
        Called with what is being done.

    Returns
    -------
    Surveyed
        Geometry, background and fit.

    Raises
    ------
    InputError
        Two phases are one, or too few patterns are readable.
    """
    say(f"simulating {len(named)} phases at {voltage_kv:g} kV")
    masters = tuple(phase.master(voltage_kv) for phase in named)
    check_distinct(named, masters)
    textures = tuple(texture_of(master) for master in masters)
    groups = tuple(phase.space_group for phase in named)
    return Surveyed(voltage_kv, masters, textures, survey(scan, textures, groups, say=say))


def survey_at_best_voltage(scan: Scan, named: Sequence[Candidate], say: Callable[[str], None]) -> Surveyed:
    """Look at a scan whose voltage nobody gave, at each of `VOLTAGES_KV`, and keep the best.

    Bands are as wide as the wavelength over the spacing of their planes: a wrong voltage makes the patterns of one
    phase look like those of another with another cell.

    Parameters
    ----------
    scan
        The scan.
    named
        Two or more phases.
    say
        Called with what is being done.

    Returns
    -------
    Surveyed
        At the voltage whose median `explained` is largest.

    Raises
    ------
    InputError
        A phase is known by a master pattern of one voltage alone, no voltage explains enough, or another phase comes
        first at another voltage that explains nearly as much.
    """
    fixed = [phase.name for phase in named if phase.file is not None]
    if fixed:
        raise InputError(
            f"does not say its voltage, and {fixed[0]} is a master pattern of one voltage",
            path=scan.path,
            remedy="give it: --kv 20, or voltage_kv=20 in Python",
        )
    tried = [survey_at(scan, named, voltage, say) for voltage in VOLTAGES_KV]
    listed = ", ".join(
        f"{t.explained:.0%} at {t.voltage_kv:g} kV ({named[t.first].name} first)" for t in tried
    )
    say(f"the scan does not say its voltage; explained: {listed}")
    best = max(tried, key=lambda t: t.explained)
    if best.explained < LEAST_EXPLAINED:
        raise InputError(
            "does not say its voltage, and at none do the phases explain "
            f"{LEAST_EXPLAINED:.0%} of its patterns: {listed}",
            path=scan.path,
            remedy="give it: --kv 20, or name other phases",
        )
    rivals = [t for t in tried if t.first != best.first and t.explained > best.explained - LEAST_MARGIN]
    if rivals:
        raise InputError(
            f"does not say its voltage, and which phase fits depends on it: {listed}",
            path=scan.path,
            remedy="give it: --kv 20, or voltage_kv=20 in Python",
        )
    return best
