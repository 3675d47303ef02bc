"""Inputs of `explain`: the files of `ensemble map`, and the patterns to compare with."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from ensemble.abstention import AbstentionRule, Status
from ensemble.calibration import Calibration
from ensemble.errors import InputError
from kikuchi._support import atomic
from kikuchi.bundle.background import BACKGROUND, Background, choose_background, read_background
from kikuchi.bundle.bundle import Bundle
from kikuchi.inference.logits_store import STORE, LogitsStore
from kikuchi.maps import PhaseMap
from kikuchi.maps.one_run import require_one_run
from kikuchi.postprocessing.assemble import assembled
from kikuchi.scans import Scan, background_for, prepare

#: Background patterns that are compared with, of all classes together: DeepSHAP takes time in proportion.
COMPARED = 36

#: Of each class at least, where there are many.
COMPARED_LEAST = 4

_MAP_AGAIN = "run `ensemble map` with this scan and bundle into that folder"


def read_map(map_dir: Path, scan: Scan, bundle: Bundle) -> tuple[PhaseMap, AbstentionRule]:
    """Read a map that `kikuchi.workflows.map.map_scan` wrote: its decisions again, from the logits and the rule stored.

    Raises
    ------
    InputError
        The folder holds no finished map, one of another scan or bundle, or files of two runs.
    """
    require_one_run(map_dir)
    summary = atomic.read_json(map_dir / "summary.json", remedy=_MAP_AGAIN)
    store = LogitsStore.read(map_dir / STORE)
    for name, have, wanted in (
        ("scan", store.identity.scan, scan.fingerprint()),
        ("bundle", store.identity.bundle, bundle.fingerprint),
    ):
        if have != wanted:
            raise InputError(f"a map of another {name}", path=map_dir, remedy=_MAP_AGAIN)
    if store.missing():
        raise InputError("an unfinished map", path=map_dir, remedy=_MAP_AGAIN)
    try:
        rule = bundle.check_rule(summary["rule"])
        calibration = Calibration.from_dict(summary["calibration"])
        abstention = AbstentionRule.from_dict(summary["abstention"])
        meta = {k: summary[k] for k in ("rule", "calibration", "abstention", "promised_risk", "warnings")}
    except (KeyError, OverflowError, TypeError, ValueError) as error:
        raise InputError("not the summary of a map", path=map_dir, remedy=_MAP_AGAIN) from error
    judge = replace(bundle, calibrations={rule: calibration})
    decision = judge.decide(judge.gated(store.outputs()), rule=rule, abstention=abstention)
    return assembled(scan, bundle, store, decision, meta), abstention


def background_of(bundle: Bundle, scan: Scan, phase_map: PhaseMap) -> tuple[Background, str]:
    """Return what the bundle stores, or patterns of the scan that were solved with confidence."""
    if (stored := stored_background(bundle)) is not None:
        return stored.thinned(per_class(bundle)), "stored with the bundle"
    wanted = per_class(bundle)
    d = phase_map.decision
    solved = np.where(d.status == Status.SOLVED, d.winner, -1)
    chosen: list[np.ndarray] = []
    rng = np.random.default_rng(0)
    for k in range(len(phase_map.classes)):
        here = rng.permutation(np.flatnonzero(solved == k))
        surest = here[np.argsort(-d.confidence[here], kind="stable")][: 4 * wanted]
        chosen.append(rng.permutation(surest)[:wanted])
    indices = np.sort(np.concatenate(chosen))
    prepared = prepared_patterns(bundle, scan, indices)
    background = choose_background(prepared, solved[indices], wanted)
    return background, "of this scan, answered with confidence"


def stored_background(bundle: Bundle) -> Background | None:
    """Return all the patterns that a bundle keeps to compare with; None where it was fitted before they were kept."""
    path = bundle.path / BACKGROUND
    return read_background(path) if path.is_file() else None


def per_class(bundle: Bundle) -> int:
    """Return how many patterns of each class are compared with."""
    return max(COMPARED_LEAST, COMPARED // len(bundle.classes))


def prepared_patterns(bundle: Bundle, scan: Scan, indices: np.ndarray) -> dict[int, np.ndarray]:
    """Read patterns and prepare them for every input size of the members."""
    raw = scan.read(indices)
    static = background_for(scan, bundle.preparation(bundle.members[0]))
    specs = {m.size: m for m in bundle.members}
    return {size: prepare(raw, bundle.preparation(spec), static) for size, spec in specs.items()}


def patterns_of_members(bundle: Bundle, scan: Scan, index: int) -> list[np.ndarray]:
    """Return one pattern as each of the M members takes it, (s, s)."""
    prepared = prepared_patterns(bundle, scan, np.array([index]))
    return [prepared[m.size][0] for m in bundle.members]
