"""The workflow of `map`: a scan and a bundle become decisions on a grid, files and a report."""

import time
import uuid
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from ensemble.abstention import AbstentionRule, Decision
from ensemble.abstention.promises import check_promise
from ensemble.calibration import Calibration
from ensemble.choices import PromiseName, Rule
from ensemble.errors import InputError
from ensemble.phase_fractions import Fractions, outcomes, phase_fractions
from kikuchi._support.atomic import replaced_together
from kikuchi._support.choices import Decide, EngineName, GrainsBy, Stop
from kikuchi._support.lock import locked
from kikuchi._support.progress import SILENT, Progress, noted
from kikuchi._support.versions import versions
from kikuchi.bundle.among import promise_size
from kikuchi.bundle.bundle import SHIPPED, Bundle
from kikuchi.bundle.decision import fit_decision
from kikuchi.bundle.strangers import gate_words
from kikuchi.html import write_map_report
from kikuchi.html.opening import materials_of
from kikuchi.inference.logits_store import STORE
from kikuchi.inference.predictor import (
    Predictor,
    answering,
    check_new,
    with_filled_logits,
    without_skipped_votes,
)
from kikuchi.inference.run_scan import run_store
from kikuchi.maps import NO_HEXAGONAL_CTF, PhaseMap, is_hexagonal, write_map
from kikuchi.postprocessing.assemble import as_seen, assembled
from kikuchi.postprocessing.band_widths import with_band_widths
from kikuchi.postprocessing.grain_pooling import decided_by_grains, with_grains, write_pooled
from kikuchi.postprocessing.grain_segmentation import find_grains
from kikuchi.postprocessing.less_explained import with_less_explained
from kikuchi.postprocessing.order_parameter import with_order_parameter
from kikuchi.postprocessing.overlaps import with_overlaps
from kikuchi.postprocessing.scan_check import ScanCheck, check_scan
from kikuchi.postprocessing.scan_mixture import with_scan_mixture
from kikuchi.postprocessing.scan_promise import class_promise, held_promise
from kikuchi.postprocessing.symmetry_levels import with_levels
from kikuchi.recipes.schema import Recipe
from kikuchi.scans import Scan, open_scan, recording_warnings, with_neighbours
from kikuchi.scans.readers.image_files import ImageFiles
from kikuchi.workflows.phase_labels import read_phase_labels

if TYPE_CHECKING:
    from distributed import Client

DECIDE = get_args(Decide)


