"""The functions' worker processes, seen from outside: which of them holds a connection, and its sudden end."""

import os
import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from backdrop_local.standin.journal import Acceptance
from proof.chaos.provider import Provider

PROCESSES = Path("/proc")
WAIT_SECONDS = 0.5


def workers_in(folder: str) -> list[int]:
    """The processes whose command line names this folder."""
    return [int(place.name) for place in PROCESSES.glob("[0-9]*") if folder in _text(place / "cmdline")]


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def holder(local_port: int, remote_port: int, candidates: list[int]) -> int | None:
    """Which of these processes holds the loopback connection between two ports; None when nobody does any more."""
    inode = socket_inode((PROCESSES / "net" / "tcp").read_text(), local_port, remote_port)
    return next((pid for pid in candidates if inode and inode in _sockets(pid)), None)


def socket_inode(table: str, local_port: int, remote_port: int) -> str | None:
    """The inode of a connection in the kernel's table of TCP sockets (proc(5))."""
    for line in table.splitlines()[1:]:
        columns = line.split()
        ports = tuple(int(columns[n].rpartition(":")[2], 16) for n in (1, 2))
        if ports == (local_port, remote_port):
            return columns[9]
    return None


def _sockets(pid: int) -> set[str]:
    links = [_target(link) for link in _listed(PROCESSES / str(pid) / "fd")]
    return {link[len("socket:[") : -1] for link in links if link.startswith("socket:[")}


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except (FileNotFoundError, ProcessLookupError):
        return []


def _target(link: Path) -> str:
    """Where a descriptor leads; it may be closed while others are looked at."""
    try:
        return str(link.readlink())
    except (FileNotFoundError, ProcessLookupError):
        return ""


@dataclass
class Killer:
    """Kills the worker whose call the provider has just accepted under `accept_then_wait`, before the answer comes.

    `kills` are the provider's ids of those jobs; `missed` those whose worker could not be found in time.
    """

    provider: Provider
    folder: str
    kills: list[str] = field(default_factory=list[str])
    missed: list[str] = field(default_factory=list[str])
    over: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        """Listens for accepted jobs until it is over."""
        seen = 0
        while not self.over.is_set():
            for accepted in self.provider.accepted(seen, WAIT_SECONDS):
                seen = accepted.n
                if accepted.fault == "accept_then_wait":
                    self._kill(accepted)

    def _kill(self, accepted: Acceptance) -> None:
        port = self.provider.caller_port(accepted.request)
        pid = holder(port, self.provider.port, workers_in(self.folder)) if port else None
        if pid is None:
            self.missed.append(accepted.id)
            return
        os.kill(pid, signal.SIGKILL)
        self.kills.append(accepted.id)


@contextmanager
def killing(provider: Provider, folder: str) -> Generator[Killer]:
    """Workers are killed for the length of the block."""
    killer = Killer(provider, folder)
    thread = threading.Thread(target=killer.watch, name="killer", daemon=True)
    thread.start()
    try:
        yield killer
    finally:
        killer.over.set()
        thread.join()
