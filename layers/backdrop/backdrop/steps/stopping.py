"""Jobs that only executions wanted: once the last of those has stopped, nobody pays for them."""

from dataclasses import dataclass

from backdrop.core.job import Job
from backdrop.ports import Executions, Ledger


@dataclass(eq=False, repr=False)
class Stopping:
    """Asked by render before it claims a job."""

    ledger: Ledger
    executions: Executions

    def wants(self, job: Job) -> bool:
        """Whether somebody wants the job still."""
        if not job.for_executions:
            return True
        waiting = [one for one in self.ledger.asked(job.source_id) if one.answered_at is None]
        named = [one.execution for one in waiting if job.job_id in one.jobs.values()]
        return not named or any(not arn or self.executions.running(arn) for arn in named)
