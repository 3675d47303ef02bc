"""From a scan's file to its decisions with five compact members at 64 x 64: reading, members, store, judging."""

import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np

from kikuchi.inference.predictor import answering, with_filled_logits
from kikuchi.inference.run_scan import run_store
from kikuchi.scans import open_scan
from kikuchi.simulate.scenes.writer import write_scan
from reports.performance.compact import ready, some


def measure(work: Path, patterns: int | None, rounds: int, seed: int) -> dict[str, Any]:
    """Time every engine and stop of the ensemble that `compact` measures, on one long scan.

    Opening the engines counts, some tenths of a second each. Winners and statuses are held against those of all members
    in single precision.
    """
    bundle, dataset, kinds, pupils = ready(work, seed)
    scan = open_scan(long_scan(work, dataset, patterns or 14_400, seed))
    cases = [("onnx", "never"), *((engine, stop) for engine in kinds for stop in ("exact", "cascade"))]
    cases += [(engine, "never") for engine in pupils]
    judges = {case: answering(bundle, *case, "vote") for case in cases}
    taken: dict[tuple[str, str], list[float]] = {case: [] for case in cases}
    found: dict[tuple[str, str], dict[str, Any]] = {}
    reference = None
    for _ in range(rounds):
        for case in cases:
            shutil.rmtree(work / "store", ignore_errors=True)
            begin = time.perf_counter()
            outputs = run_store(scan, judges[case], work / "store", engine=case[0])[0].outputs()
            decision = judges[case].decide(with_filled_logits(outputs), rule="vote")
            taken[case].append(time.perf_counter() - begin)
            reference = reference or decision
            found[case] = {
                "winner_agreement": round(float((decision.winner == reference.winner).mean()), 5),
                "status_agreement": round(float((decision.status == reference.status).mean()), 5),
                "members_run": round(float((~np.isnan(outputs.logits).any(axis=-1)).sum(axis=0).mean()), 2),
            }
    shutil.rmtree(work / "store")
    rows = []
    for (engine, stop), seconds in taken.items():
        speed = {
            "per_second": round(scan.n / float(np.median(seconds)), 1),
            "least": round(scan.n / max(seconds), 1),
            "most": round(scan.n / min(seconds), 1),
        }
        rows.append({"engine": engine, "stop": stop} | speed | found[engine, stop])
    return {"patterns": scan.n, "pattern_shape": list(scan.signal_shape), "file_to_decisions": rows}


def long_scan(work: Path, dataset: Path, n: int, seed: int) -> Path:
    """Return a scan file of patterns of all classes, written once."""
    path = work / f"scan-{n}.h5"
    if not path.is_file():
        raw, _ = some(dataset, n, seed)
        columns = int(np.sqrt(n))
        rows = n // columns
        write_scan(
            path,
            [(0, raw[: rows * columns])],
            grid=(rows, columns),
            signal_shape=raw.shape[1:],
            dtype=raw.dtype,
            step_um=1.0,
            voltage_kv=20.0,
            pattern_centre=np.array([0.5, 0.3, 0.6]),
        )
    return path
