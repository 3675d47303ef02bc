"""The journey of `explain`: a map becomes pictures and numbers of why its members disagree."""

import time
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.abstention import Status
from ensemble.errors import InputError
from kikuchi import files
from kikuchi.bundle import Bundle
from kikuchi.deciding import member_weights
from kikuchi.explain import (
    Disagreement,
    Ensemble,
    choose,
    disputed_pair,
    explain_disagreement,
)
from kikuchi.explain.mapped import background_of, prepared_patterns, read_map
from kikuchi.explain.page import write_page
from kikuchi.explain.pictures import disagreement_card, png, shapley_overlay
from kikuchi.explain.shapley import check_method
from kikuchi.locking import locked
from kikuchi.mapping import as_seen
from kikuchi.maps import PhaseMap
from kikuchi.progress import SILENT, Progress
from kikuchi.reports import write_map_report
from kikuchi.scans import Scan, open_scan
from kikuchi.versions import versions

#: Classes drawn in an overlay, the most probable first.
SHOWN_CLASSES = 4

_UNITS = {"s": 1, "m": 60, "h": 3600}


def explain_map(
    map_dir: str | Path,
    scan: str | Path | Scan,
    run: str | Path | Bundle,
    out: str | Path,
    *,
    points: int = 12,
    budget: str = "5m",
    method: str = "deep",
    progress: Progress = SILENT,
) -> dict[str, Any]:
    """Explain the most instructive points of a map within a time.

    Parameters
    ----------
    map_dir
        What `ensemble map` wrote; nothing in it is changed.
    scan, run
        What was mapped, and the bundle it was mapped with.
    out
        Folder for ``point_<index>.png`` (the disagreement) and ``point_<index>_classes.png`` (the Shapley values of
        the most probable classes), ``explanations.json``, ``report.html``, and ``map.html``, the map with the
        explanations at its points.
    points
        How many at most.
    budget
        Time for all of them, such as ``"90s"``, ``"5m"`` or ``"1h"``: no point is begun that would pass it, by
        what the points before it took. The first one is always explained.
    method
        ``"deep"`` (DeepSHAP, the paper's) or ``"gradients"`` (expected gradients).
    progress
        Listener of the work.

    Returns
    -------
    dict
        What ``explanations.json`` holds.

    Raises
    ------
    InputError
        The map, the scan and the bundle do not belong together, or the request is wrong.
    """
    begin = time.perf_counter()
    seconds = read_budget(budget)
    import keras

    way = check_method(method, keras.backend.backend())
    bundle = run if isinstance(run, Bundle) else Bundle.load(run)
    opened = scan if isinstance(scan, Scan) else open_scan(scan)
    phase_map, abstention = read_map(Path(map_dir), opened, bundle)
    d = phase_map.decision
    chosen = choose(
        phase_map.member_probabilities,
        d.mutual_information,
        d.votes,
        d.confidence,
        d.unfamiliarity,
        points,
        usable=d.status != Status.UNREADABLE,
    )
    folder = Path(out)
    with locked(folder):
        progress.say("choosing what to compare with")
        background, origin = background_of(bundle, opened, phase_map)
        ensemble = Ensemble(
            [bundle.model(m.name) for m in bundle.members],
            [m.size for m in bundle.members],
            background,
            way,
            weights=member_weights(bundle.held_out, bundle.recipe),
        )
        records: list[dict[str, Any]] = []
        with progress.bar("explaining", len(chosen.indices)) as step:
            for index, reason in zip(chosen.indices, chosen.reasons, strict=True):
                spent = time.perf_counter() - begin
                if records and spent + records[-1]["seconds"] > seconds:
                    progress.say(f"stopped after {len(records)} points: the time of {budget} is used up")
                    break
                records.append(
                    _explain_point(int(index), reason, ensemble, bundle, opened, phase_map, folder)
                )
                step(1)
        result = {
            "map": phase_map.name,
            "space_groups": list(phase_map.classes),
            "members": list(phase_map.members),
            "method": way,
            "backend": keras.backend.backend(),
            "background": {"origin": origin, "patterns": len(background.labels)},
            "asked_points": points,
            "chosen_points": len(chosen.indices),
            "explained_points": len(records),
            "budget_s": seconds,
            "seconds": time.perf_counter() - begin,
            "worst_error": max(r["worst_error"] for r in records),
            "worst_uncertainty_error": max(r["mutual_information"]["error"] for r in records),
            "points": records,
            "versions": versions(),
        }
        progress.say("writing the reports")
        files.write_json(folder / "explanations.json", result)
        write_page(result, folder)
        write_map_report(
            phase_map,
            folder / "map.html",
            patterns=as_seen(opened, bundle),
            threshold=abstention,
            explanations={r["index"]: (folder / r["picture"], r["caption"]) for r in records},
        )
    return result


