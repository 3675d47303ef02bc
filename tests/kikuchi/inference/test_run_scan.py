"""The pipeline from a scan to its store: in order, bounded, resumed, with engines that are plain NumPy."""

import threading
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile

from ensemble.abstention import fit_familiarity
from ensemble.errors import InputError
from kikuchi._support.progress import SILENT
from kikuchi._support.threads import in_order
from kikuchi.inference import Runner, StudentRunner, run_scan
from kikuchi.inference.logits_store import LogitsStore
from kikuchi.members import MemberSpec
from kikuchi.recipes.schema import Recipe
from kikuchi.scans import open_scan, prepare, scan_from_array
from kikuchi.scans.split import pattern_hash
from kikuchi.training import distillation
from kikuchi.training.distillation import mixed, patterns_of

SIZE = 32
CLASSES = (221, 225, 229)


class Linear:
    """A member that is one matrix: what it must say of a pattern can be worked out beside it."""

    name = "linear"

    def __init__(self, seed):
        rng = np.random.default_rng(seed)
        self.down = rng.normal(size=(SIZE * SIZE, 8)).astype(np.float32)
        self.head = {"kernel": rng.normal(size=(8, 3)).astype(np.float32), "bias": np.zeros(3, np.float32)}
        self.seen = 0

    def predict(self, patterns):
        self.seen += len(patterns)
        features = np.maximum(patterns.reshape(len(patterns), -1) @ self.down, 0)
        return features @ self.head["kernel"] + self.head["bias"], features


@pytest.fixture
def ensemble():
    """Three linear members of one input size, and a bundle that is just enough of one."""
    engines = [Linear(seed) for seed in range(3)]
    specs = tuple(MemberSpec(f"m{i}", "scratch", "compact", SIZE, 3, seed=i) for i in range(3))
    recipe = Recipe(member=({"kind": "scratch", "count": 3, "size": SIZE},), combine={"draws": 4})
    rng = np.random.default_rng(9)
    familiarity = fit_familiarity([rng.random((30, 8)) for _ in engines], k=3)
    runner = Runner(engines, specs, recipe, familiarity)
    bundle = SimpleNamespace(
        members=specs,
        classes=CLASSES,
        recipe=recipe,
        fingerprint="f" * 64,
        variant="",
        preparation=lambda member: recipe.preparation(member.size),
        runner=lambda engine, **_: runner,
    )
    return SimpleNamespace(engines=engines, runner=runner, bundle=bundle, recipe=recipe)


def patterns(n, seed=0):
    return np.random.default_rng(seed).integers(0, 255, (n, 40, 40), dtype=np.uint8)


def test_the_store_holds_what_each_member_says_of_each_pattern_in_order(ensemble, tmp_path, monkeypatch):
    monkeypatch.setattr(run_scan, "CHUNK", 300)
    raw = patterns(700)
    scan = scan_from_array(raw)
    store, _ = run_scan.run_store(scan, ensemble.bundle, tmp_path / "store", SILENT, threads=3)
    ready = prepare(raw, ensemble.recipe.preparation(SIZE))
    for m, engine in enumerate(ensemble.engines):
        np.testing.assert_allclose(store.logits[m], engine.predict(ready)[0], atol=1e-4)
    assert store.missing() == []
    assert (np.asarray(store.draw_votes).sum(axis=-1) == 4).all()


def test_what_is_in_the_store_is_not_run_again(ensemble, tmp_path, monkeypatch):
    monkeypatch.setattr(run_scan, "CHUNK", 50)
    scan = scan_from_array(patterns(130))
    first, _ = run_scan.run_store(scan, ensemble.bundle, tmp_path / "store", SILENT)
    assert ensemble.engines[0].seen == 130
    again, seconds = run_scan.run_store(scan, ensemble.bundle, tmp_path / "store", SILENT)
    assert ensemble.engines[0].seen == 130 and seconds == 0
    np.testing.assert_array_equal(first.logits, again.logits)


