"""Counts the workers that die of one photo in a row, as the marks that they leave let the next ones count."""

import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from simulation.invariants.violations import JsonObject
from simulation.scenarios.ledger_snapshot import LedgerSnapshot
from simulation.world.simulated_sqs import SimulatedMessage

JOB_ID_PATTERN = re.compile(r'"job_id": "(\w+)"')
# What the clocks of two workers may differ by; a message that comes again comes a minute later, or more.
MAX_CLOCK_DIFFERENCE = timedelta(seconds=30)


class CrashCounter:
    """`in_a_row`: deaths by job, or by photo where it has none, since a delivery of it last went in good order.

    The first delivery of a message leaves no mark, and those that begin while another's mark stands are one with it,
    however slowly they go on and whenever they die.
    """

    def __init__(self, snapshot: LedgerSnapshot) -> None:
        self.consecutive_crashes = Counter[str]()
        self._snapshot = snapshot
        self._marks: dict[str, str] = {}
        self._counted_marks: dict[str, str] = {}

    def count_crash(self) -> None:
        """The worker at work now died of the photo."""
        worker = self._snapshot.world.event_loop.current_worker
        if worker is None:
            return
        invocation = self._snapshot.find_invocation(worker.name)
        item_id = _find_job_id(invocation.messages) or self._find_opened_photo(worker.name)
        own_messages = [message for message in invocation.messages if item_id in message.body] or invocation.messages
        is_first = all(message.id in invocation.first_delivery_ids for message in own_messages)
        if is_first or self._was_counted_under_mark(item_id, invocation.started_at):
            return
        self._counted_marks[item_id] = self._marks.get(item_id, "")
        self.consecutive_crashes[item_id] += 1

    def _find_opened_photo(self, worker: str) -> str:
        """The photo whose sidecar a worker of intake has just read (see faults.py)."""
        calls = reversed(self._snapshot.world.transport.calls)
        return str(next(call for call in calls if call.worker_name == worker).request.get("Key", "")).removesuffix(
            ".json"
        )

    def _was_counted_under_mark(self, item_id: str, started_at: datetime) -> bool:
        """Whether the mark under which a worker began is one that others died under, and still stood by then."""
        mark = self._marks.get(item_id, "")
        return (
            bool(mark)
            and self._counted_marks.get(item_id) == mark
            and started_at < datetime.fromisoformat(mark) + MAX_CLOCK_DIFFERENCE
        )

    def on_item_written(self, body: JsonObject, before: JsonObject | None = None) -> None:
        """A job or a photo was written: where it bears no mark, or is known no more, the row is over.

        The mark of who forgets it stands, and is the first of the next row: others may begin while it does.
        """
        item_id, mark = str(body.get("job_id", body["key"])), body["processing_until"]
        if mark is None or (before and self.has_other_bytes(before, body)):
            for state in (self.consecutive_crashes, self._counted_marks, self._marks):
                state.pop(item_id, None)
        if mark is not None:
            self._marks[item_id] = str(mark)

    def has_other_bytes(self, before: JsonObject, after: JsonObject) -> bool:
        """Whether other bytes lie there than the ledger knew, which it forgets: once, as it knows none then."""
        current = self._snapshot.world.input_bucket.find_current(after["key"])
        known_photo: JsonObject = before["photo"] or {}
        return bool(known_photo) and after["photo"] is None and (current is None or current.etag != known_photo["etag"])


def _find_job_id(messages: Sequence[SimulatedMessage]) -> str:
    """The job of which a worker's only message tells; an empty text where it tells of none."""
    match = JOB_ID_PATTERN.search(messages[0].body) if len(messages) == 1 else None
    return match[1] if match else ""
