"""The provider's bill held against the ledger."""

from collections import Counter, defaultdict
from collections.abc import Iterable

from backdrop_local.standin.bill import hash_content
from simulation.invariants.paid_calls import check_call_counts, check_shared_content
from simulation.invariants.violations import (
    Charge,
    JsonObject,
    PlainLedger,
    Violation,
    check_charges,
    check_day_sums,
    sum_attempts_by_day,
)
from simulation.scenarios.actions import UserActions
from simulation.scenarios.ledger_snapshot import LedgerSnapshot
from simulation.world.simulated_provider import ProviderKind


def identify_work(job: JsonObject) -> str:
    """Which work of the provider's belongs to a job: its name, its bytes, its wish."""
    return hash_content({"job": job["job_id"], "photo": job["sha256"], "asked": job["purchase_spec"]})


class BillingMonitor:
    """What was charged, by work and by job."""

    def __init__(self, snapshot: LedgerSnapshot, users: UserActions) -> None:
        self.charge_counts = Counter[str]()
        self._snapshot = snapshot
        self._users = users
        self._charges_by_work: defaultdict[str, list[Charge]] = defaultdict(list)
        self._read_counts = Counter[str]()
        self._sums_by_day: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._sums_by_job: dict[str, dict[str, Counter[str]]] = {}

    def count_allowed_calls(self, job: JsonObject) -> int:
        """How many calls whose answers are lost one charge of a job may have before a person decides."""
        world = self._snapshot.world
        provider_names = {job["provider"], *(attempt["provider"] for attempt in job["attempts"])}
        all_can_be_looked_up = all(
            world.simulated_providers[name].kind is ProviderKind.LOOKUP_BY_OUR_ID for name in provider_names
        )
        return 2 if world.setup.on_lost_answer == "retry_once" and not all_can_be_looked_up else 1

    def _count_allowed_calls_by_job(self, jobs: Iterable[JsonObject]) -> dict[str, int]:
        """Paid calls by job: more than one by a person's word, or once more after a lost answer."""
        repaid_counts = self._users.repaid_counts
        return {
            job["job_id"]: self.count_allowed_calls(job) * (1 + repaid_counts.get(job["job_id"], 0)) for job in jobs
        }

    def _read_new_charges(self) -> None:
        """What was charged since the last look."""
        for name, provider in self._snapshot.world.simulated_providers.items():
            billed_jobs = provider.bill.jobs()
            for order in billed_jobs[self._read_counts[name] :]:
                work = order.order.fingerprint
                self._charges_by_work[work].append(Charge(work, order.micro_usd))
                self.charge_counts[order.order.client_hint] += order.micro_usd > 0
            self._read_counts[name] = len(billed_jobs)

    def _update_day_sums(self, job: JsonObject) -> None:
        """A job is written: its attempts count in the sums of their days as they are now, and no longer as before."""
        for day, sums in self._sums_by_job.get(job["job_id"], {}).items():
            self._sums_by_day[day].subtract(sums)
        self._sums_by_job[job["job_id"]] = sum_attempts_by_day([job])
        for day, sums in self._sums_by_job[job["job_id"]].items():
            self._sums_by_day[day].update(sums)

    def check_jobs(self, jobs: Iterable[JsonObject]) -> list[Violation]:
        """What is wrong with the money of jobs that were just written, and with the days."""
        self._read_new_charges()
        jobs_written = list(jobs)
        for job in jobs_written:
            self._update_day_sums(job)
        violations = check_day_sums(self._sums_by_day, self._snapshot.days)
        violations += check_call_counts(
            self.charge_counts, jobs_written, self._count_allowed_calls_by_job(jobs_written)
        )
        for job in jobs_written:
            work = identify_work(job)
            violations += check_charges(PlainLedger({}, {work: job}, {}), self._charges_by_work[work], identify_work)
        return violations

    def check_all(self) -> list[Violation]:
        """What is wrong with any money, that included which no job's item explains."""
        self._read_new_charges()
        ledger = self._snapshot.ledger
        allowed = self._count_allowed_calls_by_job(ledger.jobs.values())
        return [
            *check_charges(
                ledger, [one for charges in self._charges_by_work.values() for one in charges], identify_work
            ),
            *check_call_counts(self.charge_counts, ledger.jobs.values(), allowed),
            *check_shared_content(ledger, self.charge_counts, allowed),
        ]
