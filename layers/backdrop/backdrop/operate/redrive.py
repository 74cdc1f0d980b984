"""What people order of failures: shown, and redriven."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from backdrop.aws.ledger import Ledger
from backdrop.aws.ledger_index import Books
from backdrop.aws.s3 import OutputBucket
from backdrop.aws.sqs import Queue
from backdrop.intake.photo_status import named
from backdrop.model import transitions
from backdrop.model.codes import Code
from backdrop.model.errors import InstructionError, OwnedError, StaleError
from backdrop.model.job import Job, Money, Owner, Problem, Source, Status
from backdrop.model.object_keys import paid_key
from backdrop.model.pricing import Configured, quote
from backdrop.model.schedule import MESSAGE_LIFE, SENT_BY_RECONCILE, Ref
from backdrop.model.transitions import Step
from backdrop.pipeline.enqueue import look_at, to_deliver, to_lane
from backdrop.ports import Clock

TRIES, RETRY_SECONDS = 8, 0.1
# Reconcile looks at a lost answer before that; so many are looked through.
DOUBT_IS_DUE, MOST_DUE = timedelta(minutes=30), 1000
# Behind the links of these there is nothing any more.
GONE = frozenset({Code.LINK_EXPIRED, Code.RESULT_GONE, Code.PAID_FILE_GONE})
# The pictures of these were opened and are no good, so that a person may want others.
NO_GOOD = frozenset({Code.RESULT_NOT_AN_IMAGE, Code.RESULT_TRUNCATED, Code.RESULT_NOT_TRANSPARENT})


@dataclass(frozen=True)
class Failure:
    """One photo's job that ended badly, or a photo that never had one (`job` is None)."""

    source: Source
    job: Job | None
    problem: Problem

    @property
    def status(self) -> str:
        return self.job.status.value if self.job else Status.REFUSED.value


@dataclass(frozen=True)
class Wanted:
    """Which failures are meant; what is empty chooses nothing."""

    codes: frozenset[Code] = frozenset()
    provider: str = ""
    prefix: str = ""

    def means(self, failure: Failure) -> bool:
        """Whether all that is given fits."""
        provider = failure.job.provider if failure.job else ""
        return (
            (not self.codes or failure.problem.code in self.codes)
            and (not self.provider or provider == self.provider)
            and failure.source.key.startswith(self.prefix)
        )

    def means_doubt(self, job: Job) -> bool:
        """The same for a job whose answer was lost."""
        return (
            (not self.codes or Code.CHARGE_UNKNOWN in self.codes)
            and self.provider in ("", job.provider)
            and job.key.startswith(self.prefix)
        )


@dataclass(frozen=True)
class Redrive:
    """What a redrive makes of one failure: the way it goes, and what it may cost, micro-dollars."""

    failure: Failure
    step: Step | None
    price: int = 0
    needs_pay_again: bool = False


