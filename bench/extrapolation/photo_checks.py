"""Those invariants of the seeds that can be checked on a single photo, and the sums of all days and charges."""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence

from backdrop.model.ids import derive_source_id
from backdrop.model.object_keys import receipt_key, report_key
from simulation.invariants.final_state import check_causes, check_end_statuses, check_reported_money, check_unfinished
from simulation.invariants.job_ends import (
    FAILED_STATUSES,
    DocumentsByKey,
    check_documents,
    check_ends,
    check_missing_pictures,
    check_unknown_pictures,
)
from simulation.invariants.violations import (
    Charge,
    PlainLedger,
    Violation,
    check_charges,
    check_day_sums,
    parse_ledger,
    sum_attempts_by_day,
)
from simulation.scenarios.billing_monitor import identify_work
from simulation.scenarios.fault_causes import STATUS_BY_CODE
from simulation.world.simulated_stack import INPUT_BUCKET, World

LAST_SORT_KEY = "~"
MAX_SHOWN = 100


class PhotoChecks:
    """Collects the violations that it finds in `violations`.

    `statuses`: how many jobs of checked photos ended in each status. `failures`: how many failed with each code.
    """

    def __init__(self, world: World) -> None:
        self.violations: list[Violation] = []
        self.checked_count = 0
        self.statuses = Counter[str]()
        self.failures = Counter[str]()
        self._world = world
        self._read_count = 0
        self._charges_by_work: defaultdict[str, list[Charge]] = defaultdict(list)
        self._sums_by_day: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def check_photo(self, key: str, possible_codes: Collection[str] = ()) -> None:
        """Checks a photo whose jobs have ended. They may have failed with these codes."""
        self._read_new_charges()
        partition = f"source#{derive_source_id(INPUT_BUCKET, key)}"
        ledger = parse_ledger([*self._world.table.items.query("", partition, "", LAST_SORT_KEY, ())])
        self.violations += self._find_violations(key, ledger, possible_codes)
        for day, sums in sum_attempts_by_day(ledger.jobs.values()).items():
            self._sums_by_day[day].update(sums)
        for job in ledger.jobs.values():
            self.statuses[job["status"]] += 1
            if job["status"] in FAILED_STATUSES:
                self.failures[job["problem"]["code"]] += 1
        self.checked_count += 1

    def check_everything(self) -> None:
        """Compares the budget's days with all checked photos, and looks for charges of none. Holds at rest."""
        self._read_new_charges()
        items = self._world.table.items
        days = parse_ledger(items[key] for key in items if not key[0].startswith("source#")).days
        self.violations += check_day_sums(self._sums_by_day, days)
        unexplained = [charge for charges in self._charges_by_work.values() for charge in charges]
        self.violations += check_charges(PlainLedger({}, {}, {}), unexplained, identify_work)

    def _read_new_charges(self) -> None:
        charges = self._world.provider.bill.jobs(self._read_count)
        self._read_count += len(charges)
        for charge in charges:
            work_id = charge.order.fingerprint
            self._charges_by_work[work_id].append(Charge(work_id, charge.micro_usd))

    def _find_violations(self, key: str, ledger: PlainLedger, possible_codes: Collection[str]) -> Iterator[Violation]:
        bucket = self._world.output_bucket
        pictures = {name: bucket.find_current(name) for name in bucket.iterate_keys(f"{key}/")}
        makers = {name: str(found.metadata.get("backdrop-job")) for name, found in pictures.items() if found}
        receipts, reports = self._read_document(key, receipt_key(key)), self._read_document(key, report_key(key))
        work_ids = {identify_work(job) for job in ledger.jobs.values()}
        charges = [charge for work_id in work_ids for charge in self._charges_by_work.pop(work_id, ())]
        yield from check_unfinished(ledger, excused_job_ids=())
        yield from check_ends([key], ledger, receipts, reports)
        yield from check_documents(ledger, receipts, reports)
        yield from check_reported_money(ledger, reports)
        yield from check_missing_pictures(ledger, pictures)
        yield from check_unknown_pictures(ledger, makers)
        yield from check_charges(ledger, charges, identify_work)
        yield from check_causes(ledger, possible_codes)
        yield from check_end_statuses(ledger, STATUS_BY_CODE)

    def _read_document(self, key: str, name: str) -> DocumentsByKey:
        """Returns a receipt or a report by the key of its photo; nothing if there is none."""
        found = self._world.output_bucket.find_current(name)
        return {key: json.loads(found.data or b"")} if found else {}


def shorten(violations: Sequence[Violation]) -> list[str]:
    """Returns the first violations, and how many more there are."""
    more = [f"and {len(violations) - MAX_SHOWN} more"] if violations[MAX_SHOWN:] else []
    return [*map(str, violations[:MAX_SHOWN]), *more]
