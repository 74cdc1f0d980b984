"""Checks the provider's bill against the ledger."""

from collections import Counter, defaultdict
from collections.abc import Iterable

from backdrop.model.price_check import PRICE_CHECK_ID
from backdrop_local.standin.bill import hash_content
from simulation.invariants.paid_calls import UNUSABLE_END_STATUSES, check_call_counts, check_shared_content
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
from simulation.world.simulated_quotes import QUOTE_FINGERPRINT


def identify_work(job: JsonObject) -> str:
    """Identifies the provider's work for a job by the job's ID, its photo, and its instructions."""
    return hash_content({"job": job["job_id"], "photo": job["sha256"], "asked": job["purchase_spec"]})


class BillingMonitor:
    """What was charged, by work and by job.

    `retry_counts`: how often a job's picture was bought again because its product differed.
    """

    def __init__(self, snapshot: LedgerSnapshot, users: UserActions) -> None:
        self.charge_counts = Counter[str]()
        self.retry_counts = Counter[str]()
        self._wasted_counts = Counter[str]()
        self._snapshot = snapshot
        self._users = users
        self._charges_by_work: defaultdict[str, list[Charge]] = defaultdict(list)
        self._read_counts = Counter[str]()
        self._sums_by_day: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._sums_by_job: dict[str, dict[str, Counter[str]]] = {}
        self._price_check: JsonObject | None = None

    def count_allowed_calls(self, job: JsonObject) -> int:
        """Returns how many lost calls one charge of a job, other than a retry, may have before an operator decides."""
        world = self._snapshot.world
        provider_names = {job["provider"], *(attempt["provider"] for attempt in job["attempts"])}
        all_can_be_looked_up = all(
            world.simulated_providers[name].kind is ProviderKind.LOOKUP_BY_OUR_ID for name in provider_names
        )
        return 2 if world.setup.on_lost_answer == "retry_once" and not all_can_be_looked_up else 1

    def _count_allowed_calls_by_job(self, jobs: Iterable[JsonObject]) -> dict[str, int]:
        """Returns the allowed paid calls by job: more than one after an operator's decision, a retry, or a lost answer.

        `check_retry_of_product` checks that each retry is allowed.
        """
        repaid_counts = self._users.repaid_counts
        return {
            job["job_id"]: self.count_allowed_calls(job) * (1 + repaid_counts.get(job["job_id"], 0))
            + self.retry_counts[job["job_id"]]
            for job in jobs
        }

    def _read_new_charges(self) -> None:
        """Reads what was charged since the last read."""
        for name, provider in self._snapshot.world.simulated_providers.items():
            billed_jobs, surcharges = provider.bill.jobs(self._read_counts[name]), provider.account.surcharges
            for billed_job in billed_jobs:
                work_id = billed_job.order.fingerprint
                self._charges_by_work[work_id].append(Charge(work_id, billed_job.micro_usd, surcharges[billed_job.id]))
                self.charge_counts[billed_job.order.client_hint] += billed_job.micro_usd > 0
            self._read_counts[name] += len(billed_jobs)

    def _update_day_sums(self, job: JsonObject) -> None:
        """Replaces the job's earlier amounts in the sums of its days."""
        for day, sums in self._sums_by_job.get(job["job_id"], {}).items():
            self._sums_by_day[day].subtract(sums)
        self._sums_by_job[job["job_id"]] = sum_attempts_by_day([job])
        for day, sums in self._sums_by_job[job["job_id"]].items():
            self._sums_by_day[day].update(sums)

    def record_price_check(self, check: JsonObject) -> None:
        """Keeps the price check's charges, in the form of a job, because they are checked as a job's are."""
        self._price_check = {
            "job_id": PRICE_CHECK_ID,
            "key": PRICE_CHECK_ID,
            "status": "",
            "sha256": "",
            "purchase_spec": {},
            "attempts": [call["attempt"] for call in check["calls"]],
        }
        self._snapshot.quote_reservations = {
            attempt["budget_day"]: attempt["reserved"]
            for attempt in self._price_check["attempts"]
            if attempt["reserved"]
        }
        self._update_day_sums(self._price_check)

    def _check_quotes(self) -> list[Violation]:
        """Checks that the price check buys nothing after an answer with an ID, and that its charges are recorded."""
        if self._price_check is None:
            return []
        lost_count = sum(attempt["provider_id"] is None for attempt in self._price_check["attempts"])
        return [
            *check_call_counts(self.charge_counts, [self._price_check], {PRICE_CHECK_ID: 1 + lost_count}),
            *check_charges(
                PlainLedger({}, {PRICE_CHECK_ID: self._price_check}, {}),
                self._charges_by_work[QUOTE_FINGERPRINT],
                identify_work,
            ),
        ]

    def check_jobs(self, jobs: Iterable[JsonObject]) -> list[Violation]:
        """Checks the charges of jobs that were just written, and the sums of all days."""
        self._read_new_charges()
        written_jobs = list(jobs)
        for job in written_jobs:
            self._update_day_sums(job)
            if job["status"] in UNUSABLE_END_STATUSES:
                self._wasted_counts[job["job_id"]] = self.charge_counts[job["job_id"]]
        violations = check_day_sums(self._sums_by_day, self._snapshot.days)
        violations += check_call_counts(
            self.charge_counts, written_jobs, self._count_allowed_calls_by_job(written_jobs)
        )
        for job in written_jobs:
            work_id = identify_work(job)
            violations += check_charges(
                PlainLedger({}, {work_id: job}, {}), self._charges_by_work[work_id], identify_work
            )
        return violations + self._check_quotes()

    def check_all(self) -> list[Violation]:
        """Checks all charges, including those that no job explains."""
        self._read_new_charges()
        ledger = self._snapshot.ledger
        allowed = self._count_allowed_calls_by_job(ledger.jobs.values())
        charges = [
            charge
            for work_id, charges in self._charges_by_work.items()
            if work_id != QUOTE_FINGERPRINT
            for charge in charges
        ]
        return [
            *check_charges(ledger, charges, identify_work),
            *self._check_quotes(),
            *check_call_counts(self.charge_counts, ledger.jobs.values(), allowed),
            *check_shared_content(ledger, self.charge_counts, allowed, self._wasted_counts),
        ]
