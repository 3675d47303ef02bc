"""Readers of text that people and other programs write: tables, TOML and CIF."""

from pathlib import Path

import kikuchi
from tests.fuzzing.reader import NUMBERS, Reader
from tests.fuzzing.scan_readers import write_png

FORMAT_1 = Path(__file__).resolve().parents[2] / "tests" / "data" / "format_1"


def _dataset_seeds(folder: Path) -> list[tuple[str, bytes]]:
    write_png(folder / "a.png", 0)
    write_png(folder / "b.png", 1)
    plain = '[[material]]\nname = "A"\nspace_group = 225\nscan = "a.png"\n\n'
    plain += '[[material]]\nname = "B"\nspace_group = 229\nscan = "b.png"\npattern_centre = [0.5, 0.3, 0.6]\n'
    return [("dataset.toml", plain.encode()), ("dataset.toml", plain.replace("b.png", "*b.p*g").encode())]


def _recipe_seeds(folder: Path) -> list[tuple[str, bytes]]:
    shipped = Path(kikuchi.__file__).parent / "recipes"
    return [("recipe.toml", path.read_bytes()) for path in sorted(shipped.glob("*.toml"))]


SPEC = b"""
seed = 3
voltage_kv = 20.0
half_size = 60
[[material]]
name = "Ni"
count = 130
[[material]]
name = "Si"
structure = "Si.toml"
[detector]
shape = [48, 48]
[microscope]
contrast = 0.3
dose = { uniform = [100, 300] }
[map]
shape = [20, 30]
grain_size = 5.0
[[map.phase]]
material = "Ni"
fraction = 2.0
[[map.precipitate]]
material = "Si"
matrix = "Ni"
[[map.foreign]]
material = "Si"
centre = [0.2, 0.3]
radius = 0.1
[[map.unreadable]]
centre = [0.9, 0.1]
radius = 0.1
"""

GRAIN_LIST = (
    "ID\tPhase\tX\tY\tphi1\tPHI\tphi2\tMAD\tAFI\tBC\tBS\tGrain ID\r\n"
    "0\tNickel\t0.0\t0.0\t10.5\t20.1\t30.2\t0.4\t5\t120\t200\t1\r\n"
    "1\tZero solution\t1,5\t0\t0\t0\t0\t0\t0\t80\t100\t0\r\n"
    "2\tNickel\t0.0\t1.5\t350.2\t44\t12\t0.3\t5\t121\t201\t1\r\n"
)

TOML = (*NUMBERS, b"[[", b"]]", b"{", b"}", b'"', b"'", b'"""', b"=", b"\n", b"#", b"true", b"..", b"\\u0000")


def _call_dataset(path: Path, folder: Path) -> object:
    from kikuchi.scans import load_dataset

    return load_dataset(path)


def _call_recipe(path: Path, folder: Path) -> object:
    from kikuchi.recipes.schema import load_recipe

    return load_recipe(path)


def _call_spec(path: Path, folder: Path) -> object:
    from kikuchi.simulate.scenes.spec import load_spec

    return load_spec(path)


def _call_structure(path: Path, folder: Path) -> object:
    from kikuchi.simulate import load_structure

    return load_structure(path)


def _call_grain_list(path: Path, folder: Path) -> object:
    from kikuchi.scans.readers.grain_list import read_grain_list

    return read_grain_list(path)


def _structure_seeds(folder: Path) -> list[tuple[str, bytes]]:
    from kikuchi.simulate.crystals.structure_files import STRUCTURE_FOLDER

    shipped = sorted(STRUCTURE_FOLDER.glob("*.toml"))
    return [("structure.toml", path.read_bytes()) for path in shipped[:6]]


CIFS = (
    """data_silicon
_cell_length_a 5.4307(2)
_cell_length_b 5.4307
_cell_length_c 5.4307
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'F d -3 m'
_symmetry_Int_Tables_number 227
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Si1 Si 0.0 0.0 0.0 1.0
""",
    """# a mixed site, operations written out
data_brass
_cell_length_a 2.94
_cell_length_b 2.94
_cell_length_c 2.94
_cell_angle_alpha 90.
_cell_angle_beta 90.
_cell_angle_gamma 90.
loop_
_symmetry_equiv_pos_as_xyz
'x, y, z'
'-x, -y, -z'
'x+1/2, y+1/2, z+1/2'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
_atom_site_U_iso_or_equiv
Cu1 Cu2+ 0 0 0 0.6 0.006
Zn1 Zn2+ 0 0 0 0.4 0.007
""",
)
CIF_WORDS = (b"loop_", b"_cell_length_a", b"?", b".", b"'", b";\n", b"x,y,z", b"1/2", b"(3)", b"H", b"Xx")


def _call_labels(path: Path, folder: Path) -> object:
    from kikuchi.workflows.label import read_labels

    data = read_labels(path)
    return data.classes, data.labels(data.classes)


def _labels_seeds(folder: Path) -> list[tuple[str, bytes]]:
    write_png(folder / "a.png", 0)
    write_png(folder / "b.png", 1)
    head = "scan,index,row,col,x,y,guess,mutual_information,unfamiliarity,space_group,material\n"
    rows = 'a.png,0,0,0,0.0,0.0,225,0.4,1.1,225,Ni\nb.png,0,0,0,0.0,0.0,229,0.3,1.0,229,\n"a.png",0,0,0,0,0,221,0,0,,\n'
    return [("labels.csv", (head + rows).encode()), ("labels.csv", (head + rows).replace(",", ";").encode())]


def _call_history(path: Path, folder: Path) -> object:
    from kikuchi.members.history import read_history

    return read_history(path.parent)


def _history_seeds(folder: Path) -> list[tuple[str, bytes]]:
    return [("history.csv", (FORMAT_1 / "bundle/members/scratch-1/history.csv").read_bytes())]


TEXT_READERS = {
    "grain_list": Reader(
        lambda folder: [("Grain List.txt", GRAIN_LIST.encode())], _call_grain_list, (b"\t", b"\n", *NUMBERS)
    ),
    "dataset": Reader(_dataset_seeds, _call_dataset, (b"material", b"phase = 'x'", b"a.png", b"../", *TOML)),
    "recipe": Reader(_recipe_seeds, _call_recipe, (b"[train]", b"prepare", b"background", b"count", *TOML)),
    "spec": Reader(lambda folder: [("spec.toml", SPEC)], _call_spec, (b"uniform", b"normal", b"map", *TOML)),
    "crystal": Reader(_structure_seeds, _call_structure, (b"site", b"lattice", b"element", *TOML)),
    "cif": Reader(
        lambda folder: [("structure.cif", cif.encode()) for cif in CIFS],
        _call_structure,
        (*CIF_WORDS, *NUMBERS),
    ),
    "labels": Reader(
        _labels_seeds, _call_labels, (b",", b";", b'"', b"\n", b"\0", b"a.png", b"*", b"../", *NUMBERS)
    ),
    "history": Reader(_history_seeds, _call_history, (b",", b'"', b"\n", b"epoch", *NUMBERS)),
}
