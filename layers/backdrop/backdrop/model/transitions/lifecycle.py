"""The transitions that call no provider: a job starts, restarts, or ends."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from backdrop.model.circuit import CancelMark
from backdrop.model.codes import Code
from backdrop.model.error_catalog import ERROR_CATALOG
from backdrop.model.errors import BackdropError, ConflictError
from backdrop.model.fidelity import SUBJECT_FIELD, Fidelity, buys_mask, requests_own_pixels
from backdrop.model.ids import derive_content_id
from backdrop.model.job import (
    ANNOUNCED_STATUSES,
    FAILED_STATUSES,
    IN_FLIGHT_STATUSES,
    Attempt,
    AttemptOutcome,
    ContentOwner,
    ImageStep,
    Job,
    JobStatus,
    JudgedAttempt,
    Problem,
    StoredPicture,
)
from backdrop.model.job_warning import JobWarning, WarningCode
from backdrop.model.mandate import MandateAccount
from backdrop.model.output_spec import parse_outputs
from backdrop.model.place_leases import PlaceLeases
from backdrop.model.retries import describe_retries, explain_retry_end, find_best_attempt, should_keep_retrying
from backdrop.model.review import APPROVAL_FIELD, PictureReview, list_current_reviews
from backdrop.model.sentence import Sentence

MAX_FAILOVER_WARNINGS = 5
# End statuses in which the owner of some content has no file to share.
ENDS_WITHOUT_FILE = FAILED_STATUSES | {JobStatus.SUPERSEDED, JobStatus.CANCELLED}
_RETRY_END_REASONS = {
    JobStatus.SUPERSEDED: "the photo's instructions no longer name the job",
    JobStatus.CANCELLED: "the job was canceled, or the photo was deleted",
}
# Warnings about one delivery; the next delivery replaces them with its own.
DELIVERY_WARNINGS = frozenset(
    {
        WarningCode.CERTIFICATE_FAILED,
        WarningCode.CREDENTIALS_LEFT_OUT,
        WarningCode.ENLARGED,
        WarningCode.OVER_MAX_BYTES,
        WarningCode.FRAME_PADDED,
        WarningCode.MASK_UNAVAILABLE,
        WarningCode.PHOTO_GONE,
        WarningCode.PICTURE_REJECTED,
        WarningCode.PRODUCT_CHANGED,
        WarningCode.SAME_OUTPUTS,
        WarningCode.SCENE_ENLARGED,
        WarningCode.SMALLER_RESULT,
        WarningCode.STRAY_PARTS,
        WarningCode.SUBJECT_MOVED,
        WarningCode.TRANSLUCENT_SUBJECT,
        WarningCode.TRANSPARENT_RESULT,
        Code.OUTPUT_NOT_MADE,
        Code.RESULT_SHOWS_NOTHING,
        Code.NAME_TAKEN,
    }
)


@dataclass(frozen=True)
class ClaimLimits:
    """What the write of a claim checks.

    `cap`: the day's budget in micro-dollars. `account`: the mandate that pays, as the worker knows it.
    `registry_version`: the version of the mandates' registry in which the worker looked for it. `share`: the share of
    the day's budget that pays; None for the day's own item.
    """

    cap: int
    account: MandateAccount | None = None
    registry_version: int = 0
    share: int | None = None


@dataclass(frozen=True)
class BudgetChange:
    """One transition's change to a day's budget, and to the mandate that pays, in micro-dollars.

    `provider` is the one that charges. `is_lost`: no response states the cost of the call. `claim`: set where the write
    must fail if the limits do not allow it. `share`: the share of the day's budget; None for the day's own item.
    """

    day: str
    provider: str
    mandate: str | None = None
    reserved: int = 0
    confirmed: int = 0
    unknown: int = 0
    is_lost: bool = False
    claim: ClaimLimits | None = None
    share: int | None = None

    @classmethod
    def of_attempt(
        cls, attempt: Attempt, *, reserved: int = 0, confirmed: int = 0, unknown: int = 0, is_lost: bool = False
    ) -> "BudgetChange":
        """Returns a change that concerns the day, its share, the provider, and the mandate of an attempt."""
        return cls(
            attempt.budget_day,
            attempt.provider,
            attempt.mandate,
            reserved,
            confirmed,
            unknown,
            is_lost,
            share=attempt.budget_share,
        )

    @property
    def total(self) -> int:
        return self.reserved + self.confirmed + self.unknown

    @property
    def is_overcharged(self) -> bool:
        """Whether it adds an amount that no claim reserved, so that limits may be exceeded.

        A provider charges more than its price list says. Or an answer or its usage records show a charge, or a possible
        one, after the reservation was released.
        """
        return self.claim is None and self.total > 0


@dataclass(frozen=True)
class Transition:
    """The job after the transition, and the changes that are written with it in one transaction.

    `content_owner`: the job becomes the owner of this content. `expected_owner` is the content's owner before the
    transition; None if it must have none. `waits_for`: the job starts to wait for this owner's file. `places`: those of
    its lane with the lease of its call.
    """

    job: Job
    budget_change: BudgetChange | None = None
    content_owner: ContentOwner | None = None
    expected_owner: ContentOwner | None = None
    waits_for: ContentOwner | None = None
    places: PlaceLeases | None = None

    @property
    def may_charge_twice(self) -> bool:
        """Whether it settles a call as (possibly) charged, although another call of the same charge already is."""
        budget_change = self.budget_change
        if budget_change is None or budget_change.reserved >= 0 or budget_change.confirmed + budget_change.unknown <= 0:
            return False
        calls = (attempt for attempt in self.job.attempts if attempt.charge_no == self.job.charge_no)
        return sum(bool(call.charged or call.unknown) for call in calls) > 1


def require_status(job: Job, *allowed: JobStatus) -> None:
    """Raises ConflictError if the job's status does not allow the transition; the caller reads the job again."""
    if job.status not in allowed:
        raise ConflictError


