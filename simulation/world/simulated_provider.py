"""A provider in memory, of three kinds: lost calls can be looked up by the provider's ID, by our ID, or not at all."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial

from backdrop.imaging.inspect import read_pixel_size
from backdrop.model.codes import Code
from backdrop.model.errors import BackdropError
from backdrop.model.job import Job
from backdrop.model.provider_result import LookupStatus, ProviderResult, RetryClass
from backdrop.model.retries import build_call_spec
from backdrop.ports import Acknowledge, IdeogramEndpoint, PreparedCall
from backdrop.providers.ideogram import ENDPOINT_PATHS, V2_ENDPOINT_PATHS, fits_v2
from backdrop_local.standin.bill import Bill
from simulation.world.call_behavior import CallBehavior, build_charged_hang_up, build_refusal, build_uncharged_hang_up
from simulation.world.event_loop import SimulatedCrash
from simulation.world.provider_account import ProviderAccount, ProviderWork
from simulation.world.sample_images import build_picture, identify_photo
from simulation.world.transport import Transport
from simulation.world.world_clock import WorldClock

__all__ = [
    "ProviderKind",
    "SimulatedPaidCall",
    "CallBehavior",
    "SimulatedDownloads",
    "SimulatedProvider",
    "build_charged_hang_up",
]
__all__ += ["build_uncharged_hang_up", "build_refusal"]

# From Ideogram's documents, and not from the product, which must not send them to v2.
UNKNOWN_TO_V2 = frozenset(
    {"seed", "magic_prompt", "color_palette", "style_preset", "style_codes", "style_reference_images"}
)
POLL_INTERVAL_SECONDS = 10.0


class ProviderKind(StrEnum):
    """How a call whose answer was lost can be looked up."""

    NO_LOOKUP = "unaskable"
    LOOKUP_BY_PROVIDER_ID = "acknowledged"
    LOOKUP_BY_OUR_ID = "own_id"


# Segmind keeps a record for an hour; Runware reports any task that it ever executed (the vendors' references).
LOOKUP_RETENTION = {
    ProviderKind.NO_LOOKUP: timedelta(0),
    ProviderKind.LOOKUP_BY_PROVIDER_ID: timedelta(hours=1),
    ProviderKind.LOOKUP_BY_OUR_ID: timedelta(days=3650),
}


@dataclass(eq=False)
class SimulatedPaidCall:
    """One paid call as our side sees it: open from sending until the response, the hang-up, or the crash."""

    job_id: str
    started_at: datetime
    ended_at: datetime | None = None
    work: ProviderWork | None = None

    @property
    def micro_usd(self) -> int:
        return self.work.billed_job.micro_usd if self.work else 0


def is_known_to_v2(job: Job) -> bool:
    """Whether Ideogram v2 has the parameters of the request, and its speed."""
    spec = build_call_spec(job)
    return UNKNOWN_TO_V2.isdisjoint(spec) and spec.get("rendering_speed") != "FLASH"


@dataclass
class SimulatedProvider:
    """The Provider port.

    `endpoint`: which of Ideogram's two APIs gets the calls that both can express; calls to v1 cannot be looked up. If
    None, all calls are of the provider's kind.

    `script` has the behaviors for the next calls; after that, `behavior_sources` are consulted, and then
    `default_behavior` applies. `preparation_error`: why no call can be prepared. `check_key` is called for each call,
    and may raise. `override_lookup`: a status that a lookup returns instead of the real one. `override_resend`: what
    happens to a call that is sent again under our ID while the outcome of the first one is unknown. `received_job_ids`:
    the jobs whose calls arrived. `paid_calls`: all calls that Backdrop has sent.
    """

    transport: Transport
    clock: WorldClock
    kind: ProviderKind = ProviderKind.NO_LOOKUP
    endpoint: IdeogramEndpoint | None = None
    name: str = "ideogram"
    concurrency_limit: int = 10
    counts_images: bool = False
    timeout_seconds: float = 180.0
    default_behavior: CallBehavior = field(default_factory=CallBehavior)
    script: deque[CallBehavior] = field(default_factory=deque[CallBehavior])
    behavior_sources: list[Callable[[], CallBehavior | None]] = field(
        default_factory=list[Callable[[], CallBehavior | None]]
    )
    override_lookup: Callable[[], LookupStatus | None] = lambda: None
    check_key: Callable[[], ProviderResult | None] = lambda: None
    override_resend: Callable[[], CallBehavior | None] = lambda: None
    received_job_ids: list[str] = field(default_factory=list[str])
    paid_calls: list[SimulatedPaidCall] = field(default_factory=list[SimulatedPaidCall])
    preparation_error: ProviderResult | None = None
    peak_in_flight: int = 0

    def __post_init__(self) -> None:
        self.account = ProviderAccount(self.clock, self.name, self.concurrency_limit, LOOKUP_RETENTION[self.kind])
        self._uncertain_keys: set[str] = set()
        self.calls_in_flight: set[SimulatedPaidCall] = set()

    @property
    def bill(self) -> Bill:
        """What was charged, call by call; an order's `client_hint` is the job's ID."""
        return self.account.bill

    @property
    def charged_micro_usd(self) -> int:
        """Everything that was ever charged, in micro-dollars."""
        return self.bill.sum_charges()

    def count_in_flight(self) -> int:
        """Returns how many calls our side has open now."""
        return len(self.calls_in_flight)

    # -- the port -----------------------------------------------------------------------------------------------

    def idempotency_key(self, job: Job) -> str | None:
        """Returns the ID of the call if we choose it."""
        return f"{job.job_id}-{job.charge_no}" if self.kind is ProviderKind.LOOKUP_BY_OUR_ID else None

    def prepare(self, job: Job, photo: bytes, references: Sequence[bytes] = ()) -> PreparedCall | ProviderResult:
        """Returns a paid call that is ready to be sent, or why there is none."""
        kind = self._find_call_kind(job, photo)
        return (
            self.preparation_error
            or self.check_key()
            or PreparedCall(partial(self._make_call, job, photo, kind), self._find_endpoint(job, kind))
        )

    def _find_call_kind(self, job: Job, photo: bytes) -> ProviderKind:
        """Returns how this call can be looked up."""
        if self.endpoint is None:
            return self.kind
        is_v2 = self.endpoint is IdeogramEndpoint.V2 and fits_v2(
            build_call_spec(job), len(photo), read_pixel_size(photo)
        )
        return ProviderKind.LOOKUP_BY_PROVIDER_ID if is_v2 else ProviderKind.NO_LOOKUP

    def _find_endpoint(self, job: Job, kind: ProviderKind) -> str | None:
        if self.name != "ideogram":
            return None
        is_v2 = self.endpoint is not None and kind is ProviderKind.LOOKUP_BY_PROVIDER_ID
        return (V2_ENDPOINT_PATHS if is_v2 else ENDPOINT_PATHS)[job.operation]

    def look_up(self, job: Job, provider_id: str) -> ProviderResult | LookupStatus:
        """Returns the status of a call. This is free."""
        if self.kind is ProviderKind.NO_LOOKUP:
            raise NotImplementedError("this provider has no lookup")
        return self.transport.execute(
            "provider", "look_up", {"job": job, "id": provider_id}, lambda: self._answer_lookup(provider_id)
        )

    def _answer_lookup(self, provider_id: str) -> ProviderResult | LookupStatus:
        return self.override_lookup() or self.account.look_up(provider_id)

    # -- the call -----------------------------------------------------------------------------------------------

    def _make_call(
        self, job: Job, photo: bytes, kind: ProviderKind, acknowledge: Acknowledge
    ) -> ProviderResult | LookupStatus:
        paid_call = SimulatedPaidCall(job.job_id, self.clock.time)
        self.paid_calls.append(paid_call)
        self.calls_in_flight.add(paid_call)
        self.peak_in_flight = max(self.peak_in_flight, self.count_in_flight())
        try:
            if kind is ProviderKind.NO_LOOKUP:
                return self._wait_for_result(job, photo, paid_call)
            if self.endpoint is not None and not is_known_to_v2(job):
                return ProviderResult(
                    RetryClass.PERM, Code.REQUEST_REJECTED, "v2 has no such parameter, or no such speed"
                )
            return self._submit_and_poll(job, photo, paid_call, acknowledge)
        finally:
            paid_call.ended_at = self.clock.time
            self.calls_in_flight.remove(paid_call)

    def _wait_for_result(self, job: Job, photo: bytes, paid_call: SimulatedPaidCall) -> ProviderResult:
        request = {"job": job, "sha256": identify_photo(photo)}
        response = self.transport.execute(
            "provider",
            "call",
            request,
            lambda: self._process_call(job, photo, paid_call, is_synchronous=True),
        )
        return response if isinstance(response, ProviderResult) else response.result

    def _submit_and_poll(
        self, job: Job, photo: bytes, paid_call: SimulatedPaidCall, acknowledge: Acknowledge
    ) -> ProviderResult | LookupStatus:
        deadline = self.clock.time + timedelta(seconds=self.timeout_seconds)
        request = {"job": job, "sha256": identify_photo(photo)}
        response = self.transport.execute(
            "provider", "call", request, lambda: self._process_call(job, photo, paid_call)
        )
        if isinstance(response, ProviderResult):
            self._uncertain_keys -= (
                {self.idempotency_key(job)} if response.retry_class is not RetryClass.AMBIG else set()
            )
            return response
        if self.kind is ProviderKind.LOOKUP_BY_PROVIDER_ID:
            acknowledge(response.id)
        while (status := self._poll(response)) is LookupStatus.PENDING:
            if self.clock.time + timedelta(seconds=POLL_INTERVAL_SECONDS) > deadline:
                return status
            self.clock.sleep(POLL_INTERVAL_SECONDS)
        return (
            status if isinstance(status, ProviderResult) else ProviderResult.lost("the provider has forgotten the call")
        )

    def _poll(self, work: ProviderWork) -> ProviderResult | LookupStatus:
        return self.transport.execute("provider", "poll", {"id": work.id}, lambda: self._answer_lookup(work.id))

    def _process_call(
        self, job: Job, photo: bytes, paid_call: SimulatedPaidCall, *, is_synchronous: bool = False
    ) -> ProviderResult | ProviderWork:
        """Returns the provider's response within the timeout: the accepted work, or a result instead."""
        self.received_job_ids.append(job.job_id)
        behavior = self._find_resend_behavior(job) or self._choose_behavior(job)
        self.account.concurrency_limit, self.account.counts_images = self.concurrency_limit, self.counts_images
        response = self._accept(job, photo, behavior) if behavior.accepts_work else None
        if isinstance(response, ProviderResult):
            return response
        paid_call.work = response
        responds_immediately = (
            behavior.responds_immediately and behavior.work_seconds + behavior.lingering_seconds <= self.timeout_seconds
        )
        timeout_seconds = self.timeout_seconds if is_synchronous else behavior.submission_seconds
        self.clock.sleep(behavior.work_seconds if responds_immediately else min(behavior.work_seconds, timeout_seconds))
        if behavior.run_during_call:
            behavior.run_during_call()
        if behavior.kills_worker:
            raise SimulatedCrash("the worker is killed in the call")
        if behavior.work_seconds > timeout_seconds and is_synchronous:
            return ProviderResult.lost("no answer arrived in time")
        if response and responds_immediately:
            return response.result
        return behavior.result or response or ProviderResult(RetryClass.NOW, Code.PROVIDER_UNAVAILABLE)

    def _find_resend_behavior(self, job: Job) -> CallBehavior | None:
        """Returns what happens to a call that was sent before under the same ID and whose fate is still unknown."""
        idempotency_key = self.idempotency_key(job)
        if idempotency_key is None:
            return None
        is_resend = idempotency_key in self._uncertain_keys
        self._uncertain_keys.add(idempotency_key)
        return self.override_resend() if is_resend else None

    def _choose_behavior(self, job: Job) -> CallBehavior:
        """Returns the script's or a fault's behavior. Accepted work is never rejected, except when it is sent again."""
        if self.script:
            behavior = self.script.popleft()
        else:
            behavior = next(
                (behavior for choose in self.behavior_sources if (behavior := choose())), self.default_behavior
            )
        is_rejection = behavior.result and behavior.result.retry_class is RetryClass.PERM
        return self.default_behavior if is_rejection and self._find_accepted_work(job) else behavior

    def _accept(self, job: Job, photo: bytes, behavior: CallBehavior) -> ProviderWork | ProviderResult:
        """The same ID again is the same work, and is charged once."""
        return self._find_accepted_work(job) or self.account.accept(job, photo, behavior, self.idempotency_key(job))

    def _find_accepted_work(self, job: Job) -> ProviderWork | None:
        idempotency_key = self.idempotency_key(job)
        return self.account.work_by_id.get(idempotency_key) if idempotency_key else None


