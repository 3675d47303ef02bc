"""Write everything a map is: tables, maps for other programs, pictures."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from ensemble.phase_fractions import Fractions
from kikuchi.maps.ang_file import write_ang
from kikuchi.maps.choice_pictures import candidates_picture, first_choice_picture, opening_picture
from kikuchi.maps.csv_file import write_csv
from kikuchi.maps.ctf_file import write_ctf
from kikuchi.maps.full_grid import is_hexagonal
from kikuchi.maps.h5_file import write_h5
from kikuchi.maps.members_picture import members_picture
from kikuchi.maps.phase_map import PhaseMap
from kikuchi.maps.picture_files import write_pictures
from kikuchi.maps.pictures import confidence_picture, entropy_picture, status_picture
from kikuchi.maps.summary_file import write_summary

NO_HEXAGONAL_CTF = (
    "the grid is hexagonal: no map.ctf is written, since programs read that format as square; map.ang, map.h5 and "
    "map.csv keep the positions"
)
PICTURES: dict[str, Callable[[PhaseMap], Any]] = {
    "phase": opening_picture,
    "first_choice": first_choice_picture,
    "candidates": candidates_picture,
    "entropy": entropy_picture,
    "confidence": confidence_picture,
    "status": status_picture,
    "members": members_picture,
}


def write_map(phase_map: PhaseMap, out_dir: str | Path, *, fractions: Fractions | None = None) -> list[Path]:
    """Write a map for people and for other programs.

    Parameters
    ----------
    phase_map
        The map.
    out_dir
        Folder to write to; it is made. Files of the same names are replaced, each as a whole.
    fractions
        Phase fractions for `summary.json`.

    Returns
    -------
    list of Path
        ``map.h5``, ``map.csv``, ``map.ang``, ``map.ctf``, ``summary.json`` and the pictures as PNG; SVG, PDF and
        captions are in ``figures``. A hexagonal map has no ``map.ctf``, and one of an earlier map goes.

    Raises
    ------
    InputError
        If a file cannot be written.
    """
    out = Path(out_dir)
    writers = {"map.h5": write_h5, "map.csv": write_csv, "map.ang": write_ang, "map.ctf": write_ctf}
    if is_hexagonal(phase_map):
        del writers["map.ctf"]
        (out / "map.ctf").unlink(missing_ok=True)
    for name, write in writers.items():
        write(phase_map, out / name)
    write_summary(phase_map, out / "summary.json", fractions)
    drawn = write_pictures({name: partial(draw, phase_map) for name, draw in PICTURES.items()}, out)
    return [*(out / name for name in (*writers, "summary.json")), *drawn]
