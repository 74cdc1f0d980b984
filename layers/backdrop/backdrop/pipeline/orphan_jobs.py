"""Jobs that only Step Functions executions requested. They are canceled once all of these executions have stopped."""

from dataclasses import dataclass

from backdrop.aws.ledger import Ledger
from backdrop.aws.sqs import Queue
from backdrop.aws.step_functions import ExecutionMonitor
from backdrop.model import transitions
from backdrop.model.job import Job
from backdrop.pipeline.enqueue import schedule_documents
from backdrop.ports import Clock


@dataclass(eq=False, repr=False)
class OrphanJobs:
    """Used by render before it claims a job, and by reconcile for lanes that deliver no messages."""

    ledger: Ledger
    executions: ExecutionMonitor
    deliver_queue: Queue
    clock: Clock

    def cancel_if_unwanted(self, job: Job) -> Job | None:
        """Cancels an unpaid job if all its executions have stopped, and returns it; None if the job is still needed."""
        if not job.is_execution_scoped:
            return None
        # Read before the requests: a request that is written from here on makes this source stale, so that the write
        # below fails and the job is checked again.
        source, _ = self.ledger.read_photo(job.source_id)
        transition = transitions.cancel(job, self.clock.now())
        if source is None or transition is None or self._is_wanted(job):
            return None
        schedule_documents(self.deliver_queue, job)
        self.ledger.put_source(source, (transition,))
        return transition.job

    def _is_wanted(self, job: Job) -> bool:
        pending_requests = self.ledger.list_pending_requests(job.source_id)
        execution_arns = [request.execution_arn for request in pending_requests if job.job_id in request.jobs.values()]
        return not execution_arns or any(not arn or self.executions.is_running(arn) for arn in execution_arns)
