"""Kill `fit` and `map` at random moments and let them go on: `python -m reports.reliability.kills --kills 50 --seed 0`.

A parent that has imported everything forks a child for every run; the child is ended by SIGKILL after a random share of
the processor time that an undisturbed run takes, and the next child goes on in the same folder. When a
run comes to its end its folder is compared with that of the undisturbed run, and the next one begins in an empty
folder, until the kills are used up. Members are trained by Keras on torch, which compiles nothing: the kills fall into
the work and not into a compilation. `map` runs exported members.
"""

import argparse
import csv
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

if __name__ == "__main__":  # whoever imports the study keeps threads and backend
    os.environ.setdefault("KERAS_BACKEND", "torch")
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"

import h5py
import numpy as np

from reports._provenance import provenance
from reports.reliability.tiny import write_inputs, write_stripes

HERE = Path(__file__).resolve().parent
OLD_BUNDLE = HERE.parents[1] / "tests" / "data" / "format_1" / "bundle"
CHUNK = 16
PATTERNS = 320


def child(work: Callable[[], object], after: float | None) -> tuple[bool, float]:
    """Run something in a forked child, killed after so many seconds of processor time; say whether it ended."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    while True:
        done, status, usage = os.wait4(pid, os.WNOHANG)
        if done:
            if not os.WIFSIGNALED(status) and os.WEXITSTATUS(status) != 0:
                raise SystemExit(f"a run failed with {os.WEXITSTATUS(status)}")
            return not os.WIFSIGNALED(status), usage.ru_utime + usage.ru_stime
        if after is not None and processor_time(pid) > after:
            os.kill(pid, signal.SIGKILL)
            after = None
        time.sleep(0.01)


def processor_time(pid: int) -> float:
    """Give the seconds of processor time that a process has used: a busy machine does not move the kills."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def fit_work(inputs: Path, out: Path) -> None:
    import kikuchi

    kikuchi.fit(inputs / "dataset.toml", inputs / "recipe.toml", out, seed=1)


def map_work(scan: Path, bundle: Path, out: Path) -> None:
    import kikuchi
    from kikuchi.inference import run_scan

    run_scan.CHUNK = CHUNK
    store = out / "logits.store"
    run_scan.run_store(
        kikuchi.open_scan(scan), kikuchi.Predictor.load(bundle), store, engine="onnx", threads=1
    )


def fit_state(folder: Path) -> dict[str, bytes]:
    """Give what must be equal: every file but what tells times; of a history its losses."""
    state = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.name == "history.csv":
            with path.open() as file:
                rows = [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]
            state[name] = json.dumps(rows).encode()
        elif path.suffix == ".h5":
            # Beside the numbers Keras keeps its names of layers there, which count what the process has built before.
            with h5py.File(path, "r") as file:
                numbers: list[bytes] = []
                file.visititems(
                    lambda n, item, into=numbers: (
                        into.append(n.encode() + item[()].tobytes())
                        if isinstance(item, h5py.Dataset)
                        else None
                    )
                )
            state[name] = b"".join(numbers)
        elif path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                state[name] = b"".join(k.encode() + arrays[k].tobytes() for k in sorted(arrays.files))
        elif path.name == "bundle.json":
            told = json.loads(path.read_text())
            state[name] = json.dumps(
                {k: v for k, v in told.items() if k not in ("created", "files")}
            ).encode()
        elif path.is_file() and path.name not in (".lock", "losses.png"):
            state[name] = path.read_bytes()
    return state


def map_state(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted((folder / "logits.store").iterdir())}


