"""Counts the workers that die of one photo in a row, as the marks that they leave let the next ones count."""

import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from proof.checker.books import Plain
from proof.simulate.memory import Memory
from proof.world.sqs import Message

JOB = re.compile(r'"job_id": "(\w+)"')
# What the clocks of two workers may differ by; a message that comes again comes a minute later, or more.
OFF = timedelta(seconds=30)


class Deaths:
    """`in_a_row`: deaths by job, or by photo where it has none, since a delivery of it last went in good order.

    The first delivery of a message leaves no mark, and those that begin while another's mark stands are one with it,
    however slowly they go on and whenever they die.
    """

    def __init__(self, memory: Memory) -> None:
        self.in_a_row = Counter[str]()
        self._memory = memory
        self._marks: dict[str, str] = {}
        self._counted: dict[str, str] = {}

    def count(self) -> None:
        """The worker at work now died of the photo."""
        worker = self._memory.world.hub.worker
        if worker is None:
            return
        invocation = self._memory.invocation(worker.name)
        place = _job(invocation.messages) or self._opened(worker.name)
        ours = [message for message in invocation.messages if place in message.body] or invocation.messages
        is_first = all(message.id in invocation.first for message in ours)
        if is_first or self._is_one_with_others(place, invocation.began):
            return
        self._counted[place] = self._marks.get(place, "")
        self.in_a_row[place] += 1

    def _opened(self, worker: str) -> str:
        """The photo whose sidecar a worker of intake has just read (see faults.py)."""
        calls = reversed(self._memory.world.wire.calls)
        return str(next(call for call in calls if call.worker == worker).sent.get("Key", "")).removesuffix(".json")

    def _is_one_with_others(self, place: str, began: datetime) -> bool:
        """Whether the mark under which a worker began is one that others died under, and still stood by then."""
        mark = self._marks.get(place, "")
        return bool(mark) and self._counted.get(place) == mark and began < datetime.fromisoformat(mark) + OFF

    def written(self, body: Plain, before: Plain | None = None) -> None:
        """A job or a photo was written: where it bears no mark, or is known no more, the row is over.

        The mark of who forgets it stands, and is the first of the next row: others may begin while it does.
        """
        place, mark = str(body.get("job_id", body["key"])), body["processing_until"]
        if mark is None or (before and self._is_forgotten(before, body)):
            for known in (self.in_a_row, self._counted, self._marks):
                known.pop(place, None)
        if mark is not None:
            self._marks[place] = str(mark)

    def _is_forgotten(self, before: Plain, after: Plain) -> bool:
        """Whether other bytes lie there than the ledger knew, which it forgets: once, as it knows none then."""
        lies = self._memory.world.input.current(after["key"])
        known: Plain = before["photo"] or {}
        return bool(known) and after["photo"] is None and (lies is None or lies.etag != known["etag"])


def _job(messages: Sequence[Message]) -> str:
    """The job of which a worker's only message tells; an empty text where it tells of none."""
    said = JOB.search(messages[0].body) if len(messages) == 1 else None
    return said[1] if said else ""
