"""Candidates named by the user: a bundle that chooses among some of its classes only.

Somebody who knows that a scan holds austenite or ferrite asks an easier question than "which of ten space groups": the
members' outputs are restricted to the classes named, and what they then say of the held-out patterns *of these classes
alone* is calibrated, given thresholds and certified again. No network runs for it.

None of them stays possible: a pattern to which the members give more probability outside the classes named than
nearly all held-out patterns of these classes is unfamiliar, and so is one that is like nothing in training.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensemble.candidates import mass_outside, restricted_draws, restricted_logits, unfamiliarity_among
from kikuchi.bundle.outputs import MemberOutputs


@dataclass(frozen=True)
class Candidates:
    """Classes that were named, and the restriction of the members' outputs to them.

    Attributes
    ----------
    space_groups
        Named, ascending.
    materials
        Where materials were named, else empty.
    columns
        Where the groups stand among the bundle's own classes.
    known_unfamiliarity, known_outside
        Of held-out patterns of the candidates, that calibrate: see `ensemble.candidates.unfamiliarity_among`.
    """

    space_groups: tuple[int, ...]
    materials: tuple[str, ...]
    columns: tuple[int, ...]
    known_unfamiliarity: NDArray[np.float64]
    known_outside: NDArray[np.float64]

    def narrow(self, outputs: MemberOutputs) -> MemberOutputs:
        """Return what the members say among the candidates; their unfamiliarity then also means none of them."""
        return MemberOutputs(
            logits=restricted_logits(outputs.logits, self.columns),
            draws=restricted_draws(outputs.draws, self.columns),
            unfamiliarity=unfamiliarity_among(
                outputs.unfamiliarity,
                mass_outside(outputs.logits, self.columns),
                self.known_unfamiliarity,
                self.known_outside,
            ),
            quality=outputs.quality,
            mixed=outputs.mixed,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return what ``summary.json`` says of them, as plain JSON."""
        return {"space_groups": list(self.space_groups), "materials": list(self.materials)}
