"""Jobs that only executions wanted: once the last of those has stopped, nobody pays for them."""

from dataclasses import dataclass

from backdrop.aws.ledger import Ledger
from backdrop.aws.step_functions import Executions
from backdrop.model import transitions
from backdrop.model.job import Job
from backdrop.ports import Clock


@dataclass(eq=False, repr=False)
class Stopping:
    """Asked by render before it claims a job, and by reconcile where a lane hands out none."""

    ledger: Ledger
    executions: Executions
    clock: Clock

    def unwanted(self, job: Job) -> Job | None:
        """The job as it ends unpaid, where all who wanted it have stopped; None where somebody wants it still."""
        if not job.for_executions:
            return None
        # Read before who waits: a request that is written from here on makes it stale, and the job is looked at anew.
        source, _ = self.ledger.photo(job.source_id)
        step = transitions.cancel(job, self.clock.now())
        if source is None or step is None or self._wanted(job):
            return None
        self.ledger.put_source(source, (step,))
        return step.job

    def _wanted(self, job: Job) -> bool:
        waiting = self.ledger.waiting(job.source_id)
        named = [one.execution for one in waiting if job.job_id in one.jobs.values()]
        return not named or any(not arn or self.executions.running(arn) for arn in named)
