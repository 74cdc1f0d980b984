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

from simulation.world.event_loop import SimulatedCrash
from simulation.world.world_clock import WORLD_START, WorldClock

# A request's way to a service in the same region, in seconds.
MIN_LATENCY_SECONDS, MAX_LATENCY_SECONDS = 0.002, 0.08


@dataclass(eq=False, slots=True)
class ServiceCall:
    """One call: the how-manieth on this wire, what was sent to whom, by which worker and when, and how it ended."""

    number: int
    service: str
    operation: str
    request: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)
    worker_name: str = ""
    started_at: datetime = WORLD_START
    outcome: str = ""

    def __str__(self) -> str:
        return f"{self.number} {self.service}.{self.operation}"


@dataclass(frozen=True, slots=True)
class HistoryNote:
    """Something in the history that is no call: what people did, which fault struck, how an invocation ended."""

    at: datetime
    text: str


FaultAction = Callable[[ServiceCall], None]


@dataclass
class Transport:
    """Carries calls; `before` and `after` are the faults in force.

    `always` is the world's own law, such as a worker's time limit; `calm` does not end it. `twice` are the calls that
    botocore makes again by itself, since it heard no answer to the first. `heard` is told of all that services did.
    `travel` lets the time pass that a worker's call of a service's operation is on its way.
    """

    clock: WorldClock
    permanent_faults: list[FaultAction] = field(default_factory=list[FaultAction])
    faults_before: list[FaultAction] = field(default_factory=list[FaultAction])
    faults_after: list[FaultAction] = field(default_factory=list[FaultAction])
    retry_faults: list[Callable[[ServiceCall], bool]] = field(default_factory=list[Callable[[ServiceCall], bool]])
    listeners: list[FaultAction] = field(default_factory=list[FaultAction])
    calls: list[ServiceCall] = field(default_factory=list[ServiceCall])
    history: list[ServiceCall | HistoryNote] = field(default_factory=list["ServiceCall | HistoryNote"])
    add_latency: Callable[[str, str], object] | None = None

    def execute[T](self, service: str, operation: str, request: Mapping[str, Any], serve: Callable[[], T]) -> T:
        """Do the service's work unless a fault forbids it; a worker gives way to others before."""
        call = self._record_call(service, operation, request)
        try:
            for fault in [*self.faults_before]:
                fault(call)
            if any([is_retried(call) for is_retried in self.retry_faults]):
                with suppress(ClientError):
                    self._serve(call, serve)
            return self._respond(call, serve)
        except BaseException as error:
            call.outcome = describe_outcome(error)
            raise

    def _record_call(self, service: str, operation: str, request: Mapping[str, Any]) -> ServiceCall:
        worker = self.clock.event_loop.current_worker if self.clock.event_loop else None
        if worker and self.add_latency:
            self.add_latency(service, operation)
        elif worker:
            self.clock.sleep(self.clock.random.uniform(MIN_LATENCY_SECONDS, MAX_LATENCY_SECONDS))
        name = worker.name if worker else ""
        call = ServiceCall(len(self.calls) + 1, service, operation, request, name, self.clock.time)
        self.calls.append(call)
        self.history.append(call)
        return call

    def _respond[T](self, call: ServiceCall, serve: Callable[[], T]) -> T:
        try:
            return self._serve(call, serve)
        finally:
            for fault in [*self.faults_after, *self.permanent_faults]:
                fault(call)

    def _serve[T](self, call: ServiceCall, serve: Callable[[], T]) -> T:
        response = serve()
        for notify in self.listeners:
            notify(call)
        return response

    def add_note(self, text: str) -> None:
        """Put something into the history."""
        self.history.append(HistoryNote(self.clock.time, text))

    def clear_faults(self) -> None:
        """End all faults."""
        self.faults_before.clear()
        self.faults_after.clear()
        self.retry_faults.clear()


@dataclass
class TargetedFault:
    """A fault at chosen calls: the `nth` that matches and `times - 1` more."""

    action: FaultAction
    operation: str = ""
    nth: int = 1
    times: int = 1
    matches: Callable[[ServiceCall], bool] = lambda _: True
    match_count: int = 0
    struck_calls: list[ServiceCall] = field(default_factory=list[ServiceCall])

    @property
    def hit_count(self) -> int:
        """How often it fired; a fault that never did proves nothing."""
        return len(self.struck_calls)

    def __call__(self, call: ServiceCall) -> None:
        if self.operation not in ("", call.operation) or not self.matches(call):
            return
        self.match_count += 1
        if self.nth <= self.match_count < self.nth + self.times:
            self.struck_calls.append(call)
            self.action(call)


def crash_worker(call: ServiceCall) -> None:
    """The worker is killed."""
    raise SimulatedCrash(str(call))


def lose_response(call: ServiceCall) -> None:
    """The service did its work and nobody heard of it."""
    raise ReadTimeoutError(endpoint_url=f"https://{call.service}.invalid")


def raise_throttle(call: ServiceCall) -> None:
    """The service does nothing for now."""
    raise build_client_error("ThrottlingException", call.operation, 400)


def raise_conflict(call: ServiceCall) -> None:
    """Another transaction holds the items at this moment."""
    reasons = [{"Code": "TransactionConflict"} for _ in call.request["TransactItems"]]
    raise build_transaction_error(reasons)


def build_client_error(code: str, operation: str, status: int, message: str = "", **details: Any) -> ClientError:
    """A service's error as botocore raises it."""
    response: Any = {
        "Error": {"Code": code, "Message": message or code},
        "ResponseMetadata": {"HTTPStatusCode": status},
        **details,
    }
    return ClientError(response, operation)


def build_transaction_error(reasons: list[dict[str, Any]]) -> ClientError:
    """A transaction that was not done, with one reason for each of its writes."""
    codes = ", ".join(str(reason["Code"]) for reason in reasons)
    message = f"Transaction cancelled [{codes}]"
    return build_client_error(
        "TransactionCanceledException", "TransactWriteItems", 400, message, CancellationReasons=reasons
    )


def describe_outcome(error: BaseException) -> str:
    """How a call ended, in a word or two."""
    if isinstance(error, ClientError):
        return error.response.get("Error", {}).get("Code", "ClientError")
    return f"{type(error).__name__}: {error}" if isinstance(error, SimulatedCrash) else type(error).__name__
