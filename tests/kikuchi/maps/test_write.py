from kikuchi.maps import write_map


def test_a_hexagonal_map_has_no_ctf_not_even_an_older_one(hexagonal, tmp_path):
    (tmp_path / "map.ctf").write_text("of an earlier map")
    written = write_map(hexagonal, tmp_path)
    assert not (tmp_path / "map.ctf").exists()
    assert "map.ang" in [path.name for path in written]
    assert all(path.is_file() for path in written)


def test_a_square_map_has_one(one_row, tmp_path):
    assert tmp_path / "map.ctf" in write_map(one_row, tmp_path)