def series(
    name: str, work: Callable[[Path], None], state: Callable[[Path], dict[str, bytes]], kills: int, rng
) -> dict:
    """Kill and go on until the kills are used up and the last run has come to its end."""
    folder = Path(tempfile.mkdtemp(prefix=f"kills-{name}-"))
    ended, whole = child(lambda: work(folder / "whole"), None)
    wanted = state(folder / "whole")
    done, runs, different, attempts, times = 0, 0, [], 0, []
    out = folder / "run"
    while True:
        # Each attempt is cut anywhere in the whole run's time, so that some die before they have stored anything.
        after = float(rng.uniform(0.02, 1.0) * whole) if done < kills else None
        attempts += 1
        ended, seconds = child(lambda: work(out), after)
        print(
            f"{name}: attempt {attempts}, {'ended' if ended else 'killed'} after {seconds:.2f} s", flush=True
        )
        if not ended:
            done += 1
            times.append(round(seconds / whole, 3))
            continue
        runs += 1
        found = state(out)
        different += [f"run {runs}: {k}" for k in sorted({*wanted, *found}) if wanted.get(k) != found.get(k)]
        print(f"{name}: {done} kills, {runs} runs ended, {len(different)} differences", flush=True)
        shutil.rmtree(out)
        if done >= kills:
            break
    shutil.rmtree(folder)
    return {
        "kills": done,
        "runs_ended": runs,
        "attempts": attempts,
        "whole_run_cpu_s": round(whole, 2),
        "killed_at_share_of_whole_run": times,
        "files_compared_per_run": len(wanted),
        "differences": different,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--what", choices=("fit", "map", "both"), default="both")
    parser.add_argument(
        "--engine",
        choices=("auto", "keras"),
        default="auto",
        help="what trains; see `kikuchi.members.steps_of`",
    )
    parser.add_argument(
        "--bundle", type=Path, help="with exported members; made from a small one where not given"
    )
    given = parser.parse_args()
    result_file = HERE / "kills.json"
    result: dict = {}
    work = Path(tempfile.mkdtemp(prefix="kills-inputs-"))
    if given.what in ("map", "both"):
        bundle = given.bundle or export(work)
        import onnxruntime  # noqa: F401

        scan = write_stripes(work / "scan.h5", PATTERNS, horizontal=True, seed=3)
        map_work(scan, bundle, work / "imports")
        rng = np.random.default_rng([given.seed, 1])
        result["map"] = series("map", lambda out: map_work(scan, bundle, out), map_state, given.kills, rng)
    if given.what in ("fit", "both"):
        import keras  # noqa: F401
        import tensorflow  # noqa: F401 - Keras looks it up even on torch; once here, not in every child
        import torch

        import kikuchi.workflows.fit
        from kikuchi.members import MemberSpec, Training, build_member, predict
        from kikuchi.members.backend import steps_of

        torch.set_num_threads(1)
        write_inputs(work / "fit", epochs=6, patterns=56, engine=given.engine)
        kikuchi.open_scan(work / "fit" / "rows.h5").mean_pattern(4)
        warm = build_member(MemberSpec("warm-1", "scratch", "compact", 32, 2))
        predict(warm, np.zeros((2, 32, 32), np.float32))
        trained_by = type(steps_of(warm, Training(engine=given.engine))).__name__
        rng = np.random.default_rng([given.seed, 2])
        name = "fit" if given.engine == "auto" else f"fit_{given.engine}"
        found = series(name, lambda out: fit_work(work / "fit", out), fit_state, given.kills, rng)
        result[name] = {"trained_by": trained_by, "keras_backend": os.environ["KERAS_BACKEND"]} | found
    shutil.rmtree(work)
    kept = json.loads(result_file.read_text()) if result_file.is_file() else {}
    about = provenance(seed=given.seed)
    for of in result.values():
        of["command"] = about["command"]
    result = kept | result | {name: value for name, value in about.items() if name != "command"}
    result_file.write_text(json.dumps(result, indent=1) + "\n")
    sys.exit(any(of["differences"] for of in result.values() if isinstance(of, dict) and "differences" in of))


def export(work: Path) -> Path:
    """Export the members of the small bundle, in a process of its own: an exporter leaves threads behind."""
    import subprocess

    shutil.copytree(OLD_BUNDLE, work / "bundle")
    code = f"import kikuchi; kikuchi.Predictor.load({str(work / 'bundle')!r}).runner('onnx', patterns=10**6)"
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ | {"KERAS_BACKEND": "tensorflow"})
    return work / "bundle"


if __name__ == "__main__":
    main()
