"""Deliver: hand over. Fetch what was paid, verify it, write pictures, receipt, error report and event; then answer.

Everything may happen twice and in any order: each write says what it replaces, and views are built from the ledger.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from backdrop.aws.event_bus import EventBus
from backdrop.aws.ledger import Ledger
from backdrop.aws.sqs import Queue
from backdrop.deliver.followers import Followers
from backdrop.deliver.pictures import Pictures
from backdrop.deliver.task_callbacks import Answering
from backdrop.model import transitions
from backdrop.model.codes import Code
from backdrop.model.errors import BackdropError, OvertakenError, StaleError, WaitError
from backdrop.model.ids import fairness_group
from backdrop.model.job import FAILED, Job, Problem, Source, Status
from backdrop.model.queue_messages import DeliverMessage
from backdrop.model.receipt import announcement, dead_letter
from backdrop.pipeline.crash_guard import LONGEST_DELIVERY, MOST_CRASHES, begin, leave
from backdrop.pipeline.documents import Views
from backdrop.pipeline.job_diff import taken_away
from backdrop.ports import Clock

TRIES = 8
LONGEST_DELAY_SECONDS = 600


@dataclass(frozen=True)
class Delivery:
    """What the door counts: the job as it is now, and whether this delivery brought it to its end."""

    job: Job | None = None
    ended_here: bool = False


@dataclass(eq=False, repr=False)
class Deliver:
    """The step."""

    ledger: Ledger
    pictures: Pictures
    views: Views
    followers: Followers
    events: EventBus
    answering: Answering
    dead_letters: Queue
    clock: Clock

    def deliver(self, message: DeliverMessage, *, receives: int = 1, receipt: str = "") -> Delivery:
        """Hand over what is due; `receipt`: the ETag of the photo's first receipt, where its message names it."""
        source, jobs = self.ledger.photo(message.source_id)
        if source is None:
            self.answering.alone(message.source_id)
            return Delivery()
        job = _find(jobs, message.job_id)
        if job and job.status is Status.ACCEPTED and job.follows:
            job = self.followers.serve(job)
            jobs = _replaced(jobs, job)
        ended_here = job is not None and job.status is Status.PAID
        if job and ended_here:
            try:
                ended = self._hand_over(source, job, jobs, receives)
                jobs = _replaced(jobs, ended)
            except OvertakenError:
                raise
            except (WaitError, StaleError):
                leave(self.ledger, job, self.clock)
                raise
        source, jobs = self._show(source, jobs, receipt)
        delivery = self._tell(source, _find(jobs, message.job_id), ended_here=ended_here)
        self.answering.answer(source)
        if delivery.job and delivery.job.ended:
            self.followers.wake(delivery.job)
        return delivery

    def _tell(self, source: Source, job: Job | None, *, ended_here: bool) -> Delivery:
        """The job's end, if it has come to one, is announced, and a failure marked as told."""
        if job is None or not job.ended:
            return Delivery(job)
        self._announce(source, job)
        if job.status in FAILED and not job.told:
            self._mark_failed(source, job)
            return Delivery(job, ended_here=True)
        return Delivery(job, ended_here and job.status is Status.STORED)

    def _hand_over(self, source: Source, job: Job, jobs: Sequence[Job], receives: int) -> Job:
        """paid → stored or dead; StaleError where the job was changed meanwhile: it is looked at anew."""
        now = self.clock.now()
        job = begin(self.ledger, job, receives, now, now + LONGEST_DELIVERY)
        if job.crashes >= MOST_CRASHES:
            words = f"The worker that opened the paid picture died {job.crashes} times."
            return self.ledger.advance(transitions.fail(job, BackdropError(Code.CRASHED, words), self.clock.now()))
        try:
            return self.ledger.advance(self.pictures.hand_over(source, job, jobs, again=receives > 1))
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
        self.views.write(source, [job])

    def _show(self, source: Source, jobs: Sequence[Job], over: str) -> tuple[Source, Sequence[Job]]:
        """The views; a variant that is taken away while its pictures are put there is seen by intake or here: here."""
        for _ in range(TRIES):
            source, jobs = self.views.write(source, jobs, over)
            steps = taken_away(source, jobs)
            if not steps:
                return source, jobs
            for step in steps:
                self.ledger.advance(step)
        raise StaleError

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


def _replaced(jobs: Sequence[Job], changed: Job) -> Sequence[Job]:
    return [changed if one.job_id == changed.job_id else one for one in jobs]


def _find(jobs: Sequence[Job], job_id: str | None) -> Job | None:
    return next((job for job in jobs if job.job_id == job_id), None)
