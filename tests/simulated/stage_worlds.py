"""Helpers for the tests of the stages: jobs in every status, worlds with a photo, and the checks that always apply."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from backdrop.model import transitions
from backdrop.model.codes import Code
from backdrop.model.errors import ConflictError, ResultError
from backdrop.model.job import Job, JobStatus, PictureLink, Problem, Source
from backdrop.model.object_keys import photo_name_of
from backdrop.model.provider_result import ProviderResult, RetryClass
from backdrop.model.queue_messages import DeliverMessage
from backdrop.model.receipt import build_error_report, build_receipt
from backdrop.model.review import DecisionChannel, PictureReview, ReviewDecision
from backdrop.model.transitions import ClaimLimits
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import INPUT_BUCKET, World
from simulation.world.transport import ServiceCall, TargetedFault, crash_worker

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
LEASE = NOW + timedelta(minutes=6)
NO_DEADLINE = datetime.max.replace(tzinfo=UTC)
KEY = "shoes/red.jpg"
PRICE = 10_000
"""What `remove` costs at Ideogram, in micro-dollars."""
CAP = 10 * PRICE

OK = ProviderResult(RetryClass.OK, links=(PictureLink(url="https://results.invalid/1.png", seed=1),), charged=PRICE)
UNSAFE = ProviderResult(RetryClass.OK, Code.UNSAFE_RESULT, "withheld", (PictureLink(url=None),), PRICE)
LOST = ProviderResult(RetryClass.AMBIG, Code.CHARGE_UNKNOWN, "no answer came back")
FAILED = ProviderResult.failed("the work ended with an error")
REFUSED = ProviderResult(RetryClass.PERM, Code.UNSAFE_REQUEST, "the prompt is not safe")
REJECTED = ProviderResult(RetryClass.PERM, Code.REQUEST_REJECTED, "not valid")
THROTTLED = ProviderResult(RetryClass.QUOTA, Code.PROVIDER_THROTTLED, "too many")
BACKOFF = ProviderResult(RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE, "busy")
UNREACHED = ProviderResult(RetryClass.NOW, Code.PROVIDER_UNAVAILABLE, "not reached")
PAUSED = ProviderResult(RetryClass.PAUSE, Code.PROVIDER_KEY_REFUSED, "wrong key")
ANSWERS = {
    "ok": OK,
    "unsafe": UNSAFE,
    "lost": LOST,
    "failed": FAILED,
    "refused": REFUSED,
    "rejected": REJECTED,
    "throttled": THROTTLED,
    "backoff": BACKOFF,
    "unreached": UNREACHED,
    "paused": PAUSED,
}


def build_job(**changes: Any) -> Job:
    """Returns a job that was just accepted."""
    facts: dict[str, Any] = {
        "job_id": "j" * 64,
        "content_id": "c" * 64,
        "source_id": "s" * 64,
        "bucket": "photos",
        "key": KEY,
        "version_id": "v1",
        "sha256": "a" * 64,
        "variant": "",
        "operation": "remove",
        "provider": "ideogram",
        "purchase_spec": {"operation": "remove"},
        "instructions": {"operation": "remove"},
        "provenance": {"operation": "tags"},
        "quoted": PRICE,
        "queued_at": NOW,
    }
    return Job(**facts | changes)


def claim(job: Job, now: datetime = NOW, cap: int = CAP, *, probe: bool = False) -> transitions.Transition:
    """Claims a job as render does."""
    lease_until = now + (LEASE - NOW)
    return transitions.claim(job, now=now, lease_until=lease_until, price=PRICE, limits=ClaimLimits(cap), probe=probe)


def build_review(n: int = 1, **changes: Any) -> PictureReview:
    """Returns the review of a picture that has just begun to wait for a decision."""
    facts: dict[str, Any] = {
        "n": n,
        "key": f"_backdrop/review/{'j' * 64}/1_{n}.png",
        "sha256": f"{n:064x}",
        "fidelity": None,
        "waiting_since": NOW,
    }
    return PictureReview(**facts | changes)


def decide(
    job: Job, decision: ReviewDecision, n: int = 1, by: str = "ann", **fields: Any
) -> transitions.Transition | None:
    """Decides about a picture as the command does."""
    arguments: dict[str, Any] = {"by": by, "via": DecisionChannel.CLI, "now": NOW} | fields
    return transitions.decide(job, n, decision, **arguments)


def build_job_in_review(*reviews: PictureReview) -> Job:
    """Returns a paid job whose pictures wait for a decision; without `reviews`, one picture does."""
    return transitions.await_approval(job_in(JobStatus.PAID), reviews or (build_review(),)).job


def job_in(status: JobStatus) -> Job:
    """Returns a job that reached a status through transitions."""
    accepted = build_job()
    submitting = claim(accepted).job
    paid = transitions.record_result(submitting, 1, OK, NOW).job
    lost = transitions.record_result(submitting, 1, LOST, NOW).job
    superseded, cancelled = transitions.supersede(accepted, NOW), transitions.cancel(accepted, NOW)
    assert superseded
    assert cancelled
    reviewed = transitions.await_approval(paid, (build_review(),)).job
    rejected = decide(reviewed, ReviewDecision.REJECTED)
    assert rejected
    return {
        JobStatus.ACCEPTED: accepted,
        JobStatus.SUBMITTING: submitting,
        JobStatus.UNKNOWN: lost,
        JobStatus.PAID: paid,
        JobStatus.REVIEW: reviewed,
        JobStatus.STORED: transitions.store(paid, (), (), NOW).job,
        JobStatus.REJECTED: rejected.job,
        JobStatus.REFUSED: transitions.record_result(submitting, 1, REFUSED, NOW).job,
        JobStatus.DEAD: transitions.record_result(submitting, 1, REJECTED, NOW).job,
        JobStatus.HELD: transitions.hold(lost, NOW).job,
        JobStatus.SUPERSEDED: superseded.job,
        JobStatus.CANCELLED: cancelled.job,
    }[status]


def build_called_job(answer: ProviderResult) -> Job:
    """Returns a job whose first call had this result."""
    return transitions.record_result(job_in(JobStatus.SUBMITTING), 1, answer, NOW).job


def build_job_called_twice(answer: ProviderResult) -> Job:
    """Returns a job with a lost first answer and a second call with this result."""
    return transitions.record_result(claim(job_in(JobStatus.UNKNOWN)).job, 2, answer, NOW).job


def build_dead_paid_job() -> Job:
    """Returns a job that was paid for but whose picture could not be delivered."""
    return transitions.fail(job_in(JobStatus.PAID), ResultError(Code.LINK_EXPIRED, "expired"), NOW).job


def build_problem(code: Code = Code.PROVIDER_KEY_REFUSED) -> Problem:
    """Returns a reason why a job waits."""
    return Problem.from_error(ResultError(code, "waits"), NOW)


def world_with_photo(**setup: Any) -> World:
    """Returns a world into which a photo with a requested background removal was just uploaded."""
    world = World(**setup)
    world.upload_photo(KEY, build_photo(), operation="remove")
    return world


def find_only_job(world: World, key: str = KEY) -> Job:
    """Returns the photo's only job."""
    (job,) = world.list_jobs(key)
    return job


