"""The workflow of `explain`: why the members disagree on a map, and what each of them looks for."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ensemble.abstention import Status
from ensemble.errors import InputError
from kikuchi._support import atomic
from kikuchi._support.choices import ExplainBy
from kikuchi._support.keras_setup import import_keras
from kikuchi._support.lock import locked
from kikuchi._support.progress import SILENT, Progress
from kikuchi._support.result import Findings
from kikuchi._support.versions import versions
from kikuchi.bundle.bundle import Bundle
from kikuchi.bundle.decision import member_weights
from kikuchi.bundle.networks import require_networks
from kikuchi.explain import Background, Chosen, Ensemble, choose
from kikuchi.explain.ground_truth import Truth
from kikuchi.explain.inputs import background_of, patterns_of_members, per_class, read_map, stored_background
from kikuchi.explain.page import write_members_page, write_page
from kikuchi.explain.paper_figures import chosen_pair, draw_examples, draw_pair
from kikuchi.explain.plan import Plan, measure
from kikuchi.explain.point import explain_point, randomised
from kikuchi.explain.shapley import NAMES, Method, check_method
from kikuchi.html import write_map_report
from kikuchi.inference.predictor import Predictor
from kikuchi.postprocessing.assemble import as_seen
from kikuchi.scans import Scan, open_mapped, with_neighbours

_UNITS = {"s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True, eq=False)
class Explanation(Findings):
    """Why members disagree on a map, or what they look for: what the JSON file beside the pictures holds.

    Attributes
    ----------
    folder
        Where pictures and report lie.
    """

    folder: Path

    def summary(self) -> str:
        """Return what was explained, how exact that is, and where to look."""
        how = f"in {self['seconds']:.0f} s: {NAMES[self['method']]} on {self['backend']}"
        exact = f"completeness: the sums miss by at most {self['worst_error']:.2g} of the difference"
        report = self.folder / "report.html"
        if "examples" in self:
            drawn = " and ".join(self["compared"]["members"])
            classes = f"one pattern of each of {len(self['space_groups'])} space groups"
            return f"drew {drawn} of {self['bundle']}, and {classes}, {how}\n{exact}\nlook at {report}"
        points = f"{self['explained_points']} of {self['chosen_points']} points of {self['map']}"
        against = f"{self['background']['patterns']} patterns ({self['background']['origin']})"
        return "\n".join(
            [
                f"explained {points} {how}, against {against}",
                f"{exact} ({self['worst_missed']:.2g} logits), and {self['worst_uncertainty_error']:.2g} of it "
                f"({self['worst_uncertainty_missed']:.2g} nats) for the mutual information",
                *(["left out: " + "; ".join(self["left_out"])] if self["left_out"] else []),
                f"look at {report} and {self.folder / 'map.html'}",
            ]
        )


def explain(
    run: str | Path | Bundle,
    out: str | Path = "explanations",
    *,
    scan: str | Path | Scan | None = None,
    map_dir: str | Path | None = None,
    points: int = 12,
    budget: str = "5m",
    method: ExplainBy = "auto",
    pair: Sequence[str] | None = None,
    progress: Progress = SILENT,
) -> Explanation:
    """Explain why members disagree on a map, or without one what each of them looks for.

    Parameters
    ----------
    run
        The bundle.
    out
        Folder for pictures and report.
    scan, map_dir
        What was mapped and what `kikuchi.map_scan` wrote: `explain_map`. Neither of them: `explain_members`.
    points, budget
        Of a map: how many points at most, and the time for them.
    method, pair, progress
        As for `explain_map`.

    Returns
    -------
    Explanation
        What the JSON file beside the pictures holds, read by key.

    Raises
    ------
    InputError
        A scan is given without its map or a map without its scan, or as the two functions.
    """
    if scan is not None and map_dir is not None:
        return explain_map(
            map_dir, scan, run, out, points=points, budget=budget, method=method, pair=pair, progress=progress
        )
    if scan is None and map_dir is None:
        return explain_members(run, out, method=method, pair=pair, progress=progress)
    missing = "a scan without its map" if map_dir is None else "a map without its scan"
    raise InputError(missing, remedy="give both, or neither to draw the members themselves")


def explain_map(
    map_dir: str | Path,
    scan: str | Path | Scan,
    run: str | Path | Bundle,
    out: str | Path,
    *,
    points: int = 12,
    budget: str = "5m",
    method: ExplainBy = "auto",
    pair: Sequence[str] | None = None,
    progress: Progress = SILENT,
) -> Explanation:
    """Explain the most instructive points of a map within a time.

    Parameters
    ----------
    map_dir
        What `ensemble map` wrote; nothing in it is changed.
    scan, run
        What was mapped, and the bundle it was mapped with. Of a simulated scan, whose truth lies beside it, it is also
        reported which share of the attributions lies on bands and zone axes.
    out
        Folder for ``point_<index>.png`` (the disagreement) and ``point_<index>_classes.png`` (Shapley values and
        Grad-CAM of all classes), ``kernels.png``, ``feature_maps.png``, ``activation_maximisation.png``,
        ``explanations.json``, ``report.html``, and ``map.html``, the map with the explanations at its points.
    points
        How many at most.
    budget
        Time for everything up to the last point, such as ``"90s"``, ``"5m"`` or ``"1h"``. What a point costs is
        measured and reported first; the time is shared out among all points, and what does not fit into a point's
        share, or points that do not fit at all, are named (``left_out``). The first one is always explained.
    method
        ``"deep"`` (DeepSHAP, the paper's, on TensorFlow alone), ``"gradients"`` (expected gradients), the library's
        own ``"shap-deep"`` (TensorFlow alone), ``"shap-gradient"`` and ``"shap-partition"``, or ``"auto"``: the first
        of the first two that runs on Keras' backend.
    pair
        Names of the two members whose first layers are compared; by default the first two of different kinds.
    progress
        Listener of the work.

    Returns
    -------
    Explanation
        What ``explanations.json`` holds, read by key.

    Raises
    ------
    InputError
        The map, the scan and the bundle do not belong together, or the request is wrong.
    """
    begin = time.perf_counter()
    seconds = read_budget(budget)
    keras = import_keras()
    way = check_method(method, keras.backend.backend())
    bundle = Predictor.of(run)
    require_networks(
        bundle, "has nothing inside to explain", "read map.csv: second_phase, p_ and orientations"
    )
    compared = chosen_pair(bundle, pair)
    opened = with_neighbours(
        scan if isinstance(scan, Scan) else open_mapped(scan, Path(map_dir)),
        bundle.preparation(bundle.members[0]),
    )
    phase_map, abstention = read_map(Path(map_dir), opened, bundle)
    truth = Truth.beside(opened)
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
        ensemble = _ensemble(bundle, background, way)
        plan = Plan(measure(ensemble), len(chosen.indices), begin, seconds)
        cost, expected = plan.cost, plan.expected()
        progress.say(f"{plan}; {time.perf_counter() - begin:.0f} s of {budget} are used")
        records: list[dict[str, Any]] = []
        with progress.bar("explaining", len(chosen.indices)) as step:
            for index, reason in zip(chosen.indices, chosen.reasons, strict=True):
                done = len(records)
                if done and plan.reachable(done) <= done:
                    break
                records.append(
                    explain_point(
                        int(index), reason, ensemble, bundle, opened, phase_map, folder, truth,
                        plan.share(done), plan.cost,
                    )
                )  # fmt: skip
                last = records[-1]
                plan.learn(last["seconds"], last["seconds_explaining"], bool(last["left_out"]))
                step(1)
        left_out = _left_out(chosen, records)
        if left_out:
            progress.say(f"left out in {budget}: {'; '.join(left_out)}")
        members = None
        if compared is not None:
            progress.say("comparing two members")
            members = draw_pair(ensemble, bundle, background, compared, folder)
        first = int(chosen.indices[0])
        check = randomised(ensemble, patterns_of_members(bundle, opened, first), phase_map, first)
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
            "expected_s": expected,
            "cost_of_a_point_s": asdict(cost),
            "left_out": left_out,
            "seconds": time.perf_counter() - begin,
            "worst_error": max(r["worst_error"] for r in records),
            "worst_missed": max(r["worst_missed"] for r in records),
            "worst_uncertainty_missed": max(r["mutual_information"]["missed"] for r in records),
            "worst_uncertainty_error": max(r["mutual_information"]["error"] for r in records),
            "randomised": check,
            "compared": members,
            "points": records,
            "versions": versions(),
        }
        progress.say("writing the reports")
        atomic.write_json(folder / "explanations.json", result)
        write_page(result, folder)
        write_map_report(
            phase_map,
            folder / "map.html",
            patterns=as_seen(opened, bundle),
            threshold=abstention,
            explanations={r["index"]: (folder / r["picture"], r["caption"]) for r in records},
        )
    return Explanation(result, folder)


def explain_members(
    run: str | Path | Bundle,
    out: str | Path,
    *,
    method: ExplainBy = "auto",
    pair: Sequence[str] | None = None,
    progress: Progress = SILENT,
) -> Explanation:
    """Draw the paper's figures for a bundle, from the patterns that are stored with it: no scan is needed.

    Parameters
    ----------
    run
        The bundle.
    out
        Folder for ``kernels.png`` (Fig. 2), ``feature_maps.png`` (Fig. 3), ``class_<space group>_<member>.png``
        (Figs. 4 and S3), ``activation_maximisation.png``, ``members.json`` and ``report.html``.
    method, pair, progress
        As for `explain_map`.

    Returns
    -------
    Explanation
        What ``members.json`` holds, read by key.

    Raises
    ------
    InputError
        The bundle keeps no patterns, its members cannot be compared, or the request is wrong.
    """
    begin = time.perf_counter()
    keras = import_keras()
    way = check_method(method, keras.backend.backend())
    bundle = Predictor.of(run)
    require_networks(
        bundle, "has nothing inside to explain", "read map.csv: second_phase, p_ and orientations"
    )
    compared = chosen_pair(bundle, pair)
    stored = stored_background(bundle)
    if compared is None or stored is None:
        raise InputError(
            "keeps no patterns to explain"
            if stored is None
            else "no two members of one architecture to compare",
            path=bundle.path,
            remedy="explain a map made with it: give a scan and --map",
        )
    folder = Path(out)
    with locked(folder):
        background = stored.thinned(per_class(bundle))
        ensemble = _ensemble(bundle, background, way)
        progress.say("comparing two members")
        members = draw_pair(ensemble, bundle, background, compared, folder)
        progress.say("explaining one pattern of each class")
        examples = draw_examples(ensemble, bundle, background, compared, folder)
        result = {
            "bundle": bundle.path.name,
            "space_groups": list(bundle.classes),
            "method": way,
            "backend": keras.backend.backend(),
            "background": {"origin": "stored with the bundle", "patterns": len(background.labels)},
            "seconds": time.perf_counter() - begin,
            "worst_error": max(e["worst_error"] for e in examples),
            "compared": members,
            "examples": examples,
            "versions": versions(),
        }
        atomic.write_json(folder / "members.json", result)
        write_members_page(result, folder)
    return Explanation(result, folder)


def _left_out(chosen: Chosen, records: list[dict[str, Any]]) -> list[str]:
    """Name what the time did not allow: points, and parts of points."""
    left_out = []
    missing = [
        f"{i} ({r})" for i, r in zip(chosen.indices, chosen.reasons, strict=True) if i not in
        {record["index"] for record in records}
    ]  # fmt: skip
    if missing:
        left_out.append(f"point{'s' * (len(missing) > 1)} {', '.join(missing)}")
    parts: dict[str, list[int]] = {}
    for record in records:
        for part in record["left_out"]:
            parts.setdefault(part, []).append(record["index"])
    return left_out + [f"{part} at {', '.join(map(str, where))}" for part, where in parts.items()]


def _ensemble(bundle: Bundle, background: Background, method: Method) -> Ensemble:
    return Ensemble(
        [bundle.model(m.name) for m in bundle.members],
        [m.size for m in bundle.members],
        background,
        method,
        weights=member_weights(bundle.held_out, bundle.recipe),
        alike=[(m.architecture, m.size, m.channels, m.head, m.draws) for m in bundle.members],
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
