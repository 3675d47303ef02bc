"""One point of a map, explained: its numbers and its pictures."""

import time
from pathlib import Path
from typing import Any

import numpy as np

from kikuchi.bundle.bundle import Bundle
from kikuchi.explain.disagreement import Disagreement, Ensemble, disputed_pair, explain_disagreement
from kikuchi.explain.explanation import write_explanation
from kikuchi.explain.faithfulness import perturb, randomised_weights, rank_correlation
from kikuchi.explain.ground_truth import Truth, shares
from kikuchi.explain.inputs import patterns_of_members
from kikuchi.explain.paper_figures import draw_overlay, shown_classes
from kikuchi.explain.pictures import disagreement_card, png
from kikuchi.explain.plan import Cost
from kikuchi.maps import PhaseMap
from kikuchi.scans import Scan


def explain_point(
    index: int,
    reason: str,
    ensemble: Ensemble,
    bundle: Bundle,
    scan: Scan,
    phase_map: PhaseMap,
    folder: Path,
    truth: Truth | None = None,
    seconds: float | None = None,
    cost: Cost | None = None,
) -> dict[str, Any]:
    """Explain one point of a map, draw it, and return its numbers.

    Parameters
    ----------
    index, reason
        The point, and what it was chosen for.
    ensemble, bundle, scan, phase_map
        What is explained, and of what.
    folder
        For ``point_<index>.png`` and ``point_<index>_classes.png``, and for the attributions themselves,
        ``point_<index>.npz`` and ``point_<index>_information.npz``, which `kikuchi.read_explanation` reads.
    truth
        Of a simulated scan: says which attributions lie on bands and zone axes.
    seconds, cost
        The time of this point, and what its parts cost: what does not fit is left out and named. No limit where None.

    Returns
    -------
    dict
        Plain JSON values.
    """
    begin = time.perf_counter()
    patterns = patterns_of_members(bundle, scan, index)
    probabilities = phase_map.member_probabilities[:, index]
    left_out: list[str] = []
    until = None
    if seconds is not None and cost is not None:
        # What is drawn afterwards keeps its part of the time.
        until = begin + max(0.0, seconds - cost.classes - cost.drawing)
    found = explain_disagreement(ensemble, patterns, disputed_pair(probabilities), until=until)
    explaining = time.perf_counter() - begin
    if until is not None and not found.uncertainty.close:
        left_out.append("finer lines for the mutual information")
    d, classes = phase_map.decision, phase_map.classes
    name = f"point_{index}"
    where = f"point {index}, row {phase_map.row[index]}, column {phase_map.col[index]}"
    caption = _caption(where, reason, phase_map, index, found)
    says = [
        f"{member} says {classes[int(p.argmax())]}"
        for member, p in zip(phase_map.members, probabilities, strict=True)
    ]
    title = f"{phase_map.name}, {where}: {reason}"
    card = disagreement_card(max(patterns, key=len), found, says, classes, title, caption)
    (folder / f"{name}.png").write_bytes(png(card))
    spent = time.perf_counter() - begin
    brief = seconds is not None and cost is not None and spent + cost.classes > seconds
    others = shown_classes(len(classes)) - 2
    if brief and others > 0:
        left_out.append(f"{others} of the {others + 2} classes drawn")
    worst = _draw_classes(
        folder / f"{name}_classes.png", ensemble, patterns, found, probabilities, phase_map, where, brief
    )
    _keep(folder / name, found, patterns, phase_map)
    a, b = found.pair
    uncertainty = found.uncertainty
    return {
        "index": index,
        "row": int(phase_map.row[index]),
        "col": int(phase_map.col[index]),
        "reason": reason,
        "pair": [classes[a], classes[b]],
        "confidence": _number(d.confidence[index]),
        "members": [
            {
                "name": member,
                "vote": classes[int(p.argmax())],
                "logits": [
                    {"space_group": classes[k], "value": one.value, "base": one.base, "error": one.error}
                    for k, one in zip(found.pair, logits, strict=True)
                ],
                "margin": margin.value,
                "margin_error": margin.error,
                "mutual_information_share": float(part.sum()),
            }
            for member, p, logits, margin, part in zip(
                phase_map.members, probabilities, found.logits, found.margins, uncertainty.values, strict=True
            )
        ],
        "mutual_information": {
            "value": uncertainty.value,
            "base": uncertainty.base,
            "error": uncertainty.error,
            "missed": uncertainty.missed,
        },
        "worst_error": max(found.worst_error, worst),
        "worst_missed": found.worst_missed,
        "truth": None if truth is None else _physical(index, truth, ensemble, bundle, found),
        "trust": _perturbed(ensemble, patterns, found, phase_map),
        "picture": f"{name}.png",
        "classes_picture": f"{name}_classes.png",
        "explanations": [f"{name}.npz", f"{name}_information.npz"],
        "left_out": left_out,
        "seconds_explaining": explaining,
        "caption": caption,
        "seconds": time.perf_counter() - begin,
    }


