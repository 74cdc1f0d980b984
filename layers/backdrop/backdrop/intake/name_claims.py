"""Claims the names of a photo's pictures, so that nothing is bought for a name that another photo has."""

from dataclasses import dataclass, replace

from backdrop.aws.ledger import Ledger
from backdrop.intake.job_planner import JobPlan
from backdrop.model.codes import Code
from backdrop.model.errors import InstructionError
from backdrop.model.ids import derive_source_id
from backdrop.model.job import Job, Problem, Source
from backdrop.model.picture_names import (
    NameClaim,
    find_default_owner,
    holds_name,
    list_claimed_names,
    list_default_names,
    list_endangered_names,
)
from backdrop.ports import Clock


@dataclass(frozen=True)
class NameClaims:
    """Reads claims, which stay in the ledger. A claim takes effect only while its photo needs the name."""

    ledger: Ledger
    clock: Clock

    def claim_names(self, source_id: str, plan: JobPlan) -> JobPlan:
        """Returns the plan with the names that it claims, and with a problem for each job whose name is taken.

        The result holds only if the claims are still the same when it is written (`Ledger.put_source`).
        """
        names_by_job = {job.job_id: list(list_claimed_names(job)) for job in plan.jobs}
        default_names_by_job = {job.job_id: list_endangered_names(job) for job in plan.jobs}
        names = [name for job_names in names_by_job.values() for name in job_names]
        default_names = [name for job_names in default_names_by_job.values() for name in job_names]
        if not names and not default_names:
            return plan
        claims = self.ledger.find_name_claims([*names, *default_names])
        holders = {
            name: holder for name, claim in claims.items() if (holder := self._find_other_holder(source_id, claim))
        }
        holders |= {name: holder for name in names if (holder := self._find_default_holder(source_id, name))}
        jobs: list[Job] = []
        problems: list[Problem] = []
        for job in plan.jobs:
            own_names = (*names_by_job[job.job_id], *default_names_by_job[job.job_id])
            taken = next((name for name in own_names if name in holders), None)
            if taken is None:
                jobs.append(job)
                continue
            error = build_name_taken_error(taken, holders[taken].key)
            problems.append(Problem.from_error(error, self.clock.now(), variant=job.variant))
        claimed = {name: claims.get(name) for job in jobs for name in names_by_job[job.job_id]}
        return replace(plan, jobs=tuple(jobs), problems=(*plan.problems, *problems), names=claimed)

    def _find_other_holder(self, source_id: str, claim: NameClaim) -> Source | None:
        """Returns the other photo that needs the name; None if the name is free for this photo."""
        if claim.source_id == source_id:
            return None
        holder, jobs = self.ledger.read_photo(claim.source_id)
        return holder if holder and holds_name(holder, jobs, claim.name) else None

    def _find_default_holder(self, source_id: str, name: str) -> Source | None:
        """Returns the photo without a suffix that has a picture of this name in the default layout."""
        bucket, _, key = name.partition("/")
        owner = find_default_owner(key)
        owner_id = derive_source_id(bucket, owner) if owner else source_id
        if owner_id == source_id:
            return None
        holder, jobs = self.ledger.read_photo(owner_id)
        if holder is None or holder.was_missing:
            return None
        current_jobs = (job for job in jobs if job.job_id in holder.jobs.values())
        return holder if any(name in list_default_names(job) for job in current_jobs) else None


def build_name_taken_error(name: str, holder_key: str) -> InstructionError:
    """Returns the error of a photo whose picture has the same key as a picture of the photo `holder_key`."""
    message = f"The key {name.partition('/')[2]} belongs to the photo {holder_key}."
    return InstructionError(Code.NAME_TAKEN, message)
