"""A phase that the user named: what a class is where two classes may share a space group."""

from dataclasses import dataclass
from typing import Any

from ensemble.errors import InputError

Cell = tuple[float, float, float, float, float, float]


@dataclass(frozen=True)
class NamedPhase:
    """A phase by its name.

    Attributes
    ----------
    name
        The user's.
    space_group
        Number of the space group, 1 to 230.
    cell
        (a, b, c) in angstrom and (alpha, beta, gamma) in degrees; None where it is not known.
    """

    name: str
    space_group: int
    cell: Cell | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON."""
        return {
            "name": self.name,
            "space_group": self.space_group,
            "lattice": None if self.cell is None else list(self.cell),
        }

    @classmethod
    def from_dict(cls, data: Any) -> "NamedPhase":
        """Read back what `to_dict` wrote; further keys are left alone.

        Raises
        ------
        InputError
            It is no phase.
        """
        try:
            name, group, lattice = data["name"], data["space_group"], data.get("lattice")
            if not isinstance(name, str) or type(group) is not int or not 1 <= group <= 230:
                raise ValueError(f"{name!r} of space group {group!r}")
            cell = None
            if lattice is not None:
                a, b, c, alpha, beta, gamma = (float(v) for v in lattice)
                cell = (a, b, c, alpha, beta, gamma)
            return cls(name, group, cell)
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
            raise InputError(f"not a phase: {error}", remedy="copy the bundle again") from None
