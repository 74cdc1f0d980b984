"""Access to the state of the world: ledger items, documents, and pictures."""

import json
from typing import Any

from backdrop.aws.items import parse_mandate_account, parse_record
from backdrop.model.ids import derive_source_id
from backdrop.model.job import Job, Source
from backdrop.model.mandate import MandateAccount
from backdrop.model.object_keys import receipt_key, report_key
from simulation.invariants.budget_shares import join_day
from simulation.invariants.violations import BUDGET_PREFIXES
from simulation.world.simulated_dynamodb import SimulatedTable
from simulation.world.simulated_s3 import SimulatedBucket
from simulation.world.world_clock import WorldClock

INPUT_BUCKET, OUTPUT_BUCKET, LEDGER_TABLE, EVENT_BUS = "photos", "results", "ledger", "bus"
# A bucket of another owner that the stack may read.
READABLE_BUCKET = "shelf"


class WorldInspector:
    """Reads without the transport, so that no fault strikes and no time passes."""

    clock: WorldClock
    table: SimulatedTable
    output_bucket: SimulatedBucket

    def read_source(self, key: str) -> Source | None:
        item = self.table.items.get((f"source#{derive_source_id(INPUT_BUCKET, key)}", "source"))
        return parse_record(Source, item) if item else None

    def list_jobs(self, key: str = "") -> list[Job]:
        """Returns a photo's jobs, or all jobs, the oldest first."""
        jobs = [parse_record(Job, item) for (_, kind), item in self.table.items.items() if kind.startswith("job#")]
        return sorted((job for job in jobs if not key or job.key == key), key=lambda job: job.queued_at)

    def list_mandates(self) -> list[MandateAccount]:
        return [parse_mandate_account(item) for (_, kind), item in self.table.items.items() if kind == "mandate"]

    def read_budget(self, day: str = "") -> dict[str, int]:
        """Returns a day's (by default, today's) budget sums in all shares, and its cap, in micro-dollars."""
        day = day or str(self.clock.time.date())
        budget = join_day(
            {
                partition_key.partition("#")[2]: {name: int(value["N"]) for name, value in item.items() if "N" in value}
                for (partition_key, _), item in self.table.items.items()
                if partition_key.startswith(BUDGET_PREFIXES)
            },
            day,
        )
        names = ("reserved", "confirmed", "unknown", "committed", "cap")
        return {name: budget.totals[name] for name in names if name in budget.totals}

    def read_receipt(self, photo_name: str) -> dict[str, Any] | None:
        """Returns a photo's receipt; `photo_name` is its name in the output bucket (`photo_name_of`)."""
        return self._read_document(receipt_key(photo_name))

    def read_report(self, name: str) -> dict[str, Any] | None:
        return self._read_document(report_key(name))

    def read_pictures(self, photo_name: str = "") -> dict[str, bytes]:
        """Returns the delivered pictures of a photo, or of all photos, by key."""
        prefix = f"{photo_name}/" if photo_name else ""
        names = [name for name in self.output_bucket.list_keys() if not name.startswith("_backdrop/")]
        return {name: self._read_bytes(name) for name in names if name.startswith(prefix)}

    def _read_document(self, key: str) -> dict[str, Any] | None:
        return json.loads(self._read_bytes(key)) if self.output_bucket.find_current(key) else None

    def _read_bytes(self, key: str) -> bytes:
        found = self.output_bucket.find_current(key)
        return (found.data if found else None) or b""
