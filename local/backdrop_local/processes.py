"""Starts servers in their own process groups, and stops exactly those."""

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

from backdrop_local.errors import LocalCloudError, last_lines
from backdrop_local.home import ServerProcess

POLL_SECONDS = 0.05

_children: dict[int, subprocess.Popen[bytes]] = {}


def find_free_port() -> int:
    """Returns a free loopback port, reserved for a minute (on macOS, half a minute) for a server with SO_REUSEADDR."""
    with socket.socket() as listener, socket.socket() as client:
        listener.bind(("127.0.0.1", 0))
        # Only now, because this socket itself must not get a port that is reserved for another server.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.listen()
        client.connect(listener.getsockname())
        # The side that closes a connection first keeps its port in TIME_WAIT. Without such a connection, the system
        # could give the port to any outgoing connection before the server has started.
        listener.accept()[0].close()
        return int(listener.getsockname()[1])


def is_port_free(port: int) -> bool:
    """Returns whether a server could listen on this loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def start_server(command: Sequence[str], environment: Mapping[str, str], log: Path, port: int) -> ServerProcess:
    """Starts a server in its own session, so that Ctrl-C at this terminal does not reach it."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        child = subprocess.Popen(
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _children[child.pid] = child
    return ServerProcess(pid=child.pid, started_at=read_start_time(child.pid), port=port)


def is_alive(process: ServerProcess | None) -> bool:
    """Returns whether this process is still running. A later process with the same PID does not count."""
    if process is None:
        return False
    child = _children.get(process.pid)
    if child is not None and child.poll() is not None:
        return False
    started_at = read_start_time(process.pid)
    return bool(started_at) and started_at == process.started_at


def wait_until_ready(process: ServerProcess, path: str, log: Path, timeout_seconds: float) -> None:
    """Waits until the server answers a GET request successfully.

    Raises:
        LocalCloudError: the server exited or did not answer. The message contains the end of its log.
    """
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + timeout_seconds
    while is_alive(process) and time.monotonic() < deadline:
        try:
            opener.open(f"{process.url}{path}", timeout=2).close()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(POLL_SECONDS)
        else:
            return
    problem = "did not answer" if is_alive(process) else "exited immediately"
    raise LocalCloudError(f"{log.stem} {problem}. The end of {log}:\n{last_lines(log.read_text())}")


def stop_server(process: ServerProcess | None, timeout_seconds: float) -> None:
    """Stops the server and all processes that it started. Sends SIGTERM first, so that it can write its state."""
    if process is None or not is_alive(process):
        return
    os.kill(process.pid, signal.SIGTERM)
    deadline = time.monotonic() + timeout_seconds
    while is_alive(process) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    _kill_group(process.pid)
    child = _children.pop(process.pid, None)
    if child is not None:
        child.wait()


def forget_ended_children() -> None:
    """Forgets servers that this process started and another process stopped."""
    for pid, child in list(_children.items()):
        if child.poll() is not None:
            del _children[pid]


def _kill_group(leader: int) -> None:
    """Kills what remains of a process group."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return


def read_start_time(pid: int) -> str:
    """Returns when the process started, in the system's own format. Empty if the process has exited."""
    stat = Path(f"/proc/{pid}/stat")
    if not Path("/proc/self/stat").exists():
        return _read_start_time_from_ps(pid)
    try:
        fields = stat.read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def _read_start_time_from_ps(pid: int) -> str:
    command = ["/bin/ps", "-o", "lstart=", "-p", str(pid)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
