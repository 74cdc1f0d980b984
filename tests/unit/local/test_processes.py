"""Servers of a local cloud: stopped by their own process ID, with all their children, and no other process."""

import errno
import os
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from backdrop_local import processes
from backdrop_local.errors import LocalCloudError
from backdrop_local.home import CloudState, Home, ServerProcess

SERVE = """
import http.server, sys
http.server.test(http.server.SimpleHTTPRequestHandler, port=int(sys.argv[1]), bind="127.0.0.1")
"""
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(600)
"""
WITH_A_STUBBORN_CHILD = f"""
import signal, subprocess, sys
started = subprocess.Popen([sys.executable, "-c", {STUBBORN!r}], stdout=subprocess.PIPE)
started.stdout.readline()
print(started.pid, flush=True)
signal.pause()
"""


def test_stopped_server_has_ended_and_freed_its_port(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    port = processes.find_free_port()
    server = processes.start_server([sys.executable, "-c", SERVE, str(port)], {}, log, port)
    processes.wait_until_ready(server, "/", log, 60)
    assert processes.is_alive(server)
    processes.stop_server(server, 60)
    assert not processes.is_alive(server)
    assert processes.is_port_free(port)


def test_free_port_is_reserved_for_its_server() -> None:
    ports = [processes.find_free_port() for _ in range(100)]
    assert len(set(ports)) == len(ports)
    for port in ports:
        assert processes.is_port_free(port)
        with socket.socket() as other_program, pytest.raises(OSError, match=os.strerror(errno.EADDRINUSE)):
            other_program.bind(("127.0.0.1", port))


def test_stopping_a_server_ends_its_child_processes(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    server = processes.start_server([sys.executable, "-c", WITH_A_STUBBORN_CHILD], {}, log, 0)
    while not log.read_text().endswith("\n"):
        assert processes.is_alive(server)
    child = int(log.read_text())
    processes.stop_server(server, 60)
    checks = 0
    while processes.read_start_time(child) and checks < 500:
        checks += 1
        time.sleep(0.01)
    assert processes.read_start_time(child) == ""


def test_later_process_with_the_same_pid_is_not_stopped(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other_process:
        server_process = ServerProcess(pid=other_process.pid, started_at="long ago", port=0)
        assert not processes.is_alive(server_process)
        processes.stop_server(server_process, 60)
        assert other_process.poll() is None


def test_server_that_ends_immediately_is_reported_with_its_log(tmp_path: Path) -> None:
    log = tmp_path / "emulator.log"
    server = processes.start_server([sys.executable, "-c", "raise SystemExit('no disk')"], {}, log, 1)
    with pytest.raises(LocalCloudError, match=r"emulator exited immediately.*\n.*no disk"):
        processes.wait_until_ready(server, "/", log, 60)


def test_saved_cloud_state_is_read_unchanged(tmp_path: Path) -> None:
    home = Home(tmp_path / "cloud")
    assert home.read_state() == CloudState()
    standin = ServerProcess(pid=1, started_at="2", port=3)
    state = replace(CloudState(), standin=standin, parameters={"A": "b"}, deployed=True)
    with home.lock():
        home.write_state(state)
    assert home.read_state() == state


def test_interrupted_deletion_leaves_no_cloud_that_seems_to_exist(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path)
    home.write_state(CloudState(deployed=True))

    def fail(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("shutil.rmtree", fail)
    with pytest.raises(KeyboardInterrupt):
        home.remove_files()
    assert home.read_state() == CloudState()


def test_deleting_a_cloud_keeps_the_users_own_files(tmp_path: Path) -> None:
    home = Home(tmp_path)
    (tmp_path / "mine.txt").write_text("keep")
    with home.lock():
        home.write_state(CloudState())
        home.emulator_folder.mkdir()
        home.remove_files()
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
