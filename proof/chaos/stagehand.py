"""Does to a pipeline what its plan says, at its moments: outage, pause, a tighter account, events that come again."""

import threading
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from proof.chaos.drain import Step, Window
from proof.chaos.pipeline import Pipeline
from proof.chaos.plan import Act, Plan

AGAIN = "an event comes again"


@dataclass
class Stagehand:
    """Works through the moments and copies of a plan, counted from `began` (Unix seconds)."""

    plan: Plan
    pipeline: Pipeline
    began: float
    done: Counter[str] = field(default_factory=Counter[str])
    limits: list[Step] = field(default_factory=list[Step])
    blocked: list[Window] = field(default_factory=list[Window])
    failed: list[BaseException] = field(default_factory=list[BaseException])
    finished: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)
    _shut_since: float = 0.0

    def work(self) -> None:
        """Everything in its order; an error is kept for whoever waits."""
        tasks: list[tuple[float, Act | str]] = [*self.plan.moments, *self.plan.copies]
        try:
            self.limits.append((self.began, self.plan.limit))
            for seconds, task in sorted(tasks, key=lambda one: one[0]):
                if self.over.wait(max(0.0, self.began + seconds - time.time())):
                    return
                self._act(task) if isinstance(task, Act) else self._repeat(task)
        except BaseException as error:
            self.failed.append(error)
            raise
        finally:
            self.finished.set()

    def _repeat(self, key: str) -> None:
        self.done[AGAIN] += self.pipeline.repeat_event(key)

    def _act(self, act: Act) -> None:
        provider = self.pipeline.provider
        match act:
            case Act.LESS | Act.MORE:
                limit = self.plan.limit if act is Act.MORE else self.plan.limit // 2
                provider.change(in_flight_limit=limit)
                self.limits.append((time.time(), limit))
            case Act.DOWN:
                provider.down()
                self._shut_since = time.time()
            case Act.UP:
                provider.up()
                self.blocked.append((self._shut_since, time.time()))
            case Act.PAUSE:
                self.pipeline.switch_lane(on=False)
                self._shut_since = time.time()
            case Act.RESUME:
                self.pipeline.switch_lane(on=True)
                self.blocked.append((self._shut_since, time.time()))
        self.done[act.value] += 1


@contextmanager
def at_work(plan: Plan, pipeline: Pipeline, began: float) -> Generator[Stagehand]:
    """A stagehand in a thread of its own; at the end of the block it has stopped."""
    hand = Stagehand(plan, pipeline, began)
    thread = threading.Thread(target=hand.work, name="stagehand", daemon=True)
    thread.start()
    try:
        yield hand
    finally:
        hand.over.set()
        thread.join()
