"""Deliver: hand over. Fetch what was paid, verify it, write pictures, receipt, error report and event.

Everything may happen twice and in any order: each write says what it replaces, and views are built from the ledger.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from backdrop.core import transitions
from backdrop.core.codes import Code
from backdrop.core.errors import BackdropError, ResultError, StaleError, WaitError
from backdrop.core.identity import fairness_group, sha256_hex
from backdrop.core.job import FAILED, Job, Link, Problem, Result, Source, Status
from backdrop.core.layout import paid_key, picture_key, receipt_key, report_key, source_name
from backdrop.core.receipt import announcement, dead_letter, error_report, receipt
from backdrop.imaging.convert import to_png
from backdrop.imaging.verify import Picture, verify_result
from backdrop.ports import (
    Clock,
    Downloads,
    Events,
    Ledger,
    OutputBucket,
    PreconditionError,
    Queue,
    Stored,
)
from backdrop.steps.messages import DeliverMessage

TRIES = 8
LONGEST_DELAY_SECONDS = 600
# Where a link does not say when it expires (Ideogram's always do, so far), an hour is assumed.
LIFE_OF_A_LINK = timedelta(hours=1)
NOT_CURRENT = f"{transitions.NOT_CURRENT}: the photo names this job no more; its file is kept under _backdrop/paid/"
JSON = "application/json; charset=utf-8"


@dataclass(frozen=True)
class Delivery:
    """What the door counts: the job as it is now, and whether this delivery brought it to its end."""

    job: Job | None = None
    ended_here: bool = False


@dataclass(frozen=True)
class Deliver:
    """The step. `input_bucket` is the stack's own; `max_megapixels` bounds what is decoded."""

    ledger: Ledger
    output: OutputBucket
    downloads: Downloads
    events: Events
    dead_letters: Queue
    clock: Clock
    input_bucket: str
    max_megapixels: int

    def __call__(self, message: DeliverMessage, *, receives: int = 1) -> Delivery:
        source, jobs = self.ledger.photo(message.source_id)
        if source is None:
            return Delivery()
        job = _find(jobs, message.job_id)
        ended_here = job is not None and job.status is Status.PAID
        if job and ended_here:
            self._hand_over(source, job, jobs, receives)
        source, jobs = self._views(source, jobs)
        job = _find(jobs, message.job_id)
        if job is None or not job.ended:
            return Delivery(job)
        self._announce(source, job)
        if job.status in FAILED and not job.told:
            self._mark_failed(source, job)
            return Delivery(job, ended_here=True)
        return Delivery(job, ended_here and job.status is Status.STORED)

    # -- pictures ------------------------------------------------------------------------------------------

    def _hand_over(self, source: Source, job: Job, jobs: Sequence[Job], receives: int) -> None:
        """paid → stored or dead; StaleError where the job was changed meanwhile: it is looked at anew."""
        try:
            self.ledger.advance(self._finish(source, job, jobs))
        except WaitError as error:
            if error.code is not Code.RESULT_UNREACHABLE:
                raise
            self._explain(source, job, error)
            delay = min(error.delay_seconds * 2.0 ** min(receives - 1, 10), LONGEST_DELAY_SECONDS)
            raise WaitError(error.code, error.message, delay) from error

    def _explain(self, source: Source, job: Job, error: WaitError) -> None:
        """A paid picture that cannot be fetched just now says so, once."""
        if job.problem is None or job.problem.code is not error.code:
            problem = Problem.of(error, self.clock.now(), job.money).since(job.problem)
            self.ledger.advance(transitions.note(job, problem))
            self._views(source, [job])

    def _finish(self, source: Source, job: Job, jobs: Sequence[Job]) -> transitions.Step:
        results: list[Result] = []
        errors: list[ResultError] = []
        current = True
        usable = [link for link in job.links if link.usable]
        for n, link in enumerate(usable, 1):
            try:
                data, picture = self._paid_file(job, n, link)
                result = self._picture(source, job, jobs, n, link, data, picture)
                results += [result] if result else []
                current = current and result is not None
            except ResultError as error:
                errors.append(error)
        now = self.clock.now()
        if errors and len(errors) == len(usable):
            return transitions.fail(job, errors[0], now)
        return transitions.store(job, tuple(results), _warnings(job, errors, current=current), now)

    def _paid_file(self, job: Job, n: int, link: Link) -> tuple[bytes, Picture]:
        """The provider's file: from `_backdrop/paid/` where an earlier delivery kept it, else fetched and kept."""
        kept = self.output.find(paid_key(job.job_id, job.answered, n, ""))
        data = self.output.read(kept) if kept else self._fetch(job, link)
        transparent = job.operation == "remove"
        try:
            picture = verify_result(data, expect_alpha=transparent, max_megapixels=self.max_megapixels)
        except ResultError as error:
            if error.code is Code.RESULT_NOT_TRANSPARENT and not kept:
                self._keep(job, n, data, "png")
            raise
        if not kept:
            self._keep(job, n, data, picture.format)
        return data, picture

    def _fetch(self, job: Job, link: Link) -> bytes:
        """The bytes behind a link, tried for as long as it lives."""
        try:
            return self.downloads.fetch(job.provider, link.url or "")
        except WaitError as error:
            now = self.clock.now()
            if now < (link.expires_at or (job.paid_at or now) + LIFE_OF_A_LINK):
                raise
            raise ResultError(
                Code.LINK_EXPIRED, f"The link expired while it could not be fetched: {error.message}"
            ) from error

    def _keep(self, job: Job, n: int, data: bytes, extension: str) -> None:
        self.output.put(paid_key(job.job_id, job.answered, n, extension), data, f"image/{extension}")

    def _picture(
        self,
        source: Source,
        job: Job,
        jobs: Sequence[Job],
        n: int,
        link: Link,
        paid: bytes,
        picture: Picture,
    ) -> Result | None:
        """One picture in its place, or None where the photo names the job no more."""
        data = to_png(paid)
        name = source_name(source.bucket, source.key, self.input_bucket)
        key = picture_key(name, variant=job.variant, n=n, extension="png")
        version_id, written = self._place(key, data, job, alone=_first_of_its_place(job, jobs), source=source)
        if not written:
            return None
        return Result(
            key=key,
            version_id=version_id,
            n=n,
            output=None,
            width=picture.width,
            height=picture.height,
            format="png",
            bytes=len(data),
            has_alpha=picture.has_alpha,
            seed=link.seed,
        )

    def _place(self, key: str, data: bytes, job: Job, *, alone: bool, source: Source) -> tuple[str | None, bool]:
        """Write a picture, never over a newer job's: look at the object, then at the ledger, then write."""
        mark = {"backdrop-job": job.job_id, "backdrop-sha256": sha256_hex(data)}
        known: Stored | None = None
        for attempt in range(TRIES):
            if not alone or attempt:
                known = self.output.head(key)
                source = self.ledger.photo(source.source_id)[0] or source
            if job.job_id not in source.jobs.values():
                return None, False
            if known and dict(known.metadata) == mark:
                return known.version_id, True
            try:
                return self.output.replace(key, data, "image/png", known=known, metadata=mark), True
            except PreconditionError:
                continue
        raise StaleError

    # -- views ---------------------------------------------------------------------------------------------

    def _views(self, source: Source, jobs: Sequence[Job]) -> tuple[Source, Sequence[Job]]:
        """Receipt and report as the ledger has them; where somebody was faster, it is begun again."""
        name = source_name(source.bucket, source.key, self.input_bucket)
        for _ in range(TRIES):
            reported = _reported(source, jobs)
            old_receipt = self.output.head(receipt_key(name))
            old_report = self.output.head(report_key(name)) if reported else None
            now, jobs = self.ledger.photo(source.source_id)
            source = now or source
            if _reported(source, jobs) and not reported:
                continue
            try:
                if jobs:
                    self._view(receipt_key(name), receipt(source, jobs), old_receipt)
                self._view(report_key(name), error_report(source, jobs), old_report)
                return source, jobs
            except PreconditionError:
                continue
        raise StaleError

    def _view(self, key: str, view: dict[str, object] | None, known: Stored | None) -> None:
        """Write a view where it differs, or take it away where there is nothing more to say."""
        if view is None:
            if known:
                self.output.delete(key, known=known)
            return
        data = json.dumps(view, indent=2, ensure_ascii=False).encode()
        mark = {"backdrop-sha256": sha256_hex(data)}
        if known is None or dict(known.metadata) != mark:
            self.output.replace(key, data, JSON, known=known, metadata=mark)

    # -- the outside ---------------------------------------------------------------------------------------

    def _announce(self, source: Source, job: Job) -> None:
        told = announcement(source, job)
        if told:
            self.events.announce(*told)

    def _mark_failed(self, source: Source, job: Job) -> None:
        """What an operator must mend becomes a dead letter; no failure is told twice."""
        if job.status is Status.DEAD:
            body = {"source_id": source.source_id, "job_id": job.job_id}
            self.dead_letters.send(body, group=fairness_group(job.key), attributes=dead_letter(job))
        self.ledger.advance(transitions.mark_told(job))


def _find(jobs: Sequence[Job], job_id: str | None) -> Job | None:
    return next((job for job in jobs if job.job_id == job_id), None)


def _reported(source: Source, jobs: Sequence[Job]) -> bool:
    """Whether the photo ever had an error, so that a report may lie there."""
    return source.reported or any(job.reported for job in jobs)


def _first_of_its_place(job: Job, jobs: Sequence[Job]) -> bool:
    """Whether no other job ever had this photo's variant, so that nothing can lie at its pictures' keys yet."""
    return not any(other.variant == job.variant and other.job_id != job.job_id for other in jobs)


def _warnings(job: Job, errors: Sequence[BackdropError], *, current: bool) -> list[str]:
    withheld = sum(not link.usable for link in job.links)
    missing = int(job.instructions.get("num_images", 1)) - len(job.links)
    told = [f"{error.code}: {error.message}" for error in errors]
    if withheld:
        told.append(f"unsafe_result: the provider withheld {withheld} of {len(job.links)} pictures")
    if missing > 0:
        told.append(f"fewer_results: {len(job.links)} pictures came where {len(job.links) + missing} were asked for")
    return told if current else [*told, NOT_CURRENT]