@dataclass
class SimulatedDownloads:
    """The Downloads port: each link has its own picture, unless `override` says otherwise for all of them.

    `override_by_provider`: the picture of all links of a provider. `script_by_provider`: the pictures of its links, in
    the order in which they are first fetched; the last one is that of all further links. `choose_picture` returns the
    picture of a link, or None if it has none of its own.
    """

    transport: Transport
    override: bytes | BackdropError | None = None
    override_by_provider: dict[str, bytes] = field(default_factory=dict[str, bytes])
    script_by_provider: dict[str, Sequence[bytes]] = field(default_factory=dict[str, Sequence[bytes]])
    choose_picture: Callable[[str], bytes | None] = lambda url: None
    fetched_urls: list[str] = field(default_factory=list[str])

    def fetch(self, provider: str, url: str) -> bytes:
        request = {"provider": provider, "url": url}
        return self.transport.execute("downloads", "fetch", request, lambda: self._fetch(provider, url))

    def _fetch(self, provider: str, url: str) -> bytes:
        self.fetched_urls.append(url)
        if isinstance(self.override, BackdropError):
            raise self.override
        if self.override is not None:
            return self.override
        if script := self.script_by_provider.get(provider):
            first_fetched = [*dict.fromkeys(self.fetched_urls)].index(url)
            return script[min(first_fetched, len(script) - 1)]
        picture = self.override_by_provider.get(provider) or self.choose_picture(url)
        return build_picture(url) if picture is None else picture
