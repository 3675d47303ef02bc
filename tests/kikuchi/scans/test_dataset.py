import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensemble.errors import InputError
from kikuchi.scans import Dataset, Material, Preparation, load_dataset, open_scan, prepare, scan_from_array
from kikuchi.scans import dataset as dataset_module


def _write(folder, text):
    path = folder / "materials.toml"
    path.write_text(text)
    return path


ENTRY = '[[material]]\nname = "Ni"\nspace_group = 225\nscan = "nickel.h5"\n'


def test_scan_is_found_beside_the_file(nickel_file, nickel):
    dataset = load_dataset(_write(nickel_file.parent, ENTRY + "pattern_centre = [0.4, 0.2, 0.5]\n"))
    assert dataset.n == len(dataset) == 9 and dataset.classes == (225,)
    assert dataset.space_group.tolist() == [225] * 9
    assert dataset.materials[0].pattern_centre == (0.4, 0.2, 0.5)
    (positions, number, patterns), *more = dataset.iter_patterns()
    assert positions.tolist() == list(range(9)) and number == 0 and not more
    np.testing.assert_array_equal(patterns, nickel)


def test_strangers_are_opened_and_are_no_part_of_the_patterns(nickel_file):
    (nickel_file.parent / "other.h5").write_bytes(nickel_file.read_bytes())
    stranger = '[[stranger]]\nname = "TiN"\nspace_group = 216\nscan = "other.h5"\n'
    dataset = load_dataset(_write(nickel_file.parent, ENTRY + stranger))
    assert dataset.n == 9 and dataset.classes == (225,)
    assert [(s.name, s.space_group, len(s.indices)) for s in dataset.strangers] == [("TiN", 216, 9)]
    with pytest.raises(InputError, match="a stranger of space group 225, which is a class"):
        load_dataset(_write(nickel_file.parent, ENTRY + stranger.replace("216", "225")))


def test_phase_takes_its_points_only(nickel):
    names = np.array(["a", "b", "", "b", "a", "b", "", "a", "b"], dtype=object)
    scan = scan_from_array(nickel, phase_names=names)
    dataset = Dataset([Material("A", 225, scan, "a"), Material("B", 221, scan, "b")])
    assert dataset.index.tolist() == [0, 4, 7, 1, 3, 5, 8]
    assert dataset.space_group.tolist() == [225] * 3 + [221] * 4
    assert dataset.classes == (221, 225)
    assert dataset.labels((221, 225)).tolist() == [1] * 3 + [0] * 4
    assert dataset.labels((225,)).tolist() == [0] * 3 + [-1] * 4


def test_prepared_patterns_come_in_the_order_asked_for(nickel):
    other = nickel[::-1].copy()
    dataset = Dataset(
        [Material("A", 225, scan_from_array(nickel, "a")), Material("B", 221, scan_from_array(other, "b"))]
    )
    preparation = Preparation(size=32)
    found = dataset.prepared(np.array([10, 3, 17, 3]), preparation)
    expected = prepare(np.stack([other[1], nickel[3], other[8], nickel[3]]), preparation)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "text,what",
    [
        ("", "missing key material"),
        ("[[material]", "not valid TOML"),
        ("a = " + "[" * 5000, "not valid TOML"),
        ("material = 3", "material"),
        (ENTRY + "colour = 1", r"unknown key material\.1\.colour"),
        (ENTRY.replace("225", "231"), "space_group"),
        (ENTRY.replace("225", '"Fm-3m"'), "space_group"),
        (ENTRY.replace("225", "true"), "space_group"),
        (ENTRY.replace('name = "Ni"\n', ""), r"missing key material\.1\.name"),
        (ENTRY + "pattern_centre = [0.5]", "pattern_centre"),
        (ENTRY + ENTRY, "same name"),
        (ENTRY + ENTRY.replace('"Ni"', '"Ni2"'), "same scan"),
        (ENTRY + 'phase = "Cu"', "has no phase 'Cu'.*ni"),
        (ENTRY.replace("nickel.h5", "copper.h5"), "copper.h5: no such file"),
    ],
)
def test_wrong_dataset_is_one_line_naming_file_and_remedy(text, what, nickel_file):
    path = _write(nickel_file.parent, text)
    with pytest.raises(InputError, match=what) as caught:
        load_dataset(path)
    assert caught.value.path is not None and caught.value.remedy and "\n" not in str(caught.value)


def test_missing_dataset_is_named(tmp_path):
    with pytest.raises(InputError, match=r"no\.toml: no such dataset"):
        load_dataset(tmp_path / "no.toml")


def test_scan_of_several_phases_needs_one_to_be_chosen(nickel):
    names = np.array(["a", "b"] * 4 + [""], dtype=object)
    with pytest.raises(InputError, match="holds the phases a, b"):
        Material("A", 225, scan_from_array(nickel, phase_names=names))


def test_reading_a_dataset_reads_no_pattern(nickel_file, monkeypatch):
    def refuse(*_):
        raise AssertionError("a pattern was read")

    monkeypatch.setattr(dataset_module.Scan, "read", refuse)
    assert load_dataset(_write(nickel_file.parent, ENTRY)).n == 9
    assert open_scan(nickel_file).n == 9


@settings(max_examples=100, deadline=None)
@given(st.one_of(st.binary(max_size=80), st.text(max_size=80).map(lambda t: (ENTRY + t).encode())))
def test_no_file_does_worse_than_an_input_error(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "fuzz.toml"
    path.write_bytes(content)
    with pytest.raises(InputError):
        load_dataset(path)
