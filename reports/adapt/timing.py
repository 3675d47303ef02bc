"""How long `adapt` and `map` take for two phases, stage by stage, and what that makes for 10 000 points.

    KIKUCHI_CORES=1 OMP_NUM_THREADS=1 python -m reports.adapt.timing --shared ../shared --work /tmp/adapt

Every third point of the duplex map in both directions, on one core; master patterns are simulated anew. Writes
``timing.json``.
"""

import argparse
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import kikuchi
from kikuchi._support.progress import Progress
from kikuchi.scans import open_scan
from reports._provenance import provenance
from reports.adapt.study import MAPS, SEED, recorded

POINTS = 10_000


class Stages(Progress):
    """A listener that notes when each stage begins, in seconds of the clock and of the processor."""

    def __init__(self) -> None:
        self.noted: list[tuple[str, float, float]] = []

    def say(self, text: str) -> None:
        """Note a stage."""
        self.noted.append((text.strip()[:60], time.perf_counter(), time.process_time()))

    @contextmanager
    def bar(self, description: str, total: int) -> Iterator[Callable[[int], None]]:
        """Note a stage that has a bar, and its end."""
        self.say(description)
        yield lambda steps: None
        self.say(f"after {description}")

    def lasted(self) -> list[dict[str, Any]]:
        """Return how long each lasted until the next began."""
        return [
            {"from": text, "seconds": round(later[1] - wall, 1), "cpu_seconds": round(later[2] - cpu, 1)}
            for (text, wall, cpu), later in zip(self.noted, self.noted[1:], strict=False)
        ]


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--work", type=Path, required=True)
    options = parser.parse_args()
    entry = MAPS["duplex steel"] | {"every": 3}
    file = recorded("duplex timing", entry, options.shared, options.work)
    for folder in ("timing.run", "timing.maps"):
        shutil.rmtree(options.work / folder, ignore_errors=True)
    os.environ["KIKUCHI_CACHE"] = str(options.work / "timing.cache")
    scan = open_scan(file)
    stages = Stages()
    begin, cpu = time.perf_counter(), time.process_time()
    bundle = kikuchi.adapt(
        scan, list(entry["phases"]), options.work / "timing.run", seed=SEED, progress=stages
    )
    stages.say("adapted")
    middle, middle_cpu = time.perf_counter(), time.process_time()
    kikuchi.map_scan(scan, bundle, options.work / "timing.maps", progress=stages)
    stages.say("mapped")
    end, end_cpu = time.perf_counter(), time.process_time()
    per_point = (end_cpu - middle_cpu) / scan.n
    result = provenance(seed=SEED) | {
        "points": scan.n,
        "phases": 2,
        "adapt": {"seconds": middle - begin, "cpu_seconds": middle_cpu - cpu},
        "map": {"seconds": end - middle, "cpu_seconds": end_cpu - middle_cpu},
        "stages": stages.lasted(),
        "cpu_seconds_of_10000_points": middle_cpu - cpu + POINTS * per_point,
    }
    text = json.dumps(result, indent=1) + "\n"
    Path(__file__).with_suffix(".json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
