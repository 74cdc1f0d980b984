"""Jobs that only executions wanted: once the last of those has stopped, nobody pays for them."""

from dataclasses import dataclass

from backdrop.aws.ledger import Ledger
from backdrop.aws.step_functions import ExecutionMonitor
from backdrop.model import transitions
from backdrop.model.job import Job
from backdrop.ports import Clock


@dataclass(eq=False, repr=False)
class OrphanJobs:
    """Asked by render before it claims a job, and by reconcile where a lane hands out none."""

    ledger: Ledger
    executions: ExecutionMonitor
    clock: Clock

    def cancel_if_unwanted(self, job: Job) -> Job | None:
        """The job as it ends unpaid, where all who wanted it have stopped; None where somebody wants it still."""
        if not job.is_execution_scoped:
            return None
        # Read before who waits: a request that is written from here on makes it stale, and the job is looked at anew.
        source, _ = self.ledger.read_photo(job.source_id)
        transition = transitions.cancel(job, self.clock.now())
        if source is None or transition is None or self._is_wanted(job):
            return None
        self.ledger.put_source(source, (transition,))
        return transition.job

    def _is_wanted(self, job: Job) -> bool:
        pending_requests = self.ledger.list_pending_requests(job.source_id)
        execution_arns = [one.execution_arn for one in pending_requests if job.job_id in one.jobs.values()]
        return not execution_arns or any(not arn or self.executions.is_running(arn) for arn in execution_arns)