def map_scan(
    scan: str | Path | Scan,
    run: str | Path | Bundle = SHIPPED,
    out: str | Path = "maps",
    *,
    rule: Rule | None = None,
    risk: float | None = None,
    confidence: float | None = None,
    familiar: float | None = None,
    among: str | Sequence[str | int] | None = None,
    promise: PromiseName | None = None,
    engine: EngineName = "auto",
    stop: Stop = "never",
    grains: GrainsBy | None = None,
    decide: Decide = "points",
    shape: tuple[int, int] | None = None,
    scan_name: str | None = None,
    at_scan_mixture: bool = False,
    labels: str | Path | None = None,
    report_patterns: float | None = None,
    client: "Client | None" = None,
    progress: Progress = SILENT,
) -> PhaseMap:
    """Say for every pattern of a scan which space group it has, how sure that is, or why nobody should answer.

    The members' outputs are kept in ``logits.store`` in the output folder. With them there, another rule, risk or
    familiar share takes seconds; an interrupted run goes on where it stopped.

    Parameters
    ----------
    scan
        Anything `kikuchi.scans.open_scan` opens: a path, a kikuchipy signal, an array, or a scan.
    run
        A bundle, its folder, or ``"shipped"`` for the one that comes with the package.
    out
        Folder for everything that is written: ``map.h5``, ``map.csv``, ``map.ang``, ``map.ctf``, ``summary.json``,
        ``report.html``, the pictures and the store.
    rule
        ``"vote"``, ``"average"``, ``"geometric"`` or ``"mc-dropout"``; the bundle's own where None.
    risk
        Error rate allowed among the answered; the bundle's own where None.
    confidence
        Probability with which that risk must hold; the bundle's own where None.
    familiar
        Share of familiar patterns let through; the bundle's own where None.
    among
        What the scan can hold, where that is known: space groups (``"225,229"``) or materials of the bundle
        (``"Ni,Ni3Al"``). The members' outputs are restricted to these, calibrated and certified anew on the held-out
        patterns of these alone; a point that is none of them is unfamiliar.
    promise
        What the risk is promised for: ``"mixture"`` (all answers, if the scan is mixed as the held-out patterns are),
        ``"material"`` (the answers to each material, so any mixture), ``"class"`` (the answers with each class, at the
        mixture estimated from the scan) or ``"auto"`` (``"material"`` where it can be kept for all, else what holds
        at every mixture that this scan may have); as the bundle was fitted where None.
    engine
        What runs the members, see `kikuchi.inference.CHOICES`.
    stop
        When a pattern needs no further member, see `kikuchi.inference.predictor.answering`. A member that was
        skipped at a pattern has no vote and no probabilities there, which marks the point: its
        uncertainty is that of the members that ran.
    grains
        ``"orientations"`` or ``"patterns"``: also say what the points of a grain say together, in columns of their own
        and in ``pooled.png``. The decisions stay what they are.
    decide
        ``"points"``, or ``"grains"``: what the points of a grain say together is then the map's decision, certified by
        grain. It needs `grains`. Pooling makes a systematic error firmer, so that nothing is promised unless the scan
        is like what was certified and the promise for each material is kept.
    shape
        Rows and columns of the grid, where the scan's file does not say.
    scan_name
        Which scan of an HDF5 file that holds several; the first that has patterns where None.
    at_scan_mixture
        Also say what every point would be at the scan's own mixture, in columns beside the decisions, see
        `kikuchi.postprocessing.scan_mixture.with_scan_mixture`; off, and said, where that cannot be estimated.
    labels
        A list of `ensemble label` with the phases of some points, for a bundle that was adapted to two phases: they say
        where to divide them by their order parameter, in the columns ``order_parameter`` and ``by_order``.
    report_patterns
        Share of the points whose patterns the report keeps, in (0, 1]; None keeps all of a map of up to some fifty
        thousand points, and as many as 200 MB hold of a larger one.
    client
        Of a Dask cluster whose workers run the members, see `kikuchi.distributed.connected`. The map is the same.
    progress
        Listener of the work.

    Returns
    -------
    PhaseMap
        The decisions on the scan's grid.

    Raises
    ------
    InputError
        The scan or the bundle cannot be read, the folder holds another scan's store, or a student is to map what it
        learned from.
    """
    begin = time.perf_counter()
    if report_patterns is not None and not 0 < report_patterns <= 1:
        raise InputError(f"report_patterns {report_patterns} is no share", remedy="above 0, at most 1")
    bundle = Predictor.of(run)
    rule = bundle.check_rule(rule)
    if promise is not None:
        check_promise(promise)
    if decide not in DECIDE or (decide == "grains" and grains is None):
        raise InputError(
            f"cannot decide by {decide!r}" + (" without grains" if decide in DECIDE else ""),
            remedy="--decide grains with --grains orientations or --grains patterns",
        )
    wishes = {"risk": risk, "confidence": confidence, "familiar": familiar, "promise": promise}
    with noted(progress):
        bundle = answering(bundle, engine, stop, rule)
        if among is None:
            calibration, abstention = wanted_decision(bundle, rule, **wishes)
            judge = replace(
                bundle,
                calibrations={rule: calibration},
                abstentions={rule: abstention},
                recipe=wanted_recipe(bundle, **wishes),
            )
        else:
            judge = bundle.among(among, rule=rule, recipe=wanted_recipe(bundle, **wishes))
            calibration, abstention = judge.calibrations[rule], judge.abstentions[rule]
    abstention = bundle.promised(abstention)
    opened = open_scan(scan, shape, scan_name)
    check_new(bundle, engine, opened)
    labelled = None if labels is None else read_phase_labels(labels, opened, bundle.phases)
    folder = Path(out)
    check_out(folder, opened, bundle)
    opened = with_neighbours(opened, bundle.preparation(bundle.members[0]))
    grain_of = None
    if grains is not None:
        look = bundle.preparation(bundle.members[0])
        grain_of = find_grains(opened, grains, preparation=look, progress=progress)
    with locked(folder):
        executor = None
        if client is not None:
            from kikuchi.distributed.mapping import cluster_executor  # needs the extra `dask`

            executor = cluster_executor(client)
        # Another scan's map in the same folder would be replaced file by file: the store refuses it first.
        store, seconds = run_store(opened, bundle, folder / STORE, progress, engine=engine, executor=executor)
        outputs = store.outputs()
        filled = bundle.gated(with_filled_logits(outputs))
        if judge.candidates is not None:
            filled = judge.candidates.narrow(filled)
        decision = without_skipped_votes(judge.decide(filled, rule=rule, abstention=abstention), outputs)
        check = check_scan(judge, rule, abstention, filled, decision, opened)
        if abstention.promise == "class":
            # Which answers can be certified depends on how the scan is mixed.
            abstention = bundle.promised(class_promise(judge, rule, check))
            decision = without_skipped_votes(judge.decide(filled, rule=rule, abstention=abstention), outputs)
        abstention = held_promise(judge, rule, abstention, check, decision)
        fractions = _fractions(judge, rule, abstention, decision, check)
        meta = _meta(opened, judge, rule, calibration, abstention)
        meta["scan"] |= {"given_shape": opened.given_shape, "given_name": opened.given_name}
        meta["scan_check"] = check.to_dict(judge.classes)
        meta["timings"] = {"members_s": seconds, "decisions_s": time.perf_counter() - begin - seconds}
        phase_map = assembled(opened, judge, store, decision, meta)
        if is_hexagonal(phase_map):
            meta["notes"].append(NO_HEXAGONAL_CTF)
        phase_map = with_overlaps(phase_map, judge, opened, progress)
        phase_map = with_less_explained(phase_map, judge, opened, outputs.logits[0])
        phase_map = with_band_widths(phase_map, judge, opened, progress)
        try:
            phase_map = with_order_parameter(phase_map, judge, labelled)
        except InputError as error:
            raise InputError(error.what, path=labels, remedy=error.remedy) from error
        if at_scan_mixture:
            phase_map = with_scan_mixture(phase_map, check)
        if not judge.phases:  # phases by name are finer than any level of symmetry
            phase_map = with_levels(phase_map, judge, rule, abstention)
        if grain_of is not None:
            phase_map = with_grains(phase_map, judge, rule, abstention, grain_of)
        shown = abstention
        if decide == "grains":
            phase_map, shown = decided_by_grains(phase_map, judge, rule, abstention)
        progress.say("writing the map")
        with replaced_together(
            folder, "summary.json", stale=("map.ctf", "pooled.png", "report_data")
        ) as staged:
            write_map(phase_map, staged, fractions=fractions)
            if grain_of is not None:
                write_pooled(phase_map, staged)
            write_map_report(
                phase_map,
                staged / "report.html",
                patterns=as_seen(opened, bundle),
                threshold=shown,
                fractions=fractions,
                pattern_share=report_patterns,
            )
    return replace(phase_map, folder=folder)


