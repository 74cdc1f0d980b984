"""Checks the answers to task tokens: what was answered, when, and which statuses the jobs had."""

import json
from datetime import datetime, timedelta

from simulation.invariants.task_tokens import (
    SentTaskResponse,
    check_cancel_of_unpaid,
    check_purchase_for_stopped,
    check_request_write,
    check_task_response,
    check_unanswered_tokens,
)
from simulation.invariants.violations import MASK_VARIANT, JsonObject, Violation
from simulation.scenarios.actions import UserActions
from simulation.scenarios.cancel_monitor import is_cancelled
from simulation.scenarios.ledger_snapshot import LedgerSnapshot
from simulation.world.transport import ServiceCall

# Render caches the status of an execution for this long.
EXECUTION_STATUS_LIFETIME = timedelta(seconds=6)


class TaskTokenMonitor:
    """`_requested_at`: when each request was written.

    `_execution_checks`: the calls that request an execution's status. A call has an outcome only after its worker got
    it.
    """

    def __init__(self, snapshot: LedgerSnapshot, users: UserActions) -> None:
        self._snapshot, self._users = snapshot, users
        self._world = snapshot.world
        self._requested_at: dict[tuple[str, str], datetime] = {}
        self._execution_checks: list[ServiceCall] = []

    def on_request_written(self, before: JsonObject | None, after: JsonObject) -> list[Violation]:
        """Checks the write of a request, with its jobs and its answer."""
        self._requested_at.setdefault((after["source_id"], after["request_id"]), self._world.clock.time)
        return check_request_write(before, after)

    def on_job_written(self, before: JsonObject | None, after: JsonObject, call: ServiceCall) -> list[Violation]:
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
        """Records that a worker asks Step Functions whether an execution is still running."""
        self._execution_checks.append(call)

    def check_paid_call(self, call: ServiceCall) -> list[Violation]:
        """Checks a paid call.

        A worker that gets no status treats the execution as running, and so do workers that need the status soon after.
        """
        job, known_since = (
            self._snapshot.jobs.get(str(call.request["job"].job_id)),
            self._snapshot.find_start(call.worker_name) - EXECUTION_STATUS_LIFETIME,
        )
        if job is None or any(check.outcome and check.started_at >= known_since for check in self._execution_checks):
            return []
        return check_purchase_for_stopped(job, all_stopped=self._had_all_stopped(job, known_since))

    def check_response(self, call: ServiceCall) -> list[Violation]:
        """Checks an answer that Step Functions accepted."""
        token, started_at = call.request["taskToken"], self._snapshot.find_start(call.worker_name)
        requests = [request for request in self._snapshot.requests.values() if request["task_token"] == token]
        violations = [
            check_task_response(_parse_response(call), request, self._list_possible_statuses(request, started_at))
            for request in requests
        ]
        return (
            []
            if [] in violations
            else [violation for request_violations in violations[:1] for violation in request_violations]
        )

    def check_final_state(self) -> list[Violation]:
        snapshot, states = self._snapshot, self._world.step_functions
        is_answered_by_token = {token: response is not None for token, response in states.responses.items()}
        return check_unanswered_tokens(
            is_answered_by_token, [*snapshot.requests.values()], snapshot.jobs, snapshot.list_excused_job_ids()
        )

    def _list_possible_statuses(self, request: JsonObject, started_at: datetime) -> dict[str, set[str]]:
        """Returns the statuses of the request's jobs since the answering worker started, but not before the request."""
        since = max(started_at, self._requested_at[request["source_id"], request["request_id"]])
        versions = {job_id: self._snapshot.list_job_versions(job_id, since) for job_id in request["jobs"].values()}
        return {job_id: {_find_status(job, request) for job in jobs} for job_id, jobs in versions.items()}

    def _had_all_stopped(self, job: JsonObject, moment: datetime) -> bool:
        """Whether all executions that wait for the job had stopped by then."""
        requests = [
            request for request in self._snapshot.requests.values() if job["job_id"] in request["jobs"].values()
        ]
        arns = [request["execution_arn"] for request in requests if not request["answered_at"]]
        stopped_at = [self._users.stopped_at.get(arn) for arn in arns]
        return bool(stopped_at) and all(stop is not None and stop <= moment for stop in stopped_at)


def _find_status(job: JsonObject, request: JsonObject) -> str:
    """Returns a job's status as its request sees it: a picture that was stored only as a mask was not delivered."""
    is_mask = job["variant"] == MASK_VARIANT and job["job_id"] != request["jobs"].get(MASK_VARIANT)
    return "superseded" if is_mask and job["status"] == "stored" else job["status"]


def _parse_response(call: ServiceCall) -> SentTaskResponse:
    if "error" in call.request:
        return SentTaskResponse(call.request["error"], frozenset())
    return SentTaskResponse("", frozenset(str(job["job_id"]) for job in json.loads(call.request["output"])["jobs"]))
