"""Tasks on a cluster: every one comes back, a bounded number is out at a time, and errors keep their words."""

import os
import signal
import time
from contextlib import nullcontext

import pytest
from distributed import LocalCluster

from ensemble.errors import InputError
from kikuchi._support.threads import SHARE, cores
from kikuchi.distributed import cluster, connected
from kikuchi.distributed.broadcast import held, shipped
from kikuchi.distributed.tasks import completed


def square(x):
    return x * x


def refuse(x):
    raise InputError("no good", path="map.ang", remedy="give another")


def die_once(path, x):
    """Kill the worker's own process the first time it is called with 3."""
    if x == 3 and not os.path.exists(path):  # noqa: PTH110 - nothing imported on the worker
        open(path, "w").close()  # noqa: PTH123
        os.kill(os.getpid(), signal.SIGKILL)
    return x * x


def test_every_task_comes_back_with_its_key(client):
    found = dict(completed(client, square, ((i, (i,)) for i in range(20)), in_flight=3))
    assert found == {i: i * i for i in range(20)}


def test_no_more_tasks_are_taken_than_may_be_out(client):
    taken = []

    def tasks():
        for i in range(10):
            taken.append(i)
            yield i, (i,)

    results = completed(client, square, tasks(), in_flight=2)
    for done in range(1, 4):
        next(results)
        assert len(taken) <= 2 + done
    results.close()
    assert len(taken) < 10


def test_a_wrong_input_on_a_worker_is_told_here(client):
    with pytest.raises(InputError) as told:
        list(completed(client, refuse, [(0, (0,))], in_flight=1))
    assert (told.value.what, told.value.path, told.value.remedy) == ("no good", "map.ang", "give another")


def test_what_is_shipped_is_held_as_long_as_the_block_lasts(client):
    with shipped(client, {"answer": 42}) as name:
        assert client.submit(held, name, pure=False).result() == {"answer": 42}
    with pytest.raises(InputError, match="taken back"):
        client.submit(held, name, pure=False).result()


def test_a_process_takes_its_share_of_the_cores(monkeypatch):
    monkeypatch.delenv(SHARE, raising=False)
    everything = cores()
    monkeypatch.setenv(SHARE, str(everything + 2))
    assert cores() == everything + 2
    monkeypatch.setenv(SHARE, "0")
    assert cores() == everything


def test_a_worker_that_dies_loses_nothing_nor_its_share_of_the_cores(tmp_path, monkeypatch):
    monkeypatch.setenv(SHARE, "3")
    mark = str(tmp_path / "died")
    with connected(workers=1) as client:
        assert list(client.run(os.getenv, SHARE).values()) == ["3"]
        tasks = ((i, (mark, i)) for i in range(6))
        assert dict(completed(client, die_once, tasks, in_flight=2)) == {i: i * i for i in range(6)}
        assert client.submit(os.getenv, SHARE).result() == "3"
    assert os.path.exists(mark)  # noqa: PTH110


@pytest.mark.parametrize("wrong", [None, ValueError])
def test_a_worker_that_is_slow_to_end_is_no_error_of_the_work(wrong, monkeypatch):
    close = LocalCluster.close

    def closed_late(self, *given):
        close(self, *given)
        raise TimeoutError

    monkeypatch.setattr(LocalCluster, "close", closed_late)
    with pytest.raises(wrong) if wrong else nullcontext(), connected(workers=1) as client:
        assert client.submit(square, 3).result() == 9
        if wrong:
            raise wrong


def test_without_address_and_workers_nothing_is_started():
    with connected() as client:
        assert client is None


def test_an_address_where_nobody_answers_is_told(monkeypatch):
    monkeypatch.setattr(cluster, "_SECONDS_TO_ANSWER", 0.5)
    begin = time.monotonic()
    with (
        pytest.raises(InputError, match=r"tcp://127\.0\.0\.1:9: no Dask scheduler answers"),
        connected("tcp://127.0.0.1:9"),
    ):
        pass
    assert time.monotonic() - begin < 30


def test_an_address_and_workers_together_are_refused():
    with pytest.raises(InputError, match="one of the two"), connected("tcp://127.0.0.1:9", 2):
        pass


def test_workers_with_other_packages_are_refused(client, monkeypatch):
    real = cluster._versions_here()
    monkeypatch.setattr(cluster, "_versions_here", lambda: real | {"numpy": "0.1"})
    monkeypatch.setattr(client, "run", lambda function: {"tcp://far:1": real})
    with pytest.raises(InputError, match=r"tcp://far:1: has numpy .*, here it is 0\.1"):
        cluster._check_versions(client)
