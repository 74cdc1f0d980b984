"""The transport between the code and every service: it records each call, and faults can strike it.

A fault is a function of the call. It raises (the call fails, or its response is lost) or acts (for example, as another
worker that is faster). Those in `faults_before` strike before the service has done anything, those in `faults_after`
when it is done.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError, ReadTimeoutError

from simulation.world.event_loop import SimulatedCrash
from simulation.world.world_clock import WORLD_START, WorldClock

# The latency to a service in the same region, in seconds.
MIN_LATENCY_SECONDS, MAX_LATENCY_SECONDS = 0.002, 0.08


@dataclass(eq=False, slots=True)
class ServiceCall:
    """One call: its number, what was sent to which service, by which worker and when, and how it ended."""

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
    """An entry in the history that is not a call: a user's action, a fault, or the start or end of an invocation."""

    at: datetime
    text: str


FaultAction = Callable[[ServiceCall], None]


@dataclass
class Transport:
    """Carries calls. `faults_before` and `faults_after` are the faults in force.

    `permanent_faults` are rules of the world, such as timeouts; `clear_faults` does not remove them. `retry_faults`
    choose the calls that botocore repeats by itself because it got no response. `listeners` are called with every call
    that a service has processed. `add_latency` replaces the default latency of workers' calls.
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
        """Lets the service process a call unless a fault prevents it. Other workers may run first."""
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
        """Adds a note to the history."""
        self.history.append(HistoryNote(self.clock.time, text))

    def clear_faults(self) -> None:
        """Removes all faults except permanent ones."""
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
        """How often it struck. A fault that never struck proves nothing."""
        return len(self.struck_calls)

    def __call__(self, call: ServiceCall) -> None:
        if self.operation not in ("", call.operation) or not self.matches(call):
            return
        self.match_count += 1
        if self.nth <= self.match_count < self.nth + self.times:
            self.struck_calls.append(call)
            self.action(call)


def crash_worker(call: ServiceCall) -> None:
    raise SimulatedCrash(str(call))


def lose_response(call: ServiceCall) -> None:
    """The service has done its work, but the response is lost."""
    raise ReadTimeoutError(endpoint_url=f"https://{call.service}.invalid")


def raise_throttle(call: ServiceCall) -> None:
    """The service does nothing for now."""
    raise build_client_error("ThrottlingException", call.operation, 400)


def raise_conflict(call: ServiceCall) -> None:
    """Another transaction holds the items at this moment."""
    reasons = [{"Code": "TransactionConflict"} for _ in call.request["TransactItems"]]
    raise build_transaction_error(reasons)


def build_client_error(code: str, operation: str, status: int, message: str = "", **details: Any) -> ClientError:
    """Builds a service's error as botocore raises it."""
    response: Any = {
        "Error": {"Code": code, "Message": message or code},
        "ResponseMetadata": {"HTTPStatusCode": status},
        **details,
    }
    return ClientError(response, operation)


def build_transaction_error(reasons: list[dict[str, Any]]) -> ClientError:
    """Builds the error of a canceled transaction, with one reason for each of its writes."""
    codes = ", ".join(str(reason["Code"]) for reason in reasons)
    message = f"Transaction cancelled [{codes}]"
    return build_client_error(
        "TransactionCanceledException", "TransactWriteItems", 400, message, CancellationReasons=reasons
    )


def describe_outcome(error: BaseException) -> str:
    """Describes briefly how a call ended."""
    if isinstance(error, ClientError):
        return error.response.get("Error", {}).get("Code", "ClientError")
    return f"{type(error).__name__}: {error}" if isinstance(error, SimulatedCrash) else type(error).__name__
