import numpy as np
import pytest
import tifffile
from PIL import Image

from ensemble.errors import InputError
from kikuchi.scans import load_dataset, open_scan


def _pattern(number):
    """A pattern that tells its number."""
    return np.full((20, 24), number, np.uint8)


def _write(folder, names, start=0):
    folder.mkdir(exist_ok=True)
    for number, name in enumerate(names, start=start):
        Image.fromarray(_pattern(number)).save(folder / name)
    return folder


def _grain_list(folder, rows):
    lines = ["ID\tPhase\tX\tY\tphi1\tPHI\tphi2\tMAD\tAFI\tBC\tBS\tGrain ID"]
    lines += [f"{i}\t{phase}\t{x:.3f}\t{y:.3f}\t10\t20\t30\t0.5\t0\t100\t100\t1" for i, phase, x, y in rows]
    (folder / "Grain List.txt").write_text("\r\n".join(lines) + "\r\n")


def _seen(scan):
    return scan.read(slice(None))[:, 0, 0].tolist()


def test_folder_without_positions_is_a_line_in_the_order_of_numbers(tmp_path):
    scan = open_scan(_write(tmp_path, ["p_1.png", "p_9.png", "p_10.png", "p_100.png"]))
    assert _seen(scan) == [0, 1, 2, 3]
    assert scan.shape == (1, 4)


def test_patterns_are_read_only_when_asked_for(tmp_path, monkeypatch):
    from kikuchi.scans.readers import image_folder

    scan = open_scan(_write(tmp_path, [f"p_{i}.png" for i in range(5)]))
    read = []
    monkeypatch.setattr(image_folder, "read_image", lambda path: read.append(path.name) or _pattern(7))
    assert scan.read([3]).shape == (1, 20, 24)
    assert read == ["p_3.png"]


@pytest.mark.parametrize("template", ["map_x{}y{}.png", "map-{}-{}.png"])
def test_positions_in_names_are_column_and_row(template, tmp_path):
    names = [template.format(x, y) for y in (3, 4) for x in (5, 6, 7)]
    scan = open_scan(_write(tmp_path, names))
    assert scan.shape == (2, 3)
    assert scan.row.tolist() == [0, 0, 0, 1, 1, 1]
    assert scan.col.tolist() == [0, 1, 2, 0, 1, 2]
    assert _seen(scan) == [0, 1, 2, 3, 4, 5]


def test_names_count_from_one_and_ids_from_zero(tmp_path):
    # AZtec: the image of ID 0 is called _0001.
    folder = _write(tmp_path, ["s_0001.png", "s_0002.png", "s_0003.png", "s_0004.png"], start=1)
    phases = ["Al", "Zero solution", "Si", "Al"]
    points = [(0, 0.0, 0.0), (1, 20.0, 0.0), (2, 0.0, 20.0), (3, 20.0, 20.0)]
    _grain_list(folder, [(i, phase, x, y) for (i, x, y), phase in zip(points, phases, strict=True)])
    scan = open_scan(folder)
    assert scan.shape == (2, 2) and scan.step == (20, 20)
    assert scan.phase_names.tolist() == ["Al", "", "Si", "Al"]
    assert _seen(scan) == [1, 2, 3, 4]
    assert scan.xmap.phase_id.tolist() == [0, -1, 1, 0]
    np.testing.assert_allclose(np.rad2deg(scan.xmap.rotations.to_euler()[0]), [10, 20, 30])


