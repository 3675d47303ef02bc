"""Specification of one member, as plain data: enough to build it again without running any stored code."""

from dataclasses import asdict, dataclass, fields
from typing import Any

from ensemble.errors import InputError

#: A matcher is no network: it compares patterns with simulations, see `kikuchi.matching`.
KINDS = ("scratch", "transfer", "matcher")
ARCHITECTURES = ("compact", "small", "xception", "matching")

#: What a member's draws are: masks of dropout, or heads from a posterior of the last layer (`ensemble.bayesian`).
HEADS = ("dropout", "laplace", "variational", "nuts", "swag")

#: Smallest input that survives the strides of each architecture (Keras refuses Xception below 71).
MINIMUM_SIZE = {"compact": 32, "small": 32, "xception": 71, "matching": 16}


@dataclass(frozen=True)
class MemberSpec:
    """The architecture of one member as data.

    Parameters
    ----------
    name
        Unique within its bundle, e.g. ``"scratch-1"``.
    kind
        ``"scratch"`` (one channel, random weights), ``"transfer"`` (three stacked channels, given weights) or
        ``"matcher"`` (no network but simulations, see `kikuchi.matching`).
    architecture
        ``"xception"`` (`keras.applications.Xception`, unmodified), ``"small"`` or ``"compact"``; ``"matching"`` of a
        matcher.
    size
        Side of the square input in pixels.
    classes
        Number of classes K.
    dropout
        Share of features dropped before the head, 0 to below 1; what MC-dropout draws from.
    seed
        Seed of the weights, the order of the patterns and the dropout masks.
    frozen
        Whether the backbone keeps the weights it was given and only the head is trained.
    head
        One of `HEADS`.
    draws
        Heads that a posterior keeps; not used by ``"dropout"``.
    """

    name: str
    kind: str
    architecture: str
    size: int
    classes: int
    dropout: float = 0.5
    seed: int = 0
    frozen: bool = False
    head: str = "dropout"
    draws: int = 50

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(f"unknown member kind {self.kind!r}", remedy=f"one of {', '.join(KINDS)}")
        if self.architecture not in ARCHITECTURES:
            raise InputError(
                f"unknown architecture {self.architecture!r}", remedy=f"one of {', '.join(ARCHITECTURES)}"
            )
        smallest = MINIMUM_SIZE[self.architecture]
        if not smallest <= self.size <= 1024:
            raise InputError(
                f"member {self.name!r}: input size {self.size} is out of range",
                remedy=f"{self.architecture} takes {smallest} to 1024 pixels",
            )
        if (self.kind == "matcher") != (self.architecture == "matching"):
            raise InputError(f"member {self.name!r}: a {self.kind} of architecture {self.architecture}")
        if self.classes < 2:
            raise InputError(f"member {self.name!r}: {self.classes} classes", remedy="give at least 2")
        if not 0 <= self.dropout < 1:
            raise InputError(f"member {self.name!r}: dropout {self.dropout}", remedy="0 to below 1")
        if self.head not in HEADS:
            raise InputError(f"unknown head {self.head!r}", remedy=f"one of {', '.join(HEADS)}")

    @property
    def channels(self) -> int:
        """Input channels of the backbone: 1 from scratch, 3 by transfer (the paper's stacked pattern)."""
        return 3 if self.kind == "transfer" else 1

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON-able data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "MemberSpec":
        """Build a spec from what `to_dict` gave; unknown or missing fields are refused.

        A member of the first format says nothing of its head, which is then a dropout head.
        """
        known = {f.name for f in fields(cls)}
        if not isinstance(data, dict) or set(data) | {"head", "draws"} != known:
            raise InputError(
                "a member's description has missing or unknown fields", remedy="refit the bundle"
            )
        return cls(**data)