def _draw_classes(
    path: Path,
    ensemble: Ensemble,
    patterns: list[np.ndarray],
    found: Disagreement,
    probabilities: np.ndarray,
    phase_map: PhaseMap,
    where: str,
    brief: bool = False,
) -> float:
    """Draw the Shapley values of all classes for the member that is surest (the paper's Fig. 4)."""
    member = int(probabilities.max(axis=1).argmax())
    return draw_overlay(
        path,
        ensemble,
        member,
        patterns[member],
        probabilities[member],
        phase_map.classes,
        f"{phase_map.name}, {where}: {phase_map.members[member]}, the surest member",
        dict(zip(found.pair, found.logits[member], strict=True)),
        only_known=brief,
    )


def _keep(stem: Path, found: Disagreement, patterns: list[np.ndarray], phase_map: PhaseMap) -> None:
    """Write the attributions as `shap.Explanation`s of one sample a member."""
    members = phase_map.members
    write_explanation(
        stem.with_name(f"{stem.name}.npz"), found.to_explanation(patterns, phase_map.classes, members)
    )
    write_explanation(
        stem.with_name(f"{stem.name}_information.npz"), found.uncertainty.to_explanation(patterns, members)
    )


def _caption(where: str, reason: str, phase_map: PhaseMap, index: int, found: Disagreement) -> str:
    classes, p = phase_map.classes, phase_map.member_probabilities[:, index]
    votes = ", ".join(
        f"{name} says {classes[int(one.argmax())]} ({one.max():.0%})"
        for name, one in zip(phase_map.members, p, strict=True)
    )
    a, b = (classes[k] for k in found.pair)
    return (
        f"{where}, chosen for: {reason}. {votes}. Red pixels speak for {a} against {b}, blue ones for {b}; in the "
        "picture of the disagreement red pixels raise it and blue ones calm it. Sums miss the difference to the "
        f"background by at most {found.worst_error:.2g} of it (logits) and {found.uncertainty.error:.2g} "
        "(mutual information). Maps are blurred by one pixel for the eye."
    )


def _physical(
    index: int, truth: Truth, ensemble: Ensemble, bundle: Bundle, found: Disagreement
) -> dict[str, Any] | None:
    """Say which share of the attributions lies on bands and zone axes; None where they are not known."""
    # On the grid of the largest input, where the members' attributions are laid on one another.
    member = int(np.argmax([m.size for m in bundle.members]))
    physics = truth.physics(index, bundle.preparation(bundle.members[member]))
    if physics is None:
        return None
    seen = ensemble.backgrounds[member].std(axis=0) > 0
    parts = {"shared": found.mean, "parting": found.spread, "mutual_information": found.information}
    return {"phase": truth.phase(index)} | {k: shares(values, physics, seen) for k, values in parts.items()}


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _perturbed(
    ensemble: Ensemble, patterns: list[np.ndarray], found: Disagreement, phase_map: PhaseMap
) -> dict[str, Any]:
    """Take from the pattern what the most decided member's margin rests on, against random pixels."""
    member = int(np.argmax([abs(m.value - m.base) for m in found.margins]))
    margin = found.margins[member]
    a, b = found.pair
    sign = 1.0 if margin.value > margin.base else -1.0

    def output(patterns: np.ndarray) -> np.ndarray:
        logits = ensemble.logits(member, patterns)
        return sign * (logits[:, a] - logits[:, b])

    blank = ensemble.backgrounds[member].mean(axis=0)
    curves = perturb(output, patterns[member], sign * margin.values, blank)
    return {
        "member": phase_map.members[member],
        "share": curves.share.tolist(),
        "deletion": curves.deletion.tolist(),
        "insertion": curves.insertion.tolist(),
        "random_deletion": curves.random_deletion.mean(axis=0).tolist(),
        "random_insertion": curves.random_insertion.mean(axis=0).tolist(),
        "deletion_gain": curves.deletion_gain,
        "insertion_gain": curves.insertion_gain,
    }


def randomised(
    ensemble: Ensemble, patterns: list[np.ndarray], phase_map: PhaseMap, index: int
) -> dict[str, Any]:
    """Explain a point again with the first member's weights shuffled.

    Returns
    -------
    dict
        ``rank_correlation`` of the attributions of the margin with the trained weights and with shuffled
        ones: near 0 where the explanation shows the member, near 1 where it shows the pattern alone.
    """
    pair = disputed_pair(phase_map.member_probabilities[:, index])
    trained = ensemble.margin(0, pair, patterns[0])
    with randomised_weights(ensemble.members[0]):
        shuffled = ensemble.margin(0, pair, patterns[0])
    return {
        "index": index,
        "member": phase_map.members[0],
        "rank_correlation": rank_correlation(trained.values, shuffled.values),
    }
