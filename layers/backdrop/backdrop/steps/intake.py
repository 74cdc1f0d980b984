"""Intake: decide what should be done. An event only says where to look; bucket and ledger say the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from backdrop.core import transitions
from backdrop.core.codes import Code
from backdrop.core.errors import BackdropError, InstructionError, OwnedError, StaleError, WaitError
from backdrop.core.identity import source_id
from backdrop.core.instructions import is_complete, resolve
from backdrop.core.job import Job, Owner, Problem, Source, Status
from backdrop.core.layout import Kind, kind_of, may_share, photo_of
from backdrop.ports import Clock, InputBucket, Ledger, Queue
from backdrop.steps.marks import MOST_CRASHES, begin_look, leave_look
from backdrop.steps.messages import Look, remind, to_deliver, to_lane
from backdrop.steps.reuse import shared
from backdrop.steps.seen import Seen, see, see_from_afar
from backdrop.steps.wanted import provider_for, wanted_job

TRIES = 8
LONGEST_DELAY_SECONDS = 900


@dataclass(frozen=True)
class Decision:
    """What a look led to: jobs put into their lanes, and the codes of what was refused."""

    accepted: tuple[Job, ...] = ()
    refused: tuple[Code, ...] = ()


@dataclass(eq=False, repr=False)
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
        if not look.again:
            return self._until_written(look)
        place = Source(source_id=source_id(look.bucket, look.key), bucket=look.bucket, key=look.key)
        begin_look(self.ledger, place, self.clock.now())
        try:
            decision = self._until_written(look)
        except (WaitError, StaleError):
            leave_look(self.ledger, place, self.clock)
            raise
        leave_look(self.ledger, place, self.clock)
        return decision

    def _until_written(self, look: Look) -> Decision:
        """Decide anew as often as others were faster."""
        owners: dict[str, Owner] = {}
        for _ in range(TRIES):
            try:
                return self._decide(look, owners)
            except StaleError:
                self.clock.sleep(self.clock.jitter(0.1))
            except OwnedError as error:
                owners[error.owner.content_key] = error.owner
        raise StaleError

    def _decide(self, look: Look, owners: Mapping[str, Owner]) -> Decision:
        ident = source_id(look.bucket, look.key)
        before, jobs = self.ledger.photo(ident)
        seen = self._see(look, before)
        if seen is None:
            return self._gone(before, jobs, look)
        source = before or Source(source_id=ident, bucket=look.bucket, key=look.key)
        if _unchanged(source, seen):
            return self._hand_on(source, jobs) if look.again else Decision()
        if _has_its_jobs(source, seen, jobs):
            return self._as_it_was(source, jobs, seen, look)
        if not seen.photo_error and not is_complete(seen.places):
            remaining = self._still_settling(source)
            if remaining > 0:
                return self._wait(source, seen, remaining)
        return self._resolve(source, jobs, seen, owners)

    def _as_it_was(self, source: Source, jobs: Sequence[Job], seen: Seen, look: Look) -> Decision:
        """The bytes of its jobs lie there, whatever lay there meanwhile."""
        if source.photo != seen.photo or source.waiting_since:
            self.ledger.put_source(source.but(photo=seen.photo, waiting_since=None), ())
            to_deliver(self.deliver, source)
        return self._hand_on(source, jobs) if look.again else Decision()

    def _see(self, look: Look, known: Source | None) -> Seen | None:
        if known and known.crashes >= MOST_CRASHES:
            afar = see_from_afar(self.photos, look.bucket, look.key, known.crashes)
            if afar is None or known.photo is None or known.photo.etag == afar.photo.etag:
                return afar
            self._forget_the_deaths(known)
        return see(self.photos, look.bucket, look.key, known.photo if known else None, self.max_megapixels)

    def _forget_the_deaths(self, source: Source) -> None:
        """Other bytes lie there than those that killed: their own deaths are counted."""
        self.ledger.put_source(source.but(photo=None, asked_from="", crashes=0), ())
        raise StaleError

    def _gone(self, source: Source | None, jobs: Sequence[Job], look: Look) -> Decision:
        """The photo was deleted: what is not paid yet is not bought."""
        if source is None:
            return Decision()
        now = self.clock.now()
        steps = [step for job in jobs if (step := transitions.cancel(job, now))]
        if steps or source.problems or source.waiting_since:
            gone = {"photo": None, "problems": (), "waiting_since": None, "asked_from": "", "begun_until": None}
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
            asked = {"photo": seen.photo, "asked_from": seen.asked_from}
            waits = source.but(**asked, waiting_since=since, put_at=self.clock.now(), begun_until=None)
            self.ledger.put_source(waits, ())
        delay = min(int(remaining) + 1, LONGEST_DELAY_SECONDS)
        remind(self.intake, source, delay)
        return Decision()

    def _resolve(self, source: Source, jobs: Sequence[Job], seen: Seen, owners: Mapping[str, Owner]) -> Decision:
        now = self.clock.now()
        errors: list[BackdropError] = [seen.photo_error] if seen.photo_error else []
        errors += [error for place in seen.places for error in place.errors]
        wanted: list[Job] = []
        if not errors:
            try:
                instructions = resolve(seen.places)
                provider = provider_for(instructions, self.default_provider, self.lanes)
                wanted = [wanted_job(source, seen.photo, jobs, instructions, provider, now)]
            except InstructionError as error:
                errors = [error]
        problems = [Problem.of(error, now) for error in errors]
        steps = self._steps(source, jobs, wanted, owners)
        return self._write(source, jobs, seen, wanted, steps, problems)

    def _steps(
        self, source: Source, jobs: Sequence[Job], wanted: Sequence[Job], owners: Mapping[str, Owner]
    ) -> list[transitions.Step]:
        """What becomes of the photo's jobs: those that it names, and those that it names no more."""
        now = self.clock.now()
        known = {job.job_id: job for job in jobs}
        steps = [step for job in wanted if (step := _name(source, known.get(job.job_id), job, now))]
        for place, step in enumerate(steps):
            owner = owners.get(step.job.content_key) if step.owner else None
            if owner:
                steps[place] = shared(self.ledger, step, owner, now)
        named = {job.job_id for job in wanted}
        unnamed = [job for job in jobs if job.job_id not in named]
        return steps + [step for job in unnamed if (step := transitions.supersede(job, now))]

    def _write(
        self,
        source: Source,
        jobs: Sequence[Job],
        seen: Seen,
        wanted: Sequence[Job],
        steps: Sequence[transitions.Step],
        problems: Sequence[Problem],
    ) -> Decision:
        resolved: dict[str, object] = {
            "photo": seen.photo,
            "asked_from": seen.asked_from,
            "sidecar_etag": seen.sidecar_etag,
            "jobs": {job.variant: job.job_id for job in wanted},
            "problems": tuple(problems),
            "waiting_since": None,
            "reported": source.reported or bool(problems),
            "begun_until": None,
            "crashes": source.crashes if any(one.code is Code.CRASHED for one in problems) else 0,
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
        if job.status is not Status.ACCEPTED:
            return
        self.ledger.advance(transitions.fail(job, error, self.clock.now()))
        to_deliver(self.deliver, source, job.job_id)


def _name(source: Source, known: Job | None, wanted: Job, now: datetime) -> transitions.Step | None:
    """A job that the photo names: new, run again, delivered again, told something new, or left as it is."""
    if known is None:
        return transitions.accept(wanted)
    step = transitions.reopen(known, wanted, now)
    if known.job_id not in source.jobs.values():
        step = transitions.name_again(known) or step
    described = transitions.describe(step.job if step else known, wanted)
    return replace(step, job=described.job) if step and described else described or step


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
