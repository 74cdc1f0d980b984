"""The `show` command: the history of one photo, from the ledger, its receipt, its report, and its files."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, islice
from typing import Any

from backdrop.instructions.suggest import find_nearest
from backdrop.intake.photo_status import list_current_jobs
from backdrop.model.capabilities import REMOVERS, find_remover
from backdrop.model.certificate import Certificate, Verdict
from backdrop.model.codes import Code
from backdrop.model.errors import UnreadableFileError
from backdrop.model.fidelity import Fidelity
from backdrop.model.ids import derive_source_id
from backdrop.model.job import (
    AttemptOutcome,
    Job,
    JobStatus,
    MoneyStatus,
    Settlement,
    SettlementResult,
    Source,
    StoredPicture,
)
from backdrop.model.object_keys import (
    PAID_PREFIX,
    ObjectKind,
    classify_key,
    folder_of,
    photo_name_of,
    receipt_key,
    report_key,
)
from backdrop.model.pricing import format_usd
from backdrop.model.receipt import build_error_report, build_receipt
from backdrop.ports import StoredObject
from backdrop_cli.display_status import DisplayStatus, describe_undelivered_variants, summarize_photo_status
from backdrop_cli.errors import NothingFoundError
from backdrop_cli.formatting import format_bytes, format_count, format_utc, format_value, quote_for_shell
from backdrop_cli.operate.photo_names import resolve_key
from backdrop_cli.operate.photo_waits import (
    IN_FLIGHT,
    QUEUED,
    describe_unrecorded_photo,
    is_wait,
    list_job_waits,
    list_photo_waits,
)
from backdrop_cli.operate.queue_waits import Wait
from backdrop_cli.operate.review import ReviewedPicture
from backdrop_cli.screen import Screen
from backdrop_cli.stack import Stack

MAX_SUGGESTION_KEYS = 1000
# With these waits, a job in a lane is only in the queue: nothing holds up its lane.
NO_OBSTACLE_CODES = frozenset({QUEUED, IN_FLIGHT, Code.OWNER_AT_WORK.value, Code.CRASHED.value})
IGNORED_MESSAGE = "its name is not that of a photo, so it is ignored"
OUTCOME_LABELS = {
    AttemptOutcome.IN_FLIGHT: "in flight",
    AttemptOutcome.ANSWERED: "answered",
    AttemptOutcome.NOT_TAKEN: "not accepted",
    AttemptOutcome.REJECTED: "rejected",
    AttemptOutcome.LOST: "answer lost",
}
SETTLEMENT_LABELS = {
    SettlementResult.CHARGED: "the usage records show that it was charged",
    SettlementResult.NOT_CHARGED: "the usage records show that it was not charged",
    SettlementResult.REOPENED: "the usage records were corrected, so it is unknown again whether it was charged",
}


@dataclass(frozen=True)
class PhotoHistory:
    """Everything known about one photo; `documents` maps the keys of its receipt and report to whether they exist.

    `waits_for` maps a job that waits for another job with the same content to that job's photo, `served_from` a job
    that got the file of another job to that job's photo, if it is known. `job_waits` maps a job to why it waits. All
    have job IDs as keys. `photo_waits`: why the whole photo waits. `unprocessed`: the object in the bucket, if the
    ledger has recorded none, or recorded that it is gone; `is_unreadable`: S3 denies access to that object.
    """

    source: Source
    jobs: Sequence[Job]
    documents: dict[str, bool]
    missing_pictures: Sequence[str]
    paid_files: Sequence[str]
    waits_for: Mapping[str, str]
    served_from: Mapping[str, str]
    photo_waits: Sequence[Wait]
    job_waits: Mapping[str, Sequence[Wait]]
    unprocessed: StoredObject | None
    is_unreadable: bool


def show_photo(stack: Stack, screen: Screen, key: str) -> None:
    """Prints the history. Raises NothingFoundError for an unknown photo."""
    history = _read_history(stack, *resolve_key(stack, key))
    screen.print_json({"stack": stack.name, **_build_document(history)})
    source, jobs = history.source, history.jobs
    printer = _AdvicePrinter(screen)
    screen.print_unwrapped(
        f"{photo_name_of(source.bucket, source.key, stack.input_bucket)}, stack {stack.name}", "bold"
    )
    screen.print(f"  {_describe_status(history)}")
    _print_photo(screen, history)
    for wait in history.photo_waits:
        printer.print(wait.message, wait.hint)
    for problem in source.problems:
        if not is_wait(problem):
            printer.print(f"{problem.message_with_variant} ({problem.code.value})", str(problem.operator_hint))
    current_jobs = list_current_jobs(source, jobs)
    for job in [*current_jobs, *(job for job in jobs if job not in current_jobs)]:
        screen.print()
        _print_job(stack, screen, printer, job, history, current=job in current_jobs)
    _print_files(screen, history)


def _read_history(stack: Stack, bucket: str, key: str) -> PhotoHistory:
    source, jobs = stack.redrive_service.ledger.read_photo(derive_source_id(bucket, key))
    if source is None:
        raise NothingFoundError(_describe_unknown_photo(stack, bucket, key))
    name = photo_name_of(bucket, key, stack.input_bucket)
    documents = {one: stack.output_store.head(one) is not None for one in (receipt_key(name), report_key(name))}
    pictures = [result.key for job in jobs for result in job.results]
    missing = [one for one in pictures if stack.output_store.head(one) is None]
    paid_files = [one for job in jobs for one in stack.output_store.list_keys(f"{PAID_PREFIX}/{job.job_id}/")]
    waits_for: dict[str, str] = {}
    served_from: dict[str, str] = {}
    for job in jobs:
        is_waiting = job.wait_reason is Code.OWNER_AT_WORK
        owner = _find_content_owner(stack, job) if is_waiting or job.reused_from else None
        if owner and is_waiting:
            waits_for[job.job_id] = photo_name_of(owner.bucket, owner.key, stack.input_bucket)
        elif owner and owner.job_id == job.reused_from:
            served_from[job.job_id] = photo_name_of(owner.bucket, owner.key, stack.input_bucket)
    unprocessed, is_unreadable = _read_unprocessed(stack, source)
    return PhotoHistory(
        source,
        jobs,
        documents,
        missing,
        paid_files,
        waits_for,
        served_from,
        list_photo_waits(stack, source, jobs, unprocessed),
        list_job_waits(stack, source, jobs, waits_for),
        unprocessed,
        is_unreadable,
    )


def _read_unprocessed(stack: Stack, source: Source) -> tuple[StoredObject | None, bool]:
    """Returns the object of a photo that the ledger has not recorded, and whether S3 denies access to it."""
    if source.photo and not source.was_missing:
        return None, False
    try:
        return stack.photos.read(source.bucket, source.key, max_bytes=0), False
    except UnreadableFileError:
        return None, True


def _summarize(history: PhotoHistory) -> tuple[DisplayStatus, str]:
    """Returns the photo's progress and what holds it up, which may be its lane."""
    stage, note = summarize_photo_status(history.source, history.jobs)
    waits = [one for found in history.job_waits.values() for one in found]
    messages = [one.message for one in waits if one.code not in NO_OBSTACLE_CODES]
    if messages and stage is DisplayStatus.QUEUED:
        return DisplayStatus.WAITING, note or messages[0]
    return stage, note