def check_out(folder: Path, scan: Scan, bundle: Bundle) -> None:
    """Refuse to write a map where it would mix with what it is made of.

    Raises
    ------
    InputError
        The folder is the scan itself, holds its images, or lies in the bundle; or a file is in its place.
    """
    wanted, patterns = folder.resolve(), scan.path.resolve()
    images = getattr(scan.source, "files", None)
    homes = {home.resolve() for home in images.folders} if isinstance(images, ImageFiles) else set()
    if wanted == patterns or wanted in homes:
        what, remedy = "is the scan itself: the map's pictures would be patterns of it", "another --out"
    elif bundle.path.resolve() in (wanted, *wanted.parents):
        what, remedy = "lies in the bundle, which is only read", "another --out"
    elif any(place.is_file() for place in (wanted, *wanted.parents)):
        what, remedy = "cannot be written: a file is in its place", "give --out a folder, made if missing"
    else:
        return
    raise InputError(what, path=folder, remedy=remedy)


def wanted_recipe(bundle: Bundle, **wishes: Any) -> Recipe:
    """Return the bundle's recipe with another risk, confidence, familiar share or promise where one is wished."""
    changed = {name: value for name, value in wishes.items() if value is not None}
    # A familiar share asked for stands in place of the recipe's rate of false alarms.
    rate = {"false_alarm": None} if "familiar" in changed else {}
    for name, value in changed.items():
        if name != "promise" and not 0 < value < 1:
            raise InputError(f"{name} {value} is out of range", remedy="between 0 and 1, e.g. 0.02")
    return bundle.recipe.model_copy(
        update={"abstain": bundle.recipe.abstain.model_copy(update=changed | rate)}
    )


