"""TOML files and lists as people's editors save them."""

import pytest

from ensemble.errors import InputError
from kikuchi._support.text import decoded, read_toml

TEXT = '# Für Nickel\n[[material]]\nname = "Ni"\nspace_group = 225\nscan = "ni/scan.h5"\n'
TABLES = {"material": [{"name": "Ni", "space_group": 225, "scan": "ni/scan.h5"}]}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_mark_and_windows_lines_are_read(encoding, newline, tmp_path):
    path = tmp_path / "dataset.toml"
    path.write_bytes(TEXT.replace("\n", newline).encode(encoding))
    assert read_toml(path, "dataset") == TABLES


def _refused(tmp_path, content, what):
    path = tmp_path / "dataset.toml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=what) as caught:
        read_toml(path, "dataset")
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_other_encodings_are_named(tmp_path):
    _refused(tmp_path, TEXT.encode("utf-16"), r"UTF-16.*UTF-8")
    _refused(tmp_path, TEXT.encode("cp1252"), r"byte 0xfc in line 1.*UTF-8")


def test_a_scan_in_the_place_of_a_dataset_is_no_bad_toml(tmp_path):
    _refused(tmp_path, b"\x89HDF\r\n\x1a\n\0\0\0\0", "is no dataset but another kind of file")
    with pytest.raises(InputError, match="cannot be read"):
        read_toml(tmp_path, "dataset")


def test_backslashes_and_single_brackets_have_their_own_remedy(tmp_path):
    _refused(tmp_path, TEXT.replace("ni/scan.h5", r"C:\Users\me\ni.h5").encode(), "single quotes")
    twice = TEXT.replace("[[material]]", "[material]") + TEXT
    _refused(tmp_path, twice.encode(), r"\[\[material\]\]")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_what_spreadsheets_write_is_decoded(encoding):
    assert decoded("scan;Prüfung µ;225".encode(encoding)) == "scan;Prüfung µ;225"


def test_bytes_of_no_encoding_are_letters():
    # cp1252 has nothing at 0x81.
    assert decoded(b"a\x81b") == "a\x81b"
