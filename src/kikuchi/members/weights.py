"""Start a member from weights that exist: ImageNet's, a local file's or another member's backbone."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ensemble.errors import InputError
from kikuchi._support.archive import check_hdf5
from kikuchi.members.architectures import build_backbone
from kikuchi.members.storage import DESCRIPTION, load_member

if TYPE_CHECKING:
    import keras

#: Backbones of one channel, pre-trained on simulated crystals, by architecture: the compact one by
#: `kikuchi.training.pretrain`, the small one by ``reports/simulation/trunk.py``.
SHIPPED = {name: Path(__file__).parent / "data" / f"{name}.weights.h5" for name in ("compact", "small")}

_LOCAL = 'give a local file: weights = "path/to/xception_weights_tf_dim_ordering_tf_kernels_notop.h5"'


def load_backbone_weights(member: "keras.Model", weights: str | Path) -> None:
    """Fill a member's backbone with pre-trained weights, in place.

    Parameters
    ----------
    member
        As `kikuchi.members.architectures.build_member` gives it.
    weights
        ``"imagenet"`` (downloaded by Keras and kept in its cache), ``"kikuchi"`` (shipped: pre-trained on simulated
        crystals), a ``.h5`` / ``.weights.h5`` file of the backbone without its top, or the folder of a bundle or of
        one of its members, whose backbone is taken over.

    Raises
    ------
    InputError
        The weights cannot be had, or belong to another architecture.
    """
    backbone = member.get_layer("backbone")
    if str(weights) == "imagenet":
        _load_imagenet(backbone)
        return
    if str(weights) == "kikuchi":
        _load_shipped(backbone)
        return
    path = Path(weights)
    if path.is_dir():
        _load_from_member(backbone, path)
        return
    if not path.is_file():
        raise InputError("no such weights file", path=path, remedy="correct `weights` in the recipe")
    check_hdf5(path, remedy="give weights of the same architecture, without the top, for three channels")
    try:
        backbone.load_weights(path)
    except Exception as error:  # Keras and h5py raise many types for a wrong or broken file
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(
            f"not weights of this backbone: {reason[:160]}",
            path=path,
            remedy="give weights of the same architecture, without the top, for three channels",
        ) from error


def _load_imagenet(backbone: "keras.Model") -> None:
    import keras

    shape = backbone.input_shape[1:]
    if len(backbone.weights) < 200:
        raise InputError("ImageNet weights exist for Xception only", remedy='set architecture = "xception"')
    try:
        source = keras.applications.Xception(
            include_top=False, weights="imagenet", input_shape=shape, pooling="avg"
        )
    except Exception as error:  # offline, proxy, full disk: Keras lets each of them through as it comes
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(
            f"the ImageNet weights cannot be downloaded: {reason[:160]}", remedy=_LOCAL
        ) from error
    copy_backbone(source, backbone)


def _load_from_member(backbone: "keras.Model", folder: Path) -> None:
    """Take over the backbone of a member, or of a bundle's first member of the same architecture."""
    places = [folder, *sorted((folder / "members").glob("*"))]
    for place in places:
        if not (place / DESCRIPTION).is_file():
            continue
        source = load_member(place)[0].get_layer("backbone")
        if len(source.weights) == len(backbone.weights):
            copy_backbone(source, backbone)
            return
    raise InputError(
        "no member of the same architecture here", path=folder, remedy="give a bundle or a member's folder"
    )


def _load_shipped(backbone: "keras.Model") -> None:
    for architecture, path in SHIPPED.items():
        source = build_backbone(architecture, backbone.input_shape[1], 1)
        if len(source.weights) == len(backbone.weights):
            source.load_weights(path)
            copy_backbone(source, backbone)
            return
    known = ", ".join(f'"{name}"' for name in SHIPPED)
    raise InputError(f"weights are shipped for {known} members", remedy='set architecture = "small"')


def copy_backbone(source: "keras.Model", target: "keras.Model") -> None:
    """Copy all weights of one backbone into another of the same architecture.

    A one-channel source enters a three-channel target with its first kernel divided by three over the
    channels, so that three equal channels give the very same features; the other way round it is summed.

    Parameters
    ----------
    source, target
        Backbones; their input sizes may differ.

    Raises
    ------
    InputError
        The architectures differ.
    """
    # By creation order, not by name: Keras numbers layer names through a session.
    values = [np.asarray(v) for v in source.get_weights()]
    shapes = [tuple(v.shape) for v in target.weights]
    if len(values) != len(shapes):
        raise InputError(
            f"a backbone of {len(values)} weight arrays does not fit one of {len(shapes)}",
            remedy="use the same architecture for both",
        )
    have, want = values[0].shape, shapes[0]
    if have != want and have[:2] == want[:2] and have[3] == want[3]:
        summed = values[0].sum(axis=2, keepdims=True)
        values[0] = np.repeat(summed / want[2], want[2], axis=2)
    for value, shape in zip(values, shapes, strict=True):
        if value.shape != shape:
            raise InputError(
                f"backbone weights of shape {value.shape} do not fit {shape}",
                remedy="use the same architecture for both",
            )
    target.set_weights(values)
