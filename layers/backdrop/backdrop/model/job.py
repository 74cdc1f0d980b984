"""The ledger's items: a source, its jobs, and the attempts that may have cost money."""

from collections.abc import Iterable
from dataclasses import field, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal

from backdrop.model.advice import Advice
from backdrop.model.certificate import Certificate
from backdrop.model.codes import Code, Disposition
from backdrop.model.error_catalog import ERROR_CATALOG
from backdrop.model.errors import BackdropError, InstructionError
from backdrop.model.fidelity import Fidelity, buys_mask, count_retries, requests_own_pixels
from backdrop.model.frame import Canvas
from backdrop.model.ids import derive_source_id
from backdrop.model.job_warning import JobWarning
from backdrop.model.photo_facts import PhotoFacts
from backdrop.model.pricing import to_micro_usd
from backdrop.model.record import Record, record
from backdrop.model.review import PictureReview
from backdrop.model.sentence import Sentence

MASK_VARIANT = "@mask"
"""The variant of a cut-out that is bought only as a mask. No variant of the instructions begins with `@`."""
REQUEST = "request"
"""The origin of a field that a request gives, as `provenance` and error messages name it."""
MASK_FAILURE_ADVICE = Advice.from_text(
    "There is nothing to do: the photo's new pictures are delivered without a verdict"
)


class JobStatus(StrEnum):
    """The states of a job, as receipts, metrics, and tests name them."""

    ACCEPTED = "accepted"
    SUBMITTING = "submitting"
    UNKNOWN = "unknown"
    PAID = "paid"
    REVIEW = "review"
    STORED = "stored"
    REJECTED = "rejected"
    REFUSED = "refused"
    DEAD = "dead"
    HELD = "held"
    SUPERSEDED = "superseded"
    CANCELLED = "cancelled"


END_STATUSES = frozenset(
    {
        JobStatus.STORED,
        JobStatus.REJECTED,
        JobStatus.REFUSED,
        JobStatus.DEAD,
        JobStatus.HELD,
        JobStatus.SUPERSEDED,
        JobStatus.CANCELLED,
    }
)
FAILED_STATUSES = frozenset({JobStatus.REFUSED, JobStatus.DEAD, JobStatus.HELD})
# Ends that are announced as `Image Failed`. A rejection is a person's decision, so no alarm counts it.
ANNOUNCED_STATUSES = FAILED_STATUSES | {JobStatus.REJECTED}
IN_FLIGHT_STATUSES = frozenset({JobStatus.SUBMITTING, JobStatus.UNKNOWN})


class MoneyStatus(StrEnum):
    """Whether a charge was made."""

    NOT_SPENT = "not_spent"
    SPENT = "spent"
    UNKNOWN = "unknown"


class AttemptOutcome(StrEnum):
    IN_FLIGHT = "in_flight"
    ANSWERED = "answered"
    NOT_TAKEN = "not_taken"
    REJECTED = "rejected"
    LOST = "lost"


class Origin(StrEnum):
    """What a problem affects: the photo in the bucket, or one request for it."""

    PHOTO = "photo"
    REQUEST = "request"


