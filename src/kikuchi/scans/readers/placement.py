"""Where the images of a folder lie: by their names, by a grain list, or in a line."""

import re
from dataclasses import dataclass, replace
from pathlib import PurePath

import numpy as np

from ensemble.errors import InputError
from kikuchi.scans.readers.grain_list import GRAIN_LIST_NAME, GrainList, read_grain_list
from kikuchi.scans.readers.grid import NO_GRID, UNTOLD_GRID, Grid, full_grid, given_grid, grid_from_positions
from kikuchi.scans.readers.image_files import ImageFiles

# What programs write: _x3y1, _x3_y1, _r1c3, _row_001_col_003, [y1,x3], (1,3), -3-1.
_ROW = r"(?:row|r|y)[_\- =]?(?P<row>\d{1,9})"
_COLUMN = r"(?:column|col|c|x)[_\- =]?(?P<column>\d{1,9})"
_BETWEEN, _BEFORE, _AFTER = r"[_\-, ;]{0,2}", r"(?:^|[_\-. (\[])", r"[)\]]?$"
_POSITIONS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        _BEFORE + _COLUMN + _BETWEEN + _ROW + _AFTER,
        _BEFORE + _ROW + _BETWEEN + _COLUMN + _AFTER,
        r"[(\[](?P<row>\d{1,9}), ?(?P<column>\d{1,9})[)\]]$",
        r"-(?P<column>\d{1,9})-(?P<row>\d{1,9})$",
    )
)
_DATE = re.compile(r"(?:19|20)\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])$")
_NUMBER = re.compile(r"(\d{1,15})$")


@dataclass(frozen=True)
class Placement:
    """Images in scan order with their places.

    Parameters
    ----------
    files
        The images, row by row.
    grid
        Their rows and columns.
    x, y
        Their positions in micrometres, (N,); in steps where nothing gives the size of one.
    points
        Their points of a grain list, if there is one.
    note
        What a user should know, if anything.
    """

    files: ImageFiles
    grid: Grid
    x: np.ndarray
    y: np.ndarray
    points: GrainList | None = None
    note: str | None = None


def place_images(files: ImageFiles, shape: tuple[int, int] | None = None) -> Placement:
    """Find the places of images.

    Positions come from names (``_x5y10``, ``_r10c5``, ``_row_10_col_5``, ``(10,5)`` or ``-5-10``: column 5, row 10),
    else from ``Grain List.txt`` beside the images: AZtec's names end in a number that counts from 1, its IDs from 0.
    Without either the images are in the order of their numbers: a line, or the grid that is given.

    Parameters
    ----------
    files
        Images of one folder, in any order.
    shape
        Rows and columns of the grid, whatever names and lists say.

    Raises
    ------
    InputError
        If two images lie at one place, the grain list is damaged, or there are not as many images as ``shape`` wants.
    """
    files = files.in_natural_order()
    if shape is not None:
        grid = given_grid(shape, len(files), files[0].parent)
        return Placement(files, grid, *grid.positions())
    positions = _positions(files)
    if positions is not None:
        return _by_names(files, positions)
    grain_list = files[0].parent / GRAIN_LIST_NAME
    if not grain_list.is_file():
        return _line(files, UNTOLD_GRID if len(files) > 1 else None)
    numbers = _numbers(files)
    if numbers is None:
        return _line(files, f"{GRAIN_LIST_NAME} is not used: the names of the images have no numbers")
    return _by_list(files, numbers, read_grain_list(grain_list))


def _positions(files: ImageFiles) -> np.ndarray | None:
    """Column and row (N, 2) in the names, or None where one has none or there is one image only."""
    if len(files) < 2:
        return None
    first = PurePath(files.name(0)).stem
    pattern = next((pattern for pattern in _POSITIONS if pattern.search(first)), None)
    if pattern is None:
        return None
    positions = np.empty((len(files), 2), order="F")
    dates = True
    for i, name in enumerate(files.names()):
        stem = PurePath(name).stem
        match = pattern.search(stem)
        if match is None:
            return None
        positions[i] = int(match["column"]), int(match["row"])
        dates = dates and _DATE.search(stem) is not None
    return None if dates else positions


def _numbers(files: ImageFiles) -> np.ndarray | None:
    """Numbers at the end of the names, (N,), or None where one has none."""
    numbers = np.empty(len(files), np.int64)
    for i, name in enumerate(files.names()):
        match = _NUMBER.search(PurePath(name).stem)
        if match is None:
            return None
        numbers[i] = int(match[1])
    return numbers


def _line(files: ImageFiles, note: str | None = None) -> Placement:
    grid = full_grid(1, len(files))
    return Placement(files, grid, *grid.positions(), note=note)


def _by_names(files: ImageFiles, positions: np.ndarray) -> Placement:
    _refuse_twins(positions, files)
    grid = grid_from_positions(positions[:, 0], positions[:, 1])
    if grid is None:
        return _line(files, NO_GRID)
    grid = replace(grid, step=(1.0, 1.0))
    return _in_scan_order(Placement(files, grid, *grid.positions()))


def _by_list(files: ImageFiles, numbers: np.ndarray, points: GrainList) -> Placement:
    by_id = np.argsort(points.ids)
    found = np.minimum(np.searchsorted(points.ids[by_id], numbers - 1), len(by_id) - 1)
    known = np.flatnonzero(points.ids[by_id[found]] == numbers - 1)
    if known.size == 0:
        return _line(files, f"no image matches a point of {GRAIN_LIST_NAME}")
    missing = len(files) - len(known)
    note = f"{missing} images have no point in {GRAIN_LIST_NAME} and are left out" if missing else None
    files = files.take(known)
    _refuse_twins(numbers[known][:, None], files)
    chosen = by_id[found[known]]
    # The grid is that of the whole list: the images may be a few of its points.
    grid = grid_from_positions(points.x, points.y)
    points = _take_points(points, chosen)
    if grid is None:
        return Placement(files, full_grid(1, len(files)), points.x, points.y, points, NO_GRID)
    grid = replace(grid, row=grid.row[chosen], col=grid.col[chosen])
    return _in_scan_order(Placement(files, grid, points.x, points.y, points, note))


def _refuse_twins(places: np.ndarray, files: ImageFiles) -> None:
    order = np.lexsort(places.T)
    same = np.flatnonzero(np.all(np.diff(places[order], axis=0) == 0, axis=1))
    if same.size:
        one, other = sorted(files.name(order[same[0] + k]) for k in (0, 1))
        raise InputError(
            f"{one} and {other} lie at the same place",
            path=files[0].parent,
            remedy="keep one image per point in a folder",
        )


def _in_scan_order(placement: Placement) -> Placement:
    grid = placement.grid
    order = np.lexsort((grid.col, grid.row))
    return replace(
        placement,
        files=placement.files.take(order),
        grid=replace(grid, row=grid.row[order], col=grid.col[order]),
        x=placement.x[order],
        y=placement.y[order],
        points=None if placement.points is None else _take_points(placement.points, order),
    )


def _take_points(points: GrainList, order: np.ndarray) -> GrainList:
    return GrainList(
        points.ids[order],
        points.x[order],
        points.y[order],
        None if points.phases is None else points.phases[order],
        None if points.euler is None else points.euler[order],
    )
