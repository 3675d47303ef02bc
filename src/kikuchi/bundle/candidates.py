"""Candidates named by the user: a bundle that chooses among some of its classes only.

Somebody who knows that a scan holds austenite or ferrite asks an easier question than "which of ten space groups": the
members' outputs are restricted to the classes named, and what they then say of the held-out patterns *of these classes
alone* is calibrated, given thresholds and certified again. No network runs for it.

None of them stays possible: a pattern to which the members give more probability outside the classes named than
nearly all held-out patterns of these classes is unfamiliar, and so is one that is like nothing in training.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ensemble.candidates import mass_outside, restricted_draws, restricted_logits, strangeness_among
from ensemble.errors import InputError
from kikuchi.bundle.decision import class_names, fit_decision
from kikuchi.bundle.outputs import HeldOut, MemberOutputs
from kikuchi.recipes.schema import Recipe

if TYPE_CHECKING:
    from kikuchi.bundle.bundle import Bundle


@dataclass(frozen=True)
class Candidates:
    """Which classes were named, and how the members' outputs are narrowed to them.

    Attributes
    ----------
    space_groups
        Named, ascending.
    materials
        Where materials were named, else empty.
    columns
        Where the groups stand among the bundle's own classes.
    known_unfamiliarity, known_outside
        Of held-out patterns of the candidates, that calibrate: see `ensemble.candidates.strangeness_among`.
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
            unfamiliarity=strangeness_among(
                outputs.unfamiliarity,
                mass_outside(outputs.logits, self.columns),
                self.known_unfamiliarity,
                self.known_outside,
            ),
            quality=outputs.quality,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return what ``summary.json`` says of them, as plain JSON."""
        return {"space_groups": list(self.space_groups), "materials": list(self.materials)}


def named_classes(
    bundle: "Bundle", among: str | Sequence[str | int]
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Read what a user named: space groups, or materials of the bundle.

    Parameters
    ----------
    bundle
        Whose classes and materials can be named.
    among
        ``"225,229"``, ``"Ni,Ni3Al"``, or a sequence of such names.

    Returns
    -------
    space_groups, materials
        The groups, ascending; the materials, in the bundle's order, empty where groups were named.

    Raises
    ------
    InputError
        A name is not known, groups and materials are mixed, or fewer than two groups are left.

    """
    words = among.split(",") if isinstance(among, str) else [str(word) for word in among]
    names = list(dict.fromkeys(word.strip() for word in words if word.strip()))
    groups = [int(name) for name in names if name.isdecimal() and len(name) <= 3]
    materials = [name for name in names if not (name.isdecimal() and len(name) <= 3)]
    if groups and materials:
        raise InputError(
            f"--among names both groups ({groups[0]}) and materials ({materials[0]!r})",
            remedy="name groups only, or materials only",
        )
    known = {str(m["name"]): int(m["space_group"]) for m in bundle.manifest["materials"]}
    unknown = [name for name in materials if name not in known] or [
        str(group) for group in groups if group not in bundle.classes
    ]
    if unknown:
        listed = ", ".join(map(str, bundle.classes))
        few = f", or of its materials: {', '.join(sorted(known))}" if len(known) <= 20 else ""
        raise InputError(f"the bundle does not know {unknown[0]!r}", remedy=f"name some of {listed}{few}")
    chosen = tuple(sorted(set(groups) | {known[name] for name in materials}))
    if len(chosen) < 2:
        raise InputError(
            f"--among leaves {len(chosen)} space group{'' if len(chosen) == 1 else 's'} to choose from",
            remedy="name at least two, e.g. --among 225,229",
        )
    return chosen, tuple(name for name in known if name in materials)


def among_candidates(
    bundle: "Bundle", among: str | Sequence[str | int], rule: str, recipe: Recipe
) -> "Bundle":
    """Return the bundle as it answers among the classes named, calibrated and certified for them.

    Parameters
    ----------
    bundle
        As it was fitted, or as `kikuchi.inference.predictor.answering` made it answer.
    among
        See `named_classes`.
    rule
        How the members are combined; only this rule is fitted.
    recipe
        Says method of calibration, risk, confidence and familiar share, perhaps other than the bundle's own.

    Raises
    ------
    InputError
        As `named_classes`, and where too few held-out patterns of a class are there to calibrate with.
    """
    groups, materials = named_classes(bundle, among)
    columns = tuple(bundle.classes.index(group) for group in groups)
    held_out = _of_candidates(bundle, columns, materials)
    for part, index in ((p, i) for p in (0, 1) for i in columns):
        here = (held_out.part == part) & (held_out.labels == index)
        if not here.any():
            of_material = f" in {', '.join(materials)}" if materials else ""
            raise InputError(
                f"no held-out patterns of {bundle.classes[index]}{of_material} to "
                + ("calibrate with" if part == 0 else "test a promise with"),
                path=bundle.path,
                remedy="name space groups in place of materials, or fit with more patterns held out",
            )
    first = held_out.select(held_out.part == 0).outputs
    candidates = Candidates(
        groups, materials, columns, np.asarray(first.unfamiliarity), mass_outside(first.logits, columns)
    )
    own = replace(
        held_out,
        outputs=candidates.narrow(held_out.outputs),
        labels=np.searchsorted(columns, held_out.labels),
    )
    calibration, abstention = fit_decision(
        own, rule, recipe, names=class_names(groups, _materials(bundle, materials))
    )
    return replace(
        bundle,
        manifest=bundle.manifest | {"classes": list(groups)},
        recipe=recipe,
        rule=rule,
        calibrations={rule: calibration},
        abstentions={rule: abstention},
        own_held_out=own,
        candidates=candidates,
    )


def _materials(bundle: "Bundle", named: tuple[str, ...]) -> list[dict[str, Any]]:
    return [m for m in bundle.manifest["materials"] if not named or m["name"] in named]


def _of_candidates(bundle: "Bundle", columns: tuple[int, ...], materials: tuple[str, ...]) -> HeldOut:
    """Return the held-out patterns of the candidates alone."""
    held_out = bundle.held_out
    chosen = np.isin(held_out.labels, columns)
    if materials:
        names = [m["name"] for m in bundle.manifest["materials"]]
        chosen &= np.isin(held_out.material, [names.index(name) for name in materials])
    return held_out.select(chosen)
