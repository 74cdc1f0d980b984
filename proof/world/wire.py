"""The wire between the code and every service: each call passes here, is noted, and can be hit by a fault.

A fault is a function of the call that raises (the call fails, or its answer is lost) or acts (others are faster).
Faults in `before` strike when nothing has happened yet, faults in `after` when the service has done its work.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError, ReadTimeoutError


@dataclass(frozen=True)
class Call:
    """One call: the how-manieth on this wire, which service and operation, and what was sent."""

    number: int
    service: str
    operation: str
    sent: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)

    def __str__(self) -> str:
        return f"{self.number} {self.service}.{self.operation}"


Fault = Callable[[Call], None]


class SimulatedCrash(BaseException):  # noqa: N818 - a death, which no `except Exception` may survive
    """The worker is killed here."""


@dataclass
class Wire:
    """Carries calls one after another; `before` and `after` are the faults in force, `calls` the history.

    `always` is the world's own law, such as a worker's time limit; `calm` does not end it.
    """

    always: list[Fault] = field(default_factory=list[Fault])
    before: list[Fault] = field(default_factory=list[Fault])
    after: list[Fault] = field(default_factory=list[Fault])
    calls: list[Call] = field(default_factory=list[Call])

    def carry[T](self, service: str, operation: str, sent: Mapping[str, Any], work: Callable[[], T]) -> T:
        """Do the service's work unless a fault forbids it."""
        call = Call(len(self.calls) + 1, service, operation, dict(sent))
        self.calls.append(call)
        for fault in [*self.before]:
            fault(call)
        try:
            return work()
        finally:
            for fault in [*self.after, *self.always]:
                fault(call)

    def calm(self) -> None:
        """End all faults."""
        self.before.clear()
        self.after.clear()


@dataclass
class Strike:
    """A fault at chosen calls: the `nth` that matches and `times - 1` more."""

    act: Fault
    operation: str = ""
    nth: int = 1
    times: int = 1
    matches: Callable[[Call], bool] = lambda _: True
    seen: int = 0
    struck: list[Call] = field(default_factory=list[Call])

    @property
    def hits(self) -> int:
        """How often it fired; a fault that never did proves nothing."""
        return len(self.struck)

    def __call__(self, call: Call) -> None:
        if self.operation not in ("", call.operation) or not self.matches(call):
            return
        self.seen += 1
        if self.nth <= self.seen < self.nth + self.times:
            self.struck.append(call)
            self.act(call)


def die(call: Call) -> None:
    """The worker is killed."""
    raise SimulatedCrash(str(call))


def lose_answer(call: Call) -> None:
    """The service did its work and nobody heard of it."""
    raise ReadTimeoutError(endpoint_url=f"https://{call.service}.invalid")


def throttle(call: Call) -> None:
    """The service does nothing for now."""
    raise refusal("ThrottlingException", call.operation, 400)


def conflict(call: Call) -> None:
    """Another transaction holds the items at this moment."""
    reasons = [{"Code": "TransactionConflict"} for _ in call.sent["TransactItems"]]
    raise cancelled(reasons)


def refusal(code: str, operation: str, status: int, message: str = "") -> ClientError:
    """A service's error as botocore raises it."""
    answer: Any = {
        "Error": {"Code": code, "Message": message or code},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(answer, operation)


def cancelled(reasons: list[dict[str, Any]]) -> ClientError:
    """A transaction that was not done, with one reason for each of its writes."""
    codes = ", ".join(str(reason["Code"]) for reason in reasons)
    error = refusal("TransactionCanceledException", "TransactWriteItems", 400, f"Transaction cancelled [{codes}]")
    error.response |= {"CancellationReasons": reasons}  # pyright: ignore[reportAttributeAccessIssue]
    return error
