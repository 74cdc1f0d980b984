"""What a large world checks of each photo after it has ended, and of the money of all of them."""

from collections import Counter
from collections.abc import Iterator

from backdrop.aws.items import parse_record
from backdrop.model.ids import derive_source_id
from backdrop.model.job import Job, JobStatus
from simulation.invariants.budget_shares import join_accounts
from simulation.invariants.violations import BUDGET_PREFIXES
from simulation.world.simulated_stack import INPUT_BUCKET, World

MICRO_PER_DOLLAR = 1_000_000
LAST_SORT_KEY = "job#~"


class PhotoChecks:
    """Collects in `problems` what differs from one call, one picture, and a receipt that agrees, photo by photo.

    `call_counts`: the charged calls of each job, which are counted before the photo is checked.
    """

    def __init__(self, world: World) -> None:
        self.problems: list[str] = []
        self.checked_count = 0
        self.call_counts: Counter[str] = Counter()
        self._world = world

    def check_photo(self, key: str) -> None:
        """Checks a photo that has ended."""
        self.checked_count += 1
        self.problems += [f"{key}: {problem}" for problem in self._find_problems(key)]

    def check_money(self, *, is_at_rest: bool) -> None:
        """Compares the ledger with the provider's bill, which also has what is still reserved for running calls."""
        items = self._world.table.items
        accounts = {
            key[0].partition("#")[2]: {name: int(value["N"]) for name, value in items[key].items() if "N" in value}
            for key in items
            if key[0].startswith(BUDGET_PREFIXES)
        }
        totals = Counter[str]()
        for day in join_accounts(accounts).values():
            totals.update(day.totals)
        billed = self._world.provider.account.bill.sum_charges()
        if not totals["confirmed"] <= billed <= totals["confirmed"] + (0 if is_at_rest else totals["reserved"]):
            self.problems.append(f"{self.checked_count} photos: the bill is {billed}, the ledger has {totals}")

    def _find_problems(self, key: str) -> Iterator[str]:
        partition = f"source#{derive_source_id(INPUT_BUCKET, key)}"
        jobs = [
            parse_record(Job, item) for item in self._world.table.items.query("", partition, "job#", LAST_SORT_KEY, ())
        ]
        if [job.status for job in jobs] != [JobStatus.STORED]:
            yield f"its jobs are {[job.status for job in jobs]}"
            return
        (job,) = jobs
        calls = self.call_counts.pop(job.job_id, 0)
        if (calls, job.unknown) != (0 if job.reused_from else 1, 0):
            yield f"{calls} calls were charged, and the ledger does not know about {job.unknown}"
        receipt = self._world.read_receipt(key) or {"jobs": []}
        costs = [one["cost"]["usd"] * MICRO_PER_DOLLAR for one in receipt["jobs"]]
        if [round(cost) for cost in costs] != [job.charged]:
            yield f"the receipt has the costs {costs}, the ledger has {job.charged}"
        named = [(one["key"], one["bytes"]) for document in receipt["jobs"] for one in document["results"]]
        bucket = self._world.output_bucket
        delivered = [(name, len(bucket.objects[name][-1].data or b"")) for name in bucket.iterate_keys(f"{key}/")]
        if named != delivered or len(named) != 1:
            yield f"the receipt names {named}, the bucket has {delivered}"
