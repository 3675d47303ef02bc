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
    Ensemble,
    choose,
)
from kikuchi.explain.kernel_picture import kernel_picture
from kikuchi.explain.kernels import feature_maps, first_kernels, nearest_kernels
from kikuchi.explain.mapped import background_of, patterns_of_members, read_map
from kikuchi.explain.page import write_page
from kikuchi.explain.pictures import png
from kikuchi.explain.point import explain_point, randomised
from kikuchi.explain.shapley import check_method
from kikuchi.locking import locked
from kikuchi.mapping import as_seen
from kikuchi.progress import SILENT, Progress
from kikuchi.reports import write_map_report
from kikuchi.scans import Scan, open_scan
from kikuchi.versions import versions

#: Pairs of first-layer kernels drawn.
KERNELS = 6

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
        the most probable classes), ``explanations.json``, ``kernels.png``,
        ``report.html``, and ``map.html``, the map with the
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
                records.append(explain_point(int(index), reason, ensemble, bundle, opened, phase_map, folder))
                step(1)
        first = int(chosen.indices[0])
        patterns = patterns_of_members(bundle, opened, first)
        check = randomised(ensemble, patterns, phase_map, first)
        kernels = _draw_kernels(ensemble, bundle, patterns, folder)
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
            "worst_missed": max(r["worst_missed"] for r in records),
            "worst_uncertainty_missed": max(r["mutual_information"]["missed"] for r in records),
            "worst_uncertainty_error": max(r["mutual_information"]["error"] for r in records),
            "randomised": check,
            "kernels": kernels,
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
            f"completeness: the sums miss by at most {result['worst_error']:.2g} of the difference "
            f"({result['worst_missed']:.2g} logits), and {result['worst_uncertainty_error']:.2g} of it "
            f"({result['worst_uncertainty_missed']:.2g} nats) for the mutual information",
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


def _draw_kernels(
    ensemble: Ensemble, bundle: Bundle, patterns: list[np.ndarray], folder: Path
) -> dict[str, Any] | None:
    """Draw the most similar first kernels of two members, of different kinds where there are both."""
    specs = bundle.members
    first = 0
    others = [i for i in range(1, len(specs)) if specs[i].architecture == specs[0].architecture]
    if not others:
        return None
    second = next((i for i in others if specs[i].kind != specs[0].kind), others[0])
    pair = (ensemble.members[first], ensemble.members[second])
    kernels = (first_kernels(pair[0]), first_kernels(pair[1]))
    matches = nearest_kernels(*kernels, KERNELS)
    maps = (feature_maps(pair[0], patterns[first]), feature_maps(pair[1], patterns[second]))
    names = (specs[first].name, specs[second].name)
    (folder / "kernels.png").write_bytes(png(kernel_picture(matches, kernels, maps, names)))
    return {"members": list(names), "distances": [m.distance for m in matches], "picture": "kernels.png"}
