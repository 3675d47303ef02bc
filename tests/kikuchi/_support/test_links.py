"""Nothing in a bundle or a store is a link: what is written on its behalf stays in it."""

import shutil
from pathlib import Path

import pytest

from ensemble.errors import InputError
from kikuchi._support.links import refuse_links
from kikuchi.bundle.bundle import Bundle
from kikuchi.inference.logits_store import LogitsStore

OLD = Path(__file__).resolve().parents[2] / "data" / "format_1"


def link(at: Path, to: Path) -> None:
    try:
        at.symlink_to(to, target_is_directory=to.is_dir())
    except (OSError, NotImplementedError):
        pytest.skip("no links can be made here")


def test_whole_folders_and_none_are_let_through(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c").write_text("x")
    refuse_links(tmp_path / "a", remedy="r")
    refuse_links(tmp_path / "none", remedy="r")
    link(tmp_path / "chosen", tmp_path / "a")
    refuse_links(tmp_path / "chosen", remedy="r")


@pytest.mark.parametrize("target", ["a", "a/b/c", "elsewhere", "gone"])
@pytest.mark.parametrize("name", ["l", "b/l"])
def test_links_are_refused_wherever_they_lead(name, target, tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c").write_text("x")
    (tmp_path / "elsewhere").mkdir()
    link(tmp_path / "a" / name, tmp_path / target)
    with pytest.raises(InputError, match=r"l: is a link: nothing in here may be one \(copy it\)"):
        refuse_links(tmp_path / "a", remedy="copy it")


@pytest.mark.parametrize("name", ["engines", "members/scratch-1/history.csv", "calibration.json", "notes"])
def test_a_bundle_with_a_link_in_it_is_refused(name, tmp_path):
    """Seen: ``engines`` as a link, by which `map` wrote its exports into another folder."""
    run = tmp_path / "run"
    shutil.copytree(OLD / "bundle", run)
    Bundle.load(run)
    place, aside = run / name, tmp_path / "aside"
    if place.exists():
        place.replace(aside)
    else:
        aside.mkdir()
    link(place, aside)
    with pytest.raises(InputError, match=rf"{place.name}: is a link"):
        Bundle.load(run)


def test_a_store_that_is_a_link_or_holds_one_is_refused(tmp_path):
    shutil.copytree(OLD / "store", tmp_path / "aside")
    link(tmp_path / "logits", tmp_path / "aside")
    with pytest.raises(InputError, match="logits: is a link"):
        LogitsStore.read(tmp_path / "logits")
    whole = LogitsStore.read(tmp_path / "aside")
    with pytest.raises(InputError, match="logits: is a link"):
        LogitsStore.open(tmp_path / "logits", whole.identity)
    (tmp_path / "aside" / "logits.npy").replace(tmp_path / "other.npy")
    link(tmp_path / "aside" / "logits.npy", tmp_path / "other.npy")
    with pytest.raises(InputError, match=r"logits\.npy: is a link"):
        LogitsStore.read(tmp_path / "aside")
