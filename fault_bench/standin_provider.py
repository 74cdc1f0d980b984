"""The stand-in inside the bench: it can be stopped and started on its port, and knows which connection a call is on."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import cast

from starlette.types import ASGIApp, Receive, Scope, Send

from backdrop_local import processes
from backdrop_local.standin.connection import read_connection
from backdrop_local.standin.journal import Acceptance, JournalEntry
from backdrop_local.standin.server import StandinServer
from backdrop_local.standin.settings import StandinSettings
from backdrop_local.standin.state import Standin, StandinState
from fault_bench.bench_plan import IDEOGRAM

MAX_WAIT_SECONDS = 10.0
POLL_SECONDS = 0.01
ANSWER_LOSING_FAULTS = frozenset({"accept_then_drop", "accept_then_wait", "reset_mid_body", "malformed_json", "slow"})


@dataclass(frozen=True)
class SlotReport:
    """Calls that took a slot, calls that were refused one, and how many slots were held from which moment on."""

    accepted_count: int
    refused_count: int
    slots_in_use: tuple[tuple[float, float], ...]


class _ControlledServer(StandinServer):
    """A stand-in's server for an event loop that runs already."""

    async def serve_in_loop(self) -> None:
        await self.serve(sockets=[self._listener])


class StandinProvider:
    """One provider for one pipeline; what it knows survives its being stopped, as a real one's books do."""

    def __init__(self, seed: int, settings: Mapping[str, object], port: int = 0) -> None:
        self.port = port or processes.find_free_port()
        self.peak_in_flight = 0
        self.cut_connections = 0
        self._standin = Standin(seed, StandinSettings.model_validate(settings))
        self._open_calls: dict[int, Scope] = {}
        self._call_numbers = count()
        self._server: _ControlledServer | None = None
        self._loop = asyncio.new_event_loop()
        self._should_serve = asyncio.Event()
        self._has_ended = False
        self._thread = threading.Thread(target=self._run_loop, name="provider", daemon=True)

    @property
    def standin_url(self) -> str:
        """Where all its APIs are."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """The base URL of its Ideogram."""
        return f"{self.standin_url}/{IDEOGRAM}"

    @property
    def state(self) -> StandinState:
        """Bill, slots, faults and settings."""
        return self._standin.state

    def change_settings(self, **settings: object) -> None:
        """Changes settings, from the next call on."""
        self.state.settings = StandinSettings.model_validate(self.state.settings.model_dump() | settings)

    def start_server(self) -> None:
        """Serves, on the same port each time."""
        self._loop.call_soon_threadsafe(self._should_serve.set)
        self._wait_for(lambda: self._server is not None and self._server.started)

    def stop_server(self) -> None:
        """Breaks every connection and listens no more; what runs was charged already, and its answer is lost."""
        self._loop.call_soon_threadsafe(self._cut_connections)
        self._wait_for(lambda: self._server is None)

    def wait_for_accepted(self, after: int, wait_seconds: float) -> list[Acceptance]:
        """The signal of GET /_ctl/accepted; it is heard while the server is down, too."""
        signal = self.state.journal.list_acceptances(after, wait_seconds)
        return asyncio.run_coroutine_threadsafe(signal, self._loop).result(wait_seconds + MAX_WAIT_SECONDS)

    def find_caller_port(self, request_no: int) -> int | None:
        """The caller's port of the paid call with this number in the journal; None when it is over."""
        for scope in list(self._open_calls.values()):
            entry = scope.get("standin.entry")
            if isinstance(entry, JournalEntry) and entry.n == request_no:
                return int(scope["client"][1])
        return None

    def report_slots(self) -> SlotReport:
        """The slots of Ideogram's only account as they are now."""
        (row,) = [one for one in self.state.slots.build_report() if one["provider"] == IDEOGRAM]
        history = cast("list[dict[str, float]]", row["history"])
        steps = tuple((moment["at"], moment["in_flight"]) for moment in history)
        return SlotReport(
            accepted_count=cast("int", row["taken"]), refused_count=cast("int", row["refused"]), slots_in_use=steps
        )

    def list_lost_calls(self) -> list[tuple[float, float]]:
        """When each call began and ended (Unix seconds) of which the caller cannot know whether it was taken."""
        entries = self.state.journal.list_entries()
        calls = [one for one in entries if one.method == "POST" and one.ended and _is_ideogram_path(one.path)]
        return [(entry.started, entry.ended or entry.started) for entry in calls if _has_lost_answer(entry)]

    @property
    def open_call_count(self) -> int:
        """How many paid calls run, whether or not their callers wait still."""
        return len(self._open_calls)

    def start(self) -> None:
        """Starts the thread in which all this happens."""
        self._thread.start()
        self.start_server()

    def stop(self) -> None:
        """Stops for good."""
        self._has_ended = True
        self._loop.call_soon_threadsafe(self._cut_connections)
        self._loop.call_soon_threadsafe(self._should_serve.set)
        self._thread.join(MAX_WAIT_SECONDS)

    def _run_loop(self) -> None:
        self._loop.run_until_complete(self._serve_repeatedly())
        self._loop.close()

    async def _serve_repeatedly(self) -> None:
        """One server after another in one event loop, since the stand-in's state is bound to it."""
        while True:
            await self._should_serve.wait()
            if self._has_ended:
                return
            self._server = _ControlledServer(self._standin, self.port)
            self._server.config.app = self._track_calls(cast("ASGIApp", self._server.config.app))
            await self._server.serve_in_loop()
            self._server = None

    def _cut_connections(self) -> None:
        self._should_serve.clear()
        for scope in list(self._open_calls.values()):
            wire = read_connection(scope)
            if not wire.is_gone:
                self.cut_connections += 1
                wire.reset()
        if self._server is not None:
            self._server.should_exit = True

    def _wait_for(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + MAX_WAIT_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError("the provider's server neither rose nor fell in time")
            time.sleep(POLL_SECONDS)

    def _track_calls(self, app: ASGIApp) -> ASGIApp:
        """Keeps an eye on the paid calls: those open at this moment, and the most that their callers held open."""

        async def handle(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or scope["method"] != "POST":
                await app(scope, receive, send)
                return
            number = next(self._call_numbers)
            self._open_calls[number] = scope
            self.peak_in_flight = max(self.peak_in_flight, sum(map(_has_waiting_caller, self._open_calls.values())))
            try:
                await app(scope, receive, send)
            finally:
                del self._open_calls[number]

        return handle


def _has_waiting_caller(scope: Scope) -> bool:
    """Whether a caller holds a call to Ideogram open: the others answer at once, and are asked for what came of it."""
    return _is_ideogram_path(scope["path"]) and not read_connection(scope).is_gone


def _is_ideogram_path(path: str) -> bool:
    return path.startswith(f"/{IDEOGRAM}/")


def _has_lost_answer(entry: JournalEntry) -> bool:
    """No answer, a useless one or one that comes too late, to a call that may have been accepted."""
    is_uncertain = entry.status is None or entry.fault in ANSWER_LOSING_FAULTS
    return entry.status in (500, 502) or (entry.job is not None and is_uncertain)


@contextlib.contextmanager
def run_provider(seed: int, settings: Mapping[str, object], port: int = 0) -> Generator[StandinProvider]:
    """A provider that serves for the length of the block."""
    started = StandinProvider(seed, settings, port)
    started.start()
    try:
        yield started
    finally:
        started.stop()
