"""Structures by name, and from structure files (TOML) and CIFs."""

from pathlib import Path

from ensemble.errors import InputError
from kikuchi._support.text import read_toml
from kikuchi.simulate.crystals.cif import read_cif
from kikuchi.simulate.crystals.structures import Structure, structure_from_dict

STRUCTURE_FOLDER = Path(__file__).parent / "data" / "structures"

PAPER_MATERIALS = (
    "FeAl", "NiAl", "Ni3Al", "Fe3Ni",  # 221
    "Cr3Si", "Mo3Si",  # 223
    "Ni", "Al", "NbC", "TaC", "TiC",  # 225
    "Si", "Ge",  # 227
    "W", "Ta", "Fe",  # 229
    "Al4CoNi2", "Al4Ni3",  # 230
)  # fmt: skip
"""The eighteen materials of Kaufmann et al., Sci. Rep. 11, 8172 (2021), as `load_structure` names them."""


def structure_names() -> list[str]:
    """Return the names of all structures that come with the package, sorted."""
    return sorted(path.stem for path in STRUCTURE_FOLDER.glob("*.toml"))


def load_structure(name_or_path: str | Path) -> Structure:
    """Load a structure by its name, from a structure file (TOML) or from a CIF.

    Parameters
    ----------
    name_or_path
        A name out of `structure_names`, or a path ending in ``.toml`` or ``.cif``.

    Returns
    -------
    Structure
        The structure, its sites by element.

    Raises
    ------
    InputError
        If the name is unknown, or the file is absent, cannot be read or holds no sound structure.

    Examples
    --------
    >>> load_structure("Ni").space_group
    225
    """
    path = Path(name_or_path)
    if path.suffix.lower() not in (".toml", ".cif"):
        path = STRUCTURE_FOLDER / f"{name_or_path}.toml"
        if not path.is_file():
            known = ", ".join(structure_names())
            raise InputError(
                f"no structure is called {str(name_or_path)!r}", remedy=f"one of {known}, or a file"
            )
    if not path.is_file():
        raise InputError("no such structure file", path=path)
    if path.suffix.lower() == ".cif":
        return read_cif(path)
    return structure_from_dict(read_toml(path, "structure"), path=path)
