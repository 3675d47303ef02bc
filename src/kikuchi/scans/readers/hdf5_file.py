"""Contents and declared sizes of an HDF5 file, checked before any reader loads from it."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ensemble.errors import InputError
from kikuchi._support.hdf5_probe import probe_hdf5
from kikuchi.scans.readers.image_files import natural_key
from kikuchi.scans.readers.limits import check_grid_size, check_pattern_size

HDF5_SUFFIXES = (".h5", ".hdf5", ".h5ebsd", ".h5oina", ".oh5")
#: Names of pattern data sets: kikuchipy, EDAX, Bruker, Oxford (processed first), EMsoft.
PATTERN_NAMES = (
    "patterns",
    "Pattern",
    "RawPatterns",
    "Processed Patterns",
    "Unprocessed Patterns",
    "EBSDPatterns",
)
# Every other data set is loaded whole by the vendor readers.
_MAX_OTHER_BYTES = 2**31
_MAX_OBJECTS = 100_000
#: Filters that files may name by their number alone: https://github.com/HDFGroup/hdf5_plugins/blob/master/docs
_FILTERS = {
    305: "LZO", 307: "bzip2", 32000: "LZF", 32001: "Blosc", 32004: "LZ4", 32008: "bitshuffle", 32013: "ZFP",
    32015: "Zstandard", 32017: "SZ", 32026: "Blosc2",
}  # fmt: skip


@dataclass(frozen=True)
class Hdf5Content:
    """Summary of an HDF5 file before it is read.

    Parameters
    ----------
    patterns
        Names of its pattern data sets, the first scan's first.
    kind
        "scan", "master pattern", "map" (a map without patterns) or "other".
    without
        Groups of scans that have no patterns.
    """

    patterns: tuple[str, ...]
    kind: str
    without: tuple[str, ...] = ()

    def chosen(self, path: Path, scan_name: str | None = None) -> tuple[str, str | None]:
        """Choose one of the scans.

        Parameters
        ----------
        path
            The file, for messages.
        scan_name
            The scan's group; the first that has patterns where None.

        Returns
        -------
        dataset, note
            Its pattern data set, and what a user should know of the other scans in the file, if there are any.

        Raises
        ------
        InputError
            There is no such scan, or it has no patterns.
        """
        of = {name: scan_of(name) or name for name in self.patterns}
        scans = list(dict.fromkeys(of.values()))
        if scan_name is None:
            return self.patterns[0], other_scans(scans[0], scans[1:], self.without)
        scan_name = scan_name.strip("/")
        if scan_name not in scans:
            why = "has no patterns of" if scan_name in self.without else "has no scan"
            raise InputError(f"{why} {scan_name!r}", path=path, remedy=f"with patterns: {listed(scans)}")
        dataset = next(name for name in self.patterns if of[name] == scan_name)
        return dataset, other_scans(scan_name, [s for s in scans if s != scan_name], self.without)


def scan_of(dataset: str) -> str | None:
    """Group of the scan that a maker's pattern data set belongs to; None where it lies elsewhere, as a copy may.

    Examples
    --------
    >>> scan_of("Scan 1/EBSD/Data/patterns"), scan_of("Scan 1/EBSD copy/Data/patterns")
    ('Scan 1', None)
    """
    group, _, name = dataset.rpartition("/")
    if name == "EBSDPatterns":
        return group.removesuffix("/EBSD") if group.endswith("/EBSD") else None
    return group.removesuffix("/EBSD/Data") if group.endswith("/EBSD/Data") else None


def inspect_hdf5(path: Path) -> Hdf5Content:
    """List the pattern data sets of a file and refuse sizes that no scan has.

    Raises
    ------
    InputError
        If the file is empty, not HDF5, truncated, or declares sizes beyond the limits.
    """
    import h5py

    if path.stat().st_size == 0:
        raise InputError("is empty", path=path, remedy="copy or export the scan again")
    if not h5py.is_hdf5(path):
        raise InputError("is not an HDF5 file", path=path, remedy="copy or export the scan again")
    probe_hdf5(path, remedy="copy or export the scan again")
    try:
        with h5py.File(path, "r") as file:
            return _inspect(file, path)
    except InputError:
        raise
    except (
        Exception
    ) as error:  # a damaged file makes h5py raise OSError, KeyError, RuntimeError, ValueError...
        detail = str(error).splitlines()[0] if str(error) else type(error).__name__
        remedy = "copy or export the scan again"
        if "truncated" in detail:
            raise InputError("is truncated", path=path, remedy=remedy) from None
        raise InputError(f"is a damaged HDF5 file: {detail}", path=path, remedy=remedy) from None


def check_filters(data: Any, path: Path) -> None:
    """Refuse a data set that is compressed by a filter which is not here.

    Nothing in it can be read, which is no matter of single patterns. Filters that the package ``hdf5plugin`` brings are
    there where it is installed.

    Raises
    ------
    InputError
        As above, naming the filter.
    """
    import h5py

    if not data.chunks:
        return
    properties = data.id.get_create_plist()
    for place in range(properties.get_nfilters()):
        code, _, _, name = properties.get_filter(place)
        if h5py.h5z.filter_avail(code):
            continue
        with suppress(ImportError):
            import hdf5plugin  # noqa: F401

            if h5py.h5z.filter_avail(code):
                continue
        # A writer may have skipped a filter that was not there for it, either: a bit of each chunk says so.
        if data.id.get_num_chunks() and data.id.get_chunk_info(0).filter_mask >> place & 1:
            continue
        called = name.decode(errors="replace").split(";")[0][:60] or _FILTERS.get(code, "unknown")
        raise InputError(
            f"{data.name.rsplit('/', 1)[-1]!r} is compressed by the HDF5 filter {code} ({called}), which is not here",
            path=path,
            remedy="pip install hdf5plugin, or save the file again with gzip or without compression",
        )


def _inspect(file: Any, path: Path) -> Hdf5Content:
    import h5py

    patterns: list[str] = []
    without: list[str] = []
    names: set[str] = set()
    seen = 0

    def visit(name: str, item: Any) -> None:
        nonlocal seen
        seen += 1
        if seen > _MAX_OBJECTS:
            raise InputError(
                f"holds more than {_MAX_OBJECTS} HDF5 objects", path=path, remedy="is this a scan?"
            )
        last = name.rsplit("/", 1)[-1]
        names.add(last.lower())
        if not isinstance(item, h5py.Dataset):
            if name.endswith("/EBSD/Data"):
                without.append(name.removesuffix("/EBSD/Data"))
            return
        check_filters(item, path)
        if last in PATTERN_NAMES and len(item.shape or ()) in (3, 4) and item.dtype.kind in "uif":
            rows, columns = item.shape[-2:]
            check_pattern_size(rows, columns, path)
            check_grid_size(1 if item.ndim == 3 else item.shape[0], item.shape[-3], path)
            patterns.append(name)
        elif item.size and item.size * item.dtype.itemsize > _MAX_OTHER_BYTES:
            raise InputError(
                f"declares {item.size * item.dtype.itemsize / 2**30:.3g} GiB in {name!r}",
                path=path,
                remedy="up to 2 GiB beside the patterns are read; the file is damaged or no scan",
            )

    file.visititems(visit)
    patterns.sort(key=_first_of_scans)
    if patterns:
        kind = "scan"
    elif names & {"ebsdmaster", "ecpmaster", "tkdmaster"}:
        kind = "master pattern"
    elif names & {"crystal_map", "phi1", "euler", "phase", "ebsd"}:
        kind = "map"
    else:
        kind = "other"
    known = {scan_of(name) or name for name in patterns}
    return Hdf5Content(tuple(patterns), kind, tuple(s for s in dict.fromkeys(without) if s not in known))


def _first_of_scans(name: str) -> tuple[bool, int, bytes, int]:
    scan = scan_of(name)
    return (
        scan is None,
        name.count("/"),
        natural_key(scan or name),
        PATTERN_NAMES.index(name.rsplit("/", 1)[-1]),
    )


def other_scans(chosen: str, others: Sequence[str], without: Sequence[str] = ()) -> str | None:
    """Say which scan of several is read, and what else there is."""
    if not others and not without:
        return None
    record = [f"not {listed(others)}"] if others else []
    record += (
        [f"without patterns {'is' if len(without) == 1 else 'are'} {listed(without)}"] if without else []
    )
    return f"of {1 + len(others) + len(without)} scans in the file {chosen!r} is read; {', '.join(record)}"


def listed(names: Sequence[str]) -> str:
    """Name the first five of several."""
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(map(repr, names[:5])) + more
