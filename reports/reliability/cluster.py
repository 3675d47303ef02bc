"""Map and fit on workers that die and are cut off: `python -m reports.reliability.cluster --workers --namespaces ...`.

Workers are processes of their own and, with ``--namespaces`` (as root), live in network namespaces with addresses of
their own, so that one can be cut off by taking its link down. While they map, one is killed and one is cut off; the
store must be equal to the byte to that of a run without a cluster. Each part keeps its place in `cluster.json` until it
is run again. ``--scaling`` needs a machine with nothing else to do: it measures what a cluster of one worker costs over
no cluster, and what a second worker gains.
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from pathlib import Path

if __name__ == "__main__":  # whoever imports the study keeps threads and backend
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    os.environ.setdefault("KERAS_BACKEND", "torch")

import numpy as np

import kikuchi
from kikuchi._support.progress import Progress
from kikuchi._support.threads import SHARE
from kikuchi.distributed import connected
from kikuchi.distributed.mapping import cluster_executor
from kikuchi.inference import run_scan
from reports._provenance import provenance
from reports.reliability.kills import export, fit_state
from reports.reliability.tiny import write_inputs, write_stripes

HERE = Path(__file__).resolve().parent
#: Small, so that workers die in the midst of many; and the one that `map` takes.
CHUNK = 64
LARGE_CHUNK = run_scan.CHUNK
NETWORK = "10.77.31"
#: A worker that says nothing for so long is given up where one is cut off; five minutes are the default, and on a busy
#: machine a healthy one may say nothing for long.
GIVEN_UP = {"DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "15s"}


class Reached(Progress):
    """Calls something once so many patterns are done."""

    def __init__(self, calls: dict[int, Callable[[], object]]) -> None:
        self.calls = dict(calls)
        self.done = 0

    @contextmanager
    def bar(self, description: str, total: int):
        """Count the steps."""

        def step(n: int) -> None:
            self.done += n
            for at in [at for at in self.calls if at <= self.done]:
                threading.Thread(target=self.calls.pop(at)).start()

        yield step


def mapped(
    scan: Path, bundle: Path, out: Path, client=None, progress: Progress | None = None, chunk: int = CHUNK
) -> dict:
    """Map a scan; seconds on the clock, of the processor (children counted once they ended), and the bytes."""
    begin, cpu = time.perf_counter(), time.process_time()
    run_scan.CHUNK = chunk
    run_scan.run_store(
        kikuchi.open_scan(scan), kikuchi.Predictor.load(bundle), out, progress or Progress(), engine="onnx",
        threads=1, executor=None if client is None else cluster_executor(client),
    )  # fmt: skip
    return {
        "seconds": round(time.perf_counter() - begin, 2),
        "client_cpu_seconds": round(time.process_time() - cpu, 2),
        "bytes": {
            p.relative_to(out).as_posix(): p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()
        },
    }


@contextmanager
def workers_in_namespaces(n: int):
    """Start a scheduler here and workers in namespaces; give its address, and functions that kill and cut off one."""
    run = lambda *words: subprocess.run(words, check=True, capture_output=True)  # noqa: E731
    python = Path(sys.executable)
    with ExitStack() as stack:
        run("ip", "link", "add", "kwbridge", "type", "bridge")
        stack.callback(subprocess.run, ["ip", "link", "del", "kwbridge"], capture_output=True)
        run("ip", "addr", "add", f"{NETWORK}.1/24", "dev", "kwbridge")
        run("ip", "link", "set", "kwbridge", "up")
        scheduler = subprocess.Popen(
            [python.with_name("dask"), "scheduler", "--host", f"{NETWORK}.1", "--port", "8786", "--no-dashboard"],
            stderr=subprocess.DEVNULL, env=os.environ | GIVEN_UP,
        )  # fmt: skip
        stack.callback(scheduler.kill)
        processes = []
        for i in range(n):
            space, out, inside = f"kw{i}", f"kwo{i}", f"kwi{i}"
            run("ip", "netns", "add", space)
            stack.callback(subprocess.run, ["ip", "netns", "del", space], capture_output=True)
            run("ip", "link", "add", out, "type", "veth", "peer", "name", inside)
            run("ip", "link", "set", inside, "netns", space)
            run("ip", "link", "set", out, "master", "kwbridge")
            run("ip", "link", "set", out, "up")
            run("ip", "-n", space, "addr", "add", f"{NETWORK}.{10 + i}/24", "dev", inside)
            run("ip", "-n", space, "link", "set", inside, "up")
            run("ip", "-n", space, "link", "set", "lo", "up")
            worker = subprocess.Popen(
                ["ip", "netns", "exec", space, python.with_name("dask"), "worker", f"tcp://{NETWORK}.1:8786",
                 "--nthreads", "1", "--no-nanny", "--no-dashboard", "--name", space],
                stderr=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
            stack.callback(worker.wait)
            stack.callback(worker.kill)
            processes.append(worker)
        yield (
            f"tcp://{NETWORK}.1:8786",
            lambda i: processes[i].send_signal(signal.SIGKILL),
            lambda i: run("ip", "link", "set", f"kwo{i}", "down"),
        )


def by_workers(work: Path, bundle: Path, patterns: int, seed: int) -> dict:
    """Map with one and with two worker processes; the store must be that of a map without."""
    scan = write_stripes(work / "scan.h5", patterns, horizontal=True, seed=seed)
    wanted = mapped(scan, bundle, work / "alone")
    found = {"alone": told(wanted)}
    for n in (1, 2):
        with connected(workers=n) as client:
            got = mapped(scan, bundle, work / f"workers-{n}", client)
        found[f"{n} workers"] = {"equal_to_the_byte": got["bytes"] == wanted["bytes"]} | told(got)
    return {"patterns": patterns, "chunk": CHUNK} | found


def in_namespaces(work: Path, bundle: Path, patterns: int, seed: int) -> dict:
    """Map with three workers on addresses of their own, one killed after a third, one cut off after two thirds."""
    scan = write_stripes(work / "scan.h5", patterns, horizontal=True, seed=seed)
    wanted = mapped(scan, bundle, work / "alone-again")
    with workers_in_namespaces(3) as (address, kill, cut), connected(address) as client:
        assert client is not None  # there is one where an address is given
        client.wait_for_workers(3, timeout=300)
        third = patterns // 3
        events = Reached({third: lambda: kill(0), 2 * third: lambda: cut(1)})
        got = mapped(scan, bundle, work / "namespaces", client, events)
        left = len(client.scheduler_info(n_workers=-1)["workers"])
    equal = got["bytes"] == wanted["bytes"]
    return {
        "patterns": patterns, "chunk": CHUNK, "equal_to_the_byte": equal, "workers_left_at_the_end": left, **told(got)
    }  # fmt: skip


def told(got: dict) -> dict:
    """Leave the bytes out of what `mapped` gives."""
    return {name: value for name, value in got.items() if name != "bytes"}


def scaling(work: Path, bundle: Path, patterns: int, seed: int, repeats: int) -> dict:
    """Measure a map in this process, with one worker and with two; each of one thread, in turns.

    And with one worker as Dask starts it by itself, whose allocator hands memory back after every array.
    """
    load = os.getloadavg()[1]  # of the five minutes before
    scan = write_stripes(work / "scaling.h5", patterns, horizontal=True, seed=seed)
    trimming = "1 worker that trims"
    seconds: dict[str, list[float]] = {"alone": [], "1 workers": [], "2 workers": [], trimming: []}
    cpu: dict[str, list[float]] = {way: [] for way in seconds}
    with ExitStack() as stack:
        clients = {f"{n} workers": stack.enter_context(connected(workers=n)) for n in (1, 2)}
        with changed("MALLOC_TRIM_THRESHOLD_", "65536"):
            clients[trimming] = stack.enter_context(connected(workers=1))
        for client in clients.values():
            assert client is not None
            client.run(lambda: os.environ.update({SHARE: "1"}))
        ways = {"alone": None} | clients
        for turn in range(-1, repeats):  # the first is for imports and what workers are sent once
            for way, client in ways.items():
                before = of_workers(client)
                got = mapped(scan, bundle, work / f"scaling-{way}-{turn}", client, chunk=LARGE_CHUNK)
                shutil.rmtree(work / f"scaling-{way}-{turn}")
                if turn >= 0:
                    seconds[way].append(got["seconds"])
                    cpu[way].append(round(got["client_cpu_seconds"] + of_workers(client) - before, 2))
                    print(way, got["seconds"], cpu[way][-1], flush=True)
    middle = {way: float(np.median(values)) for way, values in seconds.items()}
    work_done = {way: float(np.median(values)) for way, values in cpu.items()}
    return {
        "patterns": patterns,
        "chunk": LARGE_CHUNK,
        "seconds": seconds,
        "processor_seconds": cpu,
        "overhead_of_one_worker": round(middle["1 workers"] / middle["alone"] - 1, 3),
        "overhead_of_one_worker_in_processor_seconds": round(
            work_done["1 workers"] / work_done["alone"] - 1, 3
        ),
        "the_same_of_one_that_trims": round(work_done[trimming] / work_done["alone"] - 1, 3),
        "speed_of_two_workers_over_one": round(middle["1 workers"] / middle["2 workers"], 3),
        "load_before": load,
    }


def of_workers(client) -> float:
    """Return the processor seconds that all workers have used; 0 where there are none."""
    return 0.0 if client is None else sum(client.run(time.process_time).values())


@contextmanager
def changed(name: str, value: str):
    """Set an environment variable for as long as the block lasts."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patterns", type=int, default=4096)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--bundle", type=Path, help="with exported members; made from a small one where not given"
    )
    parser.add_argument("--workers", action="store_true", help="map with one and two workers")
    parser.add_argument("--namespaces", action="store_true", help="kill a worker and cut one off; needs root")
    parser.add_argument(
        "--fit", action="store_true", help="train two members on two workers, one of which dies"
    )
    parser.add_argument("--scaling", action="store_true", help="overhead and gain; needs idle cores")
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    result_file = HERE / "cluster.json"
    result = json.loads(result_file.read_text()) if result_file.is_file() else {}
    work = Path(tempfile.mkdtemp(prefix="cluster-"))
    bundle = given.bundle or export(work)
    parts = {
        "workers": lambda: by_workers(work, bundle, given.patterns, given.seed),
        "namespaces": lambda: in_namespaces(work, bundle, given.patterns, given.seed),
        "fit": lambda: fitted(work),
        "scaling": lambda: scaling(work, bundle, given.patterns, given.seed, given.repeats),
    }

    for name, part in parts.items():
        if getattr(given, name):
            result[name] = part() | {
                **provenance(seed=given.seed),
            }
            print(name, result[name], flush=True)
            result_file.write_text(json.dumps(result, indent=1) + "\n")
    shutil.rmtree(work)