def end_job(job: Job, status: JobStatus, problem: Problem, now: datetime) -> Job:
    """Returns the job refused, dead, or held because of a problem. A retry ends with an earlier attempt's pictures."""
    if job.is_retrying:
        return end_retry(job, str(problem.message), now)
    return replace(
        job, status=status, problem=problem, has_report=True, ended_at=now, processing_until=None, image_steps=()
    )


def end_unneeded_job(job: Job, status: JobStatus, now: datetime) -> Job:
    """Returns the job superseded or canceled, unpaid. A retry ends with an earlier attempt's pictures instead."""
    if job.is_retrying:
        return end_retry(job, _RETRY_END_REASONS[status], now)
    return replace(job, status=status, problem=None, ended_at=now, processing_until=None)


def end_retry(job: Job, reason: str, now: datetime) -> Job:
    """Returns the job paid with its best attempt, because buying the picture again brought none."""
    return replace(
        _choose_best(job, job.judged_attempts, reason),
        status=JobStatus.PAID,
        problem=None,
        last_sent_at=now,
        end_after_call=None,
        processing_until=None,
        crash_count=0,
    )


def _choose_best(job: Job, judged_attempts: tuple[JudgedAttempt, ...], failure: str = "") -> Job:
    best, text = find_best_attempt(judged_attempts), describe_retries(judged_attempts, job.attempts, failure)
    return replace(
        job,
        judged_attempts=judged_attempts,
        links=best.links,
        paid_attempt_no=best.attempt_no,
        image_steps=(),
        warnings=(*job.warnings, JobWarning(code=WarningCode.RETRIED, text=Sentence(text))),
    )


def replace_attempt(job: Job, updated: Attempt) -> Job:
    attempts = tuple(updated if attempt.n == updated.n else attempt for attempt in job.attempts)
    return replace(job, attempts=attempts)


# -- into work -----------------------------------------------------------------------------------------------------


def accept(job: Job) -> Transition:
    """Starts a new job, which owns the content that it will buy."""
    return Transition(job, content_owner=build_content_owner(job))


