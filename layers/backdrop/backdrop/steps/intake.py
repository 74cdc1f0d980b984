"""Intake: decide what should be done. An event only says where to look; bucket and ledger say the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from backdrop.core import transitions
from backdrop.core.capability import not_expressible
from backdrop.core.codes import Code
from backdrop.core.errors import BackdropError, InstructionError, StaleError
from backdrop.core.identity import content_key, job_id, source_id
from backdrop.core.instructions import Instructions, is_complete, resolve
from backdrop.core.job import Job, Money, Problem, Source, Status
from backdrop.core.layout import (
    Kind,
    kind_of,
    may_share,
    photo_of,
)
from backdrop.core.money import micro_of, quote, usd_text
from backdrop.ports import Clock, InputBucket, Ledger, Queue
from backdrop.steps.messages import remind, to_deliver, to_lane
from backdrop.steps.seen import Seen, see

TRIES = 8
LONGEST_DELAY_SECONDS = 900


@dataclass(frozen=True)
class Look:
    """A reason to look at one key. `again`: an earlier look may have died before its messages were out."""

    bucket: str
    key: str
    again: bool = False


@dataclass(frozen=True)
class Decision:
    """What a look led to: jobs put into their lanes, and the codes of what was refused."""

    accepted: tuple[Job, ...] = ()
    refused: tuple[Code, ...] = ()


@dataclass(frozen=True)
class Intake:
    """The step. `lanes` holds the queues of the providers that are on."""

    photos: InputBucket
    ledger: Ledger
    lanes: Mapping[str, Queue]
    deliver: Queue
    intake: Queue
    clock: Clock
    default_provider: str
    settle_seconds: int
    max_megapixels: int

    def __call__(self, look: Look) -> Decision:
        kind = kind_of(look.key)
        if kind is Kind.SIDECAR:
            return self._photos_of(look)
        return self._photo(look) if kind is Kind.PHOTO else Decision()

    def _photos_of(self, look: Look) -> Decision:
        """A sidecar came: look at every photo that it may speak for (`red.jpg.json`: `red.jpg`, `red.jpg.*`)."""
        accepted: tuple[Job, ...] = ()
        refused: tuple[Code, ...] = ()
        own = photo_of(look.key)
        for key in (own, *self.photos.keys(look.bucket, f"{own}.")):
            if kind_of(key) is Kind.PHOTO and may_share(look.key, key):
                decision = self._photo(Look(look.bucket, key, again=look.again))
                accepted, refused = accepted + decision.accepted, refused + decision.refused
        return Decision(accepted, refused)

    def _photo(self, look: Look) -> Decision:
        for _ in range(TRIES - 1):
            try:
                return self._decide(look)
            except StaleError:
                self.clock.sleep(self.clock.jitter(0.1))
        return self._decide(look)

    def _decide(self, look: Look) -> Decision:
        ident = source_id(look.bucket, look.key)
        before, jobs = self.ledger.photo(ident)
        seen = see(self.photos, look.bucket, look.key, before.photo if before else None, self.max_megapixels)
        if seen is None:
            return self._gone(before, jobs, look)
        source = before or Source(source_id=ident, bucket=look.bucket, key=look.key)
        if _unchanged(source, seen) or _has_its_jobs(source, seen, jobs):
            return self._hand_on(source, jobs) if look.again else Decision()
        if not seen.photo_error and not is_complete(seen.places):
            remaining = self._still_settling(source)
            if remaining > 0:
                return self._wait(source, seen, remaining)
        return self._resolve(source, jobs, seen)

    def _gone(self, source: Source | None, jobs: Sequence[Job], look: Look) -> Decision:
        """The photo was deleted: what is not paid yet is not bought."""
        if source is None:
            return Decision()
        now = self.clock.now()
        steps = [step for job in jobs if (step := transitions.cancel(job, now))]
        if steps or source.problems or source.waiting_since:
            gone = {"photo": None, "problems": (), "waiting_since": None, "asked_from": ""}
            self.ledger.put_source(source.but(**gone), steps)
        elif not look.again:
            return Decision()
        return self._hand_on(source, _after(steps, jobs))

    def _still_settling(self, source: Source) -> float:
        """Seconds that the photo may still wait for its instructions."""
        since = source.waiting_since or self.clock.now()
        return (since + timedelta(seconds=self.settle_seconds) - self.clock.now()).total_seconds()

    def _wait(self, source: Source, seen: Seen, remaining: float) -> Decision:
        """Record that the photo waits, and have it looked at when the time is over."""
        since = source.waiting_since or self.clock.now()
        if source.waiting_since is None or source.photo != seen.photo:
            self.ledger.put_source(source.but(photo=seen.photo, waiting_since=since), ())
        delay = min(int(remaining) + 1, LONGEST_DELAY_SECONDS)
        remind(self.intake, source, delay)
        return Decision()

    def _resolve(self, source: Source, jobs: Sequence[Job], seen: Seen) -> Decision:
        now = self.clock.now()
        errors: list[BackdropError] = [seen.photo_error] if seen.photo_error else []
        errors += [error for place in seen.places for error in place.errors]
        wanted: list[Job] = []
        if not errors:
            try:
                wanted = [self._job(source, jobs, seen, resolve(seen.places), now)]
            except InstructionError as error:
                errors = [error]
        return self._write(source, jobs, seen, wanted, [Problem.of(error, now) for error in errors])

    def _job(self, source: Source, jobs: Sequence[Job], seen: Seen, instructions: Instructions, now: datetime) -> Job:
        """The job that the instructions ask for; InstructionError where no provider may do it."""
        provider = self._provider(instructions)
        price = quote(provider, instructions.fields)
        image = seen.photo.sha256 or ""
        asked, revision = instructions.asked, instructions.revision
        ident = job_id(
            bucket=source.bucket, key=source.key, variant="", image_sha256=image, asked=asked, revision=revision
        )
        if not any(job.job_id == ident and job.money is not Money.NOT_SPENT for job in jobs):
            _check_price(price, instructions.fields.get("max_cost_usd"))
        return Job(
            job_id=ident,
            content_key=content_key(image_sha256=image, asked=asked, revision=revision),
            source_id=source.source_id,
            bucket=source.bucket,
            key=source.key,
            version_id=seen.photo.version_id,
            sha256=image,
            variant="",
            operation=instructions.operation,
            provider=provider,
            asked=asked,
            instructions=dict(instructions.fields),
            provenance=dict(instructions.provenance),
            warnings=instructions.warnings,
            quoted=price,
            queued_at=now,
        )

    def _provider(self, instructions: Instructions) -> str:
        """The first preferred provider that is on and can express what is asked."""
        objections: list[str] = []
        code = Code.PROVIDER_NOT_CONFIGURED
        for provider in instructions.providers(self.default_provider):
            if provider not in self.lanes:
                objections.append(f"{provider} is switched off")
            elif reasons := not_expressible(provider, instructions.fields):
                code = Code.NOT_EXPRESSIBLE
                objections += reasons
            else:
                return provider
        raise InstructionError(code, f"No provider can do it: {'; '.join(objections)}.")

    def _write(
        self,
        source: Source,
        jobs: Sequence[Job],
        seen: Seen,
        wanted: Sequence[Job],
        problems: Sequence[Problem],
    ) -> Decision:
        now = self.clock.now()
        known = {job.job_id: job for job in jobs}
        named = {job.variant: job.job_id for job in wanted}
        steps = [step for job in wanted if (step := _name(source, known.get(job.job_id), job, now))]
        unnamed = [job for job in jobs if job.job_id not in named.values()]
        steps += [step for job in unnamed if (step := transitions.supersede(job, now))]
        resolved: dict[str, object] = {
            "photo": seen.photo,
            "asked_from": seen.asked_from,
            "jobs": named,
            "problems": tuple(problems),
            "waiting_since": None,
            "reported": source.reported or bool(problems),
        }
        self.ledger.put_source(source.but(**resolved), steps)
        self._hand_on(source, _after(steps, jobs))
        accepted = tuple(step.job for step in steps if step.job.status is Status.ACCEPTED)
        return Decision(accepted, tuple(problem.code for problem in problems))

    def _hand_on(self, source: Source, jobs: Sequence[Job]) -> Decision:
        """Every job to where it belongs: into its lane, or to deliver; and the photo's views to be written."""
        for job in jobs:
            if job.status is Status.ACCEPTED and job.provider in self.lanes:
                to_lane(self.lanes[job.provider], job)
            elif job.status is Status.ACCEPTED:
                self._refuse(source, job)
            elif job.status is Status.PAID:
                to_deliver(self.deliver, source, job.job_id)
        to_deliver(self.deliver, source)
        return Decision()

    def _refuse(self, source: Source, job: Job) -> None:
        """The job's provider was switched off since the job was accepted."""
        words = f"{job.provider} is switched off in this stack."
        error = InstructionError(Code.PROVIDER_NOT_CONFIGURED, words)
        job = self.ledger.job(source.source_id, job.job_id) or job
        self.ledger.advance(transitions.fail(job, error, self.clock.now()))
        to_deliver(self.deliver, source, job.job_id)


