"""The wire between the code and every service: each call passes here, is noted, and can be hit by a fault.

A fault is a function of the call that raises (the call fails, or its answer is lost) or acts (others are faster).
Faults in `before` strike when nothing has happened yet, faults in `after` when the service has done its work.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError, ReadTimeoutError

from proof.world.clock import START, WorldClock
from proof.world.hub import SimulatedCrash

# A request's way to a service in the same region, in seconds.
QUICKEST, SLOWEST = 0.002, 0.08


@dataclass(eq=False, slots=True)
class Call:
    """One call: the how-manieth on this wire, what was sent to whom, by which worker and when, and how it ended."""

    number: int
    service: str
    operation: str
    sent: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)
    worker: str = ""
    at: datetime = START
    ended: str = ""

    def __str__(self) -> str:
        return f"{self.number} {self.service}.{self.operation}"


@dataclass(frozen=True, slots=True)
class Note:
    """Something in the history that is no call: what people did, which fault struck, how an invocation ended."""

    at: datetime
    text: str


Fault = Callable[[Call], None]


@dataclass
class Wire:
    """Carries calls; `before` and `after` are the faults in force.

    `always` is the world's own law, such as a worker's time limit; `calm` does not end it. `twice` are the calls that
    botocore makes again by itself, since it heard no answer to the first. `heard` is told of all that services did.
    `travel` lets the time pass that a worker's call of a service's operation is on its way.
    """

    clock: WorldClock
    always: list[Fault] = field(default_factory=list[Fault])
    before: list[Fault] = field(default_factory=list[Fault])
    after: list[Fault] = field(default_factory=list[Fault])
    twice: list[Callable[[Call], bool]] = field(default_factory=list[Callable[[Call], bool]])
    heard: list[Fault] = field(default_factory=list[Fault])
    calls: list[Call] = field(default_factory=list[Call])
    history: list[Call | Note] = field(default_factory=list["Call | Note"])
    travel: Callable[[str, str], object] | None = None

    def carry[T](self, service: str, operation: str, sent: Mapping[str, Any], work: Callable[[], T]) -> T:
        """Do the service's work unless a fault forbids it; a worker gives way to others before."""
        call = self._begin(service, operation, sent)
        try:
            for fault in [*self.before]:
                fault(call)
            if any([again(call) for again in self.twice]):
                with suppress(ClientError):
                    self._serve(call, work)
            return self._answer(call, work)
        except BaseException as error:
            call.ended = how(error)
            raise

    def _begin(self, service: str, operation: str, sent: Mapping[str, Any]) -> Call:
        worker = self.clock.hub.worker if self.clock.hub else None
        if worker and self.travel:
            self.travel(service, operation)
        elif worker:
            self.clock.sleep(self.clock.random.uniform(QUICKEST, SLOWEST))
        name = worker.name if worker else ""
        call = Call(len(self.calls) + 1, service, operation, sent, name, self.clock.time)
        self.calls.append(call)
        self.history.append(call)
        return call

    def _answer[T](self, call: Call, work: Callable[[], T]) -> T:
        try:
            return self._serve(call, work)
        finally:
            for fault in [*self.after, *self.always]:
                fault(call)

    def _serve[T](self, call: Call, work: Callable[[], T]) -> T:
        done = work()
        for listen in self.heard:
            listen(call)
        return done

    def note(self, text: str) -> None:
        """Put something into the history."""
        self.history.append(Note(self.clock.time, text))

    def calm(self) -> None:
        """End all faults."""
        self.before.clear()
        self.after.clear()
        self.twice.clear()


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


def refusal(code: str, operation: str, status: int, message: str = "", **besides: Any) -> ClientError:
    """A service's error as botocore raises it."""
    answer: Any = {
        "Error": {"Code": code, "Message": message or code},
        "ResponseMetadata": {"HTTPStatusCode": status},
        **besides,
    }
    return ClientError(answer, operation)


def cancelled(reasons: list[dict[str, Any]]) -> ClientError:
    """A transaction that was not done, with one reason for each of its writes."""
    codes = ", ".join(str(reason["Code"]) for reason in reasons)
    message = f"Transaction cancelled [{codes}]"
    return refusal("TransactionCanceledException", "TransactWriteItems", 400, message, CancellationReasons=reasons)


def how(error: BaseException) -> str:
    """How a call ended, in a word or two."""
    if isinstance(error, ClientError):
        return error.response.get("Error", {}).get("Code", "ClientError")
    return f"{type(error).__name__}: {error}" if isinstance(error, SimulatedCrash) else type(error).__name__