def describe_explanations(result: dict[str, Any], out: str | Path) -> str:
    """Say in a few lines what was explained, how exact that is, and where to look."""
    ways = {"deep": "DeepSHAP", "gradients": "expected gradients"}
    return "\n".join(
        [
            f"explained {result['explained_points']} of {result['chosen_points']} points of {result['map']} "
            f"in {result['seconds']:.0f} s: {ways[result['method']]} on {result['backend']}, against "
            f"{result['background']['patterns']} patterns ({result['background']['origin']})",
            f"completeness: the sums miss by at most {result['worst_error']:.2%} (logits) and "
            f"{result['worst_uncertainty_error']:.2%} (mutual information)",
            f"look at {Path(out) / 'report.html'} and {Path(out) / 'map.html'}",
        ]
    )


def read_budget(text: str) -> float:
    """Return a time such as ``90s``, ``5m``, ``1.5h`` or plain ``300`` in seconds.

    Raises
    ------
    InputError
        It is none.

    Examples
    --------
    >>> read_budget("90s"), read_budget("5m"), read_budget("20")
    (90.0, 300.0, 20.0)
    """
    number, unit = (text[:-1], text[-1]) if text[-1:] in _UNITS else (text, "s")
    try:
        value = float(number) * _UNITS[unit]
    except ValueError:
        value = float("nan")
    if not 0 < value < float("inf"):
        raise InputError(f"no time: {text!r}", remedy="such as 90s, 5m or 1h")
    return value


def _explain_point(
    index: int,
    reason: str,
    ensemble: Ensemble,
    bundle: Bundle,
    scan: Scan,
    phase_map: PhaseMap,
    folder: Path,
) -> dict[str, Any]:
    """Explain one point, draw it, and return its numbers."""
    begin = time.perf_counter()
    prepared = {size: p[0] for size, p in prepared_patterns(bundle, scan, np.array([index])).items()}
    patterns = [prepared[m.size] for m in bundle.members]
    probabilities = phase_map.member_probabilities[:, index]
    found = explain_disagreement(ensemble, patterns, disputed_pair(probabilities))
    d, classes = phase_map.decision, phase_map.classes
    name = f"point_{index}"
    where = f"point {index}, row {phase_map.row[index]}, column {phase_map.col[index]}"
    caption = _caption(where, reason, phase_map, index, found)
    says = [
        f"{member} says {classes[int(p.argmax())]}"
        for member, p in zip(phase_map.members, probabilities, strict=True)
    ]
    title = f"{phase_map.name}, {where}: {reason}"
    card = disagreement_card(prepared[max(prepared)], found, says, classes, title, caption)
    (folder / f"{name}.png").write_bytes(png(card))
    _draw_classes(folder / f"{name}_classes.png", index, ensemble, patterns, phase_map, where)
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
        },
        "worst_error": found.worst_error,
        "picture": f"{name}.png",
        "classes_picture": f"{name}_classes.png",
        "caption": caption,
        "seconds": time.perf_counter() - begin,
    }


def _draw_classes(
    path: Path,
    index: int,
    ensemble: Ensemble,
    patterns: list[np.ndarray],
    phase_map: PhaseMap,
    where: str,
) -> None:
    """Draw the Shapley values of the most probable classes for the member that is surest (the paper's Fig. 4)."""
    probabilities = phase_map.member_probabilities[:, index]
    member = int(probabilities.max(axis=1).argmax())
    ranked = np.argsort(-probabilities[member], kind="stable")[:SHOWN_CLASSES]
    figure = shapley_overlay(
        patterns[member],
        [ensemble.logit(member, int(k), patterns[member]) for k in ranked],
        [f"{phase_map.classes[k]}: {probabilities[member, k]:.1%}" for k in ranked],
        f"{phase_map.name}, {where}: {phase_map.members[member]}, the surest member",
        "Shapley values of the logit of each space group, by falling probability: red pixels speak for it, blue ones "
        "against. Blurred by one pixel for the eye.",
    )
    path.write_bytes(png(figure))


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


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
