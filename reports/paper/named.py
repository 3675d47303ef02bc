"""The two dual-phase maps with their groups named: what is promised, whether it is kept, and at what coverage.

    python -m reports.paper.named SHARED WORK

The ensembles of the study are not in the repository, and take hours. What anybody has at once answers here: the shipped
ensemble, with nothing told and told the two groups, under every promise; and a bundle adapted to the two phases by name
(every third or fourth point). The maps are those of the study, recorded from EMsoft's masters (SHARED/masters), of
which the shipped members saw the crystals and the adapted bundle saw nothing. SHARED holds the map of duplex steel,
too. Writes `results/named.json`.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import kikuchi
from ensemble.errors import InputError
from kikuchi._support.progress import SILENT
from kikuchi.bundle.bundle import Bundle
from kikuchi.bundle.outputs import MemberOutputs
from kikuchi.inference.predictor import Predictor
from kikuchi.inference.run_scan import run_store
from kikuchi.postprocessing.scan_check import check_scan
from kikuchi.postprocessing.scan_promise import class_promise, held_promise
from kikuchi.scans import Scan, open_scan
from kikuchi.workflows.map import wanted_decision, wanted_recipe
from reports._provenance import provenance
from reports.adapt.baselines import truth_of
from reports.adapt.recorded_maps import SEED, recorded
from reports.adapt.study import MAPS

RISK = 0.02
NAMED = {"nickel superalloy": "221,225", "duplex steel": "225,229"}
PROMISES = ("auto", "mixture", "material", "class")


def main() -> None:
    """Record both maps and answer them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("shared", type=Path)
    parser.add_argument("work", type=Path)
    args = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for name, entry in MAPS.items():
        whole, some = args.work / "whole", args.work / "some"
        for folder in (whole, some):
            folder.mkdir(parents=True, exist_ok=True)
        file = recorded(name, entry | {"every": 1}, args.shared, whole)
        rows += [{"map": name} | row for row in shipped(file, NAMED[name], tuple(entry["phases"]))]
        file = recorded(name, entry, args.shared, some)
        rows.append({"map": name} | adapted(file, entry, some))
        for row in rows[-5:]:
            print(row, flush=True)
    result = provenance(seed=SEED) | {"risk": RISK, "rows": rows}
    place = Path(__file__).parent / "results" / "named.json"
    place.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def shipped(file: Path, named: str, phases: tuple[str, ...]) -> list[dict[str, Any]]:
    """Answer a map by the shipped ensemble, told nothing and told two groups, under every promise."""
    bundle, scan, truth = Predictor.load("shipped"), open_scan(file), truth_of(file)
    outputs = run_store(scan, bundle, file.with_suffix(".logits"), SILENT)[0].outputs()
    outputs = bundle.gated(outputs)
    rows = []
    for among in (None, named):
        for promise in PROMISES:
            wishes = {"risk": RISK, "promise": promise}
            if among is None:
                calibration, abstention = wanted_decision(bundle, bundle.rule, **wishes)
                judge: Bundle = _with(bundle, calibration, abstention, wishes)
                said = outputs
            else:
                judge = bundle.among(among, recipe=wanted_recipe(bundle, **wishes))
                assert judge.candidates is not None
                said = judge.candidates.narrow(outputs)
            rows.append(
                {"bundle": "shipped", "told": among, "promise": promise}
                | answered(judge, said, scan, truth, phases)
            )
    return rows


def _with(bundle: Bundle, calibration: Any, abstention: Any, wishes: dict[str, Any]) -> Bundle:
    from dataclasses import replace

    return replace(
        bundle,
        recipe=wanted_recipe(bundle, **wishes),
        calibrations={bundle.rule: calibration},
        abstentions={bundle.rule: abstention},
    )


def answered(
    judge: Bundle, said: MemberOutputs, scan: Scan, truth: pd.DataFrame, phases: tuple[str, ...]
) -> dict[str, Any]:
    """Decide, check and promise as `map` does, and count against the truth."""
    rule = judge.rule
    abstention = judge.promised(judge.abstentions[rule])
    decision = judge.decide(said, rule=rule, abstention=abstention)
    check = check_scan(judge, rule, abstention, said, decision, scan)
    if abstention.promise == "class":
        abstention = judge.promised(class_promise(judge, rule, check))
        decision = judge.decide(said, rule=rule, abstention=abstention)
    held = held_promise(judge, rule, abstention, check, decision)
    known = truth["phase"].isin(phases).to_numpy()
    group = np.array(judge.classes)[decision.winner]
    right = group == truth["space_group"].fillna(0).to_numpy()
    return counted(decision.status == 0, right, known) | {
        "status": {int(s): int((decision.status == s).sum()) for s in np.unique(decision.status)},
        "promised": held.certificate.certified_risk,
        "promised_before_the_scan_was_checked": abstention.certificate.certified_risk,
        "said": held.certificate.message,
    }


def counted(solved: np.ndarray, right: np.ndarray, known: np.ndarray) -> dict[str, Any]:
    """Count points of known phase: answered, wrong among these, first choices wrong."""
    answers = solved & known
    wrong = answers & ~right
    return {
        "points": int(known.sum()),
        "answered": int(answers.sum()),
        "wrong": int(wrong.sum()),
        "wrong_share": float(wrong.sum() / answers.sum()) if answers.any() else None,
        "first_choice_wrong": float((~right & known).sum() / known.sum()),
    }


def adapted(file: Path, entry: dict[str, Any], work: Path) -> dict[str, Any]:
    """Answer a map by a bundle adapted to its phases by name."""
    run = work / f"{file.stem}.run"
    try:
        bundle = kikuchi.adapt(file, list(entry["phases"]), run, seed=SEED)
    except InputError as error:
        return {"bundle": "adapted", "told": list(entry["phases"]), "refused": error.what}
    phase_map = kikuchi.map_scan(file, bundle, work / f"{file.stem}.maps")
    truth, d = truth_of(file), phase_map.decision
    known = truth["phase"].isin(list(entry["phases"])).to_numpy()
    right = np.array(phase_map.words, dtype=object)[d.winner] == truth["phase"].to_numpy()
    names, counts = np.unique(d.status, return_counts=True)
    overlaps = (truth["status_truth"] == "overlap").to_numpy()
    return {"bundle": "adapted", "told": list(entry["phases"]), "promise": "auto"} | counted(
        d.status == 0, right, known
    ) | {
        "status": {int(s): int(c) for s, c in zip(names, counts, strict=True)},
        "overlaps": int(overlaps.sum()),
        "overlaps_called_mixed": int((overlaps & (d.status == 4)).sum()),
        "others_called_mixed": int((~overlaps & (d.status == 4)).sum()),
        "promised": phase_map.meta["promised_risk"]["certified_risk"],
        "said": phase_map.meta["promised_risk"]["message"],
    }  # fmt: skip


if __name__ == "__main__":
    main()
