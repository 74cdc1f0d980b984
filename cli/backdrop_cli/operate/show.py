"""The verb `show`: one image's whole story, out of ledger, receipt, report and files."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from backdrop.intake.photo_status import named
from backdrop.model.codes import Code
from backdrop.model.ids import source_id
from backdrop.model.job import Job, Money, Outcome, Source, Status
from backdrop.model.object_keys import PAID, Kind, folder_of, kind_of, photo_of, receipt_key, report_key, source_name
from backdrop.model.pricing import usd_text
from backdrop.model.receipt import error_report, receipt
from backdrop.model.spelling import nearest
from backdrop.model.stored_picture import Result
from backdrop_cli.errors import RefusedError
from backdrop_cli.screen import Screen, several
from backdrop_cli.stack import Stack
from backdrop_cli.stages import stage_of
from backdrop_cli.words import asked, size, typed

MOST_NAMES = 1000
IGNORED = "by its name it is no photo, so nothing is done with it"
SENT = {
    Outcome.IN_FLIGHT: "is out",
    Outcome.ANSWERED: "was answered",
    Outcome.NOT_TAKEN: "was not taken",
    Outcome.REJECTED: "was rejected",
    Outcome.LOST: "got no answer",
}


@dataclass(frozen=True)
class Story:
    """Everything there is of one photo; `views` are its receipt and report, by whether they are there.

    `waits_for`: by the ID of a job that waits for another one with the same content, the photo of that one.
    `served_from`: by the ID of a job that got the file of another one, the photo of that one, where it is known.
    """

    source: Source
    jobs: Sequence[Job]
    views: dict[str, bool]
    gone: Sequence[str]
    paid: Sequence[str]
    waits_for: Mapping[str, str]
    served_from: Mapping[str, str]


def show(stack: Stack, screen: Screen, key: str) -> None:
    """Tell it; RefusedError where nothing is known of such a photo."""
    story = _story(stack, *_meant(stack, key))
    screen.data({"stack": stack.name, **_document(story)})
    source, jobs = story.source, story.jobs
    stage, _ = stage_of(source, jobs)
    screen.line(f"{source_name(source.bucket, source.key, stack.input_bucket)}, stack {stack.name}", "bold")
    screen.say(f"  {stage}")
    _tell_photo(screen, source)
    for problem in source.problems:
        _point(screen, f"{problem.message} ({problem.code.value})", str(problem.hint))
    mine = named(source, jobs)
    for job in [*mine, *(job for job in jobs if job not in mine)]:
        screen.say()
        _tell_job(screen, job, story, current=job in mine)
    _tell_files(screen, story)


def _meant(stack: Stack, key: str) -> tuple[str, str]:
    """Bucket and key of what somebody names: a key, `@bucket/key`, `s3://bucket/key`, or the key of a picture."""
    bucket, key = _place(stack, key)
    if kind_of(key) is Kind.SIDECAR:
        key = photo_of(key)
    ledger = stack.orders.ledger
    if ledger.photo(source_id(bucket, key))[0] is None:
        photo = key.rpartition("/")[0]
        if photo and ledger.photo(source_id(bucket, photo))[0]:
            return bucket, photo
    return bucket, key


def _place(stack: Stack, name: str) -> tuple[str, str]:
    """Bucket and key as the name says them; what lies in the output bucket lies there under its source's name."""
    name = name.removeprefix(f"s3://{stack.output_bucket}/")
    if name.startswith(("s3://", "@")):
        bucket, _, key = name.removeprefix("s3://").removeprefix("@").partition("/")
        return bucket, key
    return stack.input_bucket, name


def _story(stack: Stack, bucket: str, key: str) -> Story:
    source, jobs = stack.orders.ledger.photo(source_id(bucket, key))
    if source is None:
        raise RefusedError(_unknown(stack, bucket, key))
    name = source_name(bucket, key, stack.input_bucket)
    views = {one: stack.output.head(one) is not None for one in (receipt_key(name), report_key(name))}
    pictures = [result.key for job in jobs for result in job.results]
    gone = [one for one in pictures if stack.output.head(one) is None]
    paid = [one for job in jobs for one in stack.output.keys(f"{PAID}/{job.job_id}/")]
    waits_for: dict[str, str] = {}
    served_from: dict[str, str] = {}
    for job in jobs:
        waits = job.waits_because is Code.OWNER_AT_WORK
        owner = _owner(stack, job) if waits or job.reused_from else None
        if owner and waits:
            waits_for[job.job_id] = source_name(owner.bucket, owner.key, stack.input_bucket)
        elif owner and owner.job_id == job.reused_from:
            served_from[job.job_id] = source_name(owner.bucket, owner.key, stack.input_bucket)
    return Story(source, jobs, views, gone, paid, waits_for, served_from)


def _owner(stack: Stack, job: Job) -> Job | None:
    """The job that owns the content of this one."""
    owner = stack.orders.ledger.owner(job.content_key)
    return stack.orders.ledger.job(owner.source_id, owner.job_id) if owner else None


