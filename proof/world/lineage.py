"""The lineage of messages: how often each function ran in the chain of messages that led to one, as Lambda counts it.

Lambda stops the next invocation of a function that ran about 16 times in one chain through SQS, unless its
RecursiveLoop is Allow (Lambda Developer Guide, "Use Lambda recursive loop detection to prevent infinite loops"). A
function that may recurse has to end its chains itself. There are only so many photos, jobs, and places in a folder, so
a chain ends if each of its messages names another one: here, an invocation for something that the function has not
worked on in this chain is not counted, and every other invocation is.

What a function sends while it works on a message continues the chain of that message. Lambda does not document what it
counts for a batch of several messages.
"""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import datetime

MAX_INVOCATIONS = 16


@dataclass(frozen=True)
class Lineage:
    """One chain: how often each function ran in it for nothing new, and what it has worked on."""

    invocations: Mapping[str, int] = field(default_factory=dict[str, int])
    worked_on: frozenset[tuple[str, str]] = frozenset()

    def entered(self, function: str, subject: str = "") -> "Lineage":
        """The chain with one more invocation of a function; `subject` is what its message names."""
        if subject and (function, subject) not in self.worked_on:
            return replace(self, worked_on=self.worked_on | {(function, subject)})
        return replace(self, invocations={**self.invocations, function: self.invocations.get(function, 0) + 1})

    def exceeds(self, function: str) -> bool:
        """Whether the chain has invoked a function too often."""
        return self.invocations.get(function, 0) > MAX_INVOCATIONS


ORIGIN = Lineage()
_current: ContextVar[Lineage] = ContextVar("lineage", default=ORIGIN)


def current() -> Lineage:
    """The chain that a message continues if it is sent now; each worker, a greenlet, has a context of its own."""
    return _current.get()


def following[M](
    step: Callable[[M, datetime], object], lineage: Callable[[M], Lineage]
) -> Callable[[M, datetime], object]:
    """A step that works on each message within that message's chain."""

    def work(message: M, deadline: datetime) -> object:
        before = _current.set(lineage(message))
        try:
            return step(message, deadline)
        finally:
            _current.reset(before)

    return work