def _describe_status(history: PhotoHistory) -> str:
    """Returns the status for people, for whom a photo under broken folder defaults waits; in JSON, it is refused."""
    stage, _ = _summarize(history)
    if stage is DisplayStatus.PARTLY:
        return f"{stage}: {describe_undelivered_variants(history.source, history.jobs)}"
    is_blocked = any(one.code == Code.FOLDER_DEFAULTS_BROKEN.value for one in history.photo_waits)
    return DisplayStatus.WAITING if is_blocked and stage is DisplayStatus.REFUSED else stage


def _find_content_owner(stack: Stack, job: Job) -> Job | None:
    """Returns the job that owns this job's content."""
    owner = stack.redrive_service.ledger.find_content_owner(job.content_id)
    return stack.redrive_service.ledger.find_job(owner.source_id, owner.job_id) if owner else None


def _describe_unknown_photo(stack: Stack, bucket: str, key: str) -> str:
    """Returns the error message for a key that is not in the ledger."""
    stored = stack.photos.read(bucket, key, max_bytes=0) if key else None
    if stored:
        why = (
            IGNORED_MESSAGE
            if classify_key(key) is not ObjectKind.PHOTO
            else describe_unrecorded_photo(
                stored.modified_at, stack.clock.now(), has_events=bucket == stack.input_bucket
            )
        )
        return f"{key} has been in the bucket since {format_utc(stored.modified_at)}; {why}"
    photo_keys = [
        one
        for one in islice(stack.photos.list_folder_keys(bucket, folder_of(key)), MAX_SUGGESTION_KEYS)
        if classify_key(one) is ObjectKind.PHOTO
    ]
    suggestion = find_nearest(key, photo_keys, cutoff=0.5)
    guess = (
        f"did you mean {quote_for_shell(suggestion)}?"
        if suggestion
        else "keys are case-sensitive and include the folder"
    )
    return f"there is no photo {key} in {bucket}; {guess}"


# -- output ----------------------------------------------------------------------------------------------------


