"""Reach a Dask cluster that is there, or start one on this machine."""

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ensemble.errors import InputError
from kikuchi._support import atomic
from kikuchi._support.threads import OF_LIBRARIES, SHARE, cores
from kikuchi._support.versions import versions

if TYPE_CHECKING:
    from distributed import Client, LocalCluster

#: Their versions decide the numbers, or what is sent.
_MUST_AGREE = ("kikuchi-ensemble", "keras", "tensorflow", "numpy", "scikit-image", "dask")

#: What TensorFlow, BLAS, numba and this package take for the number of their threads.
_THREADS = (SHARE, *OF_LIBRARIES)

#: A scheduler runs whatever its clients send, so ours answers only those with the certificate made for it, and serves
#: no pages: Dask's own show the work, its logs and the owner's name to every user of the machine.
_CLOSED: dict[str, list[str]] = {
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
}

#: Dask has its workers hand memory back after every array: the kernel then maps blocks of patterns anew each time, and
#: a map takes a third more time (reports/reliability). And it samples what threads do, for pages that are not served.
_TRIMS = "MALLOC_TRIM_THRESHOLD_"
_SAMPLES = "distributed.worker.profile.enabled"
_LOOPBACK = "127.0.0.1"

_SECONDS_TO_ANSWER = 15


@contextmanager
def connected(address: str | None = None, workers: int | None = None) -> "Iterator[Client | None]":
    """Give a client of a cluster, or None where the work stays in this process.

    Parameters
    ----------
    address
        Of a running scheduler (``tcp://host:8786``, ``tls://host:8786``), or the JSON file that ``dask scheduler
        --scheduler-file`` wrote. Certificates are those of Dask's own settings (``distributed.comm.tls``).
    workers
        Start so many worker processes on this machine instead; they share its cores and end with the block. They talk
        by TLS with a certificate that is made for the block and kept in memory: no other process can join them.

    Raises
    ------
    InputError
        Both are given, Dask's distributed is not installed, nobody answers, no worker comes, or a worker's packages
        differ from those here, which would give other numbers.
    """
    if address is None and workers is None:
        yield None
        return
    if address is not None and workers is not None:
        raise InputError("a cluster's address and a number of workers", remedy="give one of the two")
    try:
        import distributed  # noqa: F401
    except ImportError:
        raise InputError(
            "dask.distributed is not installed", remedy='pip install "kikuchi-ensemble[dask]"'
        ) from None
    import dask

    # First weights and blocks of patterns go out as arguments of tasks: they must outlive the worker that has them.
    quietly = dask.config.set({"distributed.admin.large-graph-warning-threshold": "10 GB"})
    with quietly, _reached(address) if address is not None else _local(workers or 1) as client:
        _check_versions(client)
        yield client


def has_gpus(client: "Client") -> bool:
    """Whether any worker was started with ``--resources GPU=...``: then only those are given members to train."""
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    return any(worker.get("resources", {}).get("GPU", 0) > 0 for worker in workers)


def number_of_workers(client: "Client") -> int:
    """Return how many workers there are now, at least 1: one that died may be on its way back."""
    return max(1, len(client.scheduler_info(n_workers=-1)["workers"]))


@contextmanager
def _reached(address: str) -> "Iterator[Client]":
    from distributed import Client, Security

    is_file = address.endswith(".json")
    try:
        target = str(json.loads(Path(address).read_bytes())["address"]) if is_file else address
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise InputError(
            "is no file of a Dask scheduler",
            path=address,
            remedy="`dask scheduler --scheduler-file` writes one",
        ) from error
    if target.startswith("tls:") and Security().get_connection_args("client").get("ssl_context") is None:
        raise InputError(
            "asks for certificates, and there are none",
            path=address,
            remedy="set distributed.comm.tls in Dask's settings, see docs/clusters.md",
        )
    try:
        client = Client(
            target,
            timeout=_SECONDS_TO_ANSWER,
            set_as_default=False,
        )
    except (OSError, ValueError) as error:  # TimeoutError is an OSError
        raise InputError(
            f"no Dask scheduler answers: {error}",
            path=address,
            remedy="start one with `dask scheduler`, and check address and firewall",
        ) from error
    with client:
        try:
            client.wait_for_workers(1, timeout=_SECONDS_TO_ANSWER)
        except TimeoutError:
            raise InputError(
                "the cluster has no worker", path=address, remedy="start one with `dask worker ADDRESS`"
            ) from None
        yield client


def _require_guard() -> None:
    """Refuse a script that every worker would run again from its top, each starting workers of its own."""
    path = getattr(sys.modules.get("__main__"), "__file__", None)
    if path is None or not str(path).endswith(".py"):  # a notebook, an interpreter, an installed command
        return
    try:
        text = Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    if "__name__" not in text:
        raise InputError(
            "starts workers, and each of them would run this script again",
            path=path,
            remedy='put the work under `if __name__ == "__main__":`',
        )


@contextmanager
def _local(workers: int) -> "Iterator[Client]":
    _require_guard()
    # What workers of killed runs left.
    atomic.sweep(Path(tempfile.gettempdir()), mark="kikuchi-")
    import dask
    from distributed import Client, LocalCluster, Security

    threads = str(max(1, cores() // workers))
    environment = dict.fromkeys(_THREADS, threads) | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    before_start = dict(dask.config.get("distributed.nanny.pre-spawn-environ"))
    before_start.pop(_TRIMS, None)
    settings = {
        "distributed.nanny.environ": environment,
        "distributed.nanny.pre-spawn-environ": before_start,
        _SAMPLES: False,
    }
    try:
        security = Security.temporary()
    except ImportError:
        raise InputError(
            "cryptography is not installed, without which other users could run code in the workers",
            remedy='pip install "kikuchi-ensemble[dask]"',
        ) from None
    with (
        dask.config.set(settings | _CLOSED),
        # Dask's own folder for what workers put aside can be read by everybody.
        tempfile.TemporaryDirectory(
            prefix=atomic.own_name("", mark="kikuchi-"), ignore_cleanup_errors=True
        ) as aside,
        _closed_at_the_end(
            LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                processes=True,
                host=_LOOPBACK,
                security=security,
                # The server of pages cannot be left out; it listens here, and has none.
                dashboard_address=f"{_LOOPBACK}:0",
                scheduler_kwargs={"dashboard": False},
                local_directory=aside,
                silence_logs=50,
            )
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


@contextmanager
def _closed_at_the_end(cluster: "LocalCluster") -> "Iterator[LocalCluster]":
    try:
        yield cluster
    finally:
        # Dask gives a worker that it has killed five seconds to be gone. A busy machine takes longer, and by then the
        # work is done: that is no error of it.
        with suppress(TimeoutError):
            cluster.close()


def _check_versions(client: "Client") -> None:
    ours = _versions_here()
    for worker, theirs in client.run(_versions_here).items():
        for name in _MUST_AGREE:
            if theirs.get(name) != ours.get(name):
                raise InputError(
                    f"has {name} {theirs.get(name)}, here it is {ours.get(name)}: the numbers would differ",
                    path=worker,
                    remedy="install the same versions on every machine",
                )


def _versions_here() -> dict[str, str]:
    import dask

    return versions() | {"dask": dask.__version__}
