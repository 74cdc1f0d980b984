"""The invariant about task tokens: each is answered once, truthfully, after all jobs of its request have ended.

An item of a campaign does not wait for people: it is answered when its pictures wait for approval. Masks deliver no
picture, so they do not decide about success.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from simulation.invariants.job_ends import END_STATUSES, REST_STATUSES
from simulation.invariants.violations import MASK_VARIANT, Invariant, JsonObject, Violation


@dataclass(frozen=True)
class SentTaskResponse:
    """The answer to a task: success, or the code of its failure (`error_code`), and the jobs that it names."""

    error_code: str
    job_ids: frozenset[str]


def check_task_response(
    response: SentTaskResponse, request: JsonObject, possible_statuses: Mapping[str, Collection[str]]
) -> list[Violation]:
    """Checks an answer that Step Functions accepted.

    `possible_statuses`: the statuses that each job has had since its worker started.
    """
    key: str = request["key"]
    request_job_ids: set[str] = set(request["jobs"].values())
    done_statuses = _list_done_statuses(request)
    unfinished_job_ids = [job for job in request_job_ids if not done_statuses & {*possible_statuses[job]}]
    violations = [
        Violation(
            Invariant.TASK_TOKENS_ANSWERED_ONCE,
            f"{key}: answered while {len(unfinished_job_ids)} of its jobs are under way",
        )
    ] * bool(unfinished_job_ids)
    picture_statuses = [{*possible_statuses[job]} for name, job in request["jobs"].items() if name != MASK_VARIANT]
    good_statuses = done_statuses - END_STATUSES | {"stored"}
    may_succeed = not request["problems"] and all(statuses & good_statuses for statuses in picture_statuses)
    may_fail = bool(request["problems"]) or any(statuses & (END_STATUSES - {"stored"}) for statuses in picture_statuses)
    if not (may_fail if response.error_code else may_succeed):
        violations.append(
            Violation(
                Invariant.TASK_TOKENS_ANSWERED_ONCE,
                f"{key}: answered with {response.error_code or 'success'}, which is wrong",
            )
        )
    if not response.error_code and {*response.job_ids} != request_job_ids:
        violations.append(
            Violation(
                Invariant.TASK_TOKENS_ANSWERED_ONCE,
                f"{key}: the answer names {len(response.job_ids)} jobs, but the request has {len(request_job_ids)}",
            )
        )
    codes = {str(problem["code"]) for problem in request["problems"]}
    if response.error_code and codes and response.error_code not in codes:
        violations.append(
            Violation(
                Invariant.TASK_TOKENS_ANSWERED_ONCE,
                f"{key}: answered with {response.error_code}, but refused for {', '.join(sorted(codes))}",
            )
        )
    return violations


def _list_done_statuses(request: JsonObject) -> frozenset[str]:
    """Returns the statuses of a job in which its request can be answered."""
    return REST_STATUSES if request["campaign"] else END_STATUSES


def check_request_write(before: JsonObject | None, after: JsonObject) -> list[Violation]:
    """Checks that a recorded answer does not change, unless it replaces one that could not be delivered."""
    is_correction = before and before["outcome"] == "undeliverable" and after["outcome"] != "undeliverable"
    if before and before["answered_at"] and not is_correction:
        return [
            Violation(
                Invariant.TASK_TOKENS_ANSWERED_ONCE,
                f"{after['key']}: answered twice, {before['outcome']} and {after['outcome']}",
            )
        ]
    return []


def check_unanswered_tokens(
    is_answered_by_token: Mapping[str, bool],
    requests: Sequence[JsonObject],
    jobs: Mapping[str, JsonObject],
    excused_job_ids: Collection[str],
) -> list[Violation]:
    """Checks that every token is answered, unless its request waits for a person or an excused job. Holds at rest."""
    by_token: dict[str, list[JsonObject]] = {}
    for request in requests:
        by_token.setdefault(request["task_token"], []).append(request)
    violations: list[Violation] = []
    for token, is_answered in is_answered_by_token.items():
        known_requests = by_token.get(token, [])
        is_waiting = any(
            job in excused_job_ids or jobs[job]["status"] in REST_STATUSES - _list_done_statuses(request)
            for request in known_requests
            for job in request["jobs"].values()
        )
        if not is_answered and not (known_requests and is_waiting):
            violations.append(
                Violation(
                    Invariant.TASK_TOKENS_ANSWERED_ONCE,
                    f"{token} was never answered, and {len(known_requests)} requests in the ledger have it",
                )
            )
    return violations + _check_answered_marks(requests, jobs)


def _check_answered_marks(requests: Iterable[JsonObject], jobs: Mapping[str, JsonObject]) -> list[Violation]:
    keys = [
        request["key"]
        for request in requests
        if not request["answered_at"]
        and all(jobs[job]["status"] in _list_done_statuses(request) for job in request["jobs"].values())
    ]
    return [
        Violation(
            Invariant.TASK_TOKENS_ANSWERED_ONCE,
            f"{key}: all jobs of the request have ended, but it is not marked as answered",
        )
        for key in keys
    ]


def check_purchase_for_stopped(job: JsonObject, *, all_stopped: bool) -> list[Violation]:
    """Checks a paid call. `all_stopped`: all executions that requested the job had stopped when its worker started."""
    if job["is_execution_scoped"] and all_stopped:
        return [
            Violation(
                Invariant.TASK_TOKENS_ANSWERED_ONCE,
                f"{job['key']}: bought, but all executions that requested it had stopped",
            )
        ]
    return []


def check_cancel_of_unpaid(job: JsonObject, *, is_execution_running: bool) -> list[Violation]:
    """Checks the cancellation of an unpaid job by render or reconcile.

    `is_execution_running`: an execution that requested the job is still running.
    """
    if not job["is_execution_scoped"] or is_execution_running:
        return [Violation(Invariant.TASK_TOKENS_ANSWERED_ONCE, f"{job['key']}: canceled, but still requested")]
    return []
