"""The lineage of a message: how often each function ran in its chain of messages, as Lambda counts it.

Lambda stops the next invocation of a function that ran about 16 times in one chain through SQS, unless its
RecursiveLoop is Allow (Lambda Developer Guide, "Use Lambda recursive loop detection to prevent infinite loops"). A
function that may recurse has to end its chains itself. The numbers of photos, jobs, and places in a folder are finite,
so a chain ends if each of its messages names another one. Therefore an invocation counts only if the function has
already worked on its subject in this chain.

The messages that a function sends while it processes a message continue the chain of that message. Lambda does not
document what it counts for a batch of several messages.
"""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import datetime

MAX_CHAIN_INVOCATIONS = 16


@dataclass(frozen=True, slots=True)
class MessageLineage:
    """One chain: how often each function ran in it without a new subject, and which subjects it has worked on."""

    invocation_counts: Mapping[str, int] = field(default_factory=dict[str, int])
    known_subjects: frozenset[tuple[str, str]] = frozenset()

    def add_invocation(self, function: str, subject: str = "") -> "MessageLineage":
        """Returns the chain with one more invocation of a function; `subject` is what its message names."""
        if subject and (function, subject) not in self.known_subjects:
            return replace(self, known_subjects=self.known_subjects | {(function, subject)})
        return replace(
            self, invocation_counts={**self.invocation_counts, function: self.invocation_counts.get(function, 0) + 1}
        )

    def exceeds_limit(self, function: str) -> bool:
        return self.invocation_counts.get(function, 0) > MAX_CHAIN_INVOCATIONS


EMPTY_LINEAGE = MessageLineage()
_current: ContextVar[MessageLineage] = ContextVar("lineage", default=EMPTY_LINEAGE)


def read_current_lineage() -> MessageLineage:
    """Returns the chain that a message continues if it is sent now. Each worker, a greenlet, has its own context."""
    return _current.get()


def within_lineage[M](
    step: Callable[[M, datetime], object], find_lineage: Callable[[M], MessageLineage]
) -> Callable[[M, datetime], object]:
    """Returns a step that processes each message within the message's chain."""

    def run(message: M, deadline: datetime) -> object:
        before = _current.set(find_lineage(message))
        try:
            return step(message, deadline)
        finally:
            _current.reset(before)

    return run
