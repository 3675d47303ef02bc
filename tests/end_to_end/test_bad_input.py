"""Bad input gets one line with file and remedy, exit code 1, and nothing half-written."""

import shutil

import numpy as np
import pytest

from tests.end_to_end.conftest import refusal, run


def mapping(workshop, scan, out):
    return "map", scan, "--run", workshop / "run", "--out", out, "--quiet"


@pytest.mark.parametrize(
    "name, content",
    [
        ("empty.h5", b""),
        ("truncated.h5", b"\x89HDF\r\n\x1a\n" + b"\0" * 40),
        ("empty.tif", b""),
        ("text.png", b"not an image"),
    ],
)
def test_a_broken_scan_is_named(workshop, tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert name in refusal(*mapping(workshop, tmp_path / name, tmp_path / "maps"))
    assert not (tmp_path / "maps").exists()


def test_a_map_without_patterns_is_named(shared, workshop, tmp_path):
    scan = shared / "real" / "duplex_steel_map" / "sdss_ferrite_austenite.ang"
    line = refusal(*mapping(workshop, scan, tmp_path / "maps"))
    assert "sdss_ferrite_austenite.ang" in line and "pattern" in line


def test_a_folder_of_unequal_images_names_two(workshop, tmp_path):
    from skimage.io import imsave

    folder = tmp_path / "images"
    folder.mkdir()
    for i, side in enumerate((48, 48, 60)):
        imsave(folder / f"p_{i}.png", np.zeros((side, side), np.uint8), check_contrast=False)
    line = refusal(*mapping(workshop, folder, tmp_path / "maps"))
    assert "p_0.png" in line and "p_2.png" in line


def test_an_unwritable_output_is_named(workshop, tmp_path):
    (tmp_path / "file").write_text("in the way")
    line = refusal(*mapping(workshop, workshop / "scans" / "Ni.h5", tmp_path / "file" / "maps"))
    assert "cannot be written" in line


def test_an_output_that_would_mix_with_its_input_is_refused_before_work(workshop, tmp_path):
    from skimage.io import imsave

    images = tmp_path / "images"
    images.mkdir()
    for i in range(3):
        imsave(images / f"p_{i}.png", np.eye(48, dtype=np.uint8) * 255, check_contrast=False)
    assert "is the scan itself" in refusal(*mapping(workshop, images, images))
    assert "is the scan itself" in refusal(*mapping(workshop, images / "*.png", images))
    assert "lies in the bundle" in refusal(*mapping(workshop, images, workshop / "run" / "maps"))
    (tmp_path / "file").write_text("kept")
    assert "a file is in its place" in refusal(*mapping(workshop, images, tmp_path / "file"))
    assert sorted(path.name for path in images.iterdir()) == ["p_0.png", "p_1.png", "p_2.png"]
    assert (tmp_path / "file").read_text() == "kept"


def test_a_shape_that_is_none_is_refused(workshop, tmp_path):
    line = refusal(*mapping(workshop, workshop / "scans" / "Ni.h5", tmp_path / "maps"), "--shape", "0,5")
    assert "--shape" in line


def test_no_bundle_is_named(workshop, tmp_path):
    line = refusal(
        "map", workshop / "scans" / "Ni.h5", "--run", tmp_path, "--out", tmp_path / "maps", "--quiet"
    )
    assert "no bundle here" in line and "ensemble fit" in line


@pytest.mark.parametrize("name", ["calibration.json", "members/scratch-1/member.weights.h5", "features.npz"])
def test_an_altered_bundle_is_refused_by_name(workshop, tmp_path, name):
    shutil.copytree(workshop / "run", tmp_path / "run")
    file = tmp_path / "run" / name
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    line = refusal(
        *("map", workshop / "scans" / "Ni.h5", "--run", tmp_path / "run", "--out", tmp_path / "maps")
    )
    assert name in line and "altered" in line


def test_a_file_outside_the_bundle_is_refused(workshop, tmp_path):
    shutil.copytree(workshop / "run", tmp_path / "run")
    manifest = tmp_path / "run" / "bundle.json"
    manifest.write_text(manifest.read_text().replace('"splits.json"', '"../splits.json"'))
    assert "outside the bundle" in refusal("info", tmp_path / "run")


def test_too_few_patterns_say_class_material_and_numbers(workshop, tmp_path):
    line = refusal("fit", workshop / "scans" / "dataset.toml", "--out", tmp_path / "run", "--quiet")
    assert "225" in line and "Ni" in line and "130" in line and "150" in line
    assert not (tmp_path / "run" / "members").exists()


def test_too_few_patterns_to_calibrate_are_refused_before_training(workshop, tmp_path):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        "[[member]]\nkind = 'scratch'\nsize = 32\n[split]\ntrain_per_class = 100\nvalidation_per_class = 25\n"
    )
    line = refusal(
        "fit", workshop / "scans" / "dataset.toml", "--recipe", recipe, "--out", tmp_path / "run", "--quiet"
    )
    assert "225" in line and "calibration" in line and "train_per_class" in line
    assert not (tmp_path / "run").exists()