def test_an_interrupted_run_keeps_its_whole_chunks(ensemble, tmp_path, monkeypatch):
    monkeypatch.setattr(run_scan, "CHUNK", 50)
    scan = scan_from_array(patterns(200))
    whole, _ = run_scan.run_store(scan, ensemble.bundle, tmp_path / "whole", SILENT)
    read, reads = scan.source.read, []

    def stopping(indices):
        reads.append(indices)
        if len(reads) > 6:  # three are the fingerprint's, and the fourth piece is torn away
            raise KeyboardInterrupt
        return read(indices)

    monkeypatch.setattr(scan.source, "read", stopping)
    with pytest.raises(KeyboardInterrupt):
        run_scan.run_store(scan, ensemble.bundle, tmp_path / "parts", SILENT, threads=1)
    monkeypatch.setattr(scan.source, "read", read)
    before = ensemble.engines[0].seen
    resumed, _ = run_scan.run_store(scan, ensemble.bundle, tmp_path / "parts", SILENT)
    assert 0 < ensemble.engines[0].seen - before < 200
    np.testing.assert_array_equal(resumed.logits, whole.logits)


def test_a_pattern_that_cannot_be_read_has_quality_zero(ensemble, tmp_path):
    scan = scan_from_array(patterns(20))
    scan.problems[7] = "torn"
    store, _ = run_scan.run_store(scan, ensemble.bundle, tmp_path / "store", SILENT)
    assert store.quality[7] == 0


def test_unfamiliarity_is_the_mean_over_members_of_each_ones_own(ensemble):
    raw = patterns(12)
    outputs, strange = ensemble.runner.detailed(raw)
    ready = prepare(raw, ensemble.recipe.preparation(SIZE))
    features = [engine.predict(ready)[1] for engine in ensemble.engines]
    np.testing.assert_allclose(outputs.unfamiliarity, ensemble.runner.familiarity.score(features), rtol=1e-6)
    assert strange.shape == (3, 12)


def test_no_more_is_read_ahead_than_there_are_workers():
    taken, gate = [], threading.Event()

    def items():
        for i in range(100):
            taken.append(i)
            yield i

    def work(i):
        gate.wait(5)
        return i

    results = in_order(work, items(), threads=2)
    threading.Timer(0.2, gate.set).start()
    assert next(results) == 0
    assert len(taken) <= 4
    assert list(results) == list(range(1, 100))


