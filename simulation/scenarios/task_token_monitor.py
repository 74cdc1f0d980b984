"""Watches whoever waits for a request: what was answered, when, and how the jobs stood then."""

import json
from collections import defaultdict
from datetime import datetime, timedelta

from simulation.invariants.task_tokens import (
    SentTaskResponse,
    check_cancel_of_unpaid,
    check_purchase_for_stopped,
    check_request_write,
    check_task_response,
    check_unanswered_tokens,
)
from simulation.invariants.violations import JsonObject, Violation
from simulation.scenarios.actions import UserActions
from simulation.scenarios.cancel_monitor import is_cancelled
from simulation.scenarios.ledger_snapshot import LedgerSnapshot
from simulation.world.transport import ServiceCall

# What render was told of an execution holds for so long.
EXECUTION_STATUS_LIFETIME = timedelta(seconds=6)


class TaskTokenMonitor:
    """`history`: since when each job stood how. `asked_at`: when each request was written.

    `questions`: whether an execution still runs; how a call ended stands in it only after its worker was told.
    """

    def __init__(self, snapshot: LedgerSnapshot, users: UserActions) -> None:
        self._snapshot, self._users = snapshot, users
        self._world = snapshot.world
        self._history: defaultdict[str, list[tuple[datetime, str]]] = defaultdict(list)
        self._requested_at: dict[tuple[str, str], datetime] = {}
        self._execution_checks: list[ServiceCall] = []

    def on_request_written(self, before: JsonObject | None, after: JsonObject) -> list[Violation]:
        """Who waits is written: with the jobs, and when he was answered."""
        self._requested_at.setdefault((after["source_id"], after["request_id"]), self._world.clock.time)
        return check_request_write(before, after)

    def on_job_written(self, before: JsonObject | None, after: JsonObject, call: ServiceCall) -> list[Violation]:
        """A job is written."""
        self._history[after["job_id"]].append((self._world.clock.time, after["status"]))
        was_cancelled = before is not None and (before["status"], after["status"]) == ("accepted", "cancelled")
        if (
            not was_cancelled
            or not call.worker_name.startswith(("render", "reconcile"))
            or any(
                is_cancelled(self._users, job)
                for job in self._world.list_jobs(after["key"])
                if job.job_id == after["job_id"]
            )
        ):
            return []
        return check_cancel_of_unpaid(
            after, is_execution_running=not self._had_all_stopped(after, self._world.clock.time)
        )

    def on_execution_check(self, call: ServiceCall) -> None:
        """A worker asks Step Functions whether an execution still runs."""
        self._execution_checks.append(call)

    def check_paid_call(self, call: ServiceCall) -> list[Violation]:
        """A paid call goes out. Who gets no answer takes an execution for running, as do those who ask soon after."""
        job, known_since = (
            self._snapshot.jobs.get(str(call.request["job"].job_id)),
            self._snapshot.find_start(call.worker_name) - EXECUTION_STATUS_LIFETIME,
        )
        if job is None or any(one.outcome and one.started_at >= known_since for one in self._execution_checks):
            return []
        return check_purchase_for_stopped(job, all_stopped=self._had_all_stopped(job, known_since))

    def check_response(self, call: ServiceCall) -> list[Violation]:
        """Step Functions took an answer."""
        token, started_at = call.request["taskToken"], self._snapshot.find_start(call.worker_name)
        requests = [one for one in self._snapshot.requests.values() if one["task_token"] == token]
        violations = [
            check_task_response(_parse_response(call), one, self._list_possible_statuses(one, started_at))
            for one in requests
        ]
        return (
            []
            if [] in violations
            else [violation for request_violations in violations[:1] for violation in request_violations]
        )

    def check_final_state(self) -> list[Violation]:
        """What must be true when nothing happens any more."""
        snapshot, states = self._snapshot, self._world.step_functions
        is_answered_by_token = {token: answer is not None for token, answer in states.responses.items()}
        return check_unanswered_tokens(
            is_answered_by_token, [*snapshot.requests.values()], snapshot.jobs, snapshot.list_excused_job_ids()
        )

    def _list_possible_statuses(self, request: JsonObject, started_at: datetime) -> dict[str, set[str]]:
        """How a request's jobs stood since its answerer had begun; what they were before it was asked is no answer."""
        since = max(started_at, self._requested_at[request["source_id"], request["request_id"]])
        return {job: self._list_statuses_since(job, since) for job in request["jobs"].values()}

    def _list_statuses_since(self, job_id: str, moment: datetime) -> set[str]:
        """How a job stood at a moment, and since."""
        history = self._history[job_id]
        before = [status for at, status in history if at <= moment][-1:]
        return {*before, *(status for at, status in history if at > moment)}

    def _had_all_stopped(self, job: JsonObject, moment: datetime) -> bool:
        """Whether all executions that wait for a job had stopped by then."""
        waiting = [one for one in self._snapshot.requests.values() if job["job_id"] in one["jobs"].values()]
        arns = [one["execution_arn"] for one in waiting if not one["answered_at"]]
        stopped_at = [self._users.stopped_at.get(arn) for arn in arns]
        return bool(stopped_at) and all(stop is not None and stop <= moment for stop in stopped_at)


def _parse_response(call: ServiceCall) -> SentTaskResponse:
    if "error" in call.request:
        return SentTaskResponse(call.request["error"], frozenset())
    return SentTaskResponse("", frozenset(str(job["job_id"]) for job in json.loads(call.request["output"])["jobs"]))
