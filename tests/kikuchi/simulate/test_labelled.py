"""Simulated scans open in kikuchipy, with their truth beside them."""

import tomllib
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ensemble.errors import InputError
from kikuchi.scans import open_scan
from kikuchi.simulate.detector.distribution import Distribution, constant
from kikuchi.simulate.detector.microscope import Detector, Microscope
from kikuchi.simulate.masters.master import MasterPattern
from kikuchi.simulate.scenes.labelled import Vary, simulate_labelled, simulate_map
from kikuchi.simulate.scenes.microstructure import add_foreign, disc, make_unreadable, voronoi_grains


def striped(name: str, space_group: int, waves: float) -> MasterPattern:
    axis = np.linspace(-1, 1, 101, dtype=np.float32)
    half = 2 + np.cos(waves * axis)[:, None] * np.cos(waves * axis)[None, :]
    return MasterPattern(name, space_group, 20.0, half, half, "kinematical")


MASTERS = [striped("Ni", 225, 20), striped("Ni3Al", 221, 30)]
DETECTOR = Detector(shape=(24, 32))


def test_labelled_scans_and_their_dataset_file(tmp_path):
    import kikuchipy

    file = simulate_labelled(MASTERS, tmp_path, count=[12, 7], detector=DETECTOR)
    materials = tomllib.loads(file.read_text())["material"]
    assert [(m["name"], m["space_group"], m["scan"]) for m in materials] == [
        ("Ni", 225, "Ni.h5"),
        ("Ni3Al", 221, "Ni3Al.h5"),
    ]
    signal = kikuchipy.load(tmp_path / "Ni.h5", lazy=True)
    assert signal.data.shape == (3, 4, 24, 32) and signal.data.dtype == np.uint8
    truth = pd.read_csv(tmp_path / "Ni.truth.csv")
    assert len(truth) == 12 and set(truth.space_group) == {225} and set(truth.status_truth) == {"known"}
    np.testing.assert_allclose(signal.detector.pc.reshape(-1, 3), truth[["pcx", "pcy", "pcz"]], atol=1e-5)
    assert not list(tmp_path.glob("*.unfinished"))


def test_a_scan_says_what_simulated_its_masters(tmp_path):
    import kikuchipy

    masters = [
        replace(m, simulator=s) for m, s in zip(MASTERS, ("EMsoft", "Bloch waves, drawn"), strict=True)
    ]
    grains = voronoi_grains((3, 4), np.array([0.5, 0.5]), 3, 0.0, np.random.default_rng(0))
    scan = open_scan(simulate_map(masters, grains, tmp_path / "map.h5", detector=DETECTOR))
    assert scan.simulated and scan.simulators == ("Bloch waves, drawn", "EMsoft")
    again = kikuchipy.load(tmp_path / "map.h5")
    assert again.metadata.Acquisition_instrument.SEM.beam_energy == 20
    plain = open_scan(simulate_map(MASTERS, grains, tmp_path / "plain.h5", detector=DETECTOR))
    assert plain.simulated and plain.simulators == ()


def test_the_truth_reproduces_the_patterns(tmp_path):
    """Orientation and pattern centre as written down, through kikuchipy's own projection."""
    import kikuchipy
    from orix.quaternion import Rotation

    quiet = Microscope(
        dose=constant(1e7), read_noise=constant(0), background_height=constant(0), bits=16,
        gradient_x=constant(0), gradient_y=constant(0), blur=constant(0), contrast=constant(0.1),
    )  # fmt: skip
    simulate_labelled(MASTERS[:1], tmp_path, count=5, detector=DETECTOR, microscope=quiet)
    signal = kikuchipy.load(tmp_path / "Ni.h5")
    truth = pd.read_csv(tmp_path / "Ni.truth.csv")
    rotations = Rotation.from_euler(truth[["phi1", "Phi", "phi2"]].to_numpy(), degrees=True)
    from orix.crystal_map import Phase

    master = kikuchipy.signals.EBSDMasterPattern(
        np.stack([MASTERS[0].north, MASTERS[0].south]),
        projection="lambert",
        hemisphere="both",
        phase=Phase("Ni", space_group=225),
    )
    expected = master.get_patterns(
        rotations.reshape(*signal.xmap.shape),
        signal.detector,
        dtype_out="float32",
        compute=True,
        show_progressbar=False,
    ).data
    for seen, clean in zip(signal.data.reshape(5, -1), expected.reshape(5, -1), strict=True):
        assert np.corrcoef(seen, clean)[0, 1] > 0.999