def build_content_owner(job: Job) -> ContentOwner:
    """Returns the owner of the job's content: the job as of its next write."""
    return ContentOwner(
        content_id=job.content_id, source_id=job.source_id, job_id=job.job_id, lock_version=job.lock_version + 1
    )


def reopen(job: Job, planned: Job, now: datetime) -> Transition | None:
    """The photo names the job again: a job that ended unpaid runs again, as now planned. None if nothing changes."""
    if transition := restart(job, planned, now):
        return transition
    return (
        Transition(replace(job, end_after_call=None, requested_at=planned.requested_at)) if job.end_after_call else None
    )


def restart(job: Job, planned: Job, now: datetime) -> Transition | None:
    """superseded, cancelled, or failed (not spent) → accepted. None for a job with a file or a possible charge."""
    if job.status not in ENDS_WITHOUT_FILE or job.may_be_charged or job.has_kept_file:
        return None
    renewed = replace(
        job,
        provider=planned.provider,
        version_id=planned.version_id,
        canvas=planned.canvas,
        mandate=planned.mandate,
        content_id=planned.content_id,
        warnings=planned.warnings,
        is_execution_scoped=planned.is_execution_scoped,
        charge_no=_next_charge_no(job),
        requested_at=planned.requested_at,
    )
    return _reset_to_accepted(renewed, now)


def pay_again(job: Job, now: datetime) -> Transition:
    """held, dead, refused (spent or unknown) → accepted: an operator allows another charge."""
    require_status(job, *FAILED_STATUSES)
    renewed = replace(
        job,
        charge_no=job.charge_no + 1,
        links=(),
        paid_attempt_no=0,
        judged_attempts=(),
        is_execution_scoped=False,
        requested_at=now,
    )
    return _reset_to_accepted(renewed, now)


def retry_picture(job: Job, fidelities: tuple[Fidelity | None, ...], last_sent_at: datetime) -> Transition:
    """paid → accepted: the product in every picture differs, so the job is bought again from the same provider.

    The job remains the owner of its content, and the write fails if it is not. It keeps the time of its request, so
    that a cancellation since then applies to the retry. `last_sent_at`: the time that counts as the send time of the
    job's message.
    """
    require_status(job, JobStatus.PAID)
    if job.end_after_call:
        raise ConflictError
    return accept(
        replace(
            job,
            status=JobStatus.ACCEPTED,
            charge_no=job.charge_no + 1,
            judged_attempts=_add_judged(job, fidelities),
            links=(),
            paid_attempt_no=0,
            image_steps=(),
            problem=None,
            last_sent_at=last_sent_at,
            processing_until=None,
            crash_count=0,
            throttled_ms=0,
        )
    )


def choose_attempt(job: Job, fidelities: tuple[Fidelity | None, ...]) -> Transition:
    """paid: no retry follows this attempt, so the best one is delivered."""
    require_status(job, JobStatus.PAID)
    return Transition(_choose_best(job, _add_judged(job, fidelities)))


def _add_judged(job: Job, fidelities: tuple[Fidelity | None, ...]) -> tuple[JudgedAttempt, ...]:
    """Adds the current attempt. Keeps only as many links as pictures were requested, because items are limited."""
    links = job.links[: int(job.instructions.get("num_images", 1))]
    usable_count = sum(link.is_usable for link in links)
    judged = JudgedAttempt(attempt_no=job.paid_attempt_no, links=links, fidelities=fidelities[:usable_count])
    return (*job.judged_attempts, judged)


def _reset_to_accepted(job: Job, now: datetime) -> Transition:
    return accept(
        replace(
            job,
            status=JobStatus.ACCEPTED,
            problem=None,
            queued_at=now,
            last_sent_at=now,
            ended_at=None,
            announced=False,
            end_after_call=None,
            processing_until=None,
            crash_count=0,
            throttled_ms=0,
            waits_for=None,
            reused_from=None,
            reviews=(),
        )
    )