@record
class Problem(Record):
    """One entry of an error report.

    `instruction_source`, `path`: see InstructionError. `advice`: None for the code's own advice.
    """

    code: Code
    message: Sentence
    advice: Advice | None = None
    retryable: bool
    variant: str = ""
    origin: Origin = Origin.PHOTO
    instruction_source: str = ""
    path: str = ""
    money: MoneyStatus = MoneyStatus.NOT_SPENT
    occurrences: int = 1
    first_seen: datetime
    last_seen: datetime

    @classmethod
    def from_error(
        cls, error: BackdropError, now: datetime, money: MoneyStatus = MoneyStatus.NOT_SPENT, *, variant: str = ""
    ) -> "Problem":
        """Returns the report's entry for an error."""
        source_name, path = (error.instruction_source, error.path) if isinstance(error, InstructionError) else ("", "")
        return cls(
            variant=variant,
            instruction_source=source_name,
            path=path,
            code=error.code,
            message=error.message,
            advice=error.advice,
            retryable=ERROR_CATALOG[error.code].disposition is Disposition.WAITING,
            money=money,
            first_seen=now,
            last_seen=now,
        )

    @property
    def message_with_variant(self) -> str:
        """The message, after the name of the variant that it concerns: `Variant beach: …`."""
        return f"Variant {self.variant}: {self.message}" if self.variant else str(self.message)

    @property
    def effective_advice(self) -> Advice:
        return self.advice or ERROR_CATALOG[self.code].advice

    @property
    def hint(self) -> Sentence:
        """What to do about it, for the person who corrects the photo, or for the sender of the request."""
        advice = self.effective_advice
        return advice.text_for_request if self.origin is Origin.REQUEST else advice.text_for_photo

    @property
    def operator_hint(self) -> Sentence:
        """What an operator can do about it."""
        advice = self.effective_advice
        return advice.text_for_request if self.origin is Origin.REQUEST else advice.text_for_operator

    def with_history(self, earlier: "Problem | None") -> "Problem":
        """Inherits the first occurrence and the count of an earlier problem with the same code."""
        if earlier is None or earlier.code is not self.code:
            return self
        return replace(self, first_seen=earlier.first_seen, occurrences=earlier.occurrences + 1)


@record
class PictureLink(Record):
    """One picture of a result, at `url` or in `_backdrop/work/results/` under `result_name`.

    If it has neither, the provider withheld it. `is_unrecognized`: the provider made the picture, but Backdrop cannot
    find it in the response. The response is kept, so that an operator can extract the picture and save it as the paid
    file.
    """

    url: str | None
    seed: int | None = None
    expires_at: datetime | None = None
    result_name: str | None = None
    is_unrecognized: bool = False

    @property
    def is_usable(self) -> bool:
        return self.url is not None or self.result_name is not None or self.is_unrecognized

    def is_live(self, now: datetime) -> bool:
        """Whether there may still be a picture to download. A link without a stated expiry counts as live."""
        return self.is_usable and not self.is_unrecognized and (self.expires_at is None or now < self.expires_at)


def has_recognized_picture(links: Iterable[PictureLink]) -> bool:
    return any(link.is_usable and not link.is_unrecognized for link in links)


class Suspicion(StrEnum):
    """Why a result without a charge may be due to the job itself, and not to the provider.

    REFUSAL: the provider refused the call, and did not say whether the account or the job is the reason. FAILURE: the
    provider accepted the call and failed, often because of a value that only the model rejects.
    """

    REFUSAL = "refusal"
    FAILURE = "failure"


class SettlementResult(StrEnum):
    """What the provider's usage records say about a call whose answer was lost.

    UNDECIDED: some of several such calls were charged, and it is unknown which. REOPENED: the records changed after the
    call had been settled, so its charge is unknown again.
    """

    CHARGED = "charged"
    NOT_CHARGED = "not_charged"
    UNDECIDED = "undecided"
    REOPENED = "reopened"


@record
class Settlement(Record):
    """What the usage records prove about a call, and the evidence.

    `amount`: how much of the call's charge was unknown, in micro-dollars. `hours`: those in which it may have been
    billed, together with other calls. Their records contain `billed` images of this price, and the ledger had
    `certain` ones. Of the `unknown_count` further images of calls that are not settled, `charged_count` were charged;
    None if others use the key, too.
    `records_read_at`: when the hours were last read, and found unchanged. `reopened_count`: how often the records
    changed after the call had been settled.
    """

    result: SettlementResult
    settled_at: datetime
    amount: int
    hours: tuple[datetime, ...]
    billed: int
    certain: int
    charged_count: int | None = None
    unknown_count: int = 0
    records_read_at: datetime
    reopened_count: int = 0

    @property
    def is_final(self) -> bool:
        """Whether the charge is known."""
        return self.result in (SettlementResult.CHARGED, SettlementResult.NOT_CHARGED)


