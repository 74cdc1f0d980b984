"""The stand-in provider of a local cloud, in its own process."""

import os
import sys
from collections.abc import Sequence

from backdrop_local import processes
from backdrop_local.home import Home, ServerProcess

READY_TIMEOUT_SECONDS = 120


def start(home: Home, port: int, options: Sequence[str] = ()) -> ServerProcess:
    """Starts the stand-in, which responds as the providers do and charges nothing."""
    command = [sys.executable, "-m", "backdrop_local.standin", "--port", str(port), *options]
    inherited = {name: os.environ[name] for name in ("HOME", "PATH", "LANG") if name in os.environ}
    environment = {**inherited, "PYTHONUNBUFFERED": "1"}
    return processes.start_server(command, environment, home.log_file("standin"), port)


def wait_until_ready(home: Home, process: ServerProcess) -> None:
    """Waits until the stand-in serves requests."""
    log = home.log_file("standin")
    processes.wait_until_ready(process, "/_ctl/health", log, READY_TIMEOUT_SECONDS)
