"""The event loop: many workers in one thread, and events in the order of simulated time.

A worker is a greenlet. It runs until it waits, for a service or on its clock. Then the loop continues with the earliest
event; if several are due at the same moment, the seed decides. Code outside a worker never waits and never switches.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import heappop, heappush

from greenlet import getcurrent, greenlet

from simulation.world.world_clock import WorldClock

NO_SKEW = timedelta(0)
TIMEOUT_REASON = "out of time"


class SimulatedCrash(BaseException):  # not caught by `except Exception`
    """The worker is killed at this point."""


class TimeoutCrash(SimulatedCrash):
    """Lambda ends the worker because of its timeout."""


@dataclass(eq=False, slots=True)
class ScheduledCall:
    """An action in the future; None after it was canceled."""

    action: Callable[[], object] | None

    def cancel(self) -> None:
        self.action = None


class Worker(greenlet):
    """One running invocation: its name, when Lambda ends it, and how far its clock is off."""

    def __init__(self, name: str, work: Callable[[], object], deadline: datetime, skew: timedelta) -> None:
        super().__init__(work)
        self.name = name
        self.deadline = deadline
        self.skew = skew
        self.pending_crash: SimulatedCrash | None = None
        self.resume_call: ScheduledCall | None = None


class EventLoop:
    """Runs events. `workers` are the running invocations, the oldest first."""

    def __init__(self, clock: WorldClock) -> None:
        self.workers: list[Worker] = []
        self._clock = clock
        self._calls: list[tuple[datetime, float, int, ScheduledCall]] = []
        self._call_count = 0
        self._main_greenlet = getcurrent()
        clock.event_loop = self

    @property
    def current_worker(self) -> Worker | None:
        """The worker that is running now, if any."""
        current = getcurrent()
        return current if isinstance(current, Worker) else None

    def call_at(self, moment: datetime, action: Callable[[], object]) -> ScheduledCall:
        """Schedules an action; a moment in the past means now."""
        call = ScheduledCall(action)
        self._call_count += 1
        heappush(self._calls, (moment, self._clock.random.random(), self._call_count, call))
        return call

    def call_later(self, seconds: float, action: Callable[[], object]) -> ScheduledCall:
        """Schedules an action after this many seconds."""
        return self.call_at(self._clock.time + timedelta(seconds=seconds), action)

    def spawn(
        self, name: str, work: Callable[[], object], *, timeout_seconds: float, skew: timedelta = NO_SKEW
    ) -> Worker:
        """Starts an invocation with a timeout. `work` handles its own crash. Only events may call this."""
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
        """Suspends the current worker. Returns False outside a worker; then the caller lets time pass itself."""
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
        """Kills a suspended worker, and again at every later call if it survives. Only events may call this."""
        worker.pending_crash = crash
        if worker.resume_call:
            worker.resume_call.cancel()
        worker.switch()

    def run_until(self, moment: datetime, should_stop: Callable[[], bool] | None = None) -> bool:
        """Runs all events up to a moment, or until `should_stop`; returns whether it stopped."""
        self._main_greenlet = getcurrent()
        calls, clock = self._calls, self._clock
        while calls and calls[0][0] <= moment:
            if should_stop and should_stop():
                return True
            called_at, _, _, call = heappop(calls)
            if call.action is not None:
                clock.advance_to(called_at)
                call.action()
        if should_stop and should_stop():
            return True
        clock.advance_to(moment)
        return False
