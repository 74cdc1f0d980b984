"""The provider's bill held against the ledger."""

from collections import Counter, defaultdict
from collections.abc import Iterable

from backdrop_local.standin.bill import fingerprint
from proof.checker.books import Breach, Charge, Ledger, Plain, day_sum_breaches, day_sums, money_breaches
from proof.checker.calls import charge_breaches, shared_breaches
from proof.simulate.memory import Memory
from proof.simulate.people import People
from proof.world.provider import Kind


def work_of(job: Plain) -> str:
    """Which work of the provider's belongs to a job: its name, its bytes, its wish."""
    return fingerprint({"job": job["job_id"], "photo": job["sha256"], "asked": job["purchase_spec"]})


class Bills:
    """What was charged, by work and by job."""

    def __init__(self, memory: Memory, people: People) -> None:
        self.charged = Counter[str]()
        self._memory = memory
        self._people = people
        self._charges: defaultdict[str, list[Charge]] = defaultdict(list)
        self._read = Counter[str]()
        self._sums: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._sums_of: dict[str, dict[str, Counter[str]]] = {}

    def retries(self, job: Plain) -> int:
        """How many calls whose answers are lost one charge of a job may have before a person decides."""
        world = self._memory.world
        asked = {job["provider"], *(attempt["provider"] for attempt in job["attempts"])}
        known = all(world.sellers[name].kind is Kind.OWN_ID for name in asked)
        return 2 if world.setup.on_lost_answer == "retry_once" and not known else 1

    def _allowed(self, jobs: Iterable[Plain]) -> dict[str, int]:
        """Paid calls by job: more than one by a person's word, or once more after a lost answer."""
        again = self._people.paid_again
        return {job["job_id"]: self.retries(job) * (1 + again.get(job["job_id"], 0)) for job in jobs}

    def _read_on(self) -> None:
        """What was charged since the last look."""
        for name, seller in self._memory.world.sellers.items():
            sold = seller.bill.jobs()
            for one in sold[self._read[name] :]:
                work = one.order.fingerprint
                self._charges[work].append(Charge(work, one.micro_usd))
                self.charged[one.order.client_hint] += one.micro_usd > 0
            self._read[name] = len(sold)

    def _book(self, job: Plain) -> None:
        """A job is written: its attempts count in the sums of their days as they are now, and no longer as before."""
        for day, sums in self._sums_of.get(job["job_id"], {}).items():
            self._sums[day].subtract(sums)
        self._sums_of[job["job_id"]] = day_sums([job])
        for day, sums in self._sums_of[job["job_id"]].items():
            self._sums[day].update(sums)

    def of(self, jobs: Iterable[Plain]) -> list[Breach]:
        """What is wrong with the money of jobs that were just written, and with the days."""
        self._read_on()
        written = list(jobs)
        for job in written:
            self._book(job)
        breaches = day_sum_breaches(self._sums, self._memory.days)
        breaches += charge_breaches(self.charged, written, self._allowed(written))
        for job in written:
            work = work_of(job)
            breaches += money_breaches(Ledger({}, {work: job}, {}), self._charges[work], work_of)
        return breaches

    def all(self) -> list[Breach]:
        """What is wrong with any money, that included which no job's item explains."""
        self._read_on()
        ledger = self._memory.ledger
        allowed = self._allowed(ledger.jobs.values())
        return [
            *money_breaches(ledger, [one for charges in self._charges.values() for one in charges], work_of),
            *charge_breaches(self.charged, ledger.jobs.values(), allowed),
            *shared_breaches(ledger, self.charged, allowed),
        ]