def test_a_map_says_where_the_foreign_and_the_unreadable_are(tmp_path):
    import kikuchipy

    rng = np.random.default_rng(1)
    grains = voronoi_grains((12, 20), np.array([1.0]), 6, 1.5, rng)
    foreign, unreadable = disc((12, 20), (0.75, 0.5), 0.3), disc((12, 20), (0.2, 0.5), 0.25)
    grains = make_unreadable(add_foreign(grains, foreign, 1, rng), unreadable)
    path = simulate_map(MASTERS, grains, tmp_path / "map.h5", detector=DETECTOR, step_um=0.25)
    signal = kikuchipy.load(path, lazy=True)
    assert signal.data.shape == (12, 20, 24, 32)
    assert [axis.scale for axis in signal.axes_manager.navigation_axes] == [0.25, 0.25]
    assert signal.detector.sample_tilt == 70 and signal.detector.navigation_shape == (1,)
    assert signal.metadata.Acquisition_instrument.SEM.beam_energy == 20
    truth = pd.read_csv(tmp_path / "map.truth.csv")
    assert (truth.status_truth[foreign] == "foreign").all() and (truth.phase[foreign] == "Ni3Al").all()
    assert (truth.status_truth[unreadable] == "unreadable").all() and truth.phase[unreadable].isna().all()
    assert truth.space_group[unreadable].isna().all() and (truth.contrast[unreadable] == 0).all()
    assert truth.x.max() == pytest.approx(19 * 0.25) and truth.row.max() == 11


def test_a_map_has_one_geometry_unless_told_otherwise(tmp_path):
    grains = voronoi_grains((6, 8), np.array([1.0]), 3, 0, np.random.default_rng(1))
    detector = Detector(shape=(12, 12), sample_tilt=Distribution(kind="uniform", values=(60, 80)))
    import kikuchipy

    expected: list[tuple[Vary, int]] = [("scan", 1), ("pattern", 48)]
    for vary, different in expected:
        path = simulate_map(MASTERS, grains, tmp_path / f"{vary}.h5", detector=detector, vary=vary)
        truth = pd.read_csv(tmp_path / f"{vary}.truth.csv")
        assert truth.pcx.nunique() == truth.sample_tilt.nunique() == truth.dose.nunique() == different
        header = kikuchipy.load(path, lazy=True).detector
        assert header.sample_tilt == pytest.approx(truth.sample_tilt.mean(), abs=1e-3)


def test_points_without_bands_differ_only_by_noise(tmp_path):
    import h5py

    grains = voronoi_grains((6, 8), np.array([1.0]), 3, 0, np.random.default_rng(1))
    grains = make_unreadable(grains, np.ones(48, dtype=bool))
    path = simulate_map(MASTERS, grains, tmp_path / "blank.h5", detector=DETECTOR)
    with h5py.File(path) as file:
        patterns = file["Scan 1/EBSD/Data/patterns"][:].astype(float)
    # Nothing but noise is left when the common background is taken away, and noise is not alike.
    rest = (patterns - patterns.mean(axis=0)).reshape(48, -1)
    alike = np.corrcoef(rest)[np.triu_indices(48, 1)]
    assert np.abs(alike).max() < 5 / np.sqrt(rest.shape[1]) + 1 / 47


def test_the_same_seed_gives_the_same_patterns_for_any_number_of_workers(tmp_path):
    import h5py

    for workers in (1, 3):
        folder = tmp_path / str(workers)
        simulate_labelled(MASTERS[:1], folder, count=150, detector=DETECTOR, seed=5, workers=workers)
    first, second = (h5py.File(tmp_path / w / "Ni.h5")["Scan 1/EBSD/Data/patterns"][:] for w in "13")
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("masters", "count", "message"),
    [([], 5, "names that differ"), (MASTERS[:1] * 2, 5, "names that differ"), (MASTERS[:1], 0, "at least 1")],
)
def test_a_wrong_request_is_one_line(tmp_path, masters, count, message):
    with pytest.raises(InputError, match=message):
        simulate_labelled(masters, tmp_path, count=count)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot be written"):
        simulate_labelled(MASTERS[:1], tmp_path / "file" / "out", count=3, detector=DETECTOR)