def deliver(world: World, source: Source | Job, job_id: str | None = None) -> None:
    """Runs deliver once with unlimited time. The worker stops if another worker writes first."""
    with suppress(ConflictError):
        world.deliver.deliver(DeliverMessage(source_id=source.source_id, job_id=job_id), NO_DEADLINE)


def replay_with_crashes(
    make: Callable[[], World], play: Callable[[World], None], within: timedelta = timedelta.max
) -> Iterator[tuple[ServiceCall, World]]:
    """Repeats the play once for each call that it makes, with a worker that crashes right after that call.

    `within`: how long after the start of the play a worker may crash. A play that waits for hours repeats the same runs
    of reconcile.
    """
    for nth in count(1):
        world = make()
        start = world.clock.time
        fault = TargetedFault(crash_worker, nth=nth, matches=lambda call, start=start: call.started_at - start < within)
        world.transport.faults_after.append(fault)
        play(world)
        if not fault.hit_count:
            return
        yield fault.struck_calls[0], world


def assert_budgets(world: World, billed: int | None = None) -> None:
    """Asserts that each day's and each mandate's totals match their attempts, and that the bill is between the certain
    and the possible cost.

    `billed`: what providers outside the world charged, in micro-dollars, or None if all are simulated.
    """
    days: defaultdict[str, dict[str, int]] = defaultdict(lambda: {"reserved": 0, "confirmed": 0, "unknown": 0})
    for attempt in (attempt for job in world.list_jobs() for attempt in job.attempts):
        days[attempt.budget_day]["reserved"] += attempt.reserved
        days[attempt.budget_day]["confirmed"] += attempt.charged
        days[attempt.budget_day]["unknown"] += attempt.unknown
    for day, sums in days.items():
        assert world.read_budget(day) == sums | {"committed": sum(sums.values())}
    for account in world.list_mandates():
        attempts = [one for job in world.list_jobs() for one in job.attempts if one.mandate == account.mandate.name]
        sums = {"reserved": account.reserved, "confirmed": account.confirmed, "unknown": account.unknown}
        assert sums == {
            "reserved": sum(attempt.reserved for attempt in attempts),
            "confirmed": sum(attempt.charged for attempt in attempts),
            "unknown": sum(attempt.unknown for attempt in attempts),
        }
    certain = sum(job.charged for job in world.list_jobs())
    open_ended = sum(sums["unknown"] + sums["reserved"] for sums in days.values())
    if billed is None:
        billed = sum(provider.charged_micro_usd for provider in world.providers.values())
    assert certain <= billed <= certain + open_ended


def assert_at_rest(world: World, billed: int | None = None) -> None:
    """Asserts that nothing is in progress: ledger, budgets, receipts, and reports agree, and every picture exists."""
    assert_budgets(world, billed)
    assert not [job.status for job in world.list_jobs() if not job.has_ended]
    for key in {job.key for job in world.list_jobs()}:
        source = world.read_source(key)
        assert source
        name = photo_name_of(source.bucket, key, INPUT_BUCKET)
        assert world.read_receipt(name) == build_receipt(source, world.list_jobs(key))
        assert world.read_report(name) == build_error_report(source, world.list_jobs(key))
    for job in world.list_jobs():
        for result in job.results:
            assert result.key in world.read_pictures()


def record_sent_photos(world: World, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Returns a list to which each photo is added that the provider receives from now on."""
    sent: list[bytes] = []
    prepare = world.provider.prepare

    def record_sent(job: Job, photo: bytes, references: Sequence[bytes] = ()) -> Any:
        sent.append(photo)
        return prepare(job, photo, references)

    monkeypatch.setattr(world.provider, "prepare", record_sent)
    return sent