class _AdvicePrinter:
    """Prints each problem or wait with its advice. Advice that was printed before is not repeated."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._printed_hints: set[str] = set()

    def print(self, message: str, hint: str) -> None:
        self._screen.print_bullet("✗", message, "red")
        if hint not in self._printed_hints:
            self._screen.print_bullet(" ", hint)
        self._printed_hints.add(hint)


def _print_photo(screen: Screen, history: PhotoHistory) -> None:
    source, photo = history.source, history.source.photo
    if history.unprocessed and not source.settling_since:
        uploaded_at = format_utc(history.unprocessed.modified_at)
        screen.print(f"  photo: {format_bytes(history.unprocessed.size)}, uploaded {uploaded_at}")
        return
    if history.is_unreadable:
        screen.print("  S3 denies access to the photo.")
        return
    if photo is None or (source.was_missing and not source.settling_since):
        screen.print("  The photo is not in the bucket.")
        return
    dimensions = f"{photo.width:,} × {photo.height:,} {photo.format}, " if photo.width and photo.height else ""
    screen.print(f"  photo: {dimensions}{format_bytes(photo.size)}, uploaded {format_utc(photo.uploaded_at)}")


def _name_model(job: Job) -> str:
    """Returns the model, if the job's provider has several for its operation."""
    has_several = job.operation == "remove" and len(REMOVERS.get(job.provider, ())) > 1
    return f" ({find_remover(job.provider, job.instructions)})" if has_several else ""


def _print_job(
    stack: Stack, screen: Screen, printer: _AdvicePrinter, job: Job, history: PhotoHistory, *, current: bool
) -> None:
    name = f"variant {job.variant}" if job.variant else "job"
    suffix = "" if current else " (no longer current)"
    unknown_cost = f" and possibly {format_usd(job.unknown)} more" if job.unknown else ""
    head = f"{name} {job.job_id[:12]}: {job.status.value}, {job.operation} by {job.provider}{_name_model(job)}"
    screen.print_unwrapped(f"{head}, {format_usd(job.charged)}{unknown_cost}{suffix}", "bold" if current else "dim")
    if job.is_mask:
        screen.print("  It shows where the product is, and is no picture of its own.")
    for field, value in () if job.is_mask else job.instructions.items():
        screen.print(f"  {field}: {format_value(value)}  ({_format_origin(job, field)})")
    for when, event in sorted(_list_events(job, history), key=lambda dated: dated[0]):
        screen.print(f"  {format_utc(when)}  {event}")
    waits = history.job_waits.get(job.job_id, ())
    for wait in waits:
        printer.print(wait.message, wait.hint)
    for result in job.results:
        screen.print_unwrapped(
            f"  {_format_result(result)}{'  DELETED' if result.key in history.missing_pictures else ''}"
        )
        if result.certificate:
            screen.print_bullet(*_format_certificate(result.certificate))
        if result.fidelity:
            screen.print_bullet(*_format_fidelity(result.fidelity))
    delivered = {result.n for result in job.results}
    warnings = dict.fromkeys(one.text_with_code for one in job.warnings)
    for review in job.reviews:
        if review.n not in delivered:
            picture = ReviewedPicture(job, review, stack.input_bucket)
            screen.print_unwrapped(f"  picture {review.n} {picture.state}: {review.key}")
            if review.fidelity:
                screen.print_bullet(*_format_fidelity(review.fidelity))
            warnings |= dict.fromkeys(picture.warnings)
    for warning in warnings:
        screen.print_bullet("!", warning, "yellow")
    if (problem := job.reported_problem) and not waits:
        printer.print(f"{problem.message} ({problem.code.value})", str(problem.operator_hint))


def _format_origin(job: Job, field: str) -> str:
    """Names the source of a field, and of each of its keys that another source provides."""
    prefix = f"{field}."
    origins = [
        f"{name.removeprefix(prefix)} from {source}"
        for name, source in job.provenance.items()
        if name.startswith(prefix)
    ]
    return ", ".join((job.provenance.get(field, "default"), *origins))


def _describe_settlement(settlement: Settlement) -> str:
    counts = f"{settlement.charged_count} of {settlement.unknown_count} images like its own"
    undecided = f"the usage records show that {counts} were charged, but not which"
    return SETTLEMENT_LABELS.get(settlement.result, undecided)