def test_matrix_products_have_one_thread_while_workers_run():
    from threadpoolctl import threadpool_info

    def threads(_):
        return max(
            (pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"), default=1
        )

    assert list(in_order(threads, range(3), threads=2)) == [1, 1, 1]


def test_a_student_speaks_for_every_member(ensemble):
    """A student that holds the members side by side says what they say, apart again."""
    members = ensemble.engines
    side_by_side = Linear(0)
    side_by_side.down = np.concatenate([m.down for m in members], axis=1)
    side_by_side.head = {"kernel": np.zeros((24, 9), np.float32), "bias": np.zeros(9, np.float32)}
    for i, member in enumerate(members):
        side_by_side.head["kernel"][8 * i : 8 * i + 8, 3 * i : 3 * i + 3] = member.head["kernel"]
    familiarity = fit_familiarity([np.random.default_rng(1).random((30, 24))], k=3)
    spec = MemberSpec("student", "scratch", "compact", SIZE, 9)
    student = StudentRunner([side_by_side], (spec,), ensemble.recipe, familiarity, heads=3)
    raw = patterns(11)
    outputs = student.outputs(raw)
    np.testing.assert_allclose(outputs.logits, ensemble.runner.outputs(raw).logits, atol=1e-3)
    assert outputs.unfamiliarity.shape == (11,)


def test_mixtures_lie_between_the_patterns_they_are_made_of():
    """Two patterns that are constant: a mixture is at most half way to the other, and none without a share."""
    flat = np.stack([np.full((4, 4), -1.0), np.full((4, 4), 1.0)])
    for most in (0.5, 0.0):
        shown = mixed(flat, np.random.default_rng(0), most)
        assert (shown[0] <= 0).all() and (shown[1] >= 0).all()
        assert most or np.array_equal(shown, flat)


def test_a_student_is_shown_patterns_of_all_scans_but_those_that_are_known(ensemble, monkeypatch):
    """Of 60 and 30 patterns a draw of 45 has some of both, in their order, prepared as for the members."""
    monkeypatch.setattr(distillation, "MOST", 45)
    raw = patterns(90)
    scans = scan_from_array(raw[:60]), scan_from_array(raw[60:])
    preparation = ensemble.recipe.preparation(SIZE)
    ready = prepare(raw, preparation).astype(np.float16)

    def places(found):
        return [int(np.flatnonzero((ready == one).all(axis=(1, 2)))[0]) for one in found]

    drawn = places(patterns_of(scans, preparation, [], seed=3))
    assert len(drawn) == 45 and drawn == sorted(set(drawn))
    assert 20 < sum(place < 60 for place in drawn) < 40
    known = [pattern_hash(raw[place]) for place in drawn[:10]]
    again = places(patterns_of(scans, preparation, known, seed=3))
    # Ten others take the places of those that are known.
    assert again[:35] == drawn[10:] and len(again) == 45 and not set(again[35:]) & set(drawn)
    assert patterns_of([], preparation, [], seed=3).shape == (0, SIZE, SIZE)


def test_a_student_is_not_shown_constant_repeated_or_unreadable_patterns(ensemble):
    raw = patterns(12)
    raw[3] = 7
    raw[5] = raw[4]
    scan = scan_from_array(raw)
    scan.problems[8] = "the file ends here"
    shown = patterns_of([scan], ensemble.recipe.preparation(SIZE), [], seed=0)
    wanted = prepare(raw[[0, 1, 2, 4, 6, 7, 9, 10, 11]], ensemble.recipe.preparation(SIZE))
    np.testing.assert_array_equal(shown, wanted.astype(np.float16))


def test_keras_is_given_whole_batches_and_other_engines_small_pieces(ensemble):
    """Of 299 x 299 pixels 11 patterns are 4 MB, in eights 8; Keras would fill every piece up to 64."""
    large = tuple(MemberSpec(f"m{i}", "scratch", "xception", 299, 3, seed=i) for i in range(3))
    runner = replace(ensemble.runner, specs=large)
    lengths = [p.stop - p.start for p in runner.pieces(slice(0, 200), (60, 60))]
    assert lengths == [8] * 25
    for engine in ensemble.engines:
        engine.name = "keras"
    lengths = [p.stop - p.start for p in runner.pieces(slice(0, 200), (60, 60))]
    assert lengths == [64, 64, 64, 8]


@pytest.fixture
def file_scan(tmp_path, monkeypatch):
    """A scan in an HDF5 file of 40 patterns, stored in chunks of 10; a function that opens it anew."""
    import kikuchipy

    monkeypatch.setattr(run_scan, "CHUNK", 10)
    path = tmp_path / "scan.h5"
    patterns = np.random.default_rng(1).integers(0, 255, (4, 10, 40, 40), dtype=np.uint8)
    kikuchipy.signals.EBSD(patterns).save(path)
    return SimpleNamespace(path=path, patterns=patterns.reshape(-1, 40, 40), open=lambda: open_scan(path))


def _changed(path, index, value):
    import h5py

    with h5py.File(path, "r+") as file:
        found = []
        file.visititems(lambda name, item: found.append(name) if name.endswith("patterns") else None)
        flat = file[found[0]]
        at = (index,) if flat.ndim == 3 else np.unravel_index(index, flat.shape[:2])
        flat[tuple(at)] = value


def test_the_same_scan_is_not_run_again_and_a_copy_of_it_neither(ensemble, file_scan, tmp_path):
    import shutil

    run_scan.run_store(file_scan.open(), ensemble.bundle, tmp_path / "store")
    seen = ensemble.engines[0].seen
    shutil.copyfile(file_scan.path, tmp_path / "other.h5")
    shutil.move(tmp_path / "other.h5", file_scan.path)  # another time, the same patterns
    _, seconds = run_scan.run_store(file_scan.open(), ensemble.bundle, tmp_path / "store")
    assert seconds == 0 and ensemble.engines[0].seen == seen


def test_a_scan_that_differs_in_one_pattern_amid_is_not_taken_for_the_same(ensemble, file_scan, tmp_path):
    # First, middle and last pattern and the size are those of before.
    run_scan.run_store(file_scan.open(), ensemble.bundle, tmp_path / "store")
    _changed(file_scan.path, 13, np.full((40, 40), 7, np.uint8))
    with pytest.raises(InputError, match="patterns 10 to 19 differ"):
        run_scan.run_store(file_scan.open(), ensemble.bundle, tmp_path / "store")


def test_a_passing_read_error_is_told_tried_again_and_mended(ensemble, file_scan, tmp_path):
    scan = file_scan.open()
    whole = file_scan.path.read_bytes()
    read = scan.source.read

    def cut_amid(indices):
        if indices[0] == 20 and len(indices) > 1:
            file_scan.path.write_bytes(whole[: len(whole) // 2])
        return read(indices)

    scan.source.read = cut_amid
    store, _ = run_scan.run_store(scan, ensemble.bundle, tmp_path / "store")
    assert sorted(scan.problems) == list(range(20, 40))
    assert (np.asarray(store.quality)[20:] == 0).all()

    # Still cut, in a new process: the reasons are not lost.
    file_scan.path.write_bytes(whole)
    again = file_scan.open()
    again.source.read = lambda indices: (
        again.source.problems.update(dict.fromkeys(indices.tolist(), "still gone"))
        or np.zeros((len(indices), 40, 40))
        if indices.max() >= 20 and len(indices) > 1
        else type(again.source).read(again.source, indices)
    )
    _, seconds = run_scan.run_store(again, ensemble.bundle, tmp_path / "store")
    assert seconds == 0 and sorted(again.problems) == list(range(20, 40))

    # Restored: what can be read is run, and ends as a run that was never disturbed.
    restored = file_scan.open()
    store, seconds = run_scan.run_store(restored, ensemble.bundle, tmp_path / "store")
    assert seconds > 0 and not restored.problems
    undisturbed, _ = run_scan.run_store(file_scan.open(), ensemble.bundle, tmp_path / "fresh")
    np.testing.assert_array_equal(store.logits, undisturbed.logits)
    np.testing.assert_array_equal(store.quality, undisturbed.quality)


@pytest.fixture
def image_scan(tmp_path, monkeypatch):
    """A folder of 40 images in four chunks."""
    monkeypatch.setattr(run_scan, "CHUNK", 10)
    folder = tmp_path / "images"
    folder.mkdir()
    for i, pattern in enumerate(patterns(40, 3)):
        tifffile.imwrite(folder / f"p_{i:03d}.tif", pattern)
    return folder


@pytest.mark.parametrize("broken", [0, 20, 39])
def test_a_folder_whose_first_middle_or_last_image_was_mended_is_the_same_scan(
    ensemble, image_scan, tmp_path, broken
):
    undisturbed, _ = run_scan.run_store(open_scan(image_scan), ensemble.bundle, tmp_path / "fresh")
    file = image_scan / f"p_{broken:03d}.tif"
    whole = file.read_bytes()
    file.write_bytes(whole[:200])
    torn = open_scan(image_scan)
    run_scan.run_store(torn, ensemble.bundle, tmp_path / "store")
    assert list(torn.problems) == [broken]
    file.write_bytes(whole)
    before = ensemble.engines[0].seen
    store, _ = run_scan.run_store(open_scan(image_scan), ensemble.bundle, tmp_path / "store")
    assert ensemble.engines[0].seen - before == 10  # its chunk alone
    np.testing.assert_array_equal(store.logits, undisturbed.logits)
    np.testing.assert_array_equal(store.quality, undisturbed.quality)
    # Whoever reads the map asks for the scan as it is now.
    assert LogitsStore.read(tmp_path / "store").identity.scan == open_scan(image_scan).fingerprint()


def test_a_folder_in_which_another_image_changed_too_is_another_scan(ensemble, image_scan, tmp_path):
    first = image_scan / "p_000.tif"
    whole = first.read_bytes()
    first.write_bytes(whole[:200])
    run_scan.run_store(open_scan(image_scan), ensemble.bundle, tmp_path / "store")
    first.write_bytes(whole)
    tifffile.imwrite(image_scan / "p_013.tif", patterns(1, 99)[0])
    with pytest.raises(InputError, match="another scan"):
        run_scan.run_store(open_scan(image_scan), ensemble.bundle, tmp_path / "store")
