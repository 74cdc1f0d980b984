"""What is due: open jobs whose message may be gone get a new one, and lost answers are asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from backdrop.aws.ledger import Ledger
from backdrop.aws.sqs import Queue
from backdrop.model import transitions
from backdrop.model.errors import StaleError, WaitError
from backdrop.model.job import FAILED, Attempt, Job, Status
from backdrop.model.provider_result import Answer, Standing
from backdrop.model.schedule import Ref
from backdrop.pipeline.call_context import RECORD_SECONDS, Slot
from backdrop.pipeline.enqueue import begin_again, remind, to_deliver, to_lane
from backdrop.pipeline.recovery import LONGEST_PENDING, LostAnswers
from backdrop.ports import Clock, Provider


@dataclass(eq=False, repr=False)
class PutBack:
    """`lanes` holds the queues of the providers that are on."""

    ledger: Ledger
    lost: LostAnswers
    providers: Mapping[str, Provider]
    lanes: Mapping[str, Queue]
    deliver: Queue
    intake: Queue
    clock: Clock

    def resend(self, ref: Ref, ends: datetime) -> None:
        """Bring one item that is due on its way again; another writer that was faster has done so.

        `ends`: when this worker does at the latest.
        """
        try:
            if ref.job_id is None:
                self._source(ref)
                return
            job = self.ledger.job(ref.source_id, ref.job_id)
            job = self._without_orphans(job) if job else None
            if job and (not job.ended or (job.status in FAILED and not job.told)):
                self._job(job, ends)
        except StaleError:
            return

    def _without_orphans(self, job: Job) -> Job:
        """A call that nobody waits for, and whose worker must be dead: asked after where that can be done.

        Its charge stays in doubt where its provider tells nothing.
        """
        now = self.clock.now()
        for attempt in job.orphans:
            said = self._said_of(job, attempt) if now >= attempt.lease_until else Standing.PENDING
            if isinstance(said, Answer):
                said = self.lost.payments.without_raw_response(job, attempt.n, said)
                job = self.ledger.advance(transitions.record(job, attempt.n, said, now))
                to_deliver(self.deliver, job)
        return job

    def _said_of(self, job: Job, attempt: Attempt) -> Answer | Standing:
        """What became of a call that nobody waits for; PENDING only while its provider may still be at work."""
        provider, said = self.providers.get(attempt.provider), Standing.ABSENT
        if provider and attempt.provider_id:
            said = provider.look_up(job, attempt.provider_id)
        if isinstance(said, Answer):
            return said
        if said is Standing.PENDING and self.clock.now() <= attempt.submitted_at + LONGEST_PENDING:
            return said
        return Answer.lost("Its worker died, and another call had brought the pictures.")

    def _source(self, ref: Ref) -> None:
        """A photo that waited for instructions, and whose reminder never came."""
        source, _ = self.ledger.photo(ref.source_id)
        if source and source.waiting_since:
            remind(self.intake, source, 0)
            self.ledger.put_source(source.but(put_at=self.clock.now()), ())

    def _job(self, job: Job, ends: datetime) -> None:
        """The message first, the note that it was sent behind it: two messages do no harm, none does."""
        job = self._asked(job, ends)
        self._send(job)
        self.ledger.advance(transitions.put_back(job, self.clock.now()))

    def _send(self, job: Job) -> None:
        if job.ended or job.status is Status.PAID:
            to_deliver(self.deliver, job, job.job_id)
        elif job.provider in self.lanes:
            to_lane(self.lanes[job.provider], job)
        else:
            begin_again(self.intake, job)

    def _asked(self, job: Job, ends: datetime) -> Job:
        """A lost answer, where it can be asked for nothing; what would have to be paid is left to render."""
        provider = self.providers.get(job.provider)
        attempt = job.attempt_of(job.attempt)
        if attempt is None or job.status not in (Status.SUBMITTING, Status.UNKNOWN):
            return job
        if provider is None:
            return self._held(job)
        if not attempt.provider_id:
            return job
        slot = Slot(deadline=self.clock.now() + timedelta(seconds=RECORD_SECONDS), ends=ends)
        try:
            if job.status is Status.SUBMITTING:
                return self.lost.resume(job, provider, slot)
            return self.lost.find_out(job, provider, slot)[0]
        except WaitError:
            return self._now(job)

    def _held(self, job: Job) -> Job:
        """The provider was switched off since: nobody will ever ask it."""
        now = self.clock.now()
        if job.status is Status.SUBMITTING:
            job = self.ledger.advance(transitions.lose(job, now))
        return self.ledger.advance(transitions.hold(job, now))

    def _now(self, job: Job) -> Job:
        now = self.ledger.job(job.source_id, job.job_id)
        if now is None:
            raise StaleError
        return now
