"""Counts consecutive crashes of workers on the same photo, as later workers can from the marks in the ledger."""

import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from simulation.invariants.violations import JsonObject
from simulation.scenarios.ledger_snapshot import LedgerSnapshot
from simulation.world.simulated_sqs import SimulatedMessage

JOB_ID_PATTERN = re.compile(r'"job_id": "(\w+)"')
# The largest difference between two workers' clocks. A message is redelivered after a minute or later.
MAX_CLOCK_DIFFERENCE = timedelta(seconds=30)


class CrashCounter:
    """`consecutive_crashes`: by job ID, or by key for a photo without a job, since the last delivery that succeeded.

    The first delivery of a message leaves no mark. Workers that start while another worker's mark is in force count as
    one crash, however slow they are and whenever they crash. If another worker succeeds meanwhile and removes the mark,
    the crash leaves none.
    """

    def __init__(self, snapshot: LedgerSnapshot) -> None:
        self.consecutive_crashes = Counter[str]()
        self._snapshot = snapshot
        self._marks: dict[str, str] = {}
        self._counted_marks: dict[str, str] = {}
        self._removals: dict[str, tuple[datetime, str]] = {}

    def count_crash(self) -> None:
        """Counts the crash of the current worker."""
        worker = self._snapshot.world.event_loop.current_worker
        if worker is None:
            return
        invocation = self._snapshot.find_invocation(worker.name)
        item_id = _find_job_id(invocation.messages) or self._find_opened_photo(worker.name)
        own_messages = [message for message in invocation.messages if item_id in message.body] or invocation.messages
        is_first = all(message.id in invocation.first_delivery_ids for message in own_messages)
        removed_at, remover = self._removals.get(item_id, (invocation.started_at, worker.name))
        has_no_mark = remover != worker.name and removed_at >= invocation.started_at
        if is_first or has_no_mark or self._was_counted_under_mark(item_id, invocation.started_at):
            return
        self._counted_marks[item_id] = self._marks.get(item_id, "")
        self.consecutive_crashes[item_id] += 1

    def _find_opened_photo(self, worker: str) -> str:
        """Returns the photo whose sidecar an intake worker has just read (see `find_opened_file`)."""
        calls = reversed(self._snapshot.world.transport.calls)
        return str(next(call for call in calls if call.worker_name == worker).request.get("Key", "")).removesuffix(
            ".json"
        )

    def _was_counted_under_mark(self, item_id: str, started_at: datetime) -> bool:
        """Whether the worker started under a mark under which another crash was already counted."""
        mark = self._marks.get(item_id, "")
        return (
            bool(mark)
            and self._counted_marks.get(item_id) == mark
            and started_at < datetime.fromisoformat(mark) + MAX_CLOCK_DIFFERENCE
        )

    def on_item_written(self, body: JsonObject, before: JsonObject | None = None) -> None:
        """Resets the count if a job or a photo is written without a mark, or if the photo has changed.

        The mark of the worker that resets a changed photo stays in force. It starts the next count, because others may
        start under it.
        """
        item_id, mark = str(body.get("job_id", body["key"])), body["processing_until"]
        worker = self._snapshot.world.event_loop.current_worker
        if mark is None and item_id in self._marks and worker is not None:
            self._removals[item_id] = (self._snapshot.world.clock.time, worker.name)
        if mark is None or (before and self.has_other_bytes(before, body)):
            for state in (self.consecutive_crashes, self._counted_marks, self._marks):
                state.pop(item_id, None)
        if mark is not None:
            self._marks[item_id] = str(mark)

    def has_other_bytes(self, before: JsonObject, after: JsonObject) -> bool:
        """Whether the bucket has other bytes than the ledger had recorded.

        True only on the write that replaces them.
        """
        current = self._snapshot.world.input_bucket.find_current(after["key"])
        known_photo: JsonObject = before["photo"] or {}
        return bool(known_photo) and after["photo"] is None and (current is None or current.etag != known_photo["etag"])


def _find_job_id(messages: Sequence[SimulatedMessage]) -> str:
    """Returns the job in the worker's only message; empty if there is none."""
    match = JOB_ID_PATTERN.search(messages[0].body) if len(messages) == 1 else None
    return match[1] if match else ""
