"""The stand-in inside the bench: it can be stopped and restarted on its port, and tracks the calls' connections."""

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
    """The calls that got a slot, the calls that were refused one, and the number of occupied slots over time."""

    accepted_count: int
    refused_count: int
    slots_in_use: tuple[tuple[float, float], ...]


class _ControlledServer(StandinServer):
    """A stand-in's server for an event loop that is already running."""

    async def serve_in_loop(self) -> None:
        await self.serve(sockets=[self._listener])


class StandinProvider:
    """One provider for one pipeline. Its state survives a stop, as a real provider's bill does."""

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
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """The base URL of its Ideogram API."""
        return f"{self.standin_url}/{IDEOGRAM}"

    @property
    def state(self) -> StandinState:
        """Its bill, slots, faults, and settings."""
        return self._standin.state

    def change_settings(self, **settings: object) -> None:
        """Changes settings from the next call on."""
        self.state.settings = StandinSettings.model_validate(self.state.settings.model_dump() | settings)

    def start_server(self) -> None:
        """Starts serving, always on the same port."""
        self._loop.call_soon_threadsafe(self._should_serve.set)
        self._wait_for(lambda: self._server is not None and self._server.started)

    def stop_server(self) -> None:
        """Breaks all connections and stops listening. Running calls are already charged, and their answers are lost."""
        self._loop.call_soon_threadsafe(self._cut_connections)
        self._wait_for(lambda: self._server is None)

    def wait_for_accepted(self, after: int, wait_seconds: float) -> list[Acceptance]:
        """Returns what GET /_ctl/accepted returns, even while the server is down."""
        signal = self.state.journal.list_acceptances(after, wait_seconds)
        return asyncio.run_coroutine_threadsafe(signal, self._loop).result(wait_seconds + MAX_WAIT_SECONDS)

    def find_caller_port(self, request_no: int) -> int | None:
        """Returns the caller's port of the paid call with this number in the journal; None if the call has ended."""
        for scope in list(self._open_calls.values()):
            entry = scope.get("standin.entry")
            if isinstance(entry, JournalEntry) and entry.n == request_no:
                return int(scope["client"][1])
        return None

    def report_slots(self) -> SlotReport:
        """Returns the current slots of Ideogram's only account."""
        (row,) = [report for report in self.state.slots.build_report() if report["provider"] == IDEOGRAM]
        history = cast("list[dict[str, float]]", row["history"])
        steps = tuple((moment["at"], moment["in_flight"]) for moment in history)
        return SlotReport(
            accepted_count=cast("int", row["taken"]), refused_count=cast("int", row["refused"]), slots_in_use=steps
        )

    def list_lost_calls(self) -> list[tuple[float, float]]:
        """Returns the start and end (Unix seconds) of each call whose caller cannot know whether it was accepted."""
        entries = self.state.journal.list_entries()
        calls = [entry for entry in entries if entry.method == "POST" and entry.ended and _is_ideogram_path(entry.path)]
        return [(entry.started, entry.ended or entry.started) for entry in calls if _has_lost_answer(entry)]

    @property
    def open_call_count(self) -> int:
        """The number of running paid calls, whether or not their callers still wait."""
        return len(self._open_calls)

    def start(self) -> None:
        """Starts the thread in which the provider runs."""
        self._thread.start()
        self.start_server()

    def stop(self) -> None:
        """Stops permanently."""
        self._has_ended = True
        self._loop.call_soon_threadsafe(self._cut_connections)
        self._loop.call_soon_threadsafe(self._should_serve.set)
        self._thread.join(MAX_WAIT_SECONDS)

    def _run_loop(self) -> None:
        self._loop.run_until_complete(self._serve_repeatedly())
        self._loop.close()

    async def _serve_repeatedly(self) -> None:
        """Runs one server after another in the same event loop, because the stand-in's state is bound to it."""
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
            connection = read_connection(scope)
            if not connection.is_gone:
                self.cut_connections += 1
                connection.reset()
        if self._server is not None:
            self._server.should_exit = True

    def _wait_for(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + MAX_WAIT_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError("the provider's server did not start or stop in time")
            time.sleep(POLL_SECONDS)

    def _track_calls(self, app: ASGIApp) -> ASGIApp:
        """Tracks the paid calls: those that are open, and the largest number that callers had open."""

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
    """Whether a caller keeps a call to Ideogram open. The other APIs respond at once and are polled."""
    return _is_ideogram_path(scope["path"]) and not read_connection(scope).is_gone


def _is_ideogram_path(path: str) -> bool:
    return path.startswith(f"/{IDEOGRAM}/")


def _has_lost_answer(entry: JournalEntry) -> bool:
    """Whether a call that may have been accepted got no answer, a useless one, or one that came too late."""
    is_uncertain = entry.status is None or entry.fault in ANSWER_LOSING_FAULTS
    return entry.status in (500, 502) or (entry.job is not None and is_uncertain)


@contextlib.contextmanager
def run_provider(seed: int, settings: Mapping[str, object], port: int = 0) -> Generator[StandinProvider]:
    """Runs a provider for the duration of the block."""
    provider = StandinProvider(seed, settings, port)
    provider.start()
    try:
        yield provider
    finally:
        provider.stop()
