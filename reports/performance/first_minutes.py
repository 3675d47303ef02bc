"""What a newcomer's first minutes cost, before and after: CPU seconds of whole processes, all in one run.

    python -m reports.performance.first_minutes --before e2e73b1 --work WORK

Each step is a process of its own, that of the older commit (checked out beside this one, with the same installed
libraries) and ours in turn, round after round: importing the package, opening a scan too, predicting ten of its
patterns with the shipped ensemble too, ``ensemble --help``, and ``ensemble map`` of 200 points with the shipped
ensemble, whose exports and outputs of the run before are thrown away. CPU seconds are those of user and system with all
children. With ``--cold``, `map_of_all` counts once what is done once on a machine too: numba and Matplotlib find their
caches empty. Writes ``first_minutes.json``.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from reports._provenance import ROOT, provenance

HERE = Path(__file__).resolve().parent

SCAN = """
seed = 3
half_size = 100
diffraction = "kinematical"
[[material]]
name = "Ni"
[[material]]
name = "Fe"
[detector]
shape = [60, 60]
[map]
shape = [4, 50]
step = 0.5
grain_size = 4.0
phase = [{ material = "Ni" }, { material = "Fe" }]
"""

_OPEN = "import kikuchi\nscan = kikuchi.open_scan({scan!r})\n"
_PREDICT = (
    _OPEN
    + "predictor = kikuchi.Predictor.load('shipped')\n"
    + "assert len(predictor.predict_proba(scan.read(slice(0, 10)), scan.static_background)) == 10\n"
)

#: What is asked of our CPU seconds, where anything is.
GOALS = {"predict": 8.0, "map": 10.0}


def steps(scan: Path, out: Path) -> dict[str, list[str]]:
    """Return the arguments of the interpreter for each step."""
    command = ["-m", "ensemble_cli"]
    return {
        "import": ["-c", "import kikuchi"],
        "open_scan": ["-c", _OPEN.format(scan=str(scan))],
        "predict": ["-c", _PREDICT.format(scan=str(scan))],
        "help": [*command, "--help"],
        "map": [*command, "map", str(scan), "--out", str(out), "--quiet"],
    }


def cpu_of(arguments: list[str], root: Path, work: Path, *, fresh: bool = False) -> dict[str, float]:
    """Run one process on a checkout's packages; its CPU and wall seconds. It must succeed."""
    for name in ("cache", "map", "once"):
        shutil.rmtree(work / name, ignore_errors=True)
    places = {"PYTHONPATH": os.pathsep.join(str(root / part) for part in (".", "src", "cli"))}
    places["KIKUCHI_CACHE"] = str(work / "cache")
    if fresh:
        places |= {name: str(work / "once" / name) for name in ("NUMBA_CACHE_DIR", "MPLCONFIGDIR")}
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments], env=os.environ | places, cwd=work, capture_output=True, text=True, check=False
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{root.name}: {' '.join(arguments)}\n{done.stderr}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"cpu_s": round(cpu, 2), "wall_s": round(time.perf_counter() - begin, 2)}


def summary(runs: list[dict[str, float]]) -> dict[str, Any]:
    """Return median, least and most CPU seconds, and the median on the clock."""
    cpu = [run["cpu_s"] for run in runs]
    return {
        "cpu_s": statistics.median(cpu),
        "least": min(cpu),
        "most": max(cpu),
        "wall_s": statistics.median(run["wall_s"] for run in runs),
    }


def main() -> None:
    """Check the older commit out, measure both in turns, and write the result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--before", default="e2e73b1", help="an older commit")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--warmed", action="store_true", help="both have run here: no turn for byte code first"
    )
    parser.add_argument("--cold", action="store_true", help="once more with empty caches of libraries")
    given = parser.parse_args()
    work = given.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    (work / "few.toml").write_text(SCAN, encoding="utf-8")
    scan = work / "few.h5"
    if not scan.is_file():
        import kikuchi

        kikuchi.simulate(work / "few.toml", scan)
    old = work / "before"
    if not old.is_dir():
        git = ["git", "-C", str(ROOT), "worktree", "add", "--detach", str(old), given.before]
        subprocess.run(git, check=True, capture_output=True)
    told = subprocess.run(
        ["git", "-C", str(old), "show", "-s", "--format=%h, %as"], check=True, capture_output=True, text=True
    )
    roots = {"before": old, "after": ROOT}
    wanted = steps(scan, work / "map")
    runs: dict[str, dict[str, list[dict[str, float]]]] = {name: {way: [] for way in roots} for name in wanted}
    # The first turn is for byte code and for libraries' caches.
    for turn in range(0 if given.warmed else -1, given.rounds):
        for name, arguments in wanted.items():
            for way, root in roots.items():
                run = cpu_of(arguments, root, work)
                if turn >= 0:
                    runs[name][way].append(run)
                    print(turn, name, way, run["cpu_s"], flush=True)
    found: dict[str, Any] = {
        name: {way: summary(each) for way, each in ways.items()} for name, ways in runs.items()
    }
    if given.cold:
        found["map_of_all"] = {
            way: cpu_of(wanted["map"], root, work, fresh=True) for way, root in roots.items()
        }
    for name, goal in GOALS.items():
        found[name] |= {"goal_cpu_s": goal, "met": found[name]["after"]["cpu_s"] < goal}
    subprocess.run(["git", "-C", str(ROOT), "worktree", "remove", "--force", str(old)], check=True)
    result = {
        "what": "CPU seconds of whole processes (user and system, children too); median of rounds in turns",
        "before": told.stdout.strip(),
        "rounds": given.rounds,
        "points": 200,
        "steps": found,
    } | provenance(seed=3)
    (HERE / "first_minutes.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