@dataclass(frozen=True)
class Orders:
    """`lanes` holds the queues of the providers that are on."""

    ledger: Ledger
    books: Books
    output: OutputBucket
    lanes: Mapping[str, Queue]
    deliver: Queue
    intake: Queue
    clock: Clock
    prices: Configured = field(default_factory=dict[str, int])

    def failures(self, wanted: Wanted) -> Iterator[Failure]:
        """What stands in the error reports now, the oldest first: a job that its photo names no more is nobody's."""
        for ref in self.books.failed():
            source, jobs = self.ledger.photo(ref.source_id)
            if source:
                yield from (one for one in _failures(source, jobs, ref) if wanted.means(one))

    def in_doubt(self, wanted: Wanted) -> Iterator[Job]:
        """Jobs whose answer was lost, and of which it is not decided yet whether that stays so."""
        for ref in self.books.due(self.clock.now() + DOUBT_IS_DUE, MOST_DUE):
            job = self.ledger.job(ref.source_id, ref.job_id) if ref.job_id else None
            if job and job.status is Status.UNKNOWN and wanted.means_doubt(job):
                yield job

    # -- redrive -------------------------------------------------------------------------------------------

    def plan(self, failure: Failure, *, pay_again: bool) -> Redrive:
        """How a failure goes on, and what that may cost: what is paid and can still be had is not bought again."""
        job, now = failure.job, self.clock.now()
        if job is None:
            return Redrive(failure, None)
        price = self._price(job)
        if self._can_be_had(job, now) and not (pay_again and failure.problem.code in NO_GOOD):
            return Redrive(failure, transitions.deliver_again(job, now))
        if pay_again and (job.reused_from or job.money is not Money.NOT_SPENT):
            return Redrive(failure, transitions.pay_again(job, now), price)
        step = None if job.reused_from else transitions.run_again(job, job.but(for_executions=False, said_at=now), now)
        return Redrive(failure, step, price if step else 0, needs_pay_again=step is None)

    def _price(self, job: Job) -> int:
        """What the job may cost now; what it was quoted where nobody says any more what its provider's credits cost."""
        try:
            return quote(job.provider, job.instructions, self.prices)
        except InstructionError:
            return job.quoted

    def _can_be_had(self, job: Job, now: datetime) -> bool:
        """Whether a paid picture may still be fetched from its link, or lies where an earlier delivery kept it."""
        if job.status is not Status.DEAD:
            return False
        gone = job.reused_from or (job.problem and job.problem.code in GONE)
        if not gone and any(link.lives(now) for link in job.links):
            return True
        bought_by, pictures = job.reused_from or job.job_id, sum(link.usable for link in job.links)
        return any(self.output.find(paid_key(bought_by, job.answered, n, "")) for n in range(1, pictures + 1))

    def redrive(self, plan: Redrive) -> bool:
        """Bring a failure on its way again; False where it cannot go without paying again, or others were faster."""
        if plan.failure.job is None:
            return self._look_anew(plan.failure.source)
        if plan.step is None:
            return False
        try:
            job = self._advance(plan.failure.job, plan.step)
        except StaleError:
            return False
        if job.status is Status.ACCEPTED and job.provider in self.lanes:
            to_lane(self.lanes[job.provider], job)
        to_deliver(self.deliver, job, job.job_id if job.status is Status.PAID else None)
        return True

    def _advance(self, failed: Job, step: Step) -> Job:
        """The step, as long as the photo names the job: who looks at the photo meanwhile looks anew.

        Where another job owns the content by now, the redriven one waits for it or gets its file.
        """
        for _ in range(TRIES):
            source, jobs = self.ledger.photo(failed.source_id)
            if source is None or failed not in named(source, jobs):
                raise StaleError
            overdue = self.clock.now() - MESSAGE_LIFE + SENT_BY_RECONCILE
            step = replace(step, job=step.job.but(put_at=overdue))
            try:
                self.ledger.put_source(source, [step])
            except StaleError:
                self.clock.sleep(self.clock.jitter(RETRY_SECONDS))
            except OwnedError as error:
                step = self._beside(failed, step, error.owner)
            else:
                return step.job
        raise StaleError

    def _beside(self, failed: Job, step: Step, owner: Owner) -> Step:
        """Only a job that got its file from the owner, and failed with it, buys in its place."""
        owning = self.ledger.job(owner.source_id, owner.job_id)
        if owning and owning.job_id == failed.reused_from and owning.status is Status.STORED:
            return transitions.take_over(step.job, owner)
        return transitions.beside(step.job, owner, owning, self.clock.now())

    def _look_anew(self, source: Source) -> bool:
        """A photo without a job is looked at as if it had just come."""
        fresh = source.but(photo=None, asked_from="", sidecar_etag="", crashes=0, begun_until=None)
        try:
            self.ledger.put_source(fresh, ())
        except StaleError:
            return False
        look_at(self.intake, source.bucket, source.key)
        return True


def _failures(source: Source, jobs: Sequence[Job], ref: Ref) -> list[Failure]:
    """What one entry of the index stands for."""
    if ref.job_id is None:
        return [Failure(source, None, problem) for problem in source.problems]
    named = [job for job in jobs if job.job_id == ref.job_id and job.job_id in source.jobs.values()]
    return [Failure(source, job, job.problem) for job in named if job.problem and job.ended]