def fitted(work: Path) -> dict:
    """Train two members on two workers, and kill one of the workers once an epoch 3 is heard of."""
    dataset, recipe = write_inputs(work / "fit", epochs=12, patterns=56)
    alone = kikuchi.fit(dataset, recipe, work / "fit-alone", seed=1)
    killed: list[int] = []
    heard: dict[str, list[int]] = {}
    with connected(workers=2) as client:
        assert client is not None
        workers = list(client.run(os.getpid).values())

        class Killer(Progress):
            def say(self, text: str) -> None:
                told = re.match(r"(\S+) epoch (\d+):", text)
                if told is None:
                    return
                heard.setdefault(told[1], []).append(int(told[2]))
                if told[2] == "3" and not killed:
                    killed.append(workers[0])
                    os.kill(workers[0], signal.SIGKILL)

        kikuchi.fit(dataset, recipe, work / "fit-workers", seed=1, client=client, progress=Killer())
    one, other = fit_state(alone.path), fit_state(work / "fit-workers")
    different = [k for k in sorted({*one, *other}) if one.get(k) != other.get(k)]
    for name in [k for k in different if k.endswith("history.csv")]:
        rows = (json.loads(state.get(name, b"[]")) for state in (one, other))
        print(name, next((pair for pair in zip(*rows, strict=False) if pair[0] != pair[1]), None), flush=True)
    return {
        "files_compared": len(one),
        "workers_killed": len(killed),
        "epochs_heard": heard,
        "different": different,
    }


if __name__ == "__main__":
    main()
