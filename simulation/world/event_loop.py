"""The hub: many workers in one thread, and what happens next, in the order of simulated time.

A worker is a greenlet. It runs until it waits (for a service, or by its clock); then the hub goes on with the earliest
event, and where several fall on one moment the seed decides. Outside a worker nothing waits and nothing switches.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from greenlet import getcurrent, greenlet

from simulation.world.world_clock import WorldClock

NO_SKEW = timedelta(0)
TIMEOUT_REASON = "out of time"


class SimulatedCrash(BaseException):  # a death that no `except Exception` survives
    """The worker is killed here."""


class TimeoutCrash(SimulatedCrash):
    """Lambda ends the worker: its time is over."""


@dataclass(eq=False)
class ScheduledCall:
    """Something that will happen; without an act it was called off."""

    action: Callable[[], object] | None

    def cancel(self) -> None:
        """It shall not happen after all."""
        self.action = None


class Worker(greenlet):
    """One invocation on its way: its name, when Lambda ends it, and how far its clock is off."""

    def __init__(self, name: str, work: Callable[[], object], deadline: datetime, skew: timedelta) -> None:
        super().__init__(work)
        self.name = name
        self.deadline = deadline
        self.skew = skew
        self.pending_crash: SimulatedCrash | None = None
        self.resume_call: ScheduledCall | None = None


class EventLoop:
    """Plays events. `workers` are those under way, the oldest first."""

    def __init__(self, clock: WorldClock) -> None:
        self.workers: list[Worker] = []
        self._clock = clock
        self._calls: list[tuple[datetime, float, int, ScheduledCall]] = []
        self._call_count = 0
        self._main_greenlet = getcurrent()
        clock.event_loop = self

    @property
    def current_worker(self) -> Worker | None:
        """Who asks, where it is a worker."""
        current = getcurrent()
        return current if isinstance(current, Worker) else None

    def call_at(self, moment: datetime, action: Callable[[], object]) -> ScheduledCall:
        """Have something happen at a moment; what is over comes at once."""
        call = ScheduledCall(action)
        self._call_count += 1
        heapq.heappush(self._calls, (moment, self._clock.random.random(), self._call_count, call))
        return call

    def call_later(self, seconds: float, action: Callable[[], object]) -> ScheduledCall:
        """Have something happen after so many seconds."""
        return self.call_at(self._clock.time + timedelta(seconds=seconds), action)

    def spawn(
        self, name: str, work: Callable[[], object], *, timeout_seconds: float, skew: timedelta = NO_SKEW
    ) -> Worker:
        """Begin an invocation that may last so many seconds; `work` says what its death means. For events only."""
        worker = Worker(
            name, lambda: self._run_worker(worker, work), self._clock.time + timedelta(seconds=timeout_seconds), skew
        )
        self.workers.append(worker)
        worker.switch()
        return worker

    def _run_worker(self, worker: Worker, work: Callable[[], object]) -> None:
        timeout = self.call_at(worker.deadline, lambda: self.kill_worker(worker, TimeoutCrash(TIMEOUT_REASON)))
        try:
            work()
        finally:
            timeout.cancel()
            self.workers.remove(worker)

    def suspend_worker(self, seconds: float) -> bool:
        """The worker that asks waits; False where nobody is a worker, so that the caller lets time pass itself."""
        worker = self.current_worker
        if worker is None:
            return False
        if worker.pending_crash is None:
            worker.resume_call = self.call_later(seconds, worker.switch)
            self._main_greenlet.switch()
        if worker.pending_crash is not None:
            raise worker.pending_crash
        return True

    def kill_worker(self, worker: Worker, crash: SimulatedCrash) -> None:
        """End a worker where it waits; it dies at once, and at every further call should it resist. For events only."""
        worker.pending_crash = crash
        if worker.resume_call:
            worker.resume_call.cancel()
        worker.switch()

    def run_until(self, moment: datetime, should_stop: Callable[[], bool] | None = None) -> bool:
        """Play all events up to a moment, or until `stop` says so; whether it did."""
        self._main_greenlet = getcurrent()
        while self._calls and self._calls[0][0] <= moment:
            if should_stop and should_stop():
                return True
            self._run_next()
        if should_stop and should_stop():
            return True
        self._clock.advance_to(moment)
        return False

    def _run_next(self) -> None:
        moment, _, _, call = heapq.heappop(self._calls)
        if call.action is not None:
            self._clock.advance_to(moment)
            call.action()