def _next_charge_no(job: Job) -> int:
    """The charge of a call that the provider rejected is settled, so the next call counts as another charge."""
    last = job.find_attempt(job.attempt_no)
    return job.charge_no + 1 if last and last.outcome is AttemptOutcome.REJECTED else job.charge_no


def retry_delivery(job: Job, now: datetime) -> Transition:
    """dead (spent) → paid: delivers the paid picture, without another charge.

    If the file that people approved is gone, they decide about the paid picture again.
    """
    require_status(job, JobStatus.DEAD)
    if not any(link.is_usable for link in job.links):
        raise ConflictError
    is_review_lost = job.problem is not None and job.problem.code is Code.REVIEW_FILE_GONE
    return Transition(
        replace(
            job,
            status=JobStatus.PAID,
            reviews=() if is_review_lost else job.reviews,
            problem=None,
            ended_at=None,
            announced=False,
            last_sent_at=now,
            crash_count=0,
        )
    )


def reinstate(job: Job) -> Transition | None:
    """stored → paid, because another job's pictures may have replaced this job's. paid: the delivery starts over.

    superseded → paid, if it was superseded during its review, which then continues. None in any other state.
    """
    is_delivered = job.status in (JobStatus.PAID, JobStatus.STORED)
    if not is_delivered and not (job.status is JobStatus.SUPERSEDED and job.has_kept_file):
        return None
    warnings = tuple(warning for warning in job.warnings if warning.code is not WarningCode.NOT_CURRENT)
    return Transition(replace(job, status=JobStatus.PAID, results=(), warnings=warnings, ended_at=None, image_steps=()))


def change_provider(job: Job, provider: str, price: int, reason: str, last_sent_at: datetime) -> Transition:
    """accepted: moves to another provider in the job's list, which is safe because nothing can have been charged.

    `last_sent_at`: the time that counts as the send time of the job's message.
    """
    require_status(job, JobStatus.ACCEPTED)
    if job.may_be_charged or provider == job.provider:
        raise ConflictError
    warning = JobWarning(code=WarningCode.MOVED, text=Sentence(f"from {job.provider} to {provider}: {reason}"))
    moves = [one for one in job.warnings if one.code is WarningCode.MOVED and one != warning]
    others = [one for one in job.warnings if one.code is not WarningCode.MOVED]
    return Transition(
        replace(
            job,
            provider=provider,
            quoted=price,
            warnings=(*others, *moves[-(MAX_FAILOVER_WARNINGS - 1) :], warning),
            problem=None,
            last_sent_at=last_sent_at,
            processing_until=None,
            crash_count=0,
            throttled_ms=0,
        )
    )


def set_mandate(job: Job, mandate: str) -> Transition:
    """accepted: the photo's folder has got a mandate, which pays for the job.

    A job that has a mandate keeps it, so that no other money buys it when the mandate is released.
    """
    require_status(job, JobStatus.ACCEPTED)
    if job.mandate:
        raise ConflictError
    return accept(replace(with_mandate(job, mandate), waits_for=None))


def with_mandate(job: Job, mandate: str | None) -> Job:
    """Returns the job with another payer. Pictures are reused only within a mandate, so its content ID differs too."""
    content_id = derive_content_id(
        image_sha256=job.sha256,
        purchase_spec=job.purchase_spec,
        revision=job.instructions.get("revision"),
        mandate=mandate,
    )
    return replace(job, mandate=mandate, content_id=content_id)


