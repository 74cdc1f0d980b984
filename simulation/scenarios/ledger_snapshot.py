"""The stored items as last read, as plain data, for comparison with the next write."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from simulation.invariants.budget_shares import join_day
from simulation.invariants.mandates import StoredMandate, waits_for_mandate
from simulation.invariants.paid_calls import is_rightly_paused
from simulation.invariants.violations import JsonObject, PlainLedger
from simulation.world.simulated_lambda import Invocation
from simulation.world.simulated_stack import World


@dataclass
class LaneSnapshot:
    """A lane as stored, and since when it has had its current restrictions."""

    body: JsonObject | None = None
    unchanged_since: datetime | None = None


@dataclass
class LedgerSnapshot:
    """Jobs and sources by ID, lanes by name, owners (job IDs) by content, and lock versions by key.

    `days`: days' budgets (`2026-11-21`) and their shares (`2026-11-21#3`), as stored.
    `requests`: by source ID and request ID. `job_versions`: all versions of each job, each with its time. `mandates`:
    by name. `names_by_location`: the mandates' registry. `quote_reservations`: what an open request of the price check
    reserves, by day. `change_count`: how many items were written, without those in which a reconciliation records how
    far it is.
    """

    world: World
    jobs: dict[str, JsonObject] = field(default_factory=dict[str, JsonObject])
    sources: dict[str, JsonObject] = field(default_factory=dict[str, JsonObject])
    job_versions: defaultdict[str, list[tuple[datetime, JsonObject]]] = field(default_factory=lambda: defaultdict(list))
    requests: dict[tuple[str, str], JsonObject] = field(default_factory=dict[tuple[str, str], JsonObject])
    days: dict[str, dict[str, int]] = field(default_factory=dict[str, dict[str, int]])
    owners: dict[str, str] = field(default_factory=dict[str, str])
    lanes: dict[str, LaneSnapshot] = field(default_factory=dict[str, LaneSnapshot])
    mandates: dict[str, StoredMandate] = field(default_factory=dict[str, StoredMandate])
    names_by_location: dict[str, str] = field(default_factory=dict[str, str])
    lock_versions: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    quote_reservations: dict[str, int] = field(default_factory=dict[str, int])
    change_count: int = 0

    @property
    def ledger(self) -> PlainLedger:
        return PlainLedger(self.sources, self.jobs, self.days)

    @property
    def remaining_micro_usd(self) -> int:
        """What remains of today's budget."""
        day = join_day(self.days, self.world.clock.time.date().isoformat()).totals
        cap = day.get("cap", self.world.setup.budget)
        return cap - day.get("confirmed", 0) - day.get("unknown", 0)

    def record_job_version(self, job: JsonObject) -> None:
        self.job_versions[job["job_id"]].append((self.world.clock.time, job))

    def list_job_versions(self, job_id: str, since: datetime) -> list[JsonObject]:
        """Returns the version of a job at a moment, and all later ones."""
        versions = self.job_versions[job_id]
        before = [job for at, job in versions if at <= since][-1:]
        return [*before, *(job for at, job in versions if at > since)]

    def list_current_job_ids(self) -> set[str]:
        """Returns the jobs that their photos name."""
        return {job_id for source in self.sources.values() for job_id in source["jobs"].values()}

    def list_excused_job_ids(self) -> set[str]:
        """Returns jobs that may wait: in a paused lane, for a mandate, for more than any day has, or for such a job."""
        budget = self.world.setup.budget
        blocked_lanes = {
            name
            for name, lane in self.lanes.items()
            if lane.body and is_rightly_paused(lane.body, self.remaining_micro_usd, budget)
        }
        waiting_job_ids = {
            *self._list_jobs_of_lanes(blocked_lanes),
            *self.list_unaffordable_job_ids(),
            *self._list_uncovered_job_ids(),
            *self._list_job_ids_behind_quote(),
        }
        return waiting_job_ids | {*self._list_jobs_waiting_for(waiting_job_ids)}

    def _list_jobs_of_lanes(self, lanes: set[str]) -> Iterator[str]:
        return (job_id for job_id, job in self.jobs.items() if job["provider"] in lanes)

    def _list_jobs_waiting_for(self, waiting_job_ids: set[str]) -> Iterator[str]:
        """Yields jobs that wait for one of these. They may be in a lane that is not paused."""
        for job_id, job in self.jobs.items():
            if job["status"] == "accepted" and job["waits_for"] and job["waits_for"]["job_id"] in waiting_job_ids:
                yield job_id

    def _list_uncovered_job_ids(self) -> Iterator[str]:
        """Yields jobs that wait for their mandates, which do not cover them now."""
        day = self.world.clock.time.date().isoformat()
        for job_id, job in self.jobs.items():
            mandate = self.mandates.get(job.get("mandate", ""))
            if waits_for_mandate(job) and mandate and not mandate.covers(job, day):
                yield job_id

    def _list_job_ids_behind_quote(self) -> Iterator[str]:
        """Yields jobs that wait for what a crashed price check has reserved until the next one, a day later."""
        reserved = self.quote_reservations.get(self.world.clock.time.date().isoformat(), 0)
        for job_id, job in self.jobs.items():
            if job["status"] == "accepted" and reserved and self.remaining_micro_usd < job["quoted"] + reserved:
                yield job_id

    def list_unaffordable_job_ids(self) -> Iterator[str]:
        """Yields jobs that cost more than any whole day's budget, and were tried or wait for one that was."""
        budget, remaining = self.world.setup.budget, self.remaining_micro_usd
        for job_id, job in self.jobs.items():
            was_tried = job["problem"] or job["waits_for"]
            if job["status"] == "accepted" and was_tried and 0 < budget < job["quoted"] and remaining < job["quoted"]:
                yield job_id

    def find_invocation(self, worker: str) -> Invocation:
        return next(
            invocation for invocation in reversed(self.world.lambda_service.invocations) if invocation.name == worker
        )

    def find_start(self, worker: str) -> datetime:
        return self.find_invocation(worker).started_at

    def is_alive(self, worker: str) -> bool:
        return any(
            invocation.name == worker and invocation.ended_at is None
            for invocation in self.world.lambda_service.invocations
        )
