"""The bench kills exactly the worker whose call was accepted, and its provider keeps the bill during outages."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
import requests

from backdrop_local.standin.faults import FaultRule
from fault_bench.standin_provider import StandinProvider, run_provider
from fault_bench.worker_killer import find_connection_holder, find_socket_inode, list_worker_pids, run_worker_killer
from tests.contract.standin_client import IMAGE, KEY, REPLACE, WAIT_SECONDS, StandinClient, text, wait_until

TABLE = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:D431 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 4711 1 0
   1: 0100007F:1F90 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0
"""
NOBODY = 2**22 + 1
SETTINGS = {"latency_seconds": 0.2, "pictures": "prepared"}
WORKER = """
import sys, requests
session = requests.Session()
session.trust_env = False
files = [("image", ("in.jpg", open(sys.argv[2], "rb").read(), "image/jpeg")), ("prompt", (None, "a beach"))]
session.post(sys.argv[1], files=files, headers={"Api-Key": "standin-key"}, timeout=60)
"""


@pytest.fixture
def standin() -> Generator[StandinProvider]:
    """The bench's provider."""
    with run_provider(1, SETTINGS) as made:
        yield made


def client(made: StandinProvider) -> StandinClient:
    """Returns a client of the bench's provider."""
    return StandinClient(made.url.removesuffix("/ideogram"))


def buy(made: StandinProvider) -> requests.Response:
    """Makes one paid call."""
    return client(made).post(REPLACE, [IMAGE, text("prompt", "a beach")], key=KEY)


def test_connection_is_identified_by_both_ports() -> None:
    assert find_socket_inode(TABLE, 0xD431, 0x1F90) == "4711"
    assert find_socket_inode(TABLE, 0x1F90, 0xD431) == "4712"
    assert find_socket_inode(TABLE, 0xD431, 0x1F91) is None


def test_process_of_a_connection_is_found() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as ours:
        ports = ours.getsockname()[1], server.getsockname()[1]
        assert find_connection_holder(*ports, [NOBODY, os.getpid()]) == os.getpid()
        assert find_connection_holder(*ports, [NOBODY]) is None
    assert find_connection_holder(*ports, [os.getpid()]) is None


def test_worker_is_killed_between_acceptance_and_answer(
    standin: StandinProvider, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("worker")
    photo = folder / "in.jpg"
    photo.write_bytes(IMAGE[1][1] if isinstance(IMAGE[1][1], bytes) else b"")
    standin.state.faults.add(FaultRule(fault="accept_then_wait", args={"ms": 60_000}, times=1))
    command = [sys.executable, "-c", WORKER, f"http://127.0.0.1:{standin.port}{REPLACE}", str(photo)]
    with run_worker_killer(standin, str(folder)) as killer, subprocess.Popen(command) as worker:
        assert worker.wait(WAIT_SECONDS) == -signal.SIGKILL
    (job,) = standin.state.bill.jobs()
    assert killer.killed_job_ids == [job.id]
    assert killer.missed_job_ids == []
    assert not job.answered
    assert list_worker_pids(str(folder)) == []


def test_unmarked_call_kills_no_worker(standin: StandinProvider) -> None:
    with run_worker_killer(standin, f"{os.getpid()} is not a folder of any worker") as killer:
        assert buy(standin).status_code == 200
    assert (killer.killed_job_ids, killer.missed_job_ids) == ([], [])


def test_missing_worker_is_counted(standin: StandinProvider) -> None:
    standin.state.faults.add(FaultRule(fault="accept_then_wait", args={"ms": 100}, times=1))
    with run_worker_killer(standin, "no such folder") as killer:
        assert buy(standin).status_code == 200
        wait_until(lambda: len(killer.missed_job_ids) == 1)
    assert killer.killed_job_ids == []


def test_outage_cuts_calls_off_and_keeps_the_bill(standin: StandinProvider) -> None:
    standin.change_settings(latency_seconds=60)
    with ThreadPoolExecutor() as pool:
        calling: Future[requests.Response] = pool.submit(buy, standin)
        assert [accepted.n for accepted in standin.wait_for_accepted(0, WAIT_SECONDS)] == [1]
        standin.stop_server()
        with pytest.raises(requests.ConnectionError):
            calling.result(WAIT_SECONDS)
    with pytest.raises(requests.ConnectionError):
        buy(standin)
    standin.start_server()
    standin.change_settings(latency_seconds=0)
    assert buy(standin).status_code == 200
    assert standin.cut_connections == len(standin.list_lost_calls()) == 1
    assert len(standin.state.bill.jobs()) == 2
    assert client(standin).total_usd() == "0.12"


def test_open_calls_are_counted_including_refused_ones(standin: StandinProvider) -> None:
    standin.change_settings(in_flight_limit=2)
    standin.state.faults.add(FaultRule(fault="accept_then_wait"))
    with ThreadPoolExecutor() as pool:
        calling = [pool.submit(buy, standin) for _ in range(3)]
        wait_until(lambda: len(standin.wait_for_accepted(0, 0)) == 2 and standin.report_slots().refused_count == 1)
        client(standin).control("release")
        statuses = sorted(one.result().status_code for one in calling)
    assert statuses == [200, 200, 429]
    assert standin.peak_in_flight == 3
    account = standin.report_slots()
    assert (account.accepted_count, account.refused_count, account.slots_in_use[-1][1]) == (2, 1, 0)


@pytest.mark.parametrize(
    ("fault", "args", "lost"),
    [
        ("accept_then_drop", {}, True),
        ("malformed_json", {}, True),
        ("status", {"code": 500}, True),
        ("status", {"code": 502, "after_run": True}, True),
        ("status", {"code": 503}, False),
        ("refuse_429", {}, False),
        ("drop_before_read", {}, False),
        ("unsafe", {}, False),
    ],
)
def test_call_with_unknown_acceptance_counts_as_lost(
    standin: StandinProvider, fault: Any, args: dict[str, Any], lost: bool
) -> None:
    standin.state.faults.add(FaultRule(fault=fault, args=args, times=1))
    with contextlib.suppress(requests.ConnectionError):
        buy(standin)
    wait_until(lambda: not standin.open_call_count)
    assert len(standin.list_lost_calls()) == lost
    assert buy(standin).status_code == 200
    assert len(standin.list_lost_calls()) == lost
