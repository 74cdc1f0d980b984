"""Retries: when a picture whose product differs is bought again, and which of a job's attempts is delivered.

Everything here is pure. `model/transitions` writes what it decides, and deliver measures the verdicts.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from backdrop.model.capabilities import CAPABILITIES, IntRange
from backdrop.model.fidelity import Fidelity, FidelityVerdict, count_retries, find_min_score, judge_score
from backdrop.model.job import Attempt, AttemptOutcome, Job, JobStatus, JudgedAttempt, MoneyStatus
from backdrop.model.job_warning import JobWarning, WarningCode
from backdrop.model.pricing import to_micro_usd
from backdrop.model.sentence import Sentence

SEED_FIELD = "seed"
UNJUDGED_SCORE = -1.0


def needs_verdicts(job: Job) -> bool:
    """Whether a job is paid, and the verdicts on its pictures decide what is delivered, so that they come first.

    A job that reuses another job's file has bought nothing, and so buys nothing again; nor does one that was delivered,
    or that people decided about, before.
    """
    may_retry = count_retries(job.instructions) > 0 and job.operation == "replace"
    is_first_attempt = may_retry and not (job.judged_attempts or job.stored_at or job.reused_from or job.reviews)
    return job.status is JobStatus.PAID and (job.is_retrying or is_first_attempt)


def should_retry(job: Job, fidelities: Sequence[Fidelity | None], *, is_current: bool) -> bool:
    """Whether the job, whose pictures have these verdicts, is bought again.

    `fidelities`: None for a picture whose file cannot be used. `is_current`: whether the photo still names the job. A
    call in flight may still return a picture, so no other call is sent until then.
    """
    if not is_current or job.end_after_call or job.reused_from or job.stored_at or job.reviews:
        return False
    if any(attempt.outcome is AttemptOutcome.IN_FLIGHT for attempt in job.attempts):
        return False
    has_retries_left = len(job.judged_attempts) < count_retries(job.instructions)
    return has_retries_left and has_only_changed_products(job, fidelities) and _fits_max_cost(job)


def should_keep_retrying(job: Job) -> bool:
    """Whether an unsent retry is still due, after the instructions of the job have changed."""
    *earlier, last = job.judged_attempts
    return should_retry(replace(job, judged_attempts=tuple(earlier)), last.fidelities, is_current=True)


def explain_retry_end(job: Job) -> str:
    """Says why an unsent retry is no longer due, after the instructions of the job have changed."""
    *earlier, last = job.judged_attempts
    if is_stopped_by_max_cost(replace(job, judged_attempts=tuple(earlier)), last.fidelities, is_current=True):
        return "another call does not fit within max_cost_usd"
    return "the instructions no longer ask for it"


def is_stopped_by_max_cost(job: Job, fidelities: Sequence[Fidelity | None], *, is_current: bool) -> bool:
    """Whether the job would be bought again if its price had no limit."""
    unlimited = {name: value for name, value in job.instructions.items() if name != "max_cost_usd"}
    return should_retry(replace(job, instructions=unlimited), fidelities, is_current=is_current) and not should_retry(
        job, fidelities, is_current=is_current
    )


def with_fewer_retries(job: Job, affordable: int) -> Job:
    """Returns the job with the warning that its price limit leaves room for only so many retries."""
    number = f"only {affordable} of {count_retries(job.instructions)} retries" if affordable else "no retry"
    text = f"{number} can be bought within max_cost_usd"
    others = tuple(one for one in job.warnings if one.code is not WarningCode.FEWER_RETRIES)
    return replace(job, warnings=(*others, JobWarning(code=WarningCode.FEWER_RETRIES, text=Sentence(text))))


def has_only_changed_products(job: Job, fidelities: Sequence[Fidelity | None]) -> bool:
    """Whether at least one picture's product differs, none is the same, and none could not be compared.

    The scores count, not the verdicts, because the required score may have changed since.
    """
    scores = [fidelity.score for fidelity in fidelities if fidelity]
    min_score = find_min_score(job.instructions)
    return bool(scores) and all(
        score is not None and judge_score(score, min_score) is FidelityVerdict.CHANGED for score in scores
    )


def _fits_max_cost(job: Job) -> bool:
    """Whether the price of another call fits below the limit, with everything that was, or may have been, charged."""
    limit = job.instructions.get("max_cost_usd")
    total = job.charged + job.unknown + job.quoted + job.mask_quoted
    return limit is None or total <= to_micro_usd(Decimal(str(limit)))


def build_call_spec(job: Job) -> dict[str, Any]:
    """Returns the fields of the purchase that the job's next or current call sends.

    If they name a seed, a retry sends the next one in the provider's range, because the same seed would bring the same
    picture. Every send of the same retry has the same seed.
    """
    retry_no, seed = len(job.judged_attempts), job.purchase_spec.get(SEED_FIELD)
    field = CAPABILITIES[job.provider, job.operation].get(SEED_FIELD)
    if not retry_no or seed is None or field is None or not isinstance(field.accepted, IntRange):
        return job.purchase_spec
    return {**job.purchase_spec, SEED_FIELD: field.accepted.shift(seed, retry_no)}


def find_best_attempt(judged_attempts: Sequence[JudgedAttempt]) -> JudgedAttempt:
    """Returns the attempt with the best picture: the highest score, and the earlier one of several."""
    return max(judged_attempts, key=_find_best_score)


def _find_best_score(judged: JudgedAttempt) -> float:
    """Returns the highest score of the attempt's pictures, below any score if none was compared."""
    scores = (one.score for one in judged.fidelities if one and one.score is not None)
    return max(scores, default=UNJUDGED_SCORE)


def describe_retries(judged_attempts: Sequence[JudgedAttempt], attempts: Iterable[Attempt], failure: str = "") -> str:
    """Says how often a picture was bought because its product differed, and which attempt is the best.

    A person may still reject it, so this does not say that it is delivered. `attempts`: all calls of the job; those
    without an answer may have been charged. `failure`: why another try brought no picture.
    """
    times, unknown_count = len(judged_attempts), sum(attempt.money is MoneyStatus.UNKNOWN for attempt in attempts)
    bought = f", so the picture was bought {times} times" if times > 1 else ""
    failed = f"; buying it again brought no picture: {failure.rstrip('.')}" if failure else ""
    calls = "1 call" if unknown_count == 1 else f"{unknown_count} calls"
    unknown = f"; {calls} without an answer may have been charged, too" if unknown_count else ""
    best = find_best_attempt(judged_attempts).attempt_no
    return f"the product differed{bought}{failed}{unknown}; attempt {best} is the best"
