"""The functions' worker processes, observed from outside: which one holds a connection, and how to kill it."""

import os
import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from backdrop_local.standin.journal import Acceptance
from fault_bench.standin_provider import StandinProvider

PROC_FOLDER = Path("/proc")
POLL_TIMEOUT_SECONDS = 0.5


def list_worker_pids(folder: str) -> list[int]:
    """Returns the processes whose command line contains this folder."""
    return [int(path.name) for path in PROC_FOLDER.glob("[0-9]*") if folder in _read_text(path / "cmdline")]


def _read_text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def find_connection_holder(local_port: int, remote_port: int, candidates: list[int]) -> int | None:
    """Returns which process holds the loopback connection between two ports; None if none of them does."""
    inode = find_socket_inode((PROC_FOLDER / "net" / "tcp").read_text(), local_port, remote_port)
    return next((pid for pid in candidates if inode and inode in _list_socket_inodes(pid)), None)


def find_socket_inode(table: str, local_port: int, remote_port: int) -> str | None:
    """Returns the inode of a connection in the kernel's table of TCP sockets (proc(5))."""
    for line in table.splitlines()[1:]:
        columns = line.split()
        ports = tuple(int(columns[n].rpartition(":")[2], 16) for n in (1, 2))
        if ports == (local_port, remote_port):
            return columns[9]
    return None


def _list_socket_inodes(pid: int) -> set[str]:
    links = [_read_link(link) for link in _list_folder(PROC_FOLDER / str(pid) / "fd")]
    return {link[len("socket:[") : -1] for link in links if link.startswith("socket:[")}


def _list_folder(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except (FileNotFoundError, ProcessLookupError):
        return []


def _read_link(link: Path) -> str:
    """Returns the target of a descriptor. Empty if it has been closed in the meantime."""
    try:
        return str(link.readlink())
    except (FileNotFoundError, ProcessLookupError):
        return ""


@dataclass
class WorkerKiller:
    """Kills the worker whose call the provider has just accepted under `accept_then_wait`, before the answer.

    `killed_job_ids`: the provider's IDs of those jobs. `missed_job_ids`: those whose worker was not found in time.
    """

    provider: StandinProvider
    folder: str
    killed_job_ids: list[str] = field(default_factory=list[str])
    missed_job_ids: list[str] = field(default_factory=list[str])
    should_stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Waits for accepted jobs until it is stopped."""
        last_seen = 0
        while not self.should_stop.is_set():
            for accepted in self.provider.wait_for_accepted(last_seen, POLL_TIMEOUT_SECONDS):
                last_seen = accepted.n
                if accepted.fault == "accept_then_wait":
                    self._kill_worker(accepted)

    def _kill_worker(self, acceptance: Acceptance) -> None:
        port = self.provider.find_caller_port(acceptance.request)
        pid = find_connection_holder(port, self.provider.port, list_worker_pids(self.folder)) if port else None
        if pid is None:
            self.missed_job_ids.append(acceptance.id)
            return
        os.kill(pid, signal.SIGKILL)
        self.killed_job_ids.append(acceptance.id)


@contextmanager
def run_worker_killer(provider: StandinProvider, folder: str) -> Generator[WorkerKiller]:
    """Kills workers for the duration of the block."""
    killer = WorkerKiller(provider, folder)
    thread = threading.Thread(target=killer.run, name="killer", daemon=True)
    thread.start()
    try:
        yield killer
    finally:
        killer.should_stop.set()
        thread.join()
