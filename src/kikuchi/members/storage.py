"""A member on disk: its description as JSON and its weights as HDF5. Nothing in it is run on load."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from ensemble.errors import InputError
from kikuchi._support import atomic
from kikuchi._support.archive import check_hdf5
from kikuchi.members.architectures import build_member
from kikuchi.members.spec import MemberSpec

if TYPE_CHECKING:
    import keras

DESCRIPTION = "member.json"
WEIGHTS = "member.weights.h5"


def save_member(model: "keras.Model", spec: MemberSpec, folder: Path) -> None:
    """Write a member into its folder; each file appears whole or not at all.

    Parameters
    ----------
    model, spec
        The member and what it was built from.
    folder
        Made if missing.
    """
    with atomic.replaced(folder / WEIGHTS) as partial:
        atomic.require_room(folder / WEIGHTS, sum(weight.nbytes for weight in model.get_weights()))
        model.save_weights(partial)
    atomic.write_json(folder / DESCRIPTION, spec.to_dict())


def read_spec(folder: Path) -> MemberSpec:
    """Read what a stored member is, without building it."""
    path = folder / DESCRIPTION
    try:
        return MemberSpec.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, OverflowError, TypeError, ValueError) as error:
        raise InputError("not a member's description", path=path, remedy="copy the bundle again") from error


def load_member(folder: Path) -> tuple["keras.Model", MemberSpec]:
    """Build a stored member again and fill in its weights.

    Parameters
    ----------
    folder
        A member's folder in a bundle.

    Raises
    ------
    InputError
        The description or the weights are missing or do not belong together.
    """
    spec = read_spec(folder)
    model = build_member(spec)
    path = folder / WEIGHTS
    check_hdf5(path, remedy="copy the bundle again")
    try:
        model.load_weights(path)
    except Exception as error:  # h5py and Keras raise many types for a wrong or broken file
        raise InputError(
            "these weights do not fit the member", path=path, remedy="copy the bundle again"
        ) from error
    return model, spec
