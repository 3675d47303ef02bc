"""Fuzz every reader: `python reports/reliability/fuzz.py --executions 1000000 --seed 0`.

Each reader runs in a process of its own that may not take more than 2 GiB beyond what it starts with and not more than
5 s for one input. Anything but a result or an `InputError` is a finding: an exception of another type, a hang, too much
memory, a dead process. The number of an execution and the seed make its input, so a finding needs no file to be seen
again; its input is kept beside the report until the reader is mended and the file moves to `tests/data/findings`.
The same command goes on where it was stopped.
"""

import argparse
import hashlib
import json
import logging
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

import numpy as np
from mutations import mutated
from readers import READERS, scratch

#: Share of the executions each reader gets: by what it costs, and the readers of our own formats first.
SHARES = {
    "sht": 180, "grain_list": 170, "tiff_tag": 150, "dataset": 80, "recipe": 90, "spec": 80, "crystal": 60,
    "bundle": 30, "store": 60, "master": 25, "image": 50, "scan_hdf5": 10, "scan_binary": 10, "settings": 5,
}  # fmt: skip
SECONDS = 5
#: Seconds on the clock at one execution after which the parent ends the child; imports take some on a busy machine.
WATCH = 120
BYTES = 2 << 30
HERE = Path(__file__).resolve().parent


class Hang(BaseException):
    """Raised in a reader after 5 s; no reader can swallow it as an Exception."""


