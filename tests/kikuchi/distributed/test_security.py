"""Nobody but their owner reaches the workers of `--workers`."""

import json
import os
import platform
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest

from ensemble.errors import InputError
from kikuchi.distributed import connected

pytest.importorskip("cryptography")

#: Tries at every address to be answered, as another user would: without TLS, with certificates of its own
#: making, and with none while it trusts anybody.
INTRUDER = """
import asyncio, json, ssl, sys
from distributed import Security
from distributed.core import connect

async def knock(address, **security):
    comm = await connect(address, timeout=3, **security)
    await comm.write({"op": "identity", "reply": True})
    print("IN", address, await asyncio.wait_for(comm.read(), 3))

async def main():
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    for address in json.loads(sys.argv[1]):
        for to, security in (
            (address.replace("tls:", "tcp:"), {}),
            (address, Security.temporary().get_connection_args("client")),
            (address, {"ssl_context": trusting}),
        ):
            try:
                await asyncio.wait_for(knock(to, **security), 10)
            except Exception as error:
                print("refused", type(error).__name__)

asyncio.run(main())
"""
PAGES = ("", "status", "workers", "info/main/workers.html", "json/identity.json", "json/counts.json")
PAGES += ("metrics", "health", "individual-task-stream", "api/v1/get_workers", "eventstream")


#: What listened before: the cluster of other tests is no matter of these.
BEFORE: set[tuple[str, int]] = set()


@pytest.fixture(scope="module")
def client():
    BEFORE.update(listening())
    with connected(workers=1) as client:
        yield client


def listening() -> list[tuple[str, int]]:
    here = psutil.Process()
    own = [c for p in (here, *here.children(recursive=True)) for c in p.net_connections("inet")]
    return sorted({tuple(c.laddr) for c in own if c.status == psutil.CONN_LISTEN})


def test_the_owner_is_let_in(client):
    assert client.submit(sum, [1, 2]).result() == 3


def test_a_second_process_without_the_certificate_is_refused(client):
    told = client.scheduler_info(n_workers=-1)
    addresses = [client.scheduler.address, *told["workers"], *(w["nanny"] for w in told["workers"].values())]
    assert all(address.startswith("tls://127.0.0.1:") for address in addresses)
    words = [sys.executable, "-W", "ignore", "-c", INTRUDER, json.dumps(addresses)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=200)
    tries = done.stdout.splitlines()
    assert len(tries) == 3 * len(addresses), done.stderr[-500:]
    assert [line for line in tries if not line.startswith("refused")] == []


def test_nothing_listens_beyond_this_machine_and_no_page_is_served(client):
    ports = set(listening()) - BEFORE
    assert len(ports) >= 3
    for host, port in ports:
        assert host == "127.0.0.1"
        for page in PAGES:
            with pytest.raises((urllib.error.URLError, OSError)) as refused:
                urllib.request.urlopen(f"http://{host}:{port}/{page}", timeout=5)
            assert getattr(refused.value, "code", 404) == 404


@pytest.mark.skipif(os.name != "posix", reason="modes are a matter of POSIX")
def test_what_workers_put_aside_is_theirs_alone(client):
    (place,) = client.run(lambda dask_worker: dask_worker.local_directory).values()
    assert any(folder.stat().st_mode & 0o077 == 0 for folder in Path(place).parents)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another allocator than that which Dask sets")
def test_a_worker_keeps_the_memory_of_its_arrays_for_the_next(client):
    """An array of 2 MiB has 512 pages: handed back each time, 100 of them would be some 50 000 page faults."""

    def faults():
        import resource

        import numpy as np

        for _ in range(10):
            np.ones(2**18)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(100):
            np.ones(2**18)
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    assert max(client.run(faults).values()) < 100 * 512 / 5


def test_without_cryptography_nothing_is_started_open(monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(InputError, match=r"cryptography is not installed.*\[dask\]"), connected(workers=1):
        pass


def test_a_cluster_that_wants_certificates_is_told_in_a_line(client, tmp_path):
    file = tmp_path / "cluster.json"
    file.write_text(json.dumps({"address": client.scheduler.address}))
    for address in (client.scheduler.address, str(file)):
        with pytest.raises(InputError, match="asks for certificates, and there are none"), connected(address):
            pass


def test_a_file_that_is_none_of_a_scheduler_is_refused(tmp_path):
    for content in ("{", "[]", '{"id": 1}'):
        (tmp_path / "cluster.json").write_text(content)
        with pytest.raises(InputError, match=r"cluster\.json: is no file of a Dask scheduler"):
            connected(str(tmp_path / "cluster.json")).__enter__()
