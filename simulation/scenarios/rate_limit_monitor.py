"""Checks the load on the providers, the reports, and the events, in addition to the ledger."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta

from backdrop.model.job import Job
from backdrop.model.provider_result import ProviderResult, RetryClass
from simulation.invariants.job_ends import ERROR_REPORTS_PREFIX, LANE_REPORTS_PREFIX, DocumentsByKey
from simulation.invariants.rate_limits import (
    check_first_trip,
    check_photo_report,
    check_provider_events,
    check_retry_after,
    check_timeouts,
    check_try_interval,
    check_unaffordable_jobs,
)
from simulation.invariants.violations import JsonObject, Violation
from simulation.scenarios.actions import OPERATOR_WORKER_NAME, UserActions
from simulation.scenarios.call_log import CallLog
from simulation.scenarios.invariant_monitor import InvariantMonitor
from simulation.world.simulated_lambda import InvocationOutcome
from simulation.world.simulated_stack import World
from simulation.world.transport import ServiceCall

HOUR_JUMP_FAULT = "clock_jump_of_an_hour"
CLOCK_JUMP_FAULTS = frozenset({"clock_jump", HOUR_JUMP_FAULT})
CLOCK_FAULTS = CLOCK_JUMP_FAULTS | {"clock_skew"}
SLOW_FAULTS = CLOCK_FAULTS | {"out_of_time", "slow_service", "slow_table", "slow_writes", "slow_bucket"}
BAD_RETRY_CLASSES = frozenset({RetryClass.NOW, RetryClass.BACKOFF, RetryClass.AMBIG})


class RateLimitMonitor:
    """`_wait_until`: until when the provider asked a worker to wait with a job.

    By lane: `_bad_result_counts`, `_failed_tries` (the times of failed probes while it is paused), and
    `_tripped_lanes`, the lanes that have ever been probing.
    """

    def __init__(self, world: World, monitor: InvariantMonitor, call_log: CallLog, users: UserActions) -> None:
        self._world, self._monitor, self._users = world, monitor, users
        self._wait_until: dict[tuple[str, str], datetime] = {}
        self._failed_tries: defaultdict[str, list[datetime]] = defaultdict(list)
        self._bad_result_counts = Counter[str]()
        self._tripped_lanes = set[str]()
        self._lanes: dict[str, JsonObject] = {}
        call_log.listeners.append(self._on_result)
        world.transport.faults_before.append(self._before_call)
        world.transport.listeners.append(self._after_call)

    def _on_result(self, job: Job, result: ProviderResult) -> None:
        self._bad_result_counts[job.provider] += result.retry_class in BAD_RETRY_CLASSES
        worker = self._world.event_loop.current_worker
        if worker and result.retry_class is RetryClass.QUOTA and result.retry_after_seconds:
            self._wait_until[worker.name, job.job_id] = self._world.clock.time + timedelta(
                seconds=result.retry_after_seconds
            )

    def _before_call(self, call: ServiceCall) -> None:
        if (call.service, call.operation) == ("provider", "call"):
            job = call.request["job"]
            wait_until = self._wait_until.get((call.worker_name, str(job.job_id)))
            if wait_until and not self._users.has_clock_faults:
                self._monitor.add_violations(check_retry_after(job.key, self._world.clock.time, wait_until))

    def _after_call(self, call: ServiceCall) -> None:
        if call.service == "dynamodb":
            for name, lane in self._monitor.snapshot.lanes.items():
                if lane.body is not None and self._lanes.get(name) is not lane.body:
                    self._check_lane(
                        name,
                        self._lanes.get(name),
                        lane.body,
                        by_operator=call.worker_name.startswith(OPERATOR_WORKER_NAME),
                    )
                    self._lanes[name] = lane.body
        elif call.operation == "put_object" and call.request["Key"].startswith(ERROR_REPORTS_PREFIX):
            self._check_report(call)

    def _check_lane(self, name: str, before: JsonObject | None, after: JsonObject, *, by_operator: bool) -> None:
        reasons = {pause["reason"] for pause in before["pauses"]} if before else set[str]()
        if by_operator or not reasons <= {pause["reason"] for pause in after["pauses"]}:
            self._failed_tries[name].clear()
        elif after["is_half_open"] and not (before and before["is_half_open"]):
            self._failed_tries[name].append(self._world.clock.time)
            if not self._users.has_clock_faults:
                self._monitor.add_violations(check_try_interval(self._failed_tries[name]))
        if after["opened_since"] and name not in self._tripped_lanes:
            self._tripped_lanes.add(name)
            self._monitor.add_violations([] if reasons else check_first_trip(self._bad_result_counts[name]))

    def _check_report(self, call: ServiceCall) -> None:
        key = str(call.request["Key"])
        if not key.startswith(LANE_REPORTS_PREFIX):
            self._monitor.add_violations(check_photo_report(key, json.loads(call.request["Body"])))

    def check_final_state(self, reports: DocumentsByKey, strike_counts: Mapping[str, int]) -> list[Violation]:
        """Returns the violations at rest; `strike_counts` are the numbers of strikes by fault."""
        snapshot = self._monitor.snapshot
        lanes = {name: lane.body for name, lane in snapshot.lanes.items() if lane.body}
        events = [(event.detail_type, event.detail) for event in self._world.bus.events]
        unaffordable_jobs = [
            job for job_id in snapshot.list_unaffordable_job_ids() if not (job := snapshot.jobs[job_id])["waits_for"]
        ]
        paused_providers = {name for name, lane in lanes.items() if lane["pauses"]}
        timed_out_count = sum(
            invocation.outcome is InvocationOutcome.TIMED_OUT for invocation in self._world.lambda_service.invocations
        )
        timeout_violations = [] if SLOW_FAULTS & strike_counts.keys() else check_timeouts(timed_out_count)
        return (
            check_provider_events(lanes, events)
            + check_unaffordable_jobs(unaffordable_jobs, reports, paused_providers)
            + timeout_violations
        )
