"""Tracks a drop's photos until all have ended or none can make progress: their status, cost, and remaining time."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from backdrop.intake.photo_status import list_current_jobs
from backdrop.model.ids import derive_source_id
from backdrop.model.job import AttemptOutcome, Job, JobStatus, Problem, Source
from backdrop.model.pricing import format_usd
from backdrop_cli.display_status import FINAL_STATUSES, DisplayStatus, list_variant_statuses, summarize_photo_status
from backdrop_cli.parallel import parallel_map
from backdrop_cli.stack import Stack
from backdrop_cli.uploads.remaining_time import estimate_remaining_seconds
from backdrop_cli.watch_loop import poll_until
from backdrop_client.s3_uploader import UploadedObject

POLL_INTERVAL_SECONDS = 1.0
MAX_PHOTOS_PER_POLL = 100
# Longer than the slowest call and a cold start after it.
IDLE_TIMEOUT_SECONDS = 300.0
PAUSED_IDLE_TIMEOUT_SECONDS = 20.0


@dataclass(frozen=True)
class PhotoProgress:
    """One photo at one moment, with the cost of its current jobs, or of those that a later upload replaced.

    `earlier_micro_usd` is the part of `confirmed_micro_usd` that was charged before this drop.
    """

    status: DisplayStatus = DisplayStatus.DROPPED
    note: str = ""
    jobs: Sequence[Job] = ()
    variant_statuses: Sequence[DisplayStatus] = ()
    problems: Sequence[Problem] = ()
    confirmed_micro_usd: int = 0
    unknown_micro_usd: int = 0
    earlier_micro_usd: int = 0

    @property
    def is_final(self) -> bool:
        return self.status in FINAL_STATUSES

    def add_cost_of(self, earlier: "PhotoProgress") -> "PhotoProgress":
        """Returns this photo with what an earlier upload of it cost, too."""
        new_micro_usd = self.confirmed_micro_usd - self.earlier_micro_usd
        return replace(
            self,
            confirmed_micro_usd=earlier.confirmed_micro_usd + new_micro_usd,
            unknown_micro_usd=earlier.unknown_micro_usd + self.unknown_micro_usd,
            earlier_micro_usd=earlier.earlier_micro_usd,
        )

    @property
    def picture_keys(self) -> list[str]:
        return [result.key for job in self.jobs if job.status is JobStatus.STORED for result in job.results]


@dataclass(frozen=True)
class ExpectedUpload:
    """What was uploaded for a photo, to recognize when the ledger's state includes it; None: not uploaded."""

    photo: UploadedObject | None = None
    sidecar: UploadedObject | None = None
    sidecar_key: str = ""

    def is_recorded_in(self, source: Source, started_at: datetime) -> bool:
        """Returns whether the source includes this upload, or a later one."""
        if self.sidecar and source.sidecar_etag != self.sidecar.etag and not source.blocked_by_defaults:
            return False
        if self.photo is None:
            return True
        if source.photo is None or source.was_missing:
            return False
        is_same_version = source.photo.etag == self.photo.etag and not self.photo.version_id
        is_newer = source.photo.uploaded_at >= started_at.replace(microsecond=0)
        return is_same_version or source.photo.version_id == self.photo.version_id or is_newer


