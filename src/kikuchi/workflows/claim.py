"""Record of the fit that a folder belongs to, so that it goes on there and no other is mixed with it."""

import hashlib
from pathlib import Path
from typing import Any, Protocol

from ensemble.errors import InputError
from kikuchi._support import atomic, lock
from kikuchi.recipes.old_keys import renamed_recipe
from kikuchi.recipes.schema import Recipe

#: In the folder of a fit: what is being fitted there.
CLAIM = "fit.json"

_ELSEWHERE = "give another --out"
_BUILT_IN = ("imagenet", "kikuchi")


class _Fingerprinted(Protocol):
    def fingerprint(self) -> str: ...


def claim(
    folder: Path, recipe: Recipe, dataset: str, seed: int, stream: _Fingerprinted | None = None
) -> None:
    """Say in the folder what is being fitted there, and refuse one where something else is.

    Parameters
    ----------
    folder
        Of the fit; new, empty or begun.
    recipe
        Files in it count as the same however their paths are spelled.
    dataset
        Hash of its patterns and labels.
    seed
        Of the fit.
    stream
        Whose fingerprint counts, where members learn from simulated patterns.

    Raises
    ------
    InputError
        Another recipe, dataset, seed or stream was begun there, the weights that members begin with were replaced
        since, or the folder holds something else.
    """
    wanted: dict[str, Any] = {"recipe": recipe.model_dump(mode="json"), "dataset": dataset, "seed": seed}
    if stream is not None:
        wanted["stream"] = stream.fingerprint()
    # In the order of the groups, so that no path need be compared.
    weights = [_content(group.get("weights")) for group in wanted["recipe"]["member"]]
    path = folder / CLAIM
    if path.is_file():
        record = atomic.read_json(path, remedy=_ELSEWHERE)
        there = record if isinstance(record, dict) else {}
        for name, value in wanted.items():
            if _resolved(there.get(name)) != _resolved(value):
                raise InputError(f"a fit with another {name} was begun here", path=folder, remedy=_ELSEWHERE)
        # A fit of an older version noted no weights.
        if there.get("weights", weights) != weights:
            raise InputError(
                "the weights that its members begin with were replaced since this fit was begun",
                path=folder,
                remedy=f"put the old ones back, or {_ELSEWHERE}",
            )
        return
    if folder.is_dir() and any(p.name not in lock.OWN for p in folder.iterdir()):
        raise InputError("the folder is not empty", path=folder, remedy=_ELSEWHERE)
    if any(weights):
        wanted["weights"] = weights
    atomic.write_json(path, wanted)


def _resolved(record: Any) -> Any:
    """Return a recipe with the paths in it absolute and the key names of now; anything else as it is."""
    if not isinstance(record, dict):
        return record
    record = renamed_recipe(record)
    groups, stream, abstain = record.get("member"), record.get("stream"), record.get("abstain")
    if isinstance(abstain, dict):
        # A key that says nothing was not written by older versions.
        said = {key: value for key, value in abstain.items() if value is not None}
        record = record | {"abstain": {"overlaps": False} | said}
    if isinstance(groups, list):
        record = record | {"member": [_absolute(group, "weights") for group in groups]}
    return record | {"stream": _absolute(stream, "masters", "strangers")} if stream else record


def _absolute(table: Any, *names: str) -> Any:
    if not isinstance(table, dict):
        return table
    paths = {n: table[n] for n in names if isinstance(table.get(n), str) and table[n] not in _BUILT_IN}
    return table | {name: str(Path(path).resolve()) for name, path in paths.items()}


def _content(weights: str | None) -> str | None:
    """Hash the weights that a group begins with: SHA-256 of a file, or of a member's or bundle's weights files.

    None where there are none, they come with the package, or are not there: whoever loads them will say so.
    """
    if weights is None or weights in _BUILT_IN:
        return None
    path = Path(weights)
    if path.is_file():
        return atomic.sha256(path)
    files = sorted([*path.glob("*.weights.h5"), *path.glob("members/*/*.weights.h5")])
    if not files:
        return None
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.relative_to(path).as_posix()}:{atomic.sha256(file)};".encode())
    return digest.hexdigest()
