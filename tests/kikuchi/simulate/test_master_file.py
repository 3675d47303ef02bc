"""Master patterns come back from disk as they went in, or are refused by name."""

import sys
from pathlib import Path

import numpy as np
import pytest

from ensemble.errors import InputError
from kikuchi.simulate.crystals.cif import read_cif
from kikuchi.simulate.crystals.structure_files import load_structure
from kikuchi.simulate.masters.cache import cached_master
from kikuchi.simulate.masters.dynamical import dynamical_master
from kikuchi.simulate.masters.kinematical import kinematical_master
from kikuchi.simulate.masters.load import load_master
from kikuchi.simulate.masters.master import MasterPattern
from kikuchi.simulate.masters.master_file import read_stored_master, save_master


@pytest.mark.parametrize("name", ["Ni", "Quartz", "Mg", "Fe3C"])
def test_a_stored_master_is_the_same_to_sixteen_bits(tmp_path: Path, name: str) -> None:
    structure = load_structure(name)
    master = kinematical_master(structure, half_size=20)
    save_master(tmp_path / "m.npz", master, structure)
    stored = read_stored_master(tmp_path / "m.npz")
    for before, after in ((master.north, stored.master.north), (master.south, stored.master.south)):
        low, span = master.north.min(), np.ptp(master.north)
        assert np.allclose((before - low) / span, after, atol=5e-4)
    assert stored.structure == structure
    assert load_master(tmp_path / "m.npz").space_group == structure.space_group


def test_hemispheres_of_a_polar_crystal_are_both_kept(tmp_path: Path) -> None:
    gaas = load_structure("GaAs")
    ramp = np.add.outer(np.linspace(-1, 1, 9) ** 2, np.linspace(-1, 1, 9) ** 2).astype(np.float32)
    master = MasterPattern("GaAs", 216, 20.0, ramp, 1 - ramp, "dynamical")
    save_master(tmp_path / "m.npz", master, gaas)
    stored = read_stored_master(tmp_path / "m.npz").master
    assert np.allclose(stored.north + stored.south, stored.north[0, 0] + stored.south[0, 0], atol=2e-3)


def test_a_cubic_master_takes_a_few_kilobytes_and_no_pickle(tmp_path: Path) -> None:
    structure = load_structure("Si")
    file = tmp_path / "m.npz"
    save_master(file, kinematical_master(structure, half_size=50), structure)
    assert file.stat().st_size < 4000
    assert list(tmp_path.iterdir()) == [file]
    with np.load(file, allow_pickle=False) as archive:
        assert {archive[name].dtype.kind for name in archive} == {"U", "f"}


def test_a_cached_master_is_computed_once_and_again_when_anything_changes(tmp_path: Path) -> None:
    calls = []

    def kinematical(structure, voltage_kv, **settings):
        calls.append((structure.name, voltage_kv, settings))
        return kinematical_master(structure, voltage_kv, **settings)

    ni, al = load_structure("Ni"), load_structure("Al")
    for _ in range(2):
        cached_master(kinematical, ni, folder=tmp_path, half_size=5)
    assert len(calls) == 1
    cached_master(kinematical, ni, 15.0, folder=tmp_path, half_size=5)
    cached_master(kinematical, ni, folder=tmp_path, half_size=6)
    cached_master(kinematical, al, folder=tmp_path, half_size=5)
    assert len(calls) == 4 == len(list(tmp_path.iterdir()))


def test_a_damaged_cache_file_is_made_again(tmp_path: Path) -> None:
    ni = load_structure("Ni")
    first = cached_master(kinematical_master, ni, folder=tmp_path, half_size=5)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:100])
    assert np.array_equal(
        cached_master(kinematical_master, ni, folder=tmp_path, half_size=5).north, first.north
    )


def test_damaged_and_foreign_files_are_refused_by_name(tmp_path: Path) -> None:
    for name, content in (("a.npz", b"nothing"), ("b.npz", b""), ("c.h5", b"nothing"), ("d.txt", b"x")):
        file = tmp_path / name
        file.write_bytes(content)
        with pytest.raises(InputError, match=name):
            load_master(file)
    np.savez(tmp_path / "e.npz", meta=np.array('{"format": "other"}'), values=np.zeros((1, 3)))
    with pytest.raises(InputError, match=r"e\.npz: not a kikuchi-master file"):
        load_master(tmp_path / "e.npz")
    np.savez(tmp_path / "f.npz", meta=np.array([{"a": 1}], dtype=object), values=np.zeros(3))
    with pytest.raises(InputError, match=r"f\.npz: "):
        load_master(tmp_path / "f.npz")
    with pytest.raises(InputError, match="no such master pattern"):
        load_master(tmp_path / "absent.sht")


def test_emsofts_own_master_file_is_read() -> None:
    import kikuchipy

    folder = Path(kikuchipy.__file__).parent / "data" / "emsoft_ebsd_master_pattern"
    file = folder / "ni_mc_mp_20kv_uint8_gzip_opts9.h5"
    signal = kikuchipy.data.nickel_ebsd_master_pattern_small(projection="lambert", hemisphere="both")
    master = load_master(file, voltage_kv=20)
    assert (master.space_group, master.voltage_kv) == (225, 20.0)
    assert np.array_equal(master.north, signal.data[0])
    assert master.south is master.north
    with pytest.raises(InputError, match=r"opts9\.h5: it .* not 5"):
        load_master(file, voltage_kv=5)


def test_without_ebsdsim_the_request_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ebsdsim", None)
    with pytest.raises(InputError, match=r"pip install .*\[dynamical\]"):
        dynamical_master(load_structure("Ni"))


CIF = """data_silicon
_cell_length_a 5.4307
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
"""


def test_a_cif_on_another_origin_comes_out_in_the_standard_setting(tmp_path: Path) -> None:
    file = tmp_path / "si.cif"
    file.write_text(CIF)
    structure = read_cif(file)
    assert structure.space_group == 227
    assert len(structure.atoms.numbers) == 8
    # 8a or 8b of origin choice 2: an eighth or three eighths along the diagonal.
    assert np.allclose((np.array(structure.sites[0].position) * 8) % 1, 0, atol=1e-6)
    expected = kinematical_master(load_structure("Si"), half_size=15).north
    assert (
        np.corrcoef(kinematical_master(structure, half_size=15).north.ravel(), expected.ravel())[0, 1] > 0.99
    )


@pytest.mark.parametrize(
    "content", ["data_nothing\nloop_\n_atom_site_label\n", "no CIF", "data_x\n'open", ""]
)
def test_a_broken_cif_is_refused_by_name(
    content: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "broken.cif"
    file.write_text(content)
    with pytest.raises(InputError, match=r"broken\.cif: "):
        read_cif(file)
    assert capfd.readouterr() == ("", "")