@record
class Attempt(Record):
    """One call that may have cost money. Amounts are micro-dollars.

    `endpoint`: the path that the call was sent to, if the provider has several; None if an earlier release sent it.
    `provider_id`: the ID under which the provider can look up the call. `is_parked`: the worker exited normally while
    the provider was still working. `send_count`: how many times the call was sent under the same ID. `charge_no`: see
    Job. `suspicion`: why the call was not charged, if the job itself may be the reason. `is_probe`: the call checks
    whether its lane has recovered. `mandate`: the name of the one that pays. `settlement`: what the provider's usage
    records say about it, if its answer was lost. `budget_share`: the share of the day's budget that pays; None for the
    day's own item.
    """

    n: int
    provider: str
    endpoint: str | None = None
    provider_id: str | None = None
    submitted_at: datetime
    lease_until: datetime
    budget_day: str
    reserved: int
    charged: int = 0
    unknown: int = 0
    outcome: AttemptOutcome = AttemptOutcome.IN_FLIGHT
    basis: str = "price_list"
    charge_no: int = 0
    send_count: int = 1
    is_parked: bool = False
    suspicion: Suspicion | None = None
    is_probe: bool = False
    mandate: str | None = None
    settlement: Settlement | None = None
    budget_share: int | None = None

    def is_settled(self, *results: SettlementResult) -> bool:
        """Whether the call's settlement has one of these results."""
        return self.settlement is not None and self.settlement.result in results

    @property
    def money(self) -> MoneyStatus:
        if self.unknown or self.outcome is AttemptOutcome.IN_FLIGHT:
            return MoneyStatus.UNKNOWN
        return MoneyStatus.SPENT if self.charged else MoneyStatus.NOT_SPENT


@record
class JudgedAttempt(Record):
    """An attempt that brought pictures of a job that may retry, and the verdicts on them.

    `fidelities`: one for each usable link, in their order; None if its file cannot be used. The files are kept under
    `_backdrop/paid/` with the number of the attempt.
    """

    attempt_no: int
    links: tuple[PictureLink, ...]
    fidelities: tuple[Fidelity | None, ...]


@record
class StoredPicture(Record):
    """One picture in the output bucket.

    `certificate`: how it meets the rules of the marketplace that it is for. `fidelity`: whether it still shows the
    photo's product; None if it is a cut-out. `is_signed`: it has Content Credentials of this stack, and its file is
    kept under `_backdrop/signed/`.
    """

    key: str
    version_id: str | None
    n: int
    output: str | None
    width: int
    height: int
    format: str
    bytes: int
    has_alpha: bool
    seed: int | None
    certificate: Certificate | None = None
    fidelity: Fidelity | None = None
    is_signed: bool = False


class ImageStepKind(StrEnum):
    """What a delivery does with each image of a job.

    COMPARED: made and compared, because the verdicts decide whether it is bought again. PREPARED: made and compared,
    and kept for a person's approval if it needs that. DELIVERED: its outputs are written.
    """

    COMPARED = "compared"
    PREPARED = "prepared"
    DELIVERED = "delivered"


@record
class ImageOutcome(Record):
    """What came of a step. `problem`: why the image's file cannot be used, or none of its outputs could be made.

    `fidelity`: of a compared image. `review`: of a prepared image that needs approval. `results`, `warnings`,
    `is_superseded`: of a delivered image; some of its outputs were not written if another job or photo has their keys.
    """

    problem: JobWarning | None = None
    fidelity: Fidelity | None = None
    review: PictureReview | None = None
    results: tuple[StoredPicture, ...] = ()
    warnings: tuple[JobWarning, ...] = ()
    is_superseded: bool = False


@record
class ImageStep(Record):
    """A finished step for image `n`, which is not repeated if the delivery takes several invocations."""

    kind: ImageStepKind
    n: int
    outcome: ImageOutcome


@record
class LedgerItem(Record):
    """An item of the ledger.

    `lock_version` is the condition of every write. If the response to a write is lost, the worker recognizes its own
    write by `write_id`. `v` is the version of the format: a worker waits if an item has another version.
    """

    v: Literal[2] = 2
    lock_version: int = 0
    write_id: str = ""


@record
class ContentOwner(Record):
    """The job that pays for some content, as of this lock version; other jobs with the same content wait for it."""

    content_id: str
    source_id: str
    job_id: str
    lock_version: int = 0


