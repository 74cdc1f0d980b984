"""Checks every write against the mandates as stored."""

from collections import Counter
from collections.abc import Iterable

from simulation.invariants.mandates import (
    AMOUNTS,
    DAY_PREFIX,
    MANDATE_CODES,
    TERM_CODES,
    StoredMandate,
    check_claim_of_mandate,
    check_mandate_is_kept,
    check_mandate_sums,
    check_overcharge,
    check_refusal_by_mandate,
    find_owner,
    list_claims,
    sum_attempts_by_mandate,
    waits_for_mandate,
)
from simulation.invariants.violations import JsonObject, Violation, parse_body
from simulation.scenarios.ledger_snapshot import LedgerSnapshot
from simulation.world.simulated_stack import INPUT_BUCKET


class MandateMonitor:
    """`reported_overcharges` counts the charges that suspended a mandate."""

    def __init__(self, snapshot: LedgerSnapshot) -> None:
        self._snapshot = snapshot
        self._sums: dict[str, Counter[str]] = {}
        self._sums_by_job: dict[str, dict[str, Counter[str]]] = {}
        self._registries: list[dict[str, str]] = []
        self.reported_overcharges = 0

    # -- writes -------------------------------------------------------------------------------------------------

    def record_registry(self, item: JsonObject) -> None:
        self._snapshot.names_by_location = dict(parse_body(item["body"]["S"])["names_by_location"])
        self._registries.append(self._snapshot.names_by_location)

    def record_mandate(self, name: str, item: JsonObject) -> None:
        amounts = {
            field: int(value["N"])
            for field, value in item.items()
            if "N" in value and (field in AMOUNTS or field.startswith(DAY_PREFIX))
        }
        before = self._snapshot.mandates.get(name)
        after = StoredMandate(parse_body(item["body"]["S"]), amounts, is_overcharged="is_overcharged" in item)
        self.reported_overcharges += after.is_overcharged and not (before and before.is_overcharged)
        self._snapshot.mandates[name] = after

    def check_job(self, before: JsonObject | None, after: JsonObject) -> list[Violation]:
        """Checks a job's claims, after its mandate was recorded: both are in one transaction."""
        owner = self.find_owner(after["key"])
        mandates = self._snapshot.mandates
        claims = list_claims(before, after)
        violations = [
            violation
            for attempt in claims
            for violation in check_claim_of_mandate(after, attempt, owner, mandates.get(owner or ""))
        ]
        violations += check_mandate_is_kept(before, after)
        violations += check_refusal_by_mandate(before, after, mandates.get(owner or ""))
        return violations + check_overcharge(before, after, mandates)

    def check_sums(self, jobs: Iterable[JsonObject]) -> list[Violation]:
        """Checks the sums of all mandates after these jobs were written."""
        for job in jobs:
            for name, sums in self._sums_by_job.get(job["job_id"], {}).items():
                self._sums[name].subtract(sums)
            self._sums_by_job[job["job_id"]] = sum_attempts_by_mandate([job])
            for name, sums in self._sums_by_job[job["job_id"]].items():
                self._sums.setdefault(name, Counter()).update(sums)
        return [
            violation
            for name, mandate in self._snapshot.mandates.items()
            for violation in check_mandate_sums(self._sums.get(name, Counter()), mandate)
        ]

    # -- statistics -----------------------------------------------------------------------------------------------

    def count_waiting_jobs(self) -> int:
        """Counts the jobs that have ever waited for their mandates."""
        return sum(
            any(waits_for_mandate(job) for _, job in versions) for versions in self._snapshot.job_versions.values()
        )

    def count_refused_jobs(self) -> int:
        """Counts the jobs that are refused, because their mandates do not cover them."""
        refused = (job for job in self._snapshot.jobs.values() if job["status"] == "refused")
        return sum(job["problem"]["code"] in MANDATE_CODES for job in refused)

    # -- what is expected -----------------------------------------------------------------------------------------

    def find_owner(self, key: str) -> str | None:
        return find_owner(self._snapshot.names_by_location, INPUT_BUCKET, key)

    def list_term_codes(self, key: str) -> frozenset[str]:
        """Returns the codes with which intake may have refused a photo's variants: its folder had a mandate once."""
        return TERM_CODES if any(find_owner(names, INPUT_BUCKET, key) for names in self._registries) else frozenset()
