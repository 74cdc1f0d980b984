"""Applies a plan's events to a pipeline at their times: outages, pause, a lower account limit, repeated events."""

import threading
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from fault_bench.bench_pipeline import BenchPipeline
from fault_bench.bench_plan import BenchPlan, PipelineEvent
from fault_bench.slot_use import TimedValue, TimeRange

REPEATED_EVENT = "an S3 event is repeated"


@dataclass
class FaultInjector:
    """Applies the events of a plan at their times after `started_at` (Unix seconds)."""

    plan: BenchPlan
    pipeline: BenchPipeline
    started_at: float
    strike_counts: Counter[str] = field(default_factory=Counter[str])
    limit_history: list[TimedValue] = field(default_factory=list[TimedValue])
    blocked_ranges: list[TimeRange] = field(default_factory=list[TimeRange])
    refused_write_ranges: list[TimeRange] = field(default_factory=list[TimeRange])
    errors: list[BaseException] = field(default_factory=list[BaseException])
    finished: threading.Event = field(default_factory=threading.Event)
    should_stop: threading.Event = field(default_factory=threading.Event)
    _blocked_since: float = 0.0

    def run(self) -> None:
        """Applies everything in order. An error is stored for the caller."""
        steps: list[tuple[float, PipelineEvent | str]] = [*self.plan.timed_events, *self.plan.repeated_notifications]
        try:
            self.limit_history.append((self.started_at, self.plan.concurrency_limit))
            for seconds, step in sorted(steps, key=lambda timed_step: timed_step[0]):
                if self.should_stop.wait(max(0.0, self.started_at + seconds - time.time())):
                    return
                self._apply_event(step) if isinstance(step, PipelineEvent) else self._repeat_notification(step)
        except BaseException as error:
            self.errors.append(error)
            raise
        finally:
            self.finished.set()

    def _repeat_notification(self, key: str) -> None:
        self.strike_counts[REPEATED_EVENT] += self.pipeline.repeat_event(key)

    def _apply_event(self, event: PipelineEvent) -> None:
        provider = self.pipeline.provider
        match event:
            case PipelineEvent.HALVE_LIMIT | PipelineEvent.RESTORE_LIMIT:
                limit = (
                    self.plan.concurrency_limit
                    if event is PipelineEvent.RESTORE_LIMIT
                    else self.plan.concurrency_limit // 2
                )
                provider.change_settings(in_flight_limit=limit)
                self.limit_history.append((time.time(), limit))
            case PipelineEvent.STOP_PROVIDER:
                provider.stop_server()
                self._blocked_since = time.time()
            case PipelineEvent.START_PROVIDER:
                provider.start_server()
                self.blocked_ranges.append((self._blocked_since, time.time()))
            case PipelineEvent.PAUSE_LANE:
                self.pipeline.set_lane_enabled(enabled=False)
                self._blocked_since = time.time()
            case PipelineEvent.RESUME_LANE:
                self.pipeline.set_lane_enabled(enabled=True)
                self.blocked_ranges.append((self._blocked_since, time.time()))
            case PipelineEvent.REFUSE_WRITES:
                self.pipeline.set_writable(writable=False)
                self._blocked_since = time.time()
            case PipelineEvent.ALLOW_WRITES:
                self.pipeline.set_writable(writable=True)
                self.refused_write_ranges.append((self._blocked_since, time.time()))
        self.strike_counts[event.value] += 1


@contextmanager
def run_fault_injector(plan: BenchPlan, pipeline: BenchPipeline, started_at: float) -> Generator[FaultInjector]:
    """Runs a fault injector in a thread for the duration of the block."""
    injector = FaultInjector(plan, pipeline, started_at)
    thread = threading.Thread(target=injector.run, name="fault-injector", daemon=True)
    thread.start()
    try:
        yield injector
    finally:
        injector.should_stop.set()
        thread.join()
