"""Counts the workers that die of one photo in a row, as the marks that they leave let the next ones count."""

import re
from collections import Counter
from datetime import datetime, timedelta

from proof.checker.books import Plain
from proof.simulate.memory import Memory
from proof.world.stack import LIMITS

UNKNOWN_PLACE = "the poisoned photo"
JOB = re.compile(r'"job_id": "(\w+)"')


class Deaths:
    """`in_a_row`: deaths by job, or by photo where it has none, since a delivery of it last went in good order.

    The first delivery of a message leaves no mark, and those that die while another's mark stands are one with it.
    """

    def __init__(self, memory: Memory) -> None:
        self.in_a_row = Counter[str]()
        self._memory = memory
        self._marked: dict[str, datetime] = {}

    def count(self) -> None:
        """The worker at work now died of the photo."""
        world = self._memory.world
        worker = world.hub.worker
        if worker is None:
            return
        invocation, now = self._memory.invocation(worker.name), world.clock.time
        place = _place(invocation.messages[0].body) if len(invocation.messages) == 1 else UNKNOWN_PLACE
        is_first = all(message.receives == 1 for message in invocation.messages)
        if is_first or now < self._marked.get(place, now):
            return
        self._marked[place] = now + timedelta(seconds=max(LIMITS.values()))
        self.in_a_row[place] += 1

    def unmarked(self, body: Plain) -> None:
        """A job or a photo was written: where it bears no mark, the row is over."""
        if body["begun_until"] is None:
            place = str(body.get("job_id", UNKNOWN_PLACE))
            self.in_a_row.pop(place, None)
            self._marked.pop(place, None)


def _place(body: str) -> str:
    said = JOB.search(body)
    return said[1] if said else UNKNOWN_PLACE
