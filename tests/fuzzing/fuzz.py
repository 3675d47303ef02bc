"""Fuzz every reader: `python -m tests.fuzzing.fuzz --executions 1000000 --seed 0`.

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
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from reports._provenance import provenance
from tests.fuzzing.mutations import mutated
from tests.fuzzing.readers import READERS, scratch

#: Thousands of executions of each reader in a million: what one costs differs by a factor of fifty, and four thousand
#: of the dearest take as long as a hundred thousand of the cheapest.
SHARES = {
    "sht": 130, "grain_list": 140, "tiff_tag": 100, "dataset": 90, "recipe": 90, "spec": 90, "crystal": 80,
    "history": 100, "labels": 40, "exemplars": 40, "store": 30, "image": 20, "cif": 12, "bundle": 10, "master": 8,
    "hyperspy": 6, "weights": 4, "scan_hdf5": 4, "scan_binary": 3, "settings": 3,
    "onnx": 20, "matcher": 8, "map": 6, "truth": 10,
}  # fmt: skip
#: Executions of one child process; what it imports costs some seconds.
BATCH = 20_000
SECONDS = 5
#: Seconds on the clock at one execution after which the parent ends the child; imports take some on a busy machine.
WATCH = 120
BYTES = 2 << 30
#: What a child tells while it works.
STATE = np.dtype([("position", "i8"), ("read", "i8"), ("refused", "i8"), ("cpu_seconds", "f8")])
ROOT = Path(__file__).resolve().parents[2]


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
    # By its name, so that another reader in the table changes no input of this one.
    number = zlib.crc32(name.encode())

    def make(i: int) -> tuple[str, bytes]:
        rng = np.random.default_rng([seed, number, i])
        chosen, data = mutated(contents, reader.words, rng)
        return seeds[chosen][0], reader.mend(data) if rng.random() < 0.6 else data

    return make


def work(name: str, seed: int, start: int, stop: int, state: Path, folder: Path) -> None:
    """Run executions of one reader; how far it came is in `state`, findings are lines of the file beside it."""
    from ensemble.errors import InputError
    from kikuchi._support import hdf5_probe

    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    parent = os.getppid()
    # What the process that looks at HDF5 files first may take: milliseconds are normal.
    hdf5_probe.CPU_SECONDS = 2
    make = inputs_of(name, seed, folder)
    call = READERS[name].call
    make(start)
    # Imports and caches first: the limit is on what an input costs.
    for warm, content in READERS[name].seeds(folder):
        _tried(call, folder, warm, content, InputError)
    in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (in_use + BYTES, resource.RLIM_INFINITY))

    def hang(*_: object) -> None:
        raise Hang

    # Of this process' own time: a busy machine is no hang. The parent watches for one that no signal reaches.
    signal.signal(signal.SIGPROF, hang)
    told = np.memmap(state, STATE, "r+", shape=())
    for i in range(start, stop):
        told["position"] = i
        if os.getppid() != parent:
            return
        file_name, data = make(i)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        why = _tried(call, folder, file_name, data, InputError)
        signal.setitimer(signal.ITIMER_PROF, 0)
        told["cpu_seconds"] = time.process_time()
        if isinstance(why, str):
            told[why] += 1
        else:
            with _lines(state).open("a") as file:
                file.write(json.dumps({"execution": i, **why}) + "\n")
    told["position"] = stop
    hdf5_probe.end()
    told["cpu_seconds"] = sum(os.times()[:4])  # with that of processes that looked first


def _lines(state: Path) -> Path:
    return state.with_suffix(".lines")


def _tried(call, folder: Path, file_name: str, data: bytes, allowed: type[Exception]) -> dict[str, str] | str:
    """Call a reader on one input: "read" or "refused" where it did what it should, else what happened."""
    path = folder / file_name
    try:
        path.write_bytes(data)
    except FileNotFoundError:
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
    try:
        call(path, folder)
        return "read"
    except allowed:
        return "refused"
    except (Exception, Hang) as error:
        frames = traceback.extract_tb(error.__traceback__)
        ours = [
            f for f in frames if "kikuchi" in Path(f.filename).parts or "ensemble" in Path(f.filename).parts
        ]
        place = (ours or list(frames))[-1]
        where = f"{Path(place.filename).name}:{place.name}"
        return {"what": type(error).__name__, "where": where, "text": str(error)[:200]}


def run_reader(name: str, seed: int, count: int, out: Path) -> dict:
    """Run one reader to its end in child processes, each begun anew after a crash."""
    record_file, state = out / f"{name}.json", out / f"{name}.state"
    record: dict[str, Any] = {
        "done": 0,
        "read": 0,
        "refused": 0,
        "seconds": 0.0,
        "cpu_seconds": 0.0,
        "findings": [],
    }
    if record_file.is_file():
        record = json.loads(record_file.read_text())
    if state.is_file():  # this process was ended in the middle of a batch
        _collect(record, state, name, seed, out, finished=False)
        record_file.write_text(json.dumps(record, indent=1))
    while record["done"] < count:
        stop = min(record["done"] + BATCH, count)
        begin = time.perf_counter()
        state.write_bytes(np.array((record["done"], 0, 0, 0), STATE).tobytes())
        command = ["--reader", name, "--seed", str(seed), "--start", str(record["done"]), "--stop", str(stop)]
        folder = scratch()
        code, tail = _watched([*command, "--state", str(state), "--folder", str(folder)], state)
        shutil.rmtree(folder, ignore_errors=True)  # here, for a child may die
        if code:
            position = int(np.fromfile(state, STATE)[0]["position"])
            what = "hang in a library" if code == -signal.SIGABRT else f"process ended with {code}"
            with _lines(state).open("a") as file:
                told = {"execution": position, "what": what, "where": "process", "text": tail}
                file.write(json.dumps(told) + "\n")
        record["seconds"] += time.perf_counter() - begin
        _collect(record, state, name, seed, out, finished=True)
        record_file.write_text(json.dumps(record, indent=1))
        print(
            f"{name}: {record['done']} of {count}, {record['cpu_seconds']:.0f} s of the processor", flush=True
        )
    return record


def _collect(record: dict, state: Path, name: str, seed: int, out: Path, *, finished: bool) -> None:
    """Add to the record what a batch has told, and remove its files."""
    told = np.fromfile(state, STATE)[0]
    lines = _lines(state).read_text().splitlines() if _lines(state).is_file() else []
    found = [json.loads(line) for line in lines if line.endswith("}")]
    ended_badly = any(finding["where"] == "process" for finding in found)
    _keep(record, found, name, seed, out)
    # The execution at which a process died is done; the one in which it was ended from outside is not.
    record["done"] = int(told["position"]) + (1 if finished and ended_badly else 0)
    for count in ("read", "refused"):
        record[count] += int(told[count])
    record["cpu_seconds"] += float(told["cpu_seconds"])
    _lines(state).unlink(missing_ok=True)
    state.unlink()


def _watched(command: list[str], state: Path) -> tuple[int, str]:
    """Run a child; end it where it stays at one execution for long. Its exit code and last lines of errors."""
    with tempfile.TemporaryFile("w+") as err:
        child = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", "-m", "tests.fuzzing.fuzz", *command],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=err,
        )
        position, since = -1, time.monotonic()
        while True:
            try:
                child.wait(2)
                break
            except subprocess.TimeoutExpired:
                now = int(np.fromfile(state, STATE)[0]["position"])
                if now != position:
                    position, since = now, time.monotonic()
                elif time.monotonic() - since > WATCH:
                    child.send_signal(signal.SIGABRT)
        err.seek(0)
        return child.returncode, "\n".join(err.read().strip().splitlines()[-12:])


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
    parser.add_argument("--so-far", action="store_true", help="run nothing, report what is done")
    parser.add_argument("--start", type=int)
    parser.add_argument("--stop", type=int)
    parser.add_argument("--state", type=Path)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    if given.reader:
        work(given.reader, given.seed, given.start, given.stop, given.state, given.folder)
        return
    out = given.work
    out.mkdir(parents=True, exist_ok=True)
    plan = planned(given.executions)
    only = given.only.split(",") if given.only else list(plan)
    wanted = {name: plan[name] for name in only if not given.so_far or (out / f"{name}.json").is_file()}
    if given.so_far:
        records = {name: json.loads((out / f"{name}.json").read_text()) for name in wanted}
    else:
        records = {name: run_reader(name, given.seed, count, out) for name, count in wanted.items()}
    if given.only:
        return

    for record in records.values():
        for finding in record["findings"]:
            # Of a process that died the innermost call, without the folders of this machine.
            call = re.search(r'File ".*?([^/"]+)", line \d+ in (\S+)', finding["text"])
            finding["text"] = f"{call[1]}:{call[2]}" if call else finding["text"]
    report = {
        **provenance(seed=given.seed),
        "limits": {"seconds": SECONDS, "bytes": BYTES},
        "executions": sum(r["done"] for r in records.values()),
        "findings": sum(len(r["findings"]) for r in records.values()),
        "readers": records,
    }
    (ROOT / "reports" / "reliability" / "fuzz.json").write_text(json.dumps(report, indent=1) + "\n")
    print("\n".join(rows(records)))


def rows(records: dict[str, dict]) -> list[str]:
    """Give the lines of the table in README."""
    counts = ("done", "read", "cpu_seconds")
    told = {
        name: [*(round(record[c]) for c in counts), len(record["findings"])]
        for name, record in sorted(records.items())
    }
    told["**all**"] = [sum(column) for column in zip(*told.values(), strict=True)]
    return [
        f"| {' | '.join([name, *(f'{n:,}'.replace(',', ' ') for n in row)])} |" for name, row in told.items()
    ]


if __name__ == "__main__":
    main()