def _unknown(stack: Stack, bucket: str, key: str) -> str:
    """What to say of a key of which the ledger knows nothing."""
    lies_there = stack.photos.read(bucket, key, limit=0) if key else None
    if lies_there:
        why = IGNORED if kind_of(key) is not Kind.PHOTO else "intake has not looked at it yet, so ask again in a moment"
        return f"{key} lies in the bucket since {_time(lies_there.modified)}; {why}"
    there = [one for one in islice(stack.photos.keys(bucket, folder_of(key)), MOST_NAMES) if kind_of(one) is Kind.PHOTO]
    near = nearest(key, there, cutoff=0.5)
    guess = f"did you mean {typed(near)}?" if near else "upper and lower case count, and the folder belongs to the key"
    return f"there is no photo {key} in {bucket}; {guess}"


# -- words -----------------------------------------------------------------------------------------------------


def _tell_photo(screen: Screen, source: Source) -> None:
    photo = source.photo
    if photo is None or (source.seen_gone and not source.waiting_since):
        screen.say("  the photo is no more in the bucket, or was never there")
        return
    sides = f"{photo.width:,} x {photo.height:,} {photo.format}, " if photo.width and photo.height else ""
    screen.say(f"  photo: {sides}{size(photo.size)}, uploaded {_time(photo.uploaded_at)}")


def _tell_job(screen: Screen, job: Job, story: Story, *, current: bool) -> None:
    name = f"variant {job.variant}" if job.variant else "job"
    was = "" if current else " (the photo names it no more)"
    perhaps = f" and {usd_text(job.unknown)} perhaps" if job.unknown else ""
    head = f"{name} {job.job_id[:12]}: {job.status.value}, {job.operation} by {job.provider}"
    screen.line(f"{head}, {usd_text(job.charged)}{perhaps}{was}", "bold" if current else "dim")
    for field, value in job.instructions.items():
        screen.say(f"  {field}: {asked(value)}  ({job.provenance.get(field, 'default')})")
    for when, words in _moments(job, story):
        screen.say(f"  {_time(when)}  {words}")
    if job.job_id in story.waits_for:
        screen.say(f"  waits for {story.waits_for[job.job_id]}, which has the same content and is bought once for both")
    for result in job.results:
        screen.line(f"  {_of_result(result)}{'  IT IS GONE' if result.key in story.gone else ''}")
    for warning in job.warnings:
        screen.point("!", str(warning.text), "yellow")
    if job.problem:
        _point(screen, f"{job.problem.message} ({job.problem.code.value})", str(job.problem.hint))


def _moments(job: Job, story: Story) -> Iterator[tuple[datetime, str]]:
    """What happened to a job and when."""
    yield job.queued_at, "accepted"
    for attempt in job.attempts:
        cost = usd_text(attempt.charged) if attempt.money is Money.SPENT else "not charged"
        if attempt.money is Money.UNKNOWN:
            cost = f"{usd_text(attempt.unknown or attempt.reserved)} perhaps charged"
        again = f", sent {attempt.sends} times" if attempt.sends > 1 else ""
        words = f"call {attempt.n} to {attempt.provider} {SENT[attempt.outcome]}{again}, {cost}"
        yield attempt.submitted_at, words
    if job.throttled_ms:
        yield job.submitted_at or job.queued_at, f"waited {job.throttled_ms / 1000:.0f} s for the provider's limit"
    if job.paid_at and job.reused_from:
        photo = story.served_from.get(job.job_id)
        whose = f"{photo}, which has the same content" if photo else "the same content"
        yield job.paid_at, f"uses the picture that job {job.reused_from[:12]} bought for {whose}: no call, $0.00"
    elif job.paid_at:
        yield job.paid_at, f"paid; the call took {_took(job.submitted_at, job.paid_at)}"
    if job.ended_at:
        whole = _took(job.queued_at, job.ended_at)
        yield job.ended_at, f"{'delivered' if job.status is Status.STORED else job.status.value}, {whole} after it came"


def _took(begin: datetime | None, end: datetime) -> str:
    return f"{(end - begin).total_seconds():.1f} s" if begin else "a while"


def _of_result(result: Result) -> str:
    alpha = ", transparent" if result.has_alpha else ""
    seed = f", seed {result.seed}" if result.seed is not None else ""
    return f"{result.key}  ({result.width:,} x {result.height:,} {result.format}{alpha}, {size(result.bytes)}{seed})"


def _point(screen: Screen, words: str, hint: str) -> None:
    screen.point("✗", words, "red")
    screen.point(" ", hint)


def _tell_files(screen: Screen, story: Story) -> None:
    screen.say()
    there = [key for key, is_there in story.views.items() if is_there]
    for key in [*there, *story.paid]:
        screen.line(f"  {key}", "dim")
    if story.jobs and not any(story.views.values()):
        screen.say(f"  No receipt yet of {several(len(story.jobs), 'job')}; it is written within seconds.")


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _document(story: Story) -> dict[str, Any]:
    """What receipt and report say, from the ledger itself, with what lies in the bucket."""
    source, jobs = story.source, story.jobs
    stage, note = stage_of(source, jobs)
    return {
        "stage": stage.name.lower(),
        "note": note or None,
        "receipt": receipt(source, jobs),
        "report": error_report(source, jobs),
        "files": [*(key for key, is_there in story.views.items() if is_there), *story.paid],
        "gone": list(story.gone),
        "waits_for": dict(story.waits_for),
        "served_from": dict(story.served_from),
    }
