"""The hub: many workers in one thread, and what happens next, in the order of simulated time.

A worker is a greenlet. It runs until it waits (for a service, or by its clock); then the hub goes on with the earliest
event, and where several fall on one moment the seed decides. Outside a worker nothing waits and nothing switches.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from greenlet import getcurrent, greenlet

from proof.world.clock import WorldClock

NO_SKEW = timedelta(0)
OUT_OF_TIME = "out of time"


class SimulatedCrash(BaseException):  # a death that no `except Exception` survives
    """The worker is killed here."""


class OutOfTimeCrash(SimulatedCrash):
    """Lambda ends the worker: its time is over."""


@dataclass(eq=False)
class Event:
    """Something that will happen; without an act it was called off."""

    act: Callable[[], object] | None

    def cancel(self) -> None:
        """It shall not happen after all."""
        self.act = None


class Worker(greenlet):
    """One invocation on its way: its name, when Lambda ends it, and how far its clock is off."""

    def __init__(self, name: str, work: Callable[[], object], deadline: datetime, skew: timedelta) -> None:
        super().__init__(work)
        self.name = name
        self.deadline = deadline
        self.skew = skew
        self.doom: SimulatedCrash | None = None
        self.resumes: Event | None = None


class Hub:
    """Plays events. `workers` are those under way, the oldest first."""

    def __init__(self, clock: WorldClock) -> None:
        self.workers: list[Worker] = []
        self._clock = clock
        self._events: list[tuple[datetime, float, int, Event]] = []
        self._numbers = 0
        self._home = getcurrent()
        clock.hub = self

    @property
    def worker(self) -> Worker | None:
        """Who asks, where it is a worker."""
        current = getcurrent()
        return current if isinstance(current, Worker) else None

    def at(self, moment: datetime, act: Callable[[], object]) -> Event:
        """Have something happen at a moment; what is over comes at once."""
        event = Event(act)
        self._numbers += 1
        heapq.heappush(self._events, (moment, self._clock.random.random(), self._numbers, event))
        return event

    def after(self, seconds: float, act: Callable[[], object]) -> Event:
        """Have something happen after so many seconds."""
        return self.at(self._clock.time + timedelta(seconds=seconds), act)

    def spawn(self, name: str, work: Callable[[], object], *, seconds: float, skew: timedelta = NO_SKEW) -> Worker:
        """Begin an invocation that may last so many seconds; `work` says what its death means. For events only."""
        worker = Worker(name, lambda: self._live(worker, work), self._clock.time + timedelta(seconds=seconds), skew)
        self.workers.append(worker)
        worker.switch()
        return worker

    def _live(self, worker: Worker, work: Callable[[], object]) -> None:
        ending = self.at(worker.deadline, lambda: self.kill(worker, OutOfTimeCrash(OUT_OF_TIME)))
        try:
            work()
        finally:
            ending.cancel()
            self.workers.remove(worker)

    def pause(self, seconds: float) -> bool:
        """The worker that asks waits; False where nobody is a worker, so that the caller lets time pass itself."""
        worker = self.worker
        if worker is None:
            return False
        if worker.doom is None:
            worker.resumes = self.after(seconds, worker.switch)
            self._home.switch()
        if worker.doom is not None:
            raise worker.doom
        return True

    def kill(self, worker: Worker, crash: SimulatedCrash) -> None:
        """End a worker where it waits; it dies at once, and at every further call should it resist. For events only."""
        worker.doom = crash
        if worker.resumes:
            worker.resumes.cancel()
        worker.switch()

    def run_until(self, moment: datetime, stop: Callable[[], bool] | None = None) -> bool:
        """Play all events up to a moment, or until `stop` says so; whether it did."""
        self._home = getcurrent()
        while self._events and self._events[0][0] <= moment:
            if stop and stop():
                return True
            self._play()
        if stop and stop():
            return True
        self._clock.wait_until(moment)
        return False

    def _play(self) -> None:
        at, _, _, event = heapq.heappop(self._events)
        if event.act is not None:
            self._clock.wait_until(at)
            event.act()