def _list_events(job: Job, history: PhotoHistory) -> Iterator[tuple[datetime, str]]:
    yield job.queued_at, "accepted"
    for attempt in job.attempts:
        cost = format_usd(attempt.charged) if attempt.money is MoneyStatus.SPENT else "not charged"
        if attempt.money is MoneyStatus.UNKNOWN:
            cost = f"{format_usd(attempt.unknown or attempt.reserved)} possibly charged"
        count_text = f" {attempt.send_count} times" if attempt.send_count > 1 else ""
        outcome = OUTCOME_LABELS[attempt.outcome]
        event = f"call {attempt.n} to {attempt.provider} sent{count_text}: {outcome}, {cost}"
        yield attempt.submitted_at, event
        if attempt.settlement:
            yield attempt.settlement.settled_at, f"call {attempt.n}: {_describe_settlement(attempt.settlement)}"
    if job.throttled_ms:
        is_waiting = job.status is JobStatus.ACCEPTED or not job.attempts
        period = "so far" if is_waiting else f"until {format_utc(job.attempts[-1].submitted_at)}"
        seconds = f"{job.throttled_ms / 1000:,.0f} s"
        yield job.submitted_at or job.queued_at, f"began to wait for the provider's rate limit: {seconds} {period}"
    if job.paid_at and job.reused_from:
        photo = history.served_from.get(job.job_id)
        origin = f"{photo}, which has the same content" if photo else "the same content"
        yield job.paid_at, f"uses the picture that job {job.reused_from[:12]} bought for {origin}: no call, $0.00"
    elif job.paid_at:
        answered = [attempt for attempt in job.attempts if attempt.outcome is AttemptOutcome.ANSWERED]
        called_at = answered[-1].submitted_at if answered else job.submitted_at
        yield job.paid_at, f"charged; the call took {_format_elapsed(called_at, job.paid_at)}"
    for review in job.reviews:
        yield review.waiting_since, f"picture {review.n} began to wait for approval"
        if review.decided_at and review.decided_via:
            yield (
                review.decided_at,
                f"picture {review.n} {review.decision} by {review.decider}, via {review.decided_via}",
            )
    if job.ended_at:
        total_time = _format_elapsed(job.queued_at, job.ended_at)
        outcome = "delivered" if job.status is JobStatus.STORED and not job.is_mask else job.status.value
        yield job.ended_at, f"{outcome}, {total_time} after it was accepted"


def _format_elapsed(start: datetime | None, end: datetime) -> str:
    return f"{(end - start).total_seconds():.1f} s" if start else "an unknown time"


def _format_result(result: StoredPicture) -> str:
    alpha = ", transparent" if result.has_alpha else ""
    seed = f", seed {result.seed}" if result.seed is not None else ""
    return (
        f"{result.key}  ({result.width:,} × {result.height:,} "
        f"{result.format}{alpha}, {format_bytes(result.bytes)}{seed})"
    )


def _format_certificate(certificate: Certificate) -> tuple[str, str]:
    """Returns the verdict's mark, and the marketplace with the rules that did not pass."""
    labels_by_verdict = {
        verdict: [check.label for check in certificate.checks if check.verdict is verdict] for verdict in Verdict
    }
    unmet = [
        f"{verdict.text}: {', '.join(labels)}"
        for verdict, labels in labels_by_verdict.items()
        if labels and verdict is not Verdict.PASSED
    ]
    summary = "; ".join(unmet) or f"passed all {len(certificate.checks)} rules"
    return certificate.verdict.mark, f"{certificate.marketplace}, rules of {certificate.rules_dated}: {summary}"


def _format_fidelity(fidelity: Fidelity) -> tuple[str, str]:
    """Returns the verdict's mark, and the score with the key of the change map, or why there is no score."""
    details = f": {fidelity.reason.text}" if fidelity.reason else ""
    map_text = f"; a map of the changes is in {fidelity.map_key}" if fidelity.map_key else ""
    return fidelity.verdict.mark, f"{fidelity.text}{details}{map_text}"


def _print_files(screen: Screen, history: PhotoHistory) -> None:
    screen.print()
    existing = [key for key, is_there in history.documents.items() if is_there]
    for key in [*existing, *history.paid_files]:
        screen.print_unwrapped(f"  {key}", "dim")
    if history.jobs and not any(history.documents.values()):
        screen.print(f"  No receipt for {format_count(len(history.jobs), 'job')} yet; it is written within seconds.")


def _build_document(history: PhotoHistory) -> dict[str, Any]:
    """Builds the receipt and report from the ledger, and lists the files in the bucket."""
    source, jobs = history.source, history.jobs
    stage, note = _summarize(history)
    return {
        "stage": stage.name.lower(),
        "note": note or None,
        "waits": [_describe_wait(one) for one in (*history.photo_waits, *chain(*history.job_waits.values()))],
        "receipt": build_receipt(source, jobs),
        "report": build_error_report(source, jobs),
        "files": [*(key for key, is_there in history.documents.items() if is_there), *history.paid_files],
        "gone": list(history.missing_pictures),
        "waits_for": dict(history.waits_for),
        "served_from": dict(history.served_from),
    }


def _describe_wait(wait: Wait) -> dict[str, Any]:
    return {
        "job_id": wait.job_id,
        "code": wait.code,
        "message": wait.message,
        "hint": wait.hint,
        "since": wait.since.isoformat(timespec="seconds") if wait.since else None,
    }
