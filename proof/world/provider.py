"""A provider in memory, of three kinds: a lost call can be asked about not at all, by its name for it, or by ours."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial

from backdrop.model.codes import Code
from backdrop.model.errors import BackdropError
from backdrop.model.job import Job
from backdrop.model.provider_result import LookupStatus, ProviderResult, RetryClass
from backdrop.ports import Acknowledge, PreparedCall
from backdrop_local.standin.bill import Bill
from proof.world.account import Account, Work
from proof.world.clock import WorldClock
from proof.world.hub import SimulatedCrash
from proof.world.pictures import picture, shown_by
from proof.world.reactions import Reaction, charges_and_hangs_up, hangs_up, refuses
from proof.world.wire import Wire

__all__ = ["Kind", "PaidCall", "Reaction", "SimulatedDownloads", "SimulatedProvider", "charges_and_hangs_up"]
__all__ += ["hangs_up", "refuses"]

POLL_SECONDS = 10.0
SUBMIT_SECONDS = 1.0


class Kind(StrEnum):
    """How a provider can be asked about a call whose answer was lost."""

    UNASKABLE = "unaskable"
    ACKNOWLEDGED = "acknowledged"
    OWN_ID = "own_id"


# Segmind keeps a record for an hour, Runware tells of any task that it ever executed (the vendors' references).
REMEMBERED = {Kind.UNASKABLE: timedelta(0), Kind.ACKNOWLEDGED: timedelta(hours=1), Kind.OWN_ID: timedelta(days=3650)}


@dataclass(eq=False)
class PaidCall:
    """One paid call as our side sees it: open from when it is sent until we hear the end, hang up or die."""

    job_id: str
    opened_at: datetime
    closed_at: datetime | None = None
    work: Work | None = None

    @property
    def micro_usd(self) -> int:
        """What it was charged."""
        return self.work.sold.micro_usd if self.work else 0


@dataclass
class SimulatedProvider:
    """The Provider port. `script` holds the reactions to the next calls; then `weather` is asked, then `otherwise`.

    `unready`: why no call can be prepared, such as a key that is not there; `key` is asked for it each time and may
    raise. `stalls`: whether a look-up tells nothing yet. `resends`: what it does with a call that comes again under our
    id, while nobody knows what became of the first. `calls` are the jobs whose calls came in, `paid_calls` all that our
    side ever sent.
    """

    wire: Wire
    clock: WorldClock
    kind: Kind = Kind.UNASKABLE
    name: str = "ideogram"
    limit: int = 10
    timeout_seconds: float = 180.0
    otherwise: Reaction = field(default_factory=Reaction)
    script: deque[Reaction] = field(default_factory=deque[Reaction])
    weather: list[Callable[[], Reaction | None]] = field(default_factory=list[Callable[[], Reaction | None]])
    stalls: Callable[[], LookupStatus | None] = lambda: None
    key: Callable[[], ProviderResult | None] = lambda: None
    resends: Callable[[], Reaction | None] = lambda: None
    calls: list[str] = field(default_factory=list[str])
    paid_calls: list[PaidCall] = field(default_factory=list[PaidCall])
    unready: ProviderResult | None = None
    peak_open: int = 0

    def __post_init__(self) -> None:
        self.account = Account(self.clock, self.name, self.limit, REMEMBERED[self.kind])
        self._in_doubt: set[str] = set()
        self.open: set[PaidCall] = set()

    @property
    def bill(self) -> Bill:
        """What was charged, call by call; an order's `client_hint` is the job's id."""
        return self.account.bill

    @property
    def charged(self) -> int:
        """All that was ever charged, in micro-dollars."""
        return self.bill.total_micro_usd()

    def open_calls(self) -> int:
        """How many calls our side holds open now."""
        return len(self.open)

    # -- the port -----------------------------------------------------------------------------------------------

    def idempotency_key(self, job: Job) -> str | None:
        """The id under which the call will be known, where we choose it."""
        return f"{job.job_id}-{job.charge_no}" if self.kind is Kind.OWN_ID else None

    def prepare(self, job: Job, photo: bytes, references: Sequence[bytes] = ()) -> PreparedCall | ProviderResult:
        """One paid call, ready to be sent, or why there is none."""
        return self.unready or self.key() or partial(self._call, job, photo)

    def look_up(self, job: Job, provider_id: str) -> ProviderResult | LookupStatus:
        """What became of a call, for nothing."""
        if self.kind is Kind.UNASKABLE:
            raise NotImplementedError("this provider cannot be asked")
        return self.wire.carry("provider", "look_up", {"job": job, "id": provider_id}, lambda: self._say(provider_id))

    def _say(self, provider_id: str) -> ProviderResult | LookupStatus:
        return self.stalls() or self.account.standing(provider_id)

    # -- the call -----------------------------------------------------------------------------------------------

    def _call(self, job: Job, photo: bytes, acknowledge: Acknowledge) -> ProviderResult | LookupStatus:
        paid = PaidCall(job.job_id, self.clock.time)
        self.paid_calls.append(paid)
        self.open.add(paid)
        self.peak_open = max(self.peak_open, self.open_calls())
        try:
            if self.kind is Kind.UNASKABLE:
                return self._wait_for_answer(job, photo, paid)
            return self._submit_and_poll(job, photo, paid, acknowledge)
        finally:
            paid.closed_at = self.clock.time
            self.open.remove(paid)

    def _wait_for_answer(self, job: Job, photo: bytes, paid: PaidCall) -> ProviderResult:
        sent = {"job": job, "sha256": shown_by(photo)}
        said = self.wire.carry("provider", "call", sent, lambda: self._react(job, photo, paid, self.timeout_seconds))
        return said if isinstance(said, ProviderResult) else said.answer

    def _submit_and_poll(
        self, job: Job, photo: bytes, paid: PaidCall, acknowledge: Acknowledge
    ) -> ProviderResult | LookupStatus:
        deadline = self.clock.time + timedelta(seconds=self.timeout_seconds)
        sent = {"job": job, "sha256": shown_by(photo)}
        said = self.wire.carry("provider", "call", sent, lambda: self._react(job, photo, paid, SUBMIT_SECONDS))
        if isinstance(said, ProviderResult):
            self._in_doubt -= {self.idempotency_key(job)} if said.retry_class is not RetryClass.AMBIG else set()
            return said
        if self.kind is Kind.ACKNOWLEDGED:
            acknowledge(said.id)
        while (standing := self._poll(said)) is LookupStatus.PENDING:
            if self.clock.time + timedelta(seconds=POLL_SECONDS) > deadline:
                return standing
            self.clock.sleep(POLL_SECONDS)
        return (
            standing
            if isinstance(standing, ProviderResult)
            else ProviderResult.lost("the provider has forgotten the call")
        )

    def _poll(self, work: Work) -> ProviderResult | LookupStatus:
        return self.wire.carry("provider", "poll", {"id": work.id}, lambda: self._say(work.id))

    def _react(self, job: Job, photo: bytes, paid: PaidCall, patience: float) -> ProviderResult | Work:
        """What the provider says within so many seconds: it took the work, or an answer in its place."""
        self.calls.append(job.job_id)
        reaction = self._of_a_resend(job) or self._reaction(job)
        self.account.limit = self.limit
        said = self._taken(job, photo, reaction) if reaction.takes else None
        if isinstance(said, ProviderResult):
            return said
        paid.work = said
        at_once = reaction.at_once and reaction.seconds + reaction.lingers <= self.timeout_seconds
        self.clock.sleep(reaction.seconds if at_once else min(reaction.seconds, patience))
        if reaction.meanwhile:
            reaction.meanwhile()
        if reaction.dies:
            raise SimulatedCrash("the worker dies in the call")
        if reaction.seconds > patience and self.kind is Kind.UNASKABLE:
            return ProviderResult.lost("no answer came in time")
        if said and at_once:
            return said.answer
        return reaction.answer or said or ProviderResult(RetryClass.NOW, Code.PROVIDER_UNAVAILABLE)

    def _of_a_resend(self, job: Job) -> Reaction | None:
        """What becomes of a call that was sent before under the same id; it is in doubt until somebody is refused."""
        ident = self.idempotency_key(job)
        if ident is None:
            return None
        again = ident in self._in_doubt
        self._in_doubt.add(ident)
        return self.resends() if again else None

    def _reaction(self, job: Job) -> Reaction:
        """The script's, else the weather's; what was taken is never called invalid but when it comes again."""
        if self.script:
            reaction = self.script.popleft()
        else:
            reaction = next((reaction for ask in self.weather if (reaction := ask())), self.otherwise)
        invalid = reaction.answer and reaction.answer.retry_class is RetryClass.PERM
        return self.otherwise if invalid and self._known(job) else reaction

    def _taken(self, job: Job, photo: bytes, reaction: Reaction) -> Work | ProviderResult:
        """The same id again is the same work, and charged once."""
        return self._known(job) or self.account.take(job, photo, reaction, self.idempotency_key(job))

    def _known(self, job: Job) -> Work | None:
        """Work that was taken under our own id."""
        ident = self.idempotency_key(job)
        return self.account.works.get(ident) if ident else None


@dataclass
class SimulatedDownloads:
    """The Downloads port: a picture of its own behind every link, or what `instead` says for all of them."""

    wire: Wire
    instead: bytes | BackdropError | None = None
    fetched: list[str] = field(default_factory=list[str])

    def fetch(self, provider: str, url: str) -> bytes:
        """The bytes behind a link."""
        sent = {"provider": provider, "url": url}
        return self.wire.carry("downloads", "fetch", sent, lambda: self._fetch(url))

    def _fetch(self, url: str) -> bytes:
        self.fetched.append(url)
        if isinstance(self.instead, BackdropError):
            raise self.instead
        return self.instead if self.instead is not None else picture(url)
