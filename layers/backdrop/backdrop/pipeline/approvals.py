"""People's decisions about pictures that wait for approval, whichever way they arrive."""

from dataclasses import dataclass, replace

from backdrop.aws.ledger import Ledger
from backdrop.aws.sqs import Queue
from backdrop.model import transitions
from backdrop.model.codes import Code
from backdrop.model.errors import ConflictError, DecisionRefusedError
from backdrop.model.job import Job, JobStatus, Source
from backdrop.model.review import PictureDecision
from backdrop.model.transitions import Transition
from backdrop.pipeline.enqueue import SAFETY_DELAY_SECONDS, enqueue_delivery
from backdrop.ports import Clock

MAX_TRIES = 8


@dataclass(eq=False, repr=False)
class Approvals:
    ledger: Ledger
    deliver_queue: Queue
    clock: Clock

    def decide(self, decision: PictureDecision, source_id: str = "") -> Job:
        """Records a decision, has deliver act on it, and returns the job.

        A decision that was recorded before is sent to deliver again, because its first worker may have crashed.
        `source_id`: the photo's, if the caller knows it.

        Raises DecisionRefusedError if the decision cannot be carried out, and ConflictError if the picture keeps
        changing.
        """
        source_id = source_id or self.ledger.find_reviewed_source_id(decision.job_id) or ""
        for _ in range(MAX_TRIES):
            source, jobs = self.ledger.read_photo(source_id) if source_id else (None, ())
            job = next((job for job in jobs if job.job_id == decision.job_id), None)
            if source is None or job is None:
                raise DecisionRefusedError(
                    Code.PICTURE_UNKNOWN, f"No job {decision.job_id} waits, or waited, for approval."
                )
            try:
                transition = self._plan(source, job, decision)
                job = self._write(transition) if transition else job
            except ConflictError:
                self.clock.sleep(self.clock.jitter(0.1))
                continue
            enqueue_delivery(self.deliver_queue, job, job.job_id)
            return job
        raise ConflictError

    def _write(self, transition: Transition) -> Job:
        """Writes the decision.

        While other pictures of the job wait, reconcile does not send the job to deliver. Therefore, a delayed message
        is sent first: if this worker, which may be a person's command, ended right after the write, nothing else would
        update the photo's receipt.
        """
        if transition.job.status is JobStatus.REVIEW:
            job = transition.job
            enqueue_delivery(self.deliver_queue, job, job.job_id, delay_seconds=SAFETY_DELAY_SECONDS)
        return self.ledger.write_transition(transition)

    def _plan(self, source: Source, job: Job, decision: PictureDecision) -> Transition | None:
        # If the photo named another job just now, deliver ends this review when it reads the photo again.
        is_current = job.job_id in source.jobs.values() or job.status is not JobStatus.REVIEW
        return transitions.decide(
            job if is_current else replace(job, status=JobStatus.SUPERSEDED),
            decision.n,
            decision.decision,
            by=decision.by,
            via=decision.via,
            now=self.clock.now(),
            event_source=decision.event_source,
            sha256=decision.sha256,
            seen_at=decision.seen_at,
        )
