"""Points of a scan whose phase a person knows: which to ask for, and the list read back."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ensemble.errors import InputError
from kikuchi._support.cells import word
from kikuchi.bundle.bundle import Bundle
from kikuchi.crystallography.named_phase import NamedPhase
from kikuchi.scans import Scan
from kikuchi.workflows.label_list import label_rows


def across_order(logits: np.ndarray, askable: np.ndarray, points: int, bundle: Bundle) -> np.ndarray:
    """Choose points spread evenly over the ranks of the order parameter of two phases.

    Parameters
    ----------
    logits
        Of the matcher, shape (n, 2).
    askable
        Which points can be asked about, shape (n,).
    points
        How many, at most.
    bundle
        What gave the logits.

    Raises
    ------
    InputError
        The bundle has other than two phases, or nothing can be asked about.
    """
    if len(bundle.phases) != 2:
        raise InputError(
            f"was adapted to {len(bundle.phases)} phases, and labels divide two", path=bundle.path,
            remedy="adapt to the two that are to be told apart",
        )  # fmt: skip
    here = np.flatnonzero(askable)
    if not len(here):
        raise InputError("no point of the map can be asked about: none is readable and within a grain")
    ranked = here[np.argsort(logits[here, 1] - logits[here, 0], kind="stable")]
    n = min(points, len(ranked))
    return ranked[((np.arange(n) + 0.5) / n * len(ranked)).astype(int)]


def read_phase_labels(
    path: str | Path, scan: Scan, phases: Sequence[NamedPhase]
) -> tuple[np.ndarray, np.ndarray]:
    """Read which phase some points of a scan have, from a list that `ensemble label` wrote and a person filled.

    Parameters
    ----------
    path
        CSV with the columns ``scan``, ``index`` and ``space_group``, and ``material`` for the phase by its name. Where
        that is empty the space group counts, if one phase alone has it; rows with neither are left out.
    scan
        The scan that is mapped.
    phases
        Of the bundle.

    Returns
    -------
    points, phase
        Indices of the points and of their phases, shapes (n,).

    Raises
    ------
    InputError
        The list cannot be read or is of another scan, a row is wrong, a point has two phases, or nothing is labelled.
    """
    path = Path(path)
    if len(phases) != 2:
        raise InputError(
            "labels divide the two phases of a bundle that was adapted to them", path=path,
            remedy="ensemble adapt SCAN --phase A --phase B --out RUN; others learn labels by `ensemble extend`",
        )  # fmt: skip
    found: dict[int, int] = {}
    for number, row in enumerate(label_rows(path), start=2):
        material = word((row.get("material") or "").strip())
        group = (row.get("space_group") or "").strip()
        if not material and not group:
            continue
        if Path(word(row["scan"] or "")).name != scan.path.name:
            raise InputError(
                f"line {number} is of another scan, {word(row['scan'] or '')!r}", path=path,
                remedy=f"give a list of {scan.path.name}",
            )  # fmt: skip
        index = (row["index"] or "").strip()
        if not re.fullmatch(r"\d{1,12}", index) or int(index) >= scan.n:
            raise InputError(
                f"line {number}: the scan has no point {index!r}", path=path, remedy=f"0 to {scan.n - 1}"
            )
        phase = _phase(material, group, phases)
        if phase is None:
            names = ", ".join(f"{p.name} ({p.space_group})" for p in phases)
            raise InputError(
                f"line {number}: {material or group!r} is not one of the phases", path=path, remedy=f"one of {names}"
            )  # fmt: skip
        if found.setdefault(int(index), phase) != phase:
            raise InputError(
                f"line {number}: point {index} has another phase before", path=path, remedy="keep one"
            )
    if not found:
        raise InputError("no row names a phase", path=path, remedy="fill the column material")
    points = np.array(sorted(found))
    return points, np.array([found[int(i)] for i in points])


def _phase(material: str, group: str, phases: Sequence[NamedPhase]) -> int | None:
    if material:
        fits = [k for k, phase in enumerate(phases) if phase.name == material]
    else:
        fits = [k for k, phase in enumerate(phases) if str(phase.space_group) == group]
    return fits[0] if len(fits) == 1 else None
