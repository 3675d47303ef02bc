"""A bundle as it answers among classes that the user names: restricted, calibrated and certified for them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from ensemble.abstention import Certificate
from ensemble.abstention.risk_control import answers_needed, as_percent
from ensemble.candidates import mass_outside
from ensemble.errors import InputError
from kikuchi.bundle.bundle import Bundle
from kikuchi.bundle.candidates import Candidates
from kikuchi.bundle.decision import class_names, fit_decision
from kikuchi.bundle.networks import require_networks
from kikuchi.bundle.outputs import HeldOut, Part
from kikuchi.recipes.schema import Recipe

#: Of the kind that was given.
B = TypeVar("B", bound=Bundle)


def named_classes(
    bundle: Bundle, among: str | Sequence[str | int]
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


def among_candidates(bundle: B, among: str | Sequence[str | int], rule: str, recipe: Recipe) -> B:
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
    require_networks(
        bundle, "answers among the phases it was given", "adapt again, naming those that may be there"
    )
    groups, materials = named_classes(bundle, among)
    columns = tuple(bundle.classes.index(group) for group in groups)
    held_out = _of_candidates(bundle, columns, materials)
    for part, index in ((p, i) for p in (Part.CALIBRATION, Part.CERTIFICATION) for i in columns):
        here = (held_out.part == part) & (held_out.labels == index)
        if not here.any():
            of_material = f" in {', '.join(materials)}" if materials else ""
            raise InputError(
                f"no held-out patterns of {bundle.classes[index]}{of_material} to "
                + ("calibrate with" if part == Part.CALIBRATION else "test a promise with"),
                path=bundle.path,
                remedy="name space groups in place of materials, or fit with more patterns held out",
            )
    first = held_out.calibration.outputs
    candidates = Candidates(
        groups, materials, columns, np.asarray(first.unfamiliarity), mass_outside(first.logits, columns)
    )
    own = replace(
        held_out,
        outputs=candidates.narrow(held_out.outputs),
        labels=np.searchsorted(columns, held_out.labels),
    )
    names = class_names(
        groups, [m for m in bundle.manifest["materials"] if not materials or m["name"] in materials]
    )
    calibration, abstention = fit_decision(own, rule, recipe, groups, names=names)
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


def promise_size(certificate: Certificate) -> str:
    """Say how many held-out units test a promise for named classes, and how many the risk that was asked for takes.

    Parameters
    ----------
    certificate
        As fitted for the classes named.

    Returns
    -------
    str
        One line; empty where the risk asked for is certified.
    """
    if certificate.certified:
        return ""
    risk, confidence = certificate.target_risk, certificate.confidence
    none, one = (answers_needed(risk, confidence, errors=k, answered=k) for k in (0, 1))
    needed = f"{none} answered without an error"
    if one is not None:
        needed += f", or {one + 1} with one"
    return (
        f"{certificate.n_tested} held-out crystals or grains of the classes named test the promise, "
        f"{certificate.n_answered} of them answered, {certificate.n_errors} wrongly; {as_percent(risk)} takes {needed}"
    )


def _of_candidates(bundle: Bundle, columns: tuple[int, ...], materials: tuple[str, ...]) -> HeldOut:
    """Return the held-out patterns of the candidates alone."""
    held_out = bundle.held_out
    chosen = np.isin(held_out.labels, columns)
    if materials:
        names = [m["name"] for m in bundle.manifest["materials"]]
        chosen &= np.isin(held_out.material, [names.index(name) for name in materials])
    return held_out.select(chosen)