def test_a_missing_material_is_named(workshop, tmp_path):
    dataset = tmp_path / "dataset.toml"
    dataset.write_text('[[material]]\nname = "W"\nspace_group = 229\nscan = "W.h5"\n')
    assert "W.h5" in refusal("fit", dataset, "--out", tmp_path / "run", "--quiet")


def test_an_unknown_space_group_is_named(workshop, tmp_path):
    dataset = tmp_path / "dataset.toml"
    dataset.write_text('[[material]]\nname = "W"\nspace_group = 231\nscan = "W.h5"\n')
    assert "dataset.toml" in refusal("fit", dataset, "--out", tmp_path / "run", "--quiet")


@pytest.mark.parametrize(
    "text, word",
    [
        ("[[member]]\nkind = 'scratch'\nsize = 8\n", "size"),
        ("[[member]]\nkind = 'guess'\n", "kind"),
        ("[[member]]\nkind = 'transfer'\n", "weights"),
        ("[[member]]\nkind = 'scratch'\n[train]\nepoch = 3\n", "epoch"),
        ("member", "TOML"),
    ],
)
def test_a_wrong_recipe_is_refused_before_anything_is_written(workshop, tmp_path, text, word):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(text)
    line = refusal(
        "fit", workshop / "scans" / "dataset.toml", "--recipe", recipe, "--out", tmp_path / "run", "--quiet"
    )
    assert "recipe.toml" in line and word in line
    assert not (tmp_path / "run").exists()


def test_a_fit_into_another_fits_folder_is_refused(workshop, tmp_path):
    line = refusal(
        "fit",
        workshop / "scans" / "dataset.toml",
        "--recipe",
        workshop / "recipe.toml",
        "--out",
        workshop / "run",
        "--seed",
        "5",
        "--quiet",
    )
    assert "another seed" in line or "another recipe" in line or "another dataset" in line


def test_another_scan_into_a_maps_folder_is_refused(workshop, tmp_path):
    run(*mapping(workshop, workshop / "scans" / "Ni.h5", tmp_path / "maps"))
    line = refusal(*mapping(workshop, workshop / "scans" / "Si.h5", tmp_path / "maps"))
    assert "another scan" in line


def test_nan_patterns_are_unreadable_and_do_not_stop_a_map(workshop, tmp_path):
    import pandas
    import tifffile

    folder = tmp_path / "images"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(4):
        pattern = rng.normal(100, 10, (48, 48)).astype(np.float32)
        tifffile.imwrite(folder / f"p_{i}.tif", pattern if i != 1 else np.full_like(pattern, np.nan))
    run(*mapping(workshop, folder, tmp_path / "maps"))
    assert pandas.read_csv(tmp_path / "maps" / "map.csv")["status"].iloc[1] == "unreadable"
