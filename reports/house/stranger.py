"""Time the five examples and ``ensemble --help`` with the interpreter that runs this.

    git clone . FRESH && cd FRESH && python -m venv venv && venv/bin/pip install -e .
    venv/bin/python -m reports.house.stranger --work FOLDER

``stranger.json`` beside this file is the result. FOLDER must be empty, so that every example does all its work; the
explanations take the map of the first example, as their page says.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

from reports._provenance import ROOT, provenance

HERE = Path(__file__).resolve().parent
EXAMPLES = ("statistics_alone", "first_map", "explanations", "named_phases", "own_scans")


def timed(command: list[str], where: Path = ROOT) -> float:
    """Return the seconds that a command took in a folder; it must succeed."""
    begin = time.perf_counter()
    subprocess.run(command, cwd=where, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - begin


def main() -> None:
    """Run everything once, the help eleven times."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True, help="an empty folder")
    work = parser.parse_args().work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    if any(work.iterdir()):
        parser.error(f"{work} is not empty")
    seconds = {}
    for name in EXAMPLES:
        seconds[name] = timed([sys.executable, str(ROOT / "examples" / f"{name}.py")], work)
        print(name, f"{seconds[name]:.0f} s", flush=True)
    timed([sys.executable, "-m", "ensemble_cli", "--help"])
    starts = sorted(timed([sys.executable, "-m", "ensemble_cli", "--help"]) for _ in range(11))
    result = {
        "what": "seconds of the five examples from a fresh clone, and of `ensemble --help` (11 starts after a first)",
        "examples_s": seconds,
        "all_examples_s": sum(seconds.values()),
        "help_median_s": starts[len(starts) // 2],
        "help_fastest_s": starts[0],
    } | provenance()
    (HERE / "stranger.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
