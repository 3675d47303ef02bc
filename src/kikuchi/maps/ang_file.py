"""A map as EDAX .ang text, for OIM Analysis, MTEX and DREAM.3D."""

from pathlib import Path

import numpy as np

from kikuchi._support.atomic import replaced
from kikuchi.crystallography.vendor_codes import edax_symmetry_code, symbol
from kikuchi.maps.file_phases import FilePhases, euler_angles, file_phases
from kikuchi.maps.full_grid import FullGrid, full_grid
from kikuchi.maps.headline import headline
from kikuchi.maps.map_data import MapData

EXTRA = ("entropy", "expected_entropy", "mutual_information", "variation_ratio", "unfamiliarity")


def write_ang(phase_map: MapData, path: str | Path) -> None:
    """Write a map as .ang.

    Columns: phi1, Phi, phi2 (radians), x, y (micrometres), IQ (quality), CI (confidence), phase, SEM (0), fit
    (0), then entropies (nats), variation ratio, unfamiliarity and status (0 solved, 1 ambiguous, 2 unfamiliar,
    3 unreadable, 4 mixed, -1 no pattern). Where there is no solution CI is -1, phase and angles are 0, and the
    uncertainties stay. Points without a pattern fill the rectangle that other programs expect, with ``nan`` for
    what was not measured.

    orix's own writer zeroes every property of such points and gives angles of 4 pi, hence this one. The lattice
    constants are placeholders: a space group has no size.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    grid, phases, d = full_grid(phase_map), file_phases(phase_map), phase_map.decision
    solved = phases.ids > 0
    columns = np.column_stack(
        [
            grid.spread(np.where(solved[:, None], euler_angles(phase_map), 0.0), 0.0),
            grid.x,
            grid.y,
            np.nan_to_num(grid.spread(d.quality, 0.0)),
            grid.spread(np.where(solved, d.confidence, -1.0), -1.0),
            grid.spread(phases.ids, 0),
            np.zeros((grid.index.size, 2)),
            *(grid.spread(getattr(d, name), np.nan) for name in EXTRA),
            grid.spread(d.status, -1),
        ]
    )
    formats = (
        ["%.5f"] * 3 + ["%.5f"] * 2 + ["%.4f", "%.4f", "%d", "%d", "%d"] + ["%.5f"] * len(EXTRA) + ["%d"]
    )
    with replaced(Path(path)) as temporary:
        np.savetxt(
            temporary,
            columns,
            fmt=formats,
            header="\n".join(_header(phase_map, phases, grid)),
            comments="# ",
            encoding="ascii",
        )


def _header(phase_map: MapData, phases: FilePhases, grid: FullGrid) -> list[str]:
    rows, cols = grid.shape
    lines = ["TEM_PIXperUM          1.000000", "x-star                0.5", "y-star                0.5"]
    lines += ["z-star                0.5", "WorkingDistance       0", ""]
    for i, g in enumerate(phases.space_groups, start=1):
        cell = " ".join(f"{c:.3f}" for c in phases.cells[i - 1])
        # Readers find these by position as well as by name: symmetry is the fifth line, the lattice the sixth.
        lines += [
            f"Phase {i}",
            f"MaterialName  \t{phases.names[i - 1]}",
            f"Formula  \t{symbol(g)}",
            f"Info \t\tspace group {g}",
            f"Symmetry              {edax_symmetry_code(g)}",
            f"LatticeConstants      {cell}",
            "NumberFamilies        0",
            "",
        ]
    lines += [
        f"GRID: {'HexGrid' if grid.hexagonal else 'SqrGrid'}",
        f"XSTEP: {grid.step[1]:.6f}",
        f"YSTEP: {grid.step[0]:.6f}",
        f"NCOLS_ODD: {cols}",
        f"NCOLS_EVEN: {cols}",
        f"NROWS: {rows}",
        "",
        "OPERATOR: \tkikuchi-ensemble",
        f"SAMPLEID: \t{headline(phase_map.name)}",
        "SCANID: \t",
        "",
        "Column names: phi1, Phi, phi2, x, y, image_quality, confidence_index, phase_id, detector_signal, "
        f"pattern_fit, {', '.join(EXTRA)}, status",
    ]
    return lines