@record
class Job(LedgerItem):
    """One purchase for one photo and variant: what to buy, its state, and its cost.

    `quoted`: the price of one call, and `mask_quoted`: that of the mask its picture needs, in micro-dollars. `links`:
    the pictures of attempt `paid_attempt_no`. `judged_attempts`: the attempts that a retry followed, and the last one
    once the one to deliver has been chosen. `announced`: its failure was counted, and became a dead letter if an
    operator must act. `end_after_call`: the end (superseded, cancelled) of a job that its photo no longer names, but
    whose call is in flight; the job ends that way if the call is not charged. `charge_no` counts the intended charges:
    every resend of an unanswered call belongs to the same charge. `waits_for`: the job that pays for the same content.
    `reused_from`: the job whose file it got. `processing_until`: a redelivery is processing the job, and its worker
    will have ended by this time; `crash_count` counts consecutive crashes of such deliveries. `last_sent_at`: when the
    job's current message was sent. `is_prepared`: see PhotoFacts. `canvas`: what is sent instead of the photo, if the
    job has a frame. `is_execution_scoped`: only requests from Step Functions executions name the job, so it ends unpaid
    with the last of them. `requested_at`: the newest timestamp among the photo, sidecar, tags, request, and operator
    command behind the job. `reviews`: the pictures that need, or needed, a person's approval, by the file that people
    see. `mandate`: the name of the one that owns the photo's folder and pays; pictures are reused only within it.
    `image_steps`: those of a delivery that has begun. `bill_wait_until`: the time until which the job waits for the
    provider's usage records, because they may show that its lost call was not charged. `has_signed_files`: signed
    pictures of an earlier delivery are kept.
    """

    job_id: str
    content_id: str
    source_id: str
    bucket: str
    key: str
    version_id: str | None
    sha256: str
    is_prepared: bool = False
    canvas: Canvas | None = None
    variant: str
    status: JobStatus = JobStatus.ACCEPTED
    operation: str
    provider: str
    mandate: str | None = None
    purchase_spec: dict[str, Any]
    instructions: dict[str, Any]
    provenance: dict[str, str]
    warnings: tuple[JobWarning, ...] = ()
    quoted: int
    mask_quoted: int = 0
    attempt_no: int = 0
    attempts: tuple[Attempt, ...] = ()
    links: tuple[PictureLink, ...] = ()
    paid_attempt_no: int = 0
    judged_attempts: tuple[JudgedAttempt, ...] = ()
    reviews: tuple[PictureReview, ...] = ()
    image_steps: tuple[ImageStep, ...] = ()
    bill_wait_until: datetime | None = None
    results: tuple[StoredPicture, ...] = ()
    has_signed_files: bool = False
    problem: Problem | None = None
    has_report: bool = False
    announced: bool = False
    end_after_call: JobStatus | None = None
    charge_no: int = 0
    waits_for: ContentOwner | None = None
    reused_from: str | None = None
    processing_until: datetime | None = None
    crash_count: int = 0
    throttled_ms: int = 0
    requested_at: datetime | None = None
    queued_at: datetime
    last_sent_at: datetime | None = None
    is_execution_scoped: bool = False
    submitted_at: datetime | None = None
    paid_at: datetime | None = None
    stored_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def has_ended(self) -> bool:
        return self.status in END_STATUSES

    @property
    def is_mask(self) -> bool:
        """Whether the job buys a mask for the photo's new pictures, and delivers no picture of its own."""
        return self.variant == MASK_VARIANT

    @property
    def is_requested(self) -> bool:
        """Whether a request, and so perhaps a campaign, gives some of the instructions."""
        return REQUEST in self.provenance.values()

    @property
    def reported_problem(self) -> Problem | None:
        """The problem with the advice that fits the job, for everything that people read.

        A mask that failed is of no use later. What a request asked for cannot be changed by a sidecar.
        """
        if self.problem is None or not self.has_ended:
            return self.problem
        if self.is_mask:
            return replace(self.problem, advice=MASK_FAILURE_ADVICE)
        if self.is_requested and self.problem.effective_advice.is_only_for_photos:
            return replace(self.problem, origin=Origin.REQUEST)
        return self.problem

    @property
    def has_mask(self) -> bool:
        """Whether the job is a cut-out that was bought and checked, so that it shows where the photo's product is."""
        return self.operation == "remove" and self.status in (JobStatus.STORED, JobStatus.REVIEW)

    @property
    def needs_mask(self) -> bool:
        """Whether a picture is still compared with the mask that the instructions buy.

        A picture that was delivered, or that people have decided about, is not compared again.
        """
        numbers = range(1, len(self.usable_links) + 1)
        is_decided = self.status is JobStatus.PAID and all(
            (review := self.find_review(n)) and review.decision for n in numbers
        )
        return buys_mask(self.instructions) and not self.needs_no_worker and not is_decided

    @property
    def is_retrying(self) -> bool:
        """Whether the picture is being bought again, or was, and no attempt has been chosen for delivery yet."""
        return bool(self.judged_attempts) and all(
            judged.attempt_no != self.paid_attempt_no for judged in self.judged_attempts
        )

    @property
    def max_cost(self) -> int:
        """The price of the first call and of every retry that may follow, in micro-dollars, without the mask.

        `max_cost_usd` stops retries, so they do not count above it.
        """
        calls, limit = 1 + count_retries(self.instructions), self.instructions.get("max_cost_usd")
        if limit is not None and self.quoted:
            limit_of_calls = to_micro_usd(Decimal(str(limit))) - self.mask_quoted
            calls = min(calls, max(1, limit_of_calls // self.quoted))
        return self.quoted * calls

    @property
    def needs_no_worker(self) -> bool:
        """Whether the pipeline has nothing left to do: the job has ended, or waits for a person's decision."""
        return self.has_ended or self.status is JobStatus.REVIEW

    def is_being_processed(self, now: datetime) -> bool:
        """Whether another worker's mark is in force: it is processing the job, or has crashed a short time ago."""
        return self.processing_until is not None and now < self.processing_until

    @property
    def has_kept_file(self) -> bool:
        """Whether the provider's usable files were kept, so that jobs with the same content can reuse them."""
        is_reviewed = self.status in (JobStatus.PAID, JobStatus.SUPERSEDED) and bool(self.reviews)
        return is_reviewed or self.status in (JobStatus.REVIEW, JobStatus.STORED, JobStatus.REJECTED)

    @property
    def wait_reason(self) -> Code | None:
        """Why the job waits, if it waits for something other than its lane or its turn."""
        if self.status is not JobStatus.ACCEPTED:
            return None
        if self.waits_for:
            return Code.OWNER_AT_WORK
        if self.problem:
            return self.problem.code
        return Code.PROVIDER_THROTTLED if self.throttled_ms else None

    @property
    def waits_for_mandate(self) -> bool:
        """Whether the job has left its lane until its mandate covers it. Reconcile then sends it again."""
        return self.status is JobStatus.ACCEPTED and self.wait_reason is Code.MANDATE_WAITS

    @property
    def waits_for_bill(self) -> bool:
        """Whether the job has left its lane until the provider's usage records show whether its call was charged."""
        return self.status is JobStatus.UNKNOWN and self.bill_wait_until is not None

    @property
    def charged(self) -> int:
        """Confirmed charges of all attempts, in micro-dollars."""
        return sum(attempt.charged for attempt in self.attempts)

    @property
    def unknown(self) -> int:
        """Possible additional charges, including calls in flight, in micro-dollars."""
        return sum(attempt.unknown + attempt.reserved for attempt in self.attempts)

    @property
    def money(self) -> MoneyStatus:
        if self.unknown:
            return MoneyStatus.UNKNOWN
        return MoneyStatus.SPENT if self.charged else MoneyStatus.NOT_SPENT

    @property
    def abandoned_attempts(self) -> tuple[Attempt, ...]:
        """Calls in flight whose result the job no longer needs, because another call returned the pictures."""
        calls = (attempt for attempt in self.attempts if attempt.outcome is AttemptOutcome.IN_FLIGHT)
        return () if self.status is JobStatus.SUBMITTING else tuple(calls)

    @property
    def may_be_charged(self) -> bool:
        """Whether the current charge, or one before a retry, was made, or may have been."""
        return bool(self.judged_attempts) or any(
            one.charge_no == self.charge_no and one.money is not MoneyStatus.NOT_SPENT for one in self.attempts
        )

    @property
    def needs_no_purchase(self) -> bool:
        """Whether requesting the job again buys nothing: it has its file, or ended with a (possible) charge."""
        has_file = self.status is JobStatus.PAID or self.has_kept_file
        return has_file or (self.has_ended and self.may_be_charged)

    @property
    def fidelity_by_image(self) -> dict[int, Fidelity | None]:
        """The verdict on each image by its number; None for a cut-out. All files of an image share its verdict.

        Images that wait for approval, or were rejected, have one, too.
        """
        reviewed = {review.n: review.fidelity for review in self.reviews}
        return reviewed | {result.n: result.fidelity for result in self.results}

    @property
    def lost_calls(self) -> tuple[Attempt, ...]:
        """The calls of the current charge whose answers were lost, settled ones included."""
        return tuple(
            one for one in self.attempts if one.outcome is AttemptOutcome.LOST and one.charge_no == self.charge_no
        )

    @property
    def possible_charge_count(self) -> int:
        """How many of the lost calls of the current charge were charged, or may have been."""
        return sum(not one.is_settled(SettlementResult.NOT_CHARGED) for one in self.lost_calls)

    @property
    def usable_links(self) -> tuple[PictureLink, ...]:
        """The links of the job's images. Image 1 is the first one."""
        return tuple(link for link in self.links if link.is_usable)

    @property
    def paid_provider(self) -> str:
        """The provider that made the job's pictures, or the one of its lane if it has none."""
        paid = self.find_attempt(self.paid_attempt_no)
        return paid.provider if paid else self.provider

    @property
    def has_image_steps(self) -> bool:
        """Whether each image may take so long that its steps are recorded: several, with the photo's own pixels."""
        return requests_own_pixels(self.instructions) and len(self.usable_links) > 1

    def find_outcome(self, kind: ImageStepKind, n: int) -> ImageOutcome | None:
        """Returns the outcome of a finished step."""
        return next((step.outcome for step in self.image_steps if (step.kind, step.n) == (kind, n)), None)

    def find_review(self, n: int) -> PictureReview | None:
        return next((review for review in self.reviews if review.n == n), None)

    def find_attempt(self, n: int) -> Attempt | None:
        return next((attempt for attempt in self.attempts if attempt.n == n), None)


@record
class Source(LedgerItem):
    """One key in an input bucket: its current photo (or folder defaults), and the photo's jobs by variant.

    `blocked_by_defaults`: the folder defaults that must be corrected before the photo is bought. `recent_request_ids`:
    the last requests received. `was_missing`: the photo was deleted, so the next one is a new photo even if it has the
    same bytes. `has_tracked_requests`: whether a task or a campaign has ever waited for one of its requests.
    `tagged_at`: when its own instructions in tags were last changed, according to S3's event, because the object does
    not record it. `instructions_seen_at`: when intake first read the recorded sidecar and tags.
    """

    source_id: str
    bucket: str
    key: str
    photo: PhotoFacts | None = None
    instructions_fingerprint: str = ""
    sidecar_etag: str = ""
    jobs: dict[str, str] = field(default_factory=dict[str, str])
    problems: tuple[Problem, ...] = ()
    settling_since: datetime | None = None
    blocked_by_defaults: str = ""
    recent_request_ids: tuple[str, ...] = ()
    has_tracked_requests: bool = False
    has_report: bool = False
    processing_until: datetime | None = None
    crash_count: int = 0
    last_sent_at: datetime | None = None
    was_missing: bool = False
    tagged_at: datetime | None = None
    instructions_seen_at: datetime | None = None

    @classmethod
    def new(cls, bucket: str, key: str) -> "Source":
        """Returns a source that is not in the ledger yet."""
        return cls(source_id=derive_source_id(bucket, key), bucket=bucket, key=key)

    @property
    def needs_instructions(self) -> bool:
        """True if the photo is blocked on instructions, and must be checked again when some arrive."""
        lacks_instructions = not self.jobs and any(one.code is Code.NO_INSTRUCTIONS for one in self.problems)
        return self.photo is not None and bool(self.blocked_by_defaults or lacks_instructions)