def test_gaps_are_normal(tmp_path):
    folder = _write(tmp_path, ["s_0001.png", "s_0003.png", "s_0006.png"])
    _grain_list(folder, [(i, "Al", 2.0 * (i % 3), 2.0 * (i // 3)) for i in range(6)])
    scan = open_scan(folder)
    assert scan.shape == (2, 3) and scan.n == 3
    assert list(zip(scan.row.tolist(), scan.col.tolist(), strict=True)) == [(0, 0), (0, 2), (1, 2)]
    assert scan.x.tolist() == [0, 4, 4] and scan.y.tolist() == [0, 0, 2]


def test_hexagonal_map_is_recognised(tmp_path):
    points = [(x + 0.5 * (y % 2), 0.866 * y) for y in range(4) for x in range(4 - y % 2)]
    folder = _write(tmp_path, [f"s_{i + 1:04d}.png" for i in range(len(points))])
    _grain_list(folder, [(i, "Al", x, y) for i, (x, y) in enumerate(points)])
    scan = open_scan(folder)
    assert scan.metadata["grid"] == "hexagonal"
    assert scan.shape == (4, 4)
    assert np.bincount(scan.row).tolist() == [4, 3, 4, 3]
    np.testing.assert_allclose(scan.step, (0.866, 1.0))


def test_image_without_a_point_is_left_out_and_said(tmp_path):
    folder = _write(tmp_path, ["s_0001.png", "s_0002.png", "s_0009.png"])
    _grain_list(folder, [(0, "Al", 0, 0), (1, "Al", 1, 0)])
    scan = open_scan(folder)
    assert scan.n == 2 and "1 images have no point" in scan.metadata["note"]


def test_one_corrupt_image_among_many_is_a_problem_of_its_pattern(tmp_path):
    folder = _write(tmp_path, [f"p_{i}.png" for i in range(6)], start=10)
    (folder / "p_4.png").write_bytes(b"")
    content = (folder / "p_2.png").read_bytes()
    (folder / "p_2.png").write_bytes(content[:-30])  # its header is whole
    scan = open_scan(folder)
    assert _seen(scan) == [10, 11, 0, 13, 0, 15]
    assert sorted(scan.problems) == [2, 4]
    assert "is empty" in scan.problems[4]


def test_corrupt_first_image_is_no_obstacle(tmp_path):
    folder = _write(tmp_path, ["p_x1y0.png", "p_x0y0.png", "p_x1y1.png"])
    (folder / "p_x0y0.png").write_bytes(b"broken")
    scan = open_scan(folder)
    assert scan.signal_shape == (20, 24)
    assert _seen(scan) == [0, 0, 2] and list(scan.problems) == [0]


def test_images_of_two_sizes_are_named(tmp_path):
    folder = _write(tmp_path, ["p_1.png", "p_2.png"])
    tifffile.imwrite(folder / "p_3.tif", np.zeros((30, 24), np.uint8))
    with pytest.raises(InputError, match=r"p_1\.png has 24 x 20 pixels and p_3\.tif has 24 x 30"):
        open_scan(folder)


def test_images_of_two_bit_depths_are_named(tmp_path):
    folder = _write(tmp_path, ["p_1.png"])
    Image.fromarray(np.zeros((20, 24), np.uint16)).save(folder / "p_2.png")
    with pytest.raises(InputError, match=r"p_1\.png is uint8 and p_2\.png is uint16"):
        open_scan(folder)


def test_two_images_at_one_place_are_named(tmp_path):
    folder = _write(tmp_path, ["a_x1y1.png", "b_x1y1.png", "a_x2y1.png"])
    with pytest.raises(InputError, match=r"a_x1y1\.png and b_x1y1\.png"):
        open_scan(folder)


def test_a_glob_takes_its_images_only(tmp_path):
    folder = _write(tmp_path, ["a_1.png", "b_1.png", "a_2.png"])
    scan = open_scan(str(folder / "a_*.png"))
    assert _seen(scan) == [0, 2]


def test_nordif_background_is_no_pattern(tmp_path):
    folder = _write(tmp_path, ["p_1.bmp", "p_2.bmp", "Background acquisition pattern.bmp"])
    scan = open_scan(folder)
    assert scan.n == 2
    np.testing.assert_array_equal(scan.static_background, _pattern(2))


def test_real_aztec_folder_keeps_the_geometry_of_tag_51122(shared):
    scan = open_scan(shared / "real/aztec_tiff")
    assert (scan.n, scan.signal_shape) == (1, (1024, 1244))
    assert scan.voltage_kv == 20 and scan.sample_tilt == 70
    assert scan.metadata["aztec"]["detector-orientation-euler2-deg"] == pytest.approx(96.18573296845473)
    from kikuchipy.detectors import EBSDDetector

    pc = (0.5345449851084132, 0.5471273736587182, 0.6142604241467944)
    detector = EBSDDetector(shape=(1024, 1244), pc=pc, convention="oxford")
    np.testing.assert_allclose(scan.pattern_centre, detector.pc[0])


def test_real_grain_list_places_images_that_have_its_numbers(shared, tmp_path):
    folder = _write(tmp_path, ["s_0001.png", "s_0042.png", "s_1218.png"])
    (folder / "Grain List.txt").write_bytes((shared / "real/aztec_tiff/Grain List.txt").read_bytes())
    scan = open_scan(folder)
    # Lines of ID 0, 41 and 1217 of the file.
    assert scan.x.tolist()[0] == 0 and scan.x.tolist()[2] == 820 and scan.y.tolist()[2] == 560
    assert scan.phase_names.tolist() == ["Al"] * 3


@pytest.mark.parametrize(
    "form",
    [
        *("scan_r{r}c{c}.png", "scan_x{c}_y{r}.png", "x{c}y{r}.png", "p_row_{r:03d}_col_{c:03d}.png"),
        *("p ({r},{c}).png", "p_[y{r},x{c}].png", "p-{c}-{r}.png", "R{r}_C{c}.png"),
    ],
)
def test_names_tell_rows_and_columns_in_many_ways(form, tmp_path):
    places = [(r, c) for r in range(3) for c in range(4)]
    scan = open_scan(_write(tmp_path / "images", [form.format(r=r, c=c) for r, c in places]))
    assert scan.shape == (3, 4) and scan.note is None
    assert _seen(scan) == list(range(12))


@pytest.mark.parametrize("form", ["Ni-2024-05-{:02d}.png", "Muster {}.png", "Site 1 Map Data 2_{:06d}.png"])
def test_dates_and_numbers_are_a_line_that_is_said_or_the_grid_that_is_given(form, tmp_path):
    folder = _write(tmp_path / "images", [form.format(i + 1) for i in range(12)])
    scan = open_scan(folder)
    assert scan.shape == (1, 12) and "--shape" in scan.note
    given = open_scan(folder, shape=(3, 4))
    assert given.shape == (3, 4) and given.note is None and _seen(given) == list(range(12))
    with pytest.raises(InputError, match="holds 12 patterns"):
        open_scan(folder, shape=(3, 5))


@pytest.mark.parametrize("name", ["Electron Image 1.png", "phase.png"])
def test_pictures_of_the_sample_and_of_a_map_are_no_patterns(name, tmp_path):
    folder = _write(tmp_path / "images", [f"p_{i}.png" for i in range(3)])
    Image.fromarray(np.zeros((96, 128), np.uint8)).save(folder / name)
    scan = open_scan(folder)
    assert scan.n == 3 and f"{name} is no pattern and left out" in scan.note
    assert open_scan(folder / name).n == 1  # asked for by name it is one


def test_brackets_in_a_path_are_its_name_and_in_a_glob_a_choice(tmp_path):
    folder = _write(tmp_path / "[2024] Prüfung µ", [f"p_{i}.png" for i in range(4)])
    assert open_scan(folder / "*.png").n == 4
    assert _seen(open_scan(folder / "p_[13].png")) == [1, 3]
    (tmp_path / "dataset.toml").write_text(
        '[[material]]\nname = "Ni"\nspace_group = 225\nscan = "[2024] Prüfung µ/*.png"\nshape = [2, 2]\n',
        encoding="utf-8",
    )
    assert load_dataset(tmp_path / "dataset.toml").materials[0].scan.shape == (2, 2)


def test_a_grain_list_in_utf16_and_with_steps_of_a_sixteenth_keeps_its_grid(tmp_path):
    folder = _write(tmp_path / "scan", [f"Map 1_{i + 1:04d}.png" for i in range(240)])
    lines = ["ID\tX\tY\tPhase"]
    lines += [f"{i}\t{i % 60 * 0.0625:.4f}\t{i // 60 * 0.0625:.4f}\tNi₃Al, Überstruktur" for i in range(240)]
    (folder / "Grain List.txt").write_bytes("\r\n".join(lines).encode("utf-16"))
    scan = open_scan(folder)
    assert scan.shape == (4, 60) and scan.step == pytest.approx((0.0625, 0.0625))
    assert set(scan.phase_names) == {"Ni₃Al, Überstruktur"}
