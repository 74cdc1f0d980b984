"""Runs a stand-in in a thread of this process, for tests."""

import threading
from collections.abc import Generator
from contextlib import contextmanager

from backdrop_local.standin.server import StandinServer
from backdrop_local.standin.settings import StandinSettings
from backdrop_local.standin.state import Standin

STOP_TIMEOUT_SECONDS = 5


@contextmanager
def run_in_thread(seed: int = 1, settings: StandinSettings | None = None) -> Generator[StandinServer]:
    """Runs a stand-in on a free port. Its address is `.url`."""
    server = StandinServer(Standin(seed, settings or StandinSettings(pictures="prepared")))
    thread = threading.Thread(target=server.serve_until_stopped, name="stand-in", daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.should_exit = True
        thread.join(STOP_TIMEOUT_SECONDS)
