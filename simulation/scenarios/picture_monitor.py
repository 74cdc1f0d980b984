"""Checks the pictures under names against the claims in the ledger, and that changed outputs are delivered again."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from simulation.invariants.picture_names import (
    check_claimed_names,
    check_final_names,
    check_named_picture,
    needs_name,
)
from simulation.invariants.resolutions import FIELDS_OF_FILES
from simulation.invariants.violations import Invariant, JsonObject, Violation
from simulation.scenarios.ledger_snapshot import LedgerSnapshot
from simulation.world.simulated_stack import INPUT_BUCKET

NO_HOLDER = ""


class PictureMonitor:
    """Knows which photo has which name.

    `claims`: the source ID of the photo that claimed a name last, by the key in the output bucket. `claimants`: all
    photos that ever claimed it.
    """

    def __init__(self, snapshot: LedgerSnapshot) -> None:
        self._snapshot = snapshot
        self.claims: dict[str, str] = {}
        self.claimants: defaultdict[str, set[str]] = defaultdict(set)
        self._holders: defaultdict[str, list[tuple[datetime, str]]] = defaultdict(list)
        self._changed_source_ids: set[str] = set()
        self._outdated_job_ids: set[str] = set()

    # -- writes -------------------------------------------------------------------------------------------------

    def record_claim(self, name: str, source_id: str) -> None:
        """Records the claim of a name, which is a key with its bucket."""
        key = name.removeprefix(f"{INPUT_BUCKET}/")
        self._changed_source_ids |= {source_id, self.claims.get(key, source_id)}
        self.claims[key] = source_id
        self.claimants[key].add(source_id)

    def record_source(self, source: JsonObject) -> None:
        self._changed_source_ids.add(source["source_id"])

    def record_job(self, before: JsonObject | None, after: JsonObject) -> None:
        """Records a job, and whether its files have to be delivered again because of new instructions."""
        self._changed_source_ids.add(after["source_id"])
        if before and before["status"] != "stored" and after["status"] == "stored":
            self._outdated_job_ids.discard(after["job_id"])
        if before and _select_file_fields(before) != _select_file_fields(after):
            self._outdated_job_ids.add(after["job_id"])

    def check_writes(self) -> list[Violation]:
        """Checks the photos that the last transaction has written, or whose names it has given away."""
        source_ids, self._changed_source_ids = sorted(self._changed_source_ids), set()
        return [violation for source_id in source_ids for violation in self._check_source(source_id)]

    def _check_source(self, source_id: str) -> list[Violation]:
        source = self._snapshot.sources[source_id]
        jobs = [self._snapshot.jobs[job_id] for job_id in source["jobs"].values()]
        for name, claimant in self.claims.items():
            if claimant == source_id:
                self._record_holder(name, source_id if needs_name(source, jobs, name) else NO_HOLDER)
        return check_claimed_names(source, jobs, self.claims)

    def _record_holder(self, name: str, source_id: str) -> None:
        holders = self._holders[name]
        if not holders or holders[-1][1] != source_id:
            holders.append((self._snapshot.world.clock.time, source_id))

    def was_taken(self, name: str, source_id: str, since: datetime | None) -> bool:
        """Whether another photo had the name at some moment since the given one, or ever if it is None."""
        holders = self._holders.get(name, [])
        first = max((index for index, (at, _) in enumerate(holders) if since and at <= since), default=0)
        return any(holder not in (NO_HOLDER, source_id) for _, holder in holders[first:])

    def check_picture(self, key: str, job_ids: Iterable[str]) -> list[Violation]:
        """Checks a written picture, given the job IDs in all of its versions, oldest first."""
        *earlier_jobs, job = (self._snapshot.jobs.get(job_id) for job_id in job_ids)
        if job is None or key.startswith(f"{job['key']}/"):
            return []
        return check_named_picture(
            key, job, earlier_jobs[-1] if earlier_jobs else None, self.claims, self.claimants[key]
        )

    # -- rest ---------------------------------------------------------------------------------------------------

    def check_final_state(self) -> list[Violation]:
        """Checks the names of the delivered pictures, and that none is older than its job's instructions."""
        current_job_ids = self._snapshot.list_current_job_ids()
        outdated_jobs = (self._snapshot.jobs[job_id] for job_id in self._outdated_job_ids & current_job_ids)
        return check_final_names(self._snapshot.ledger, self.claims) + [
            Violation(
                Invariant.NEWEST_DELIVERED, f"{job['key']}: was not delivered again after its outputs had changed"
            )
            for job in outdated_jobs
            if job["status"] == "stored"
        ]


def _select_file_fields(job: JsonObject) -> dict[str, object]:
    return {name: value for name, value in job["instructions"].items() if name in FIELDS_OF_FILES}