def update_instructions(job: Job, planned: Job) -> Transition | None:
    """Adopts the instructions that do not affect the purchase. None if nothing changes.

    These are whether the job is a mask, the canvas, the outputs, the approval, the required fidelity, the metadata, the
    price limit, the provenance, and who requested the job. If what is delivered or the required fidelity differs, a
    stored job becomes paid; so does a job that is dead because no output could be made. The outputs are made from the
    paid file, without another charge. A retry that is not sent yet ends if the instructions no longer ask for it. A
    review starts over if people would see another picture, and continues otherwise.
    """
    shows_other_picture = _list_picture_fields(job) != _list_picture_fields(planned)
    keeps_steps = (job.variant, job.canvas, job.instructions) == (planned.variant, planned.canvas, planned.instructions)
    updated = replace(
        job,
        variant=planned.variant,
        mask_quoted=planned.mask_quoted or job.mask_quoted,
        reviews=() if shows_other_picture else _list_kept_reviews(job, planned),
        image_steps=job.image_steps if keeps_steps else (),
        canvas=planned.canvas,
        instructions=planned.instructions,
        provenance=planned.provenance,
        is_execution_scoped=job.is_execution_scoped and (planned.is_execution_scoped or job.has_ended),
        requested_at=_latest_requested_at(job, planned),
    )
    if job.status is JobStatus.ACCEPTED and job.is_retrying and not should_keep_retrying(updated):
        return Transition(end_retry(updated, explain_retry_end(updated), planned.queued_at))
    has_other_outputs = _list_delivery_fields(job) != _list_delivery_fields(planned)
    if has_other_outputs and job.status is JobStatus.STORED:
        return Transition(replace(updated, status=JobStatus.PAID, ended_at=None))
    if has_other_outputs and job.status is JobStatus.DEAD and job.problem and job.problem.code is Code.OUTPUT_NOT_MADE:
        return retry_delivery(updated, planned.queued_at)
    reviews_again = shows_other_picture or _list_review_fields(job) != _list_review_fields(planned)
    if reviews_again and job.status is JobStatus.REVIEW:
        return Transition(replace(updated, status=JobStatus.PAID, last_sent_at=planned.queued_at))
    if shows_other_picture and job.status is JobStatus.REJECTED:
        return Transition(
            replace(
                updated,
                status=JobStatus.PAID,
                problem=None,
                ended_at=None,
                announced=False,
                last_sent_at=planned.queued_at,
            )
        )
    return Transition(updated) if updated != job else None


def _list_delivery_fields(job: Job) -> tuple[object, ...]:
    """Returns what the instructions say about the delivery of a picture that is bought."""
    return job.is_mask, parse_outputs(job.instructions), job.instructions.get(SUBJECT_FIELD)


def _list_picture_fields(job: Job) -> tuple[object, ...]:
    """Returns what decides, apart from the purchase, which pixels people see before they approve them."""
    has_own_pixels = requests_own_pixels(job.instructions)
    return job.canvas, has_own_pixels, has_own_pixels and buys_mask(job.instructions)


def _list_kept_reviews(job: Job, planned: Job) -> tuple[PictureReview, ...]:
    """Returns the reviews of pictures that stay the same.

    Without a decision, a picture is compared again if another mask is requested, because the verdict is for people.
    """
    has_other_mask = buys_mask(job.instructions) != buys_mask(planned.instructions)
    kept = tuple(review for review in job.reviews if review.decision or not has_other_mask)
    return list_current_reviews(kept, planned.instructions)


def _list_review_fields(job: Job) -> tuple[object, ...]:
    """Returns what decides whether people must approve a picture."""
    return job.instructions.get(APPROVAL_FIELD), job.instructions.get(SUBJECT_FIELD)


def _latest_requested_at(job: Job, planned: Job) -> datetime | None:
    """A newer request overrules an earlier cancel mark. It has no effect on a job that needs no purchase."""
    times = [time for time in (job.requested_at, planned.requested_at) if time]
    return job.requested_at if job.needs_no_purchase or not times else max(times)


# -- content that another job buys ---------------------------------------------------------------------------------


def join_existing(job: Job, owner: ContentOwner, owner_job: Job | None, now: datetime) -> Transition:
    """accepted: waits for the owner of the content, reuses its file, or buys in its place.

    `owner_job` is None if the owner is no longer in the ledger. A job whose call another mandate paid shares no file.
    A retry ends instead: the job has paid pictures of its own, which are kept in another place than the owner's.
    """
    if owner_job is None or owner_job.mandate != job.mandate:
        return take_over(job, owner)
    if owner_job.status in ENDS_WITHOUT_FILE and not owner_job.has_kept_file:
        return take_over(job, owner)
    if job.is_retrying:
        reason = f"the mandate {job.mandate} pays for another photo with the same content"
        return Transition(end_retry(replace(job, waits_for=None), reason, now))
    return reuse(job, owner_job, now) if owner_job.has_kept_file else wait_for_owner(job, owner)


