"""Map a million simulated patterns, killed twice on the way: `python -m reports.reliability.million --run shipped`.

The scan is an HDF5 file of 60 x 60 patterns of two crystals, projected in some thousand orientations and recorded again
with fresh noise each time they are repeated. The map is a process of its own; it is ended by SIGKILL after a third and
after two thirds of the chunks, and goes on. The same command goes on where it was stopped, and
prints the line that README is to have.
"""

import argparse
import ctypes
import filecmp
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from kikuchi._support.atomic import sweep
from reports._provenance import provenance

HERE = Path(__file__).resolve().parent
SIDE = 60
BLOCK = 4096
STORE = "logits.store"
#: Shares of the chunks after which the map is killed; the last attempt comes to its end.
KILLED_AT = (1 / 3, 2 / 3, 1.0)


def write_scan_of(n: int, work: Path, seed: int) -> Path:
    """Simulate the distinct patterns, and write the scan of `n` as blocks of them with fresh noise."""
    from kikuchi.scans import open_scan
    from kikuchi.simulate import simulate
    from kikuchi.simulate.scenes.spec import spec_from_dict
    from kikuchi.simulate.scenes.writer import write_scan

    path = work / f"scan-{n}.h5"
    if path.is_file():
        return path
    materials = [{"name": "Ni", "count": 1024}, {"name": "Si", "count": 1024}]
    spec = {"material": materials, "detector": {"shape": [SIDE, SIDE]}, "seed": seed, "half_size": 100}
    spec["diffraction"] = "kinematical"
    simulate(spec_from_dict(spec), work / "distinct")
    distinct = np.concatenate(
        [open_scan(work / "distinct" / f"{m['name']}.h5").read(slice(None)) for m in materials]
    )
    rng = np.random.default_rng([seed, 1])

    def blocks():
        for start in range(0, n, BLOCK):
            count = min(BLOCK, n - start)
            noise = rng.integers(-12, 13, (count, SIDE, SIDE), dtype=np.int16)
            chosen = distinct[rng.integers(len(distinct), size=count)]
            yield start, np.clip(chosen + noise, 0, 255).astype(np.uint8)

    columns = next(c for c in range(int(n**0.5), 0, -1) if n % c == 0)
    return write_scan(
        path,
        blocks(),
        grid=(n // columns, columns),
        signal_shape=(SIDE, SIDE),
        dtype=np.uint8,
        step_um=1.0,
        voltage_kv=20.0,
        pattern_centre=np.array([0.5, 0.3, 0.6]),
    )


def die_with_parent() -> None:
    """Let the map end when this script is killed: it would hold the folder against the next one."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def share_done(store: Path) -> float:
    """Give the share of the chunks that a store counts as done."""
    file = store / "done.npy"
    return float(np.load(file, mmap_mode="r").mean()) if file.is_file() else 0.0


def run_once(scan: Path, how: list[str], out: Path, until: float) -> dict:
    """Run `ensemble map` until a share of the chunks is done, then kill it; 1 lets it come to its end."""
    begin, share_before = time.monotonic(), share_done(out / STORE)
    command = [sys.executable, "-m", "ensemble_cli", "map", str(scan), *how, "--out", str(out)]
    with (out.parent / f"{out.name}.log").open("ab") as log:
        child = subprocess.Popen([*command, "--quiet"], stdout=log, stderr=log, preexec_fn=die_with_parent)
    while True:
        pid, status, usage = os.wait4(child.pid, os.WNOHANG)
        if pid:
            break
        if until < 1 and share_done(out / STORE) >= until:
            child.send_signal(signal.SIGKILL)
        time.sleep(0.2)
    return {
        "ended": "killed" if os.WIFSIGNALED(status) else f"exit {os.WEXITSTATUS(status)}",
        "chunks_done_before": round(share_before, 4),
        "chunks_done": round(share_done(out / STORE), 4),
        "seconds": round(time.monotonic() - begin, 1),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "peak_mb": usage.ru_maxrss // 1024,
    }


def killed_twice(scan: Path, how: list[str], out: Path) -> list[dict]:
    """Map the scan in three attempts, two of them killed; goes on with the attempt that it was stopped in."""
    told = out.parent / f"{out.name}.json"
    attempts = json.loads(told.read_text()) if told.is_file() else []
    if not attempts:
        shutil.rmtree(out, ignore_errors=True)
        told.write_text("[]")
    for until in KILLED_AT[len(attempts) :]:
        attempts.append(run_once(scan, how, out, until))
        print(attempts[-1], flush=True)
        if attempts[-1]["ended"] not in ("killed", "exit 0"):
            raise SystemExit(f"the map failed, see {out.name}.log")
        told.write_text(json.dumps(attempts))
    return attempts


def equal_to_undisturbed(scan: Path, how: list[str], out: Path) -> list[str]:
    """Map the scan once more without a kill; name the files of the store that differ."""
    whole = out.with_name(f"{out.name}-whole")
    if share_done(whole / STORE) < 1:
        print(run_once(scan, how, whole, 1), flush=True)
    names = sorted(p.name for p in (out / STORE).iterdir())
    others = sorted(p.name for p in (whole / STORE).iterdir())
    same, _, _ = filecmp.cmpfiles(out / STORE, whole / STORE, names, shallow=False)
    return sorted({*names, *others} - {*same})


def report_sizes(scan: Path, how: list[str], out: Path) -> dict:
    """Measure the report with every pattern and with the share that it keeps by itself; the store is there already."""
    found = {}
    for name, more in (("every_pattern", ["--report-patterns", "1"]), ("as_it_comes", [])):
        attempt = run_once(scan, [*how, *more], out, 1)
        if attempt["ended"] != "exit 0":
            raise SystemExit(f"the map failed, see {out.name}.log")
        files = [out / "report.html", *(out / "report_data").rglob("*")]
        size = sum(p.stat().st_size for p in files if p.is_file())
        kept = {"report_mb": round(size / 2**20, 1)}
        found[name] = kept | {key: attempt[key] for key in ("cpu_seconds", "peak_mb")}
        print(name, found[name], flush=True)
    return found


def row(result: dict) -> str:
    """Give the result as a line of the table in README."""
    attempts = result["attempts"]
    seconds = ", ".join(f"{a['cpu_seconds']:.0f}" for a in attempts)
    peaks = ", ".join(f"{a['peak_mb'] / 1024:.1f}" for a in attempts)
    different = result["files_of_the_store_unlike_those_of_an_undisturbed_map"]
    cells = [
        f"{result['patterns']:,}".replace(",", " "), result["bundle"], f"{result['scan_mb']} MB",
        f"{result['store_mb']} MB", f"{result['map_mb']} MB", seconds, f"{peaks} GB",
        "not compared" if different is None else f"**{len(different)}**",
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patterns", type=int, default=1_000_000)
    parser.add_argument("--run", default="shipped")
    parser.add_argument("--engine", default="onnx", help="of `ensemble map`")
    parser.add_argument("--stop", default="never", help="of `ensemble map`")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, default=Path(".work/million"))
    parser.add_argument(
        "--compare", action="store_true", help="also map without a kill and compare the stores"
    )
    given = parser.parse_args()
    needed = given.patterns * SIDE**2 * 2
    given.work.mkdir(parents=True, exist_ok=True)
    sweep(given.work)  # what a killed writer of the scan has left
    begin = time.monotonic()
    scan = given.work / f"scan-{given.patterns}.h5"
    written = None
    if not scan.is_file():
        if shutil.disk_usage(given.work).free < needed:
            raise SystemExit(f"{needed / 1e9:.0f} GB of free disk are needed in {given.work}")
        write_scan_of(given.patterns, given.work, given.seed)
        written = round(time.monotonic() - begin, 1)
    out = given.work / f"maps-{given.patterns}"
    how = ["--run", given.run, "--engine", given.engine, "--stop", given.stop]
    attempts = killed_twice(scan, how, out)
    different = equal_to_undisturbed(scan, how, out) if given.compare else None

    result = {
        **provenance(seed=given.seed),
        "patterns": given.patterns,
        "bundle": f"{Path(given.run).name}, {given.engine}, {given.stop}",
        "scan_written_s": written,
        "scan_mb": scan.stat().st_size >> 20,
        "store_mb": sum(p.stat().st_size for p in (out / STORE).iterdir()) >> 20,
        "report": report_sizes(scan, how, out),
        "map_mb": sum(p.stat().st_size for p in out.rglob("*") if p.is_file()) >> 20,
        "attempts": attempts,
        "files_of_the_store_unlike_those_of_an_undisturbed_map": different,
    }
    (HERE / f"million_{given.patterns}.json").write_text(json.dumps(result, indent=1) + "\n")
    print(row(result))


if __name__ == "__main__":
    main()
