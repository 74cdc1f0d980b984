"""The promise about task tokens: each is answered once, after all jobs of its request have ended, and truthfully."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from simulation.invariants.job_ends import END_STATUSES
from simulation.invariants.violations import Invariant, JsonObject, Violation


@dataclass(frozen=True)
class SentTaskResponse:
    """What a task was answered: success, or the code of its failure; `jobs`: those that the answer tells of."""

    error_code: str
    job_ids: frozenset[str]


def check_task_response(
    response: SentTaskResponse, request: JsonObject, possible_statuses: Mapping[str, Collection[str]]
) -> list[Violation]:
    """An answer as Step Functions takes it. `could_be`: how jobs stood since it and who answers began."""
    key: str = request["key"]
    request_job_ids: set[str] = set(request["jobs"].values())
    unfinished_job_ids = [job for job in request_job_ids if not END_STATUSES & {*possible_statuses[job]}]
    violations = [
        Violation(
            Invariant.TASK_TOKENS_ANSWERED_ONCE,
            f"{key}: answered while {len(unfinished_job_ids)} of its jobs are under way",
        )
    ] * bool(unfinished_job_ids)
    may_succeed = not request["problems"] and all("stored" in possible_statuses[job] for job in request_job_ids)
    may_fail = bool(request["problems"]) or any(
        {*possible_statuses[job]} & (END_STATUSES - {"stored"}) for job in request_job_ids
    )
    if not (may_fail if response.error_code else may_succeed):
        violations.append(
            Violation(
                Invariant.TASK_TOKENS_ANSWERED_ONCE, f"{key}: told {response.error_code or 'success'}, and it is not so"
            )
        )
    if not response.error_code and {*response.job_ids} != request_job_ids:
        violations.append(
            Violation(
                Invariant.TASK_TOKENS_ANSWERED_ONCE,
                f"{key}: told of {len(response.job_ids)} jobs, and it has {len(request_job_ids)}",
            )
        )
    codes = {str(problem["code"]) for problem in request["problems"]}
    if response.error_code and codes and response.error_code not in codes:
        violations.append(
            Violation(
                Invariant.TASK_TOKENS_ANSWERED_ONCE,
                f"{key}: told {response.error_code}, and it was refused for {', '.join(sorted(codes))}",
            )
        )
    return violations


def check_request_write(before: JsonObject | None, after: JsonObject) -> list[Violation]:
    """Who waits is written; what he was answered stands, and takes the place of an answer that was not taken."""
    is_correction = before and before["outcome"] == "undeliverable" and after["outcome"] != "undeliverable"
    if before and before["answered_at"] and not is_correction:
        return [
            Violation(
                Invariant.TASK_TOKENS_ANSWERED_ONCE,
                f"{after['key']}: answered again, {before['outcome']} and {after['outcome']}",
            )
        ]
    return []


def check_unanswered_tokens(
    is_answered_by_token: Mapping[str, bool],
    requests: Sequence[JsonObject],
    jobs: Mapping[str, JsonObject],
    excused_job_ids: Collection[str],
) -> list[Violation]:
    """Whoever waits has heard. `tokens`: whether each that was handed out was answered. Holds at rest."""
    by_token: dict[str, list[JsonObject]] = {}
    for request in requests:
        by_token.setdefault(request["task_token"], []).append(request)
    violations: list[Violation] = []
    for token, is_answered in is_answered_by_token.items():
        known_requests = by_token.get(token, [])
        is_waiting = any(job in excused_job_ids for one in known_requests for job in one["jobs"].values())
        if not is_answered and not (known_requests and is_waiting):
            violations.append(
                Violation(
                    Invariant.TASK_TOKENS_ANSWERED_ONCE,
                    f"{token} was never answered, and the ledger knows {len(known_requests)} of it",
                )
            )
    return violations + _check_answered_marks(requests, jobs)


def _check_answered_marks(requests: Iterable[JsonObject], jobs: Mapping[str, JsonObject]) -> list[Violation]:
    """A request whose jobs have ended stands there as answered."""
    keys = [
        one["key"]
        for one in requests
        if not one["answered_at"] and all(jobs[job]["status"] in END_STATUSES for job in one["jobs"].values())
    ]
    return [
        Violation(
            Invariant.TASK_TOKENS_ANSWERED_ONCE, f"{key}: a request that came to its end is not marked as answered"
        )
        for key in keys
    ]


def check_purchase_for_stopped(job: JsonObject, *, all_stopped: bool) -> list[Violation]:
    """A paid call goes out. `stopped`: whether all executions that wanted the job had stopped when its worker began."""
    if job["is_execution_scoped"] and all_stopped:
        return [
            Violation(
                Invariant.TASK_TOKENS_ANSWERED_ONCE,
                f"{job['key']}: bought, and only executions that were stopped had wanted it",
            )
        ]
    return []


def check_cancel_of_unpaid(job: JsonObject, *, is_execution_running: bool) -> list[Violation]:
    """Render or reconcile ends a job unpaid. `running`: whether an execution that wants it runs still."""
    if not job["is_execution_scoped"] or is_execution_running:
        return [
            Violation(Invariant.TASK_TOKENS_ANSWERED_ONCE, f"{job['key']}: called off, and somebody wants it still")
        ]
    return []