def wait_for_owner(job: Job, owner: ContentOwner) -> Transition:
    """accepted: another job pays for the same content, and this one waits for its file."""
    require_status(job, JobStatus.ACCEPTED)
    return Transition(replace(job, waits_for=owner), waits_for=owner)


def take_over(job: Job, owner: ContentOwner) -> Transition:
    """accepted: the owner of the content has no file to share, so this job buys."""
    require_status(job, JobStatus.ACCEPTED)
    return Transition(replace(job, waits_for=None), content_owner=build_content_owner(job), expected_owner=owner)


def reuse(job: Job, owner_job: Job, now: datetime) -> Transition:
    """accepted → paid, without a charge: the job gets the file that another job bought."""
    require_status(job, JobStatus.ACCEPTED)
    if owner_job.mandate != job.mandate or not owner_job.has_kept_file:
        raise ConflictError
    return Transition(
        replace(
            job,
            status=JobStatus.PAID,
            reused_from=owner_job.reused_from or owner_job.job_id,
            paid_attempt_no=owner_job.paid_attempt_no,
            links=owner_job.links,
            paid_at=now,
            last_sent_at=now,
            problem=None,
            waits_for=None,
            processing_until=None,
        )
    )


# -- deliveries of a job's message ---------------------------------------------------------------------------------


def begin_processing(job: Job, now: datetime, until: datetime) -> Transition:
    """Marks the start of a redelivery. An expired mark of an earlier delivery counts as a crash."""
    require_status(job, JobStatus.ACCEPTED, JobStatus.UNKNOWN, JobStatus.PAID)
    if job.is_being_processed(now):
        raise ConflictError
    has_crashed = job.processing_until is not None
    return Transition(replace(job, processing_until=until, crash_count=job.crash_count + has_crashed))


def end_processing(job: Job, now: datetime) -> Transition:
    """The delivery ends normally and its message will return, so the job did not crash the worker.

    For a paid job, the returned message counts as sent now, so that reconcile does not add another one. A lane deletes
    a message four days after it was first sent, so there, the first time counts.
    """
    last_sent_at = now if job.status is JobStatus.PAID else job.last_sent_at
    return Transition(replace(job, processing_until=None, crash_count=0, last_sent_at=last_sent_at))


def record_image_step(job: Job, step: ImageStep) -> Transition:
    """paid: the delivery has finished a step, so it makes progress, even if its workers crash between the steps."""
    require_status(job, JobStatus.PAID)
    return Transition(replace(job, image_steps=(*job.image_steps, step), crash_count=0))


def mark_resent(job: Job, now: datetime) -> Transition:
    """A new message carries the job, because the last one may be lost."""
    return Transition(replace(job, last_sent_at=now))


def record_wait_reason(job: Job, problem: Problem) -> Transition:
    """accepted, paid: the report explains why the job waits."""
    require_status(job, JobStatus.ACCEPTED, JobStatus.PAID)
    return Transition(replace(job, problem=problem, has_report=True, processing_until=None))


def return_to_lane(job: Job, last_sent_at: datetime) -> Transition:
    """accepted: the job's mandate covers it again, or never will. `last_sent_at`: counts as the send time."""
    if not job.waits_for_mandate:
        raise ConflictError
    return Transition(replace(job, problem=None, last_sent_at=last_sent_at))


def mark_announced(job: Job) -> Transition:
    """Records that a failure was counted and became a dead letter, or that a rejection was announced.

    Both happen once, even if the job's message is delivered repeatedly.
    """
    require_status(job, *ANNOUNCED_STATUSES)
    return Transition(replace(job, announced=True))


def add_throttled_time(job: Job, waited_ms: int) -> Job:
    """Adds to the time that the job has waited for a rate limit; the next transition writes it."""
    return replace(job, throttled_ms=job.throttled_ms + waited_ms)


