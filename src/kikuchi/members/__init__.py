"""Build, train, store and run one member. Keras, NumPy and the standard library only.

Keras is imported when a function needs it, so that importing this package is free.
"""

from kikuchi.members.architectures import build_backbone, build_member
from kikuchi.members.auxiliary_task import auxiliary_cells
from kikuchi.members.draws import HeadDraws, dropout_draws, head_draws, member_draws
from kikuchi.members.linear_probe import features_of, fit_head, train_frozen
from kikuchi.members.predict import predict
from kikuchi.members.schedule import Epoch, History, Training
from kikuchi.members.spec import ARCHITECTURES, HEADS, KINDS, MemberSpec
from kikuchi.members.storage import load_member, read_spec, save_member
from kikuchi.members.train import train_member
from kikuchi.members.weights import copy_backbone, load_backbone_weights

__all__ = [
    "ARCHITECTURES",
    "HEADS",
    "KINDS",
    "Epoch",
    "HeadDraws",
    "History",
    "MemberSpec",
    "Training",
    "auxiliary_cells",
    "build_backbone",
    "build_member",
    "copy_backbone",
    "dropout_draws",
    "features_of",
    "fit_head",
    "head_draws",
    "load_backbone_weights",
    "load_member",
    "member_draws",
    "predict",
    "read_spec",
    "save_member",
    "train_frozen",
    "train_member",
]
