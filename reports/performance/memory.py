"""Peak memory of the pipeline for a short and for a long scan of 60 x 60 patterns, each in a fresh process."""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np


class Generated:
    """A scan's patterns made when they are read: noise on a slope, from the index alone."""

    signal_shape = (60, 60)
    dtype = np.dtype(np.uint8)

    def __init__(self, n: int) -> None:
        self.n = n
        self.problems: dict[int, str] = {}
        self._bank = np.random.default_rng(0).integers(0, 256, (997, 60, 60), dtype=np.uint8)

    def read(self, indices: np.ndarray) -> np.ndarray:
        """Return patterns (n, 60, 60)."""
        return self._bank[indices % 997]

    def identity(self) -> list[str]:
        """Return what tells this scan from others."""
        return ["generated"]


def measure(work: Path, patterns: int | None, rounds: int, seed: int) -> dict[str, Any]:
    """Run both scans, and compare their peaks."""
    found = []
    for n in [patterns] if patterns else (10_000, 1_000_000):
        done = subprocess.run(
            [sys.executable, __file__, str(work), str(n)], capture_output=True, text=True, check=True
        )
        found.append(json.loads(done.stdout.splitlines()[-1]))
    more = (found[-1]["peak_mb"] - found[0]["peak_mb"]) / 1000
    return {"runs": found, "difference_gb": round(more, 3)}


def main() -> None:
    """Run one scan from its patterns to its decisions and say how much memory that took at most."""
    parser = argparse.ArgumentParser()
    parser.add_argument("work", type=Path)
    parser.add_argument("n", type=int)
    given = parser.parse_args()
    import shutil

    import kikuchi
    from kikuchi.engines.bf16_engine import bf16_missing
    from kikuchi.quick import answering, spoken_for
    from kikuchi.running import run_store
    from kikuchi.scans import Scan

    columns = 1000
    row, col = np.divmod(np.arange(given.n), columns)
    scan = Scan(
        "generated",
        Path("generated"),
        Generated(given.n),
        row,
        col,
        col * 1.0,
        row * 1.0,
        (given.n // columns, columns),
    )
    engine = "int8" if bf16_missing() else "bf16"
    bundle = answering(kikuchi.Bundle.load(given.work / "gain" / "run"), engine, "exact", "vote")
    store = given.work / f"store-{given.n}"
    shutil.rmtree(store, ignore_errors=True)
    begin = time.perf_counter()
    outputs = run_store(scan, bundle, store, engine=engine)[0].outputs()
    decision = bundle.decide(spoken_for(outputs), rule="vote")
    seconds = time.perf_counter() - begin
    shutil.rmtree(store)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    told = {
        "engine": engine,
        "patterns": given.n,
        "peak_mb": round(peak, 1),
        "per_second": round(given.n / seconds, 1),
    }
    print(json.dumps(told | {"decided": len(decision.status)}))


if __name__ == "__main__":
    main()
