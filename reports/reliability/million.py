"""Map a million simulated patterns, killed twice on the way: `python reports/reliability/million.py --run shipped`.

The scan is an HDF5 file of 60 x 60 patterns of two crystals, projected in some thousand orientations and recorded again
with fresh noise each time they are repeated. The map is a process of its own; it is ended by SIGKILL after a third and
after two thirds of the chunks, and goes on. The same command goes on with the scan that is there.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
SIDE = 60
BLOCK = 4096


def write_scan_of(n: int, work: Path, seed: int) -> Path:
    """Simulate the distinct patterns, and write the scan of `n` as blocks of them with fresh noise."""
    from kikuchi.scans import open_scan
    from kikuchi.simulate import simulate
    from kikuchi.simulate.spec import spec_from_dict
    from kikuchi.simulate.writer import write_scan

    path = work / f"scan-{n}.h5"
    if path.is_file():
        return path
    materials = [{"name": "Ni", "count": 1024}, {"name": "Si", "count": 1024}]
    spec = {"material": materials, "detector": {"shape": [SIDE, SIDE]}, "seed": seed, "half_size": 100}
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


def run_once(scan: Path, run: str, out: Path, until: float) -> dict:
    """Run `ensemble map` until a share of the chunks is done, then kill it; 1 lets it come to its end."""
    done_file = out / "logits.store" / "done.npy"
    begin = time.monotonic()
    command = [
        sys.executable,
        "-m",
        "ensemble_cli",
        "map",
        str(scan),
        "--run",
        run,
        "--out",
        str(out),
        "--quiet",
    ]
    child = subprocess.Popen([*command, "--engine", "onnx"], stdout=subprocess.DEVNULL)
    while True:
        pid, status, usage = os.wait4(child.pid, os.WNOHANG)
        if pid:
            break
        share = float(np.load(done_file, mmap_mode="r").mean()) if done_file.is_file() else 0.0
        if until < 1 and share >= until:
            child.send_signal(signal.SIGKILL)
        time.sleep(0.2)
    return {
        "ended": "killed" if os.WIFSIGNALED(status) else f"exit {os.WEXITSTATUS(status)}",
        "chunks_done": round(float(np.load(done_file).mean()), 4),
        "seconds": round(time.monotonic() - begin, 1),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "peak_mb": usage.ru_maxrss // 1024,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patterns", type=int, default=1_000_000)
    parser.add_argument("--run", default="shipped")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, default=Path(".work/million"))
    given = parser.parse_args()
    needed = given.patterns * SIDE**2 * 2
    given.work.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(given.work).free < needed:
        raise SystemExit(f"{needed / 1e9:.0f} GB of free disk are needed in {given.work}")
    begin = time.monotonic()
    scan = write_scan_of(given.patterns, given.work, given.seed)
    written = round(time.monotonic() - begin, 1)
    out = given.work / f"maps-{given.patterns}"
    shutil.rmtree(out, ignore_errors=True)
    attempts = []
    for until in (1 / 3, 2 / 3, 1.0):
        attempts.append(run_once(scan, given.run, out, until))
        print(attempts[-1], flush=True)
    from kikuchi.versions import versions

    result = {
        "command": f"python reports/reliability/million.py --patterns {given.patterns} --run {Path(given.run).name}",
        "seed": given.seed,
        "date": time.strftime("%Y-%m-%d"),
        "machine": f"{os.cpu_count()}-core CPU, shared with other work",
        "patterns": given.patterns,
        "bundle": Path(given.run).name,
        "scan_written_s": written,
        "scan_mb": scan.stat().st_size >> 20,
        "store_mb": sum(p.stat().st_size for p in (out / "logits.store").iterdir()) >> 20,
        "map_mb": sum(p.stat().st_size for p in out.rglob("*") if p.is_file()) >> 20,
        "attempts": attempts,
        "versions": versions(),
    }
    (HERE / f"million_{given.patterns}.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