def _name(source: Source, known: Job | None, wanted: Job, now: datetime) -> transitions.Step | None:
    """A job that the photo names: new, run again, delivered again, told something new, or left as it is."""
    if known is None:
        return transitions.Step(wanted)
    step = transitions.reopen(known, wanted, now)
    if known.job_id not in source.jobs.values():
        step = transitions.name_again(known) or step
    return transitions.describe(step.job if step else known, wanted) or step


def _after(steps: Sequence[transitions.Step], jobs: Sequence[Job]) -> Sequence[Job]:
    """All jobs of a photo as they stand when the steps are written."""
    changed = {step.job.job_id: step.job for step in steps}
    return list(({job.job_id: job for job in jobs} | changed).values())


def _unchanged(source: Source, seen: Seen) -> bool:
    """Whether the photo was resolved from exactly this state before."""
    return source.photo == seen.photo and source.asked_from == seen.asked_from and source.waiting_since is None


def _has_its_jobs(source: Source, seen: Seen, jobs: Sequence[Job]) -> bool:
    """Whether nothing says any more what is wanted of these bytes, and their jobs exist: deleting undoes nothing."""
    current = [job for job in jobs if job.job_id in source.jobs.values()]
    same = bool(current) and all(job.sha256 == seen.photo.sha256 for job in current)
    return same and not seen.photo_error and not is_complete(seen.places)


def _check_price(price: int, limit: float | None) -> None:
    if limit is not None and price > micro_of(Decimal(str(limit))):
        raise InstructionError(
            Code.MAX_COST_EXCEEDED,
            f"The job costs up to {usd_text(price)}; max_cost_usd allows {limit}.",
        )
