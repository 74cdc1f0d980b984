"""What there is to see in the world: the ledger's items, the buckets' views and pictures."""

import json
from typing import Any

from backdrop.aws.items import parse_record
from backdrop.model.ids import derive_source_id
from backdrop.model.job import Job, Source
from backdrop.model.object_keys import receipt_key, report_key
from proof.world.clock import WorldClock
from proof.world.dynamodb import SimulatedTable
from proof.world.s3_objects import Bucket

INPUT, OUTPUT, TABLE, BUS = "photos", "results", "ledger", "bus"
# A bucket of somebody's that the stack may read.
SHELF = "shelf"


class Sight:
    """Looks past the wire, so that no fault hits it and no time passes."""

    clock: WorldClock
    table: SimulatedTable
    output: Bucket

    def source(self, key: str) -> Source | None:
        """A photo's place in the ledger."""
        item = self.table.items.get((f"source#{derive_source_id(INPUT, key)}", "source"))
        return parse_record(Source, item) if item else None

    def jobs(self, key: str = "") -> list[Job]:
        """A photo's jobs, or all there are, the oldest first."""
        jobs = [parse_record(Job, item) for (_, kind), item in self.table.items.items() if kind.startswith("job#")]
        return sorted((job for job in jobs if not key or job.key == key), key=lambda job: job.queued_at)

    def booked(self, day: str = "") -> dict[str, int]:
        """What a day (else today) has on its budget, in micro-dollars."""
        item = self.table.items.get((f"budget#{day or self.clock.time.date()}", "budget"), {})
        return {name: int(value["N"]) for name, value in item.items() if "N" in value}

    def receipt(self, key: str) -> dict[str, Any] | None:
        """A photo's receipt."""
        return self._view(receipt_key(key))

    def report(self, key: str) -> dict[str, Any] | None:
        """A photo's error report."""
        return self._view(report_key(key))

    def pictures(self, key: str = "") -> dict[str, bytes]:
        """The pictures that are handed over, by their keys."""
        found = [name for name in self.output.keys() if not name.startswith("_backdrop/")]  # noqa: SIM118 - our own method
        return {name: self._data(name) for name in found if name.startswith(f"{key}/" if key else "")}

    def _view(self, key: str) -> dict[str, Any] | None:
        return json.loads(self._data(key)) if self.output.current(key) else None

    def _data(self, key: str) -> bytes:
        found = self.output.current(key)
        return (found.data if found else None) or b""
