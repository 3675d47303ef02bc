"""What matching costs a pattern, stage by stage, and what that makes for 10 000 points and two phases.

    KIKUCHI_CORES=1 OMP_NUM_THREADS=1 python -m reports.adapt.matching_cost RUN SCAN

RUN is what `adapt` made of SCAN, as `study maps` leaves both. Processor seconds, which a loaded machine changes least.
Writes ``matching_cost.json``.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

from kikuchi.matching.matcher import flattened
from kikuchi.matching.overlap import second_crystal
from kikuchi.matching.storage import load_matcher
from kikuchi.matching.survey import places
from kikuchi.scans import open_scan
from reports._provenance import provenance

COUNT, POINTS = 256, 10_000


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("scan", type=Path)
    options = parser.parse_args()
    seconds: dict[str, float] = {}

    def timed(stage: str, begin: float) -> float:
        seconds[stage] = time.process_time() - begin
        return time.process_time()

    clock = time.process_time()
    member = load_matcher(options.run / "members" / "matcher-1")
    matcher = member.matcher
    clock = timed("opening", clock)
    _ = matcher.warm
    clock = timed("dictionaries", clock)
    scan = open_scan(options.scan)
    some = np.arange(2 * COUNT)
    patterns, place = flattened(scan.read(some), member.background), places(scan, some)
    matcher.match(patterns[:8], place[:8])  # compiles
    patterns, place = patterns[COUNT:], place[COUNT:]
    clock = time.process_time()
    few = matcher.phases[0].coarse.of_patterns(patterns)
    for phase in matcher.phases:
        phase.dictionary.best(few, phase.search.entries)
    clock = timed("dictionary products", clock)
    found = matcher.match(patterns, place)
    clock = timed("matching, with these products", clock)
    first = found.scores.argmax(axis=1)
    second_crystal(matcher, patterns, place, first, found.rotations[np.arange(COUNT), first])
    timed("second crystal", clock)
    each = {stage: seconds[stage] / COUNT for stage in list(seconds)[2:]}
    fixed = seconds["opening"] + seconds["dictionaries"]
    result = provenance() | {
        "phases": len(matcher.phases),
        "patterns": COUNT,
        "cpu_seconds": {k: round(v, 2) for k, v in seconds.items()},
        "cpu_seconds_of_1000_patterns": {k: round(1000 * v, 1) for k, v in each.items()},
        "cpu_seconds_of_10000_points": {
            "matching": round(fixed + POINTS * each["matching, with these products"], 0),
            "with every point looked at for overlaps": round(
                fixed + POINTS * (each["matching, with these products"] + each["second crystal"]), 0
            ),
        },
    }
    file = Path(__file__).with_suffix(".json")
    file.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(result)


if __name__ == "__main__":
    main()