def planned(executions: int) -> dict[str, int]:
    """Share the executions out; the first reader takes what rounding leaves."""
    total = sum(SHARES.values())
    plan = {name: executions * share // total for name, share in SHARES.items()}
    plan["sht"] += executions - sum(plan.values())
    return plan


def inputs_of(name: str, seed: int, folder: Path):
    """Return the function that makes the input of execution i: its file name and its bytes."""
    reader = READERS[name]
    seeds = reader.seeds(folder)
    contents = [content for _, content in seeds]
    number = sorted(READERS).index(name)

    def make(i: int) -> tuple[str, bytes]:
        rng = np.random.default_rng([seed, number, i])
        chosen, data = mutated(contents, reader.words, rng)
        return seeds[chosen][0], reader.mend(data) if rng.random() < 0.6 else data

    return make


def work(name: str, seed: int, start: int, stop: int, state: Path) -> None:
    """Run executions of one reader; how far it came is in `state`, findings are lines on standard output."""
    from ensemble.errors import InputError

    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    folder = scratch()
    try:
        make = inputs_of(name, seed, folder)
        call = READERS[name].call
        file_name, data = make(start)
        # Imports and caches first: the limit is on what an input costs.
        for warm, content in READERS[name].seeds(folder):
            _tried(call, folder, warm, content, InputError)
        in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (in_use + BYTES, resource.RLIM_INFINITY))

        def hang(*_: object) -> None:
            raise Hang

        # Of this process' own time: a busy machine is no hang. The parent watches for one that no signal reaches.
        signal.signal(signal.SIGPROF, hang)
        position = np.memmap(state, np.int64, "r+", shape=(1,))
        for i in range(start, stop):
            position[0] = i
            file_name, data = make(i)
            signal.setitimer(signal.ITIMER_PROF, SECONDS)
            why = _tried(call, folder, file_name, data, InputError)
            signal.setitimer(signal.ITIMER_PROF, 0)
            if why:
                print(json.dumps({"execution": i, **why}), flush=True)
        position[0] = stop
        print(json.dumps({"cpu_seconds": time.process_time()}), flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _tried(call, folder: Path, file_name: str, data: bytes, allowed: type) -> dict[str, str] | None:
    """Call a reader on one input; None where it did what it should."""
    path = folder / file_name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    try:
        call(path, folder)
    except allowed:
        return None
    except (Exception, Hang) as error:
        frames = traceback.extract_tb(error.__traceback__)
        ours = [
            f for f in frames if "kikuchi" in Path(f.filename).parts or "ensemble" in Path(f.filename).parts
        ]
        place = (ours or list(frames))[-1]
        where = f"{Path(place.filename).name}:{place.name}"
        return {"what": type(error).__name__, "where": where, "text": str(error)[:200]}
    return None


def run_reader(name: str, seed: int, count: int, out: Path) -> dict:
    """Run one reader to its end in child processes, each begun anew after a crash."""
    record_file = out / f"{name}.json"
    record = {"done": 0, "seconds": 0.0, "cpu_seconds": 0.0, "findings": []}
    if record_file.is_file():
        record = json.loads(record_file.read_text())
    while record["done"] < count:
        state = out / f"{name}.position"
        state.write_bytes(np.int64(record["done"]).tobytes())
        stop = min(record["done"] + 10_000, count)
        begin = time.perf_counter()
        command = [sys.executable, __file__, "--reader", name, "--seed", str(seed)]
        command += ["--start", str(record["done"]), "--stop", str(stop), "--state", str(state)]
        code, said, tail = _watched(command, state)
        position = int(np.fromfile(state, np.int64)[0])
        told = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
        found = [line for line in told if "execution" in line]
        record["cpu_seconds"] += sum(line.get("cpu_seconds", 0.0) for line in told)
        if code:
            what = "hang in a library" if code == -signal.SIGABRT else f"process ended with {code}"
            found.append({"execution": position, "what": what, "where": "process", "text": tail})
        _keep(record, found, name, seed, out)
        record["done"] = position + 1 if code else stop
        record["seconds"] += time.perf_counter() - begin
        record_file.write_text(json.dumps(record, indent=1))
        state.unlink()
    return record


def _watched(command: list[str], state: Path) -> tuple[int, str, str]:
    """Run a child; end it where it stays at one execution for long. Its exit code, output and last lines of errors."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        child = subprocess.Popen([sys.executable, "-X", "faulthandler", *command[1:]], stdout=out, stderr=err)
        position, since = -1, time.monotonic()
        while True:
            try:
                child.wait(2)
                break
            except subprocess.TimeoutExpired:
                now = int(np.fromfile(state, np.int64)[0])
                if now != position:
                    position, since = now, time.monotonic()
                elif time.monotonic() - since > WATCH:
                    child.send_signal(signal.SIGABRT)
        out.seek(0)
        err.seek(0)
        return child.returncode, out.read(), "\n".join(err.read().strip().splitlines()[-12:])


def _keep(record: dict, found: list[dict], name: str, seed: int, out: Path) -> None:
    """Add findings, one of each kind, with its input as a file."""
    known = {(f["what"], f["where"]): f for f in record["findings"]}
    make, folder = None, None
    for finding in found:
        key = (finding["what"], finding["where"])
        if key in known:
            known[key]["times"] += 1
            continue
        if make is None:
            folder = scratch()
            make = inputs_of(name, seed, folder)
        file_name, data = make(finding["execution"])
        digest = hashlib.sha256(data).hexdigest()[:12]
        kept = out / "inputs" / name / f"{digest}-{Path(file_name).name}"
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(data)
        finding |= {"times": 1, "input": str(kept.relative_to(out)), "file": file_name}
        known[key] = finding
        record["findings"].append(finding)
        print(
            f"{name} {finding['execution']}: {finding['what']} in {finding['where']}: {finding['text']}",
            flush=True,
        )
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--executions", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--work", type=Path, default=Path(".work/fuzz"), help="where findings and progress go"
    )
    parser.add_argument("--reader", choices=READERS)
    parser.add_argument("--only", help="names of readers, separated by commas")
    parser.add_argument("--start", type=int)
    parser.add_argument("--stop", type=int)
    parser.add_argument("--state", type=Path)
    given = parser.parse_args()
    if given.reader:
        work(given.reader, given.seed, given.start, given.stop, given.state)
        return
    out = given.work
    out.mkdir(parents=True, exist_ok=True)
    plan = planned(given.executions)
    only = given.only.split(",") if given.only else list(plan)
    records = {name: run_reader(name, given.seed, plan[name], out) for name in only}
    if given.only:
        return
    from kikuchi.versions import versions

    report = {
        "command": f"python reports/reliability/fuzz.py --executions {given.executions} --seed {given.seed}",
        "seed": given.seed,
        "date": time.strftime("%Y-%m-%d"),
        "machine": f"{os.cpu_count()}-core CPU",
        "limits": {"seconds": SECONDS, "bytes": BYTES},
        "executions": sum(r["done"] for r in records.values()),
        "findings": sum(len(r["findings"]) for r in records.values()),
        "readers": records,
        "versions": versions(),
    }
    (HERE / "fuzz.json").write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