@dataclass
class UploadTracker:
    """The photos of a drop by key, as last polled; `started_at` is when the drop began.

    `follows_reviews`: photos that wait for approval are polled too, although they have ended for the drop.
    """

    stack: Stack
    expected: Mapping[str, ExpectedUpload]
    started_at: datetime
    progress: dict[str, PhotoProgress] = field(default_factory=dict[str, PhotoProgress])
    stop_reason: str = ""
    follows_reviews: bool = False

    def __post_init__(self) -> None:
        self.progress = dict.fromkeys(self.expected, PhotoProgress())
        self._poll_queue: list[str] = []

    def wait_until_done(self, poll_and_show: Callable[[], bool]) -> None:
        """Waits until all photos have ended; otherwise sets `stop_reason`.

        `poll_and_show` must call `poll` and return its result.
        """
        wait, now = partial(self.stack.sleep, POLL_INTERVAL_SECONDS), self.stack.clock.now
        self.stop_reason = poll_until(
            poll_and_show, lambda: not self.unfinished_keys, self._find_stop_reason, wait, now
        )

    def poll(self) -> bool:
        """Reads some of the photos that may still change; returns whether any changed."""
        self._poll_queue = list(filter(self._may_change, self._poll_queue or self.progress))
        batch, self._poll_queue = self._poll_queue[:MAX_PHOTOS_PER_POLL], self._poll_queue[MAX_PHOTOS_PER_POLL:]
        previous = [self.progress[key] for key in batch]
        current = list(parallel_map(self._read_progress, batch, self.stack.max_threads))
        self.progress |= dict(zip(batch, current, strict=True))
        return current != previous

    def poll_all(self) -> None:
        """Reads all open photos."""
        for _ in range(0, len(self.open_keys), MAX_PHOTOS_PER_POLL):
            self.poll()

    def select(self, keys: Collection[str]) -> "UploadTracker":
        """Returns some of the photos, as last polled."""
        selected = replace(self, expected={key: self.expected[key] for key in keys})
        selected.progress = {key: self.progress[key] for key in keys}
        return selected

    def forget(self, keys: Collection[str]) -> None:
        """No longer tracks these photos, because another tracker does."""
        self.progress = {key: progress for key, progress in self.progress.items() if key not in keys}
        self._poll_queue = [key for key in self._poll_queue if key not in keys]

    def _may_change(self, key: str) -> bool:
        progress = self.progress[key]
        return not progress.is_final or (self.follows_reviews and progress.status is DisplayStatus.IN_REVIEW)

    @property
    def open_keys(self) -> list[str]:
        """The photos that may still change."""
        return list(filter(self._may_change, self.progress))

    @property
    def unfinished_keys(self) -> list[str]:
        return [key for key, progress in self.progress.items() if not progress.is_final]

    @property
    def image_count(self) -> int:
        """The number of delivered images. Jobs with the same content share theirs, and each can have several files."""
        jobs = [job for progress in self.progress.values() for job in progress.jobs]
        return len({(job.content_id, result.n) for job in jobs for result in job.results})

    @property
    def file_count(self) -> int:
        return sum(len(job.results) for progress in self.progress.values() for job in progress.jobs)

    @property
    def undelivered_variants(self) -> Counter[DisplayStatus]:
        """The number of variants that the photos delivered in part lack, by status."""
        partly = (photo for photo in self.progress.values() if photo.status is DisplayStatus.PARTLY)
        statuses = (status for photo in partly for status in photo.variant_statuses)
        return Counter(one for one in statuses if one is not DisplayStatus.STORED)

    @property
    def keys_by_warning(self) -> dict[str, Counter[str]]:
        """The number of warnings of delivered jobs by code and photo."""
        keys_by_code: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for key, progress in self.progress.items():
            for one in (one for job in progress.jobs if job.status is JobStatus.STORED for one in job.warnings):
                keys_by_code[one.code.value][key] += one.count
        return keys_by_code

    @property
    def elapsed_seconds(self) -> float:
        return (self.stack.clock.now() - self.started_at).total_seconds()

    @property
    def count_by_status(self) -> Counter[DisplayStatus]:
        return Counter(photo.status for photo in self.progress.values())

    @property
    def cost_micro_usd(self) -> tuple[int, int]:
        """The confirmed charges and those that are unknown, in micro-dollars."""
        return sum(one.confirmed_micro_usd for one in self.progress.values()), sum(
            one.unknown_micro_usd for one in self.progress.values()
        )

    @property
    def earlier_micro_usd(self) -> int:
        """The part of the confirmed charges from before this drop, in micro-dollars."""
        return sum(one.earlier_micro_usd for one in self.progress.values())

    @property
    def earlier_cost_text(self) -> str:
        """`$0.06 of it before this run`, or ""."""
        part = "all" if self.earlier_micro_usd == self.cost_micro_usd[0] else format_usd(self.earlier_micro_usd)
        return f"{part} of it before this run" if self.earlier_micro_usd else ""

    def estimate_remaining_seconds(self) -> float | None:
        """Returns the estimate, or None while too few pictures have been delivered to tell."""
        jobs = [job for progress in self.progress.values() for job in progress.jobs]
        unplanned_count = sum(not self.progress[key].jobs for key in self.unfinished_keys)
        return estimate_remaining_seconds(jobs, unplanned_count, self.started_at, self.stack.clock.now())

    def _read_progress(self, key: str) -> PhotoProgress:
        source, jobs = self.stack.redrive_service.ledger.read_photo(derive_source_id(self.stack.input_bucket, key))
        expected = self.expected[key]
        if source is None or not expected.is_recorded_in(source, self.started_at):
            return self._read_replaced(source, jobs) if self._is_replaced(expected) else PhotoProgress()
        current_jobs = list_current_jobs(source, jobs)
        status, note = summarize_photo_status(source, jobs)
        problems = [
            *source.problems,
            *(replace(problem, variant=job.variant) for job in current_jobs if (problem := job.reported_problem)),
        ]
        attempts = [one for job in current_jobs for one in job.attempts]
        confirmed, unknown = sum(one.charged for one in attempts), sum(one.unknown for one in attempts)
        earlier = sum(one.charged for one in attempts if one.submitted_at < self.started_at)
        variant_statuses = [*list_variant_statuses(source, current_jobs).values()]
        return PhotoProgress(status, note, current_jobs, variant_statuses, problems, confirmed, unknown, earlier)

    def _is_replaced(self, expected: ExpectedUpload) -> bool:
        """Returns whether the sidecar was replaced or deleted after this upload; intake may not have read it yet."""
        if expected.sidecar is None:
            return False
        stored = self.stack.photos.read(self.stack.input_bucket, expected.sidecar_key, max_bytes=0)
        return stored is None or stored.etag != expected.sidecar.etag

    def _read_replaced(self, source: Source | None, jobs: Sequence[Job]) -> PhotoProgress:
        """Returns the progress of a photo whose instructions a later upload replaced, with what this upload bought.

        It has ended when no call for it is in flight any longer, because that may still cost money.
        """
        current_ids = {*source.jobs.values()} if source else set[str]()
        replaced_jobs = [job for job in jobs if job.job_id not in current_ids]
        attempts = [one for job in replaced_jobs for one in job.attempts if one.submitted_at >= self.started_at]
        is_open = any(one.outcome is AttemptOutcome.IN_FLIGHT for one in attempts)
        return PhotoProgress(
            DisplayStatus.RENDERING if is_open else DisplayStatus.REPLACED,
            "another upload replaced its instructions",
            confirmed_micro_usd=sum(one.charged for one in attempts),
            unknown_micro_usd=sum(one.unknown for one in attempts),
        )

    def _find_stop_reason(self, idle_seconds: float) -> str:
        """Returns why waiting is useless, or ""."""
        lanes = {job.provider for key in self.unfinished_keys for job in self.progress[key].jobs}
        pause_reason = find_pause_reason(self.stack, lanes) if idle_seconds > PAUSED_IDLE_TIMEOUT_SECONDS else ""
        return pause_reason or (
            f"No progress for {IDLE_TIMEOUT_SECONDS:.0f} s." if idle_seconds > IDLE_TIMEOUT_SECONDS else ""
        )


def find_pause_reason(stack: Stack, providers: Collection[str]) -> str:
    """Returns a reason if all of these lanes are paused, otherwise ""."""
    pauses = {name: stack.circuit_breaker.ledger.read_health(name).pauses for name in sorted(providers)}
    if not pauses or not all(pauses.values()):
        return ""
    name, (first, *_) = next(iter(pauses.items()))
    return f"{name} is paused ({first.code.value}): {first.message}"