def wanted_decision(bundle: Bundle, rule: str, **wishes: Any) -> tuple[Calibration, AbstentionRule]:
    """Return the bundle's own decision rule, or one fitted anew for what is wished; see `wanted_recipe`."""
    if all(value is None for value in wishes.values()):
        return bundle.calibrations[rule], bundle.abstentions[rule]
    recipe = wanted_recipe(bundle, **wishes)
    return fit_decision(bundle.held_out, rule, recipe, bundle.classes, names=bundle.class_names)


def _fractions(
    judge: Bundle, rule: str, abstention: AbstentionRule, decision: Decision, check: ScanCheck
) -> Fractions | None:
    """Correct the map's counts by how the same rule errs on held-out test patterns.

    Intervals are drawn over blocks of the map, since neighbours are not independent, and over held-out groups.
    """
    test = judge.held_out.test
    k = len(judge.classes)
    known = judge.decide(test.outputs, rule=rule, abstention=abstention)
    try:
        return phase_fractions(
            test.labels,
            outcomes(known.status, known.winner),
            outcomes(decision.status, decision.winner),
            k,
            blocks=check.blocks,
            held_out_groups=test.group,
        )
    except InputError:
        # Nothing in the map is readable and familiar, or a class has no test patterns: a map without fractions.
        return None


def _notes(scan: Scan, bundle: Bundle, rule: str) -> list[str]:
    """Gather what a reader of the map should know of how the scan was read and prepared."""
    notes = [] if scan.note is None else [scan.note]
    automatic = bundle.preparation(bundle.members[0]).static_background == "auto"
    if automatic and scan.static_background is not None and not scan.keeps_background:
        notes.append("the file's static background is no longer in its patterns: it is not taken off again")
    if bundle.candidates is not None and (tested := promise_size(bundle.abstentions[rule].certificate)):
        notes.append(tested)
    return notes


def _meta(
    scan: Scan, bundle: Predictor, rule: str, calibration: Calibration, abstention: AbstentionRule
) -> dict[str, Any]:
    """Gather what a reader of the map needs to judge it."""
    known = bundle.manifest.get("voltages_kv") or []
    warnings = []
    if scan.voltage_kv is not None and known and not any(abs(scan.voltage_kv - v) <= 1 for v in known):
        trained = ", ".join(f"{v:g}" for v in known)
        warnings.append(
            f"this scan was taken at {scan.voltage_kv:g} kV, the bundle was fitted at {trained} kV: "
            "the promised risk does not carry over"
        )
    warnings += recording_warnings(scan)
    if bundle.shared_grains:
        warnings.append(bundle.shared_grains)
    return {
        # The same in every file of a map: who finds two in one folder has files of two runs before him.
        "run_id": uuid.uuid4().hex,
        "scan": {
            "name": scan.name,
            "patterns": scan.n,
            "pattern_shape": list(scan.signal_shape),
            "voltage_kv": scan.voltage_kv,
            "fingerprint": scan.fingerprint(),
        },
        "bundle": {
            "name": bundle.path.name,
            "fingerprint": bundle.fingerprint,
            "created": bundle.manifest["created"],
            "materials": materials_of(bundle.manifest.get("materials", [])),
        },
        "rule": rule,
        **({} if bundle.candidates is None else {"among": bundle.candidates.to_dict()}),
        **({} if bundle.gate is None else {"strangers": gate_words(bundle.manifest["strangers"])}),
        "engine": bundle.variant.removeprefix("+") or "as fitted",
        "calibration": calibration.to_dict(),
        "abstention": abstention.to_dict(),
        "promised_risk": abstention.certificate.to_dict(),
        "warnings": warnings,
        "notes": _notes(scan, bundle, rule),
        **({"adapted": bundle.manifest["adapted"]} if "adapted" in bundle.manifest else {}),
        "versions": versions(),
    }