# -- to an end -----------------------------------------------------------------------------------------------------


def store(job: Job, results: tuple[StoredPicture, ...], warnings: Iterable[JobWarning], now: datetime) -> Transition:
    """paid → stored: the pictures are delivered. Earlier pictures that it did not replace stay."""
    require_status(job, JobStatus.PAID)
    replaced_keys = {result.key for result in results}
    old_pictures = [_build_old_picture_warning(result.key) for result in job.results if result.key not in replaced_keys]
    kept = [one for one in job.warnings if one.code not in DELIVERY_WARNINGS and one.picture_key not in replaced_keys]
    return Transition(
        replace(
            job,
            status=JobStatus.STORED,
            results=results,
            has_signed_files=job.has_signed_files or any(result.is_signed for result in results),
            image_steps=(),
            warnings=_deduplicate((*kept, *warnings, *old_pictures)),
            problem=None,
            stored_at=job.stored_at or now,
            ended_at=now,
            processing_until=None,
        )
    )


def _build_old_picture_warning(key: str) -> JobWarning:
    message = f"{key} was not replaced; the earlier picture stays until you delete it"
    return JobWarning(code=WarningCode.OLD_PICTURE, text=Sentence(message), picture_key=key)


def _deduplicate(warnings: Iterable[JobWarning]) -> tuple[JobWarning, ...]:
    unique: list[JobWarning] = []
    for warning in warnings:
        unique += [] if warning in unique else [warning]
    return tuple(unique)


def fail(job: Job, error: BackdropError, now: datetime) -> Transition:
    """accepted → refused or dead, unpaid; paid → dead, spent: the paid picture cannot be delivered.

    A retry ends with an earlier attempt's pictures instead.
    """
    require_status(job, JobStatus.ACCEPTED, JobStatus.PAID)
    status = JobStatus.DEAD if job.status is JobStatus.PAID else JobStatus(ERROR_CATALOG[error.code].disposition)
    return Transition(end_job(job, status, Problem.from_error(error, now, job.money), now))


def supersede(job: Job, now: datetime) -> Transition | None:
    """The photo no longer names the job, so it is not bought, or its review ends. None if nothing changes."""
    if job.status is JobStatus.REVIEW:
        return Transition(replace(job, status=JobStatus.SUPERSEDED, ended_at=now))
    return _end_unpaid(job, JobStatus.SUPERSEDED, now)


def cancel(job: Job, now: datetime) -> Transition | None:
    """The photo was deleted, or an operator canceled the job. None if nothing changes."""
    return _end_unpaid(job, JobStatus.CANCELLED, now)


def apply_cancel_marks(job: Job, marks: Iterable[CancelMark], now: datetime) -> Transition | None:
    """Cancels the job if a mark applies to it. None if no mark applies, or if nothing changes."""
    return cancel(job, now) if any(mark.applies_to(job) for mark in marks) else None


def _end_unpaid(job: Job, status: JobStatus, now: datetime) -> Transition | None:
    """accepted → superseded or cancelled, unpaid. A job whose call is in flight follows if the call is not charged."""
    if job.status is JobStatus.ACCEPTED:
        return Transition(end_unneeded_job(job, status, now))
    if job.status in IN_FLIGHT_STATUSES and job.end_after_call is not status:
        return Transition(replace(job, end_after_call=status))
    return None


def mark_not_current(job: Job) -> Transition | None:
    """stored: the photo no longer has the variant, and its pictures stay. None if there are none, or it is marked."""
    is_marked = any(warning.code is WarningCode.NOT_CURRENT for warning in job.warnings)
    if job.status is not JobStatus.STORED or not job.results or is_marked:
        return None
    message = f"the photo's instructions no longer name {job.variant or 'this picture'}; its pictures stay"
    return Transition(
        replace(job, warnings=(*job.warnings, JobWarning(code=WarningCode.NOT_CURRENT, text=Sentence(message))))
    )
