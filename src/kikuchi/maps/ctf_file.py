"""A map as HKL Channel text (.ctf), for Channel 5, MTEX, DREAM.3D and ATEX."""

from pathlib import Path

import numpy as np

from kikuchi._support.atomic import replaced
from kikuchi.crystallography.vendor_codes import ctf_laue_code
from kikuchi.maps.file_phases import FilePhases, euler_angles, file_phases
from kikuchi.maps.full_grid import FullGrid, full_grid
from kikuchi.maps.headline import headline
from kikuchi.maps.map_data import MapData

COLUMNS = ("Phase", "X", "Y", "Bands", "Error", "Euler1", "Euler2", "Euler3", "MAD", "BC", "BS")
NO_SOLUTION, NOT_ANALYSED = 3, 5


def write_ctf(phase_map: MapData, path: str | Path) -> None:
    """Write a map as .ctf, with exactly the eleven columns that every reader knows.

    Phase 0 with error 3 is no solution, phase 0 with error 5 a point without a pattern. The columns of band
    contrast and band slope hold what those programs have no place for: BC is 255 times the confidence, BS 255
    times (1 - entropy / log K), both of the pattern, solved or not. Bands and MAD are 0: no bands were indexed.
    Angles are in degrees. The cells are placeholders: a space group has no size. A .ctf file knows square grids
    only: `write_map` writes none of a hexagonal map.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    grid, phases, d = full_grid(phase_map), file_phases(phase_map), phase_map.decision
    solved = phases.ids > 0
    zeros = np.zeros(grid.index.size)
    certainty = 1.0 - d.entropy / np.log(max(2, len(phase_map.classes)))
    columns = np.column_stack(
        [
            grid.spread(phases.ids, 0),
            grid.x,
            grid.y,
            zeros,
            grid.spread(np.where(solved, 0, NO_SOLUTION), NOT_ANALYSED),
            grid.spread(np.where(solved[:, None], np.rad2deg(euler_angles(phase_map)), 0.0), 0.0),
            zeros,
            grid.spread(_byte(d.confidence), 0),
            grid.spread(_byte(certainty), 0),
        ]
    )
    formats = ["%d", "%.5f", "%.5f", "%d", "%d", "%.4f", "%.4f", "%.4f", "%.4f", "%d", "%d"]
    with replaced(Path(path)) as temporary:
        np.savetxt(
            temporary,
            columns,
            fmt=formats,
            delimiter="\t",
            # DREAM.3D cuts the last character off every header line, expecting a carriage return there.
            newline="\r\n",
            header="\r\n".join(_header(phase_map, phases, grid)),
            comments="",
            encoding="ascii",
        )


def _header(phase_map: MapData, phases: FilePhases, grid: FullGrid) -> list[str]:
    rows, cols = grid.shape
    # MTEX takes any line with "Phases" in it for the list of phases.
    project = headline(phase_map.name).replace("Phases", "phases")
    lines = [
        "Channel Text File",
        f"Prj\t{project}",
        "Author\tkikuchi-ensemble",
        "JobMode\tGrid",
        f"XCells\t{cols}",
        f"YCells\t{rows}",
        f"XStep\t{grid.step[1]:.6g}",
        f"YStep\t{grid.step[0]:.6g}",
        "AcqE1\t0",
        "AcqE2\t0",
        "AcqE3\t0",
        "Euler angles refer to Sample Coordinate system (CS0)!\tMag\t0\tCoverage\t100\tDevice\t0\tKV\t0\t"
        "TiltAngle\t0\tTiltAxis\t0",
        f"Phases\t{len(phases.space_groups)}",
    ]
    source = (
        "phase named by the user" if phase_map.phases else "space group from an ensemble; cell not measured"
    )
    for g, name, cell in zip(phases.space_groups, phases.names, phases.cells, strict=True):
        # EbsdLib (DREAM.3D) drops empty fields and then finds no space group: zeros stand for AZtec's own numbers.
        a, b, c, alpha, beta, gamma = cell
        lines.append(
            f"{a:.3f};{b:.3f};{c:.3f}\t{alpha:.3f};{beta:.3f};{gamma:.3f}\t{name}\t"
            f"{ctf_laue_code(g)}\t{g}\t0\t0\t{source}"
        )
    return [*lines, "\t".join(COLUMNS)]


def _byte(share: np.ndarray) -> np.ndarray:
    return np.round(255 * np.clip(np.nan_to_num(share), 0.0, 1.0)).astype(int)
