"""The stand-in provider of a local cloud, as a process of its own."""

import os
import sys
from collections.abc import Sequence

from backdrop_local import processes
from backdrop_local.home import Home, Process

READY_WITHIN_SECONDS = 120


def start(home: Home, port: int, options: Sequence[str] = ()) -> Process:
    """Starts the stand-in; it answers as the providers do and asks no money."""
    command = [sys.executable, "-m", "backdrop_local.standin", "--port", str(port), *options]
    kept = {name: os.environ[name] for name in ("HOME", "PATH", "LANG") if name in os.environ}
    environment = {**kept, "PYTHONUNBUFFERED": "1"}
    return processes.start(command, environment, home.log("standin"), port)


def wait_until_ready(home: Home, process: Process) -> None:
    """Returns once the stand-in serves requests."""
    log = home.log("standin")
    processes.wait_until_answering(process, "/_ctl/health", log, READY_WITHIN_SECONDS)
