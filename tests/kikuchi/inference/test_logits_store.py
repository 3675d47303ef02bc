"""The logits store: what was written is there, what was not is missing, and strangers are refused."""

import json
import os

import numpy as np
import pytest

from ensemble.errors import InputError
from kikuchi.inference.logits_store import LogitsStore, StoreIdentity


def identity(**changes):
    given = {
        "scan": "s",
        "bundle": "b",
        "members": ("one", "two"),
        "n_patterns": 10,
        "n_classes": 3,
        "draws": 5,
        "chunk": 4,
    }
    return StoreIdentity(**given | changes)


def chunk_values(n, fill):
    return {
        "logits": np.full((2, n, 3), fill, np.float32),
        "draw_mean": np.full((2, n, 3), fill, np.float32),
        "draw_entropy": np.full((2, n), fill, np.float32),
        "draw_votes": np.full((2, n, 3), 1, np.uint16),
        "unfamiliarity": np.full(n, fill, np.float32),
        "quality": np.full(n, fill, np.float32),
    }


def test_ten_patterns_in_chunks_of_four_are_three_chunks(tmp_path):
    store = LogitsStore.open(tmp_path / "store", identity())
    assert store.missing() == [slice(0, 4), slice(4, 8), slice(8, 10)]


def test_a_resumed_store_misses_only_what_was_not_written(tmp_path):
    LogitsStore.open(tmp_path / "store", identity()).write(slice(4, 8), **chunk_values(4, 2.0))
    again = LogitsStore.open(tmp_path / "store", identity())
    assert again.missing() == [slice(0, 4), slice(8, 10)]
    np.testing.assert_array_equal(again.logits[:, 4:8], 2.0)
    np.testing.assert_array_equal(again.quality[4:8], 2.0)


@pytest.mark.parametrize(
    "change, word",
    [
        ({"scan": "t"}, "another scan"),
        ({"bundle": "c"}, "another bundle"),
        ({"n_patterns": 11}, "another n patterns"),
    ],
)
def test_a_store_of_something_else_is_refused(tmp_path, change, word):
    LogitsStore.open(tmp_path / "store", identity())
    with pytest.raises(InputError, match=word):
        LogitsStore.open(tmp_path / "store", identity(**change))


@pytest.mark.parametrize("broken", ["", "[]", "{}", '{"format_version": 1}', '{"format_version": 99}'])
def test_a_broken_description_is_refused(tmp_path, broken):
    LogitsStore.open(tmp_path / "store", identity())
    (tmp_path / "store" / "store.json").write_text(broken)
    with pytest.raises(InputError, match="store"):
        LogitsStore.read(tmp_path / "store")


def test_a_newer_format_is_refused_with_its_number(tmp_path):
    LogitsStore.open(tmp_path / "store", identity())
    path = tmp_path / "store" / "store.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format_version": 99}))
    with pytest.raises(InputError, match="99"):
        LogitsStore.read(tmp_path / "store")


def test_arrays_of_another_shape_are_refused_by_name(tmp_path):
    LogitsStore.open(tmp_path / "store", identity())
    np.save(tmp_path / "store" / "quality.npy", np.zeros(3, np.float32))
    with pytest.raises(InputError, match=r"quality\.npy"):
        LogitsStore.read(tmp_path / "store")


def test_pickled_arrays_are_refused(tmp_path):
    LogitsStore.open(tmp_path / "store", identity())
    np.save(tmp_path / "store" / "quality.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match=r"quality\.npy"):
        LogitsStore.read(tmp_path / "store")


def test_a_disk_too_small_says_so_before_anything_is_stored(tmp_path):
    import resource

    kept = resource.getrlimit(resource.RLIMIT_FSIZE)
    # A limit on the size of files is met by the same system calls as a full disk.
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, kept[1]))
    try:
        with pytest.raises(InputError, match=r"cannot be written.*free space"):
            LogitsStore.open(tmp_path / "store", identity(n_patterns=10_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, kept)
    assert list((tmp_path / "store").iterdir()) == []
    assert LogitsStore.open(tmp_path / "store", identity()).missing()


def test_a_disk_that_fills_up_in_the_middle_loses_nothing_written(tmp_path, monkeypatch):
    store = LogitsStore.open(tmp_path / "store", identity())
    store.write(slice(0, 4), **chunk_values(4, 1.0))
    written = os.pwrite
    calls = []

    def full_after_three(file, data, at):
        calls.append(at)
        if len(calls) > 3:
            raise OSError(28, "No space left on device")
        return written(file, data, at)

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full_after_three)
        with pytest.raises(InputError, match=r"No space left on device.*goes on from there"):
            store.write(slice(4, 8), **chunk_values(4, 2.0))
    again = LogitsStore.open(tmp_path / "store", identity())
    assert again.missing() == [slice(4, 8), slice(8, 10)]
    np.testing.assert_array_equal(again.logits[:, :4], 1.0)
    again.write(slice(4, 8), **chunk_values(4, 3.0))
    np.testing.assert_array_equal(again.logits[:, 4:8], 3.0)


def test_rows_of_every_member_land_at_their_own_patterns(tmp_path):
    store = LogitsStore.open(tmp_path / "store", identity())
    logits = np.arange(2 * 10 * 3, dtype=np.float32).reshape(2, 10, 3)
    for part in store.missing():
        values = chunk_values(part.stop - part.start, 0.0)
        store.write(part, **values | {"logits": logits[:, part]})
    np.testing.assert_array_equal(np.load(tmp_path / "store" / "logits.npy"), logits)


@pytest.mark.parametrize("change", [{"chunk": 0}, {"n_patterns": -1}, {"n_classes": 2**60}, {"draws": "5"}])
def test_sizes_that_no_scan_has_are_refused(tmp_path, change):
    LogitsStore.open(tmp_path / "store", identity())
    path = tmp_path / "store" / "store.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(InputError, match="not a logits store"):
        LogitsStore.read(tmp_path / "store")
