"""Map and fit on workers that die and are cut off: `python reports/reliability/cluster.py --namespaces --fit`.

Workers are processes of their own and, with ``--namespaces`` (as root), live in network namespaces with addresses of
their own, so that one can be cut off by taking its link down. While they map, one is killed and one is cut off; the
store must be equal to the byte to that of a run without a cluster. Times are on the clock of whatever machine this is;
the seconds of processor time beside them do not depend on what else it does.
"""

import argparse
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"
os.environ.setdefault("KERAS_BACKEND", "torch")
# A worker that says nothing for so long is given up; five minutes are the default.
os.environ["DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL"] = "15s"

from kills import export, fit_state  # noqa: E402
from tiny import write_inputs, write_stripes  # noqa: E402

import kikuchi  # noqa: E402
from kikuchi import running  # noqa: E402
from kikuchi.distributed import connected  # noqa: E402
from kikuchi.progress import Progress  # noqa: E402

HERE = Path(__file__).resolve().parent
CHUNK = 64
NETWORK = "10.77.31"


class Reached(Progress):
    """Calls something once so many patterns are done."""

    def __init__(self, calls: dict[int, object]) -> None:
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


def mapped(scan: Path, bundle: Path, out: Path, client=None, progress: Progress | None = None) -> dict:
    """Map a scan; seconds on the clock, of the processor (children counted once they ended), and the bytes."""
    begin, cpu = time.perf_counter(), time.process_time()
    running.CHUNK = CHUNK
    running.run_store(
        kikuchi.open_scan(scan), kikuchi.Bundle.load(bundle), out, progress or Progress(), engine="onnx",
        threads=1, client=client,
    )  # fmt: skip
    return {
        "seconds": round(time.perf_counter() - begin, 2),
        "client_cpu_seconds": round(time.process_time() - cpu, 2),
        "bytes": {p.name: p.read_bytes() for p in sorted(out.iterdir())},
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
            stderr=subprocess.DEVNULL,
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patterns", type=int, default=8192)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--bundle", type=Path, help="with exported members; made from a small one where not given"
    )
    parser.add_argument("--namespaces", action="store_true")
    parser.add_argument(
        "--fit", action="store_true", help="also train two members on two workers, one of which dies"
    )
    given = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="cluster-"))
    bundle = given.bundle or export(work)
    scan = write_stripes(work / "scan.h5", given.patterns, horizontal=True, seed=given.seed)
    found: dict = {}
    wanted = mapped(scan, bundle, work / "alone")

    def compared(name: str, got: dict, **told: object) -> None:
        equal = got.pop("bytes") == wanted["bytes"]
        found[name] = {"equal_to_the_byte": equal} | got | told
        print(name, found[name], flush=True)

    compared("in this process", dict(wanted))
    for n in (1, 2):
        begin = time.perf_counter()
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        with connected(workers=n) as client:
            started = time.perf_counter() - begin
            mapped(scan, bundle, work / f"warm-{n}", client)
            got = mapped(scan, bundle, work / f"workers-{n}", client)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        compared(f"{n} workers on this machine", got, cluster_start_seconds=round(started, 2),
                 workers_cpu_seconds_two_maps=round(cpu, 2))  # fmt: skip
    if given.namespaces:
        with workers_in_namespaces(3) as (address, kill, cut):
            with connected(address) as client:
                client.wait_for_workers(3, timeout=300)
                third = given.patterns // 3
                events = Reached({third: lambda: kill(0), 2 * third: lambda: cut(1)})
                got = mapped(scan, bundle, work / "namespaces", client, events)
                left = len(client.scheduler_info(n_workers=-1)["workers"])
            compared("3 workers in namespaces, one killed, one cut off", got, workers_left_at_the_end=left)
    if given.fit:
        found["fit"] = fitted(work)
    from kikuchi.versions import versions

    result = {
        "command": "python reports/reliability/cluster.py "
        + " ".join(a for a in sys.argv[1:] if "/" not in a),
        "seed": given.seed,
        "date": time.strftime("%Y-%m-%d"),
        "machine": f"{os.cpu_count()}-core CPU, shared with other work",
        "patterns": given.patterns,
        "chunk": CHUNK,
        "found": found,
        "versions": versions(),
    }
    (HERE / "cluster.json").write_text(json.dumps(result, indent=1) + "\n")
    shutil.rmtree(work)


def fitted(work: Path) -> dict:
    """Train two members on two workers and kill the worker of the first to end an epoch."""
    dataset, recipe = write_inputs(work / "fit", epochs=4, patterns=56)
    alone = kikuchi.fit(dataset, recipe, work / "fit-alone", seed=1)
    killed = []
    with connected(workers=2) as client:
        workers = list(client.run(os.getpid).values())

        class Killer(Progress):
            def say(self, text: str) -> None:
                if " epoch 2" in text and not killed:
                    killed.append(workers[0])
                    os.kill(workers[0], signal.SIGKILL)

        kikuchi.fit(dataset, recipe, work / "fit-workers", seed=1, client=client, progress=Killer())
    one, other = fit_state(alone.path), fit_state(work / "fit-workers")
    different = [k for k in sorted({*one, *other}) if one.get(k) != other.get(k)]
    return {"files_compared": len(one), "workers_killed": len(killed), "different": different}


if __name__ == "__main__":
    main()
