"""A provider in memory: it counts calls in flight, keeps the bill, and fails as it is told."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from backdrop.core.answer import Answer, Class
from backdrop.core.codes import Code
from backdrop.core.errors import BackdropError
from backdrop.core.identity import sha256_hex
from backdrop.core.job import Job, Link
from backdrop.core.money import price_per_image
from backdrop_local.standin.bill import Bill, Order, fingerprint
from backdrop_local.standin.bill import Job as Sold
from backdrop_local.standin.slots import Slots
from proof.world.clock import WorldClock
from proof.world.pictures import picture
from proof.world.wire import SimulatedCrash, Wire

HOST = "https://results.invalid"


@dataclass(frozen=True)
class Reaction:
    """What the provider does with one call.

    `takes`: it accepts and charges the work. `answer`: what comes back in place of the pictures. `unsafe`: how many
    pictures it withholds. `fewer`: how many it does not make. `dies`: the caller is killed before it hears anything.
    `meanwhile`: what others do while the call is under way.
    """

    takes: bool = True
    answer: Answer | None = None
    unsafe: int = 0
    fewer: int = 0
    seconds: float = 10.0
    dies: bool = False
    meanwhile: Callable[[], object] | None = None


def refuses(kind: Class, code: Code, *, retry_after: float | None = None) -> Reaction:
    """An answer by which nothing was taken and nothing is charged."""
    return Reaction(
        takes=False, answer=Answer(kind, code, f"refused: {code.value}", retry_after=retry_after), seconds=1
    )


def charges_and_hangs_up() -> Reaction:
    """The work is done and charged, and the answer never arrives."""
    return Reaction(answer=Answer(Class.AMBIG, Code.CHARGE_UNKNOWN, "no answer came back"))


def hangs_up() -> Reaction:
    """Nothing was taken, but the caller cannot know."""
    return Reaction(takes=False, answer=Answer(Class.AMBIG, Code.CHARGE_UNKNOWN, "no answer came back"))


@dataclass
class SimulatedProvider:
    """The Provider port. `script` holds the reactions to the next calls; then `otherwise` applies.

    `unready`: why no call can be prepared, such as a key that is not there.
    """

    wire: Wire
    clock: WorldClock
    name: str = "ideogram"
    limit: int = 10
    timeout_seconds: float = 180.0
    otherwise: Reaction = field(default_factory=Reaction)
    script: deque[Reaction] = field(default_factory=deque[Reaction])
    calls: list[str] = field(default_factory=list[str])
    unready: Answer | None = None

    def __post_init__(self) -> None:
        self.bill = Bill(seed=0)
        self.slots = Slots()

    @property
    def charged(self) -> int:
        """All that was ever charged, in micro-dollars."""
        return self.bill.total_micro_usd()

    def prepare(self, job: Job, photo: bytes) -> Callable[[], Answer] | Answer:
        """One paid call, ready to be sent, or why there is none."""
        return self.unready or partial(self._send, job, photo)

    def _send(self, job: Job, photo: bytes) -> Answer:
        return self.wire.carry(
            "provider", "call", {"job": job, "sha256": sha256_hex(photo)}, lambda: self._call(job, photo)
        )

    def _call(self, job: Job, photo: bytes) -> Answer:
        self.calls.append(job.job_id)
        reaction = self.script.popleft() if self.script else self.otherwise
        account = (self.name, "account")
        if not self.slots.take(account, limit=self.limit, at=self.clock.unix()):
            return Answer(Class.QUOTA, Code.PROVIDER_THROTTLED, "too many calls in flight")
        try:
            sold = self._sell(job, photo, reaction) if reaction.takes else None
            self.clock.sleep(reaction.seconds)
            if reaction.meanwhile:
                reaction.meanwhile()
        finally:
            self.slots.release(account, at=self.clock.unix())
        if reaction.dies:
            raise SimulatedCrash("the worker dies in the call")
        if reaction.answer:
            return reaction.answer
        return _pictures(sold, reaction) if sold else Answer(Class.NOW, Code.PROVIDER_UNAVAILABLE)

    def _sell(self, job: Job, photo: bytes, reaction: Reaction) -> Sold:
        made = int(job.instructions.get("num_images", 1)) - reaction.fewer
        work = {"job": job.job_id, "photo": sha256_hex(photo), "asked": job.asked}
        order = Order(
            key="key",
            label="key",
            account="account",
            provider=self.name,
            route=job.operation,
            fingerprint=fingerprint(work),
            prompt=str(job.asked.get("prompt", "")),
            client_hint="",
            speed=str(job.asked.get("rendering_speed", "DEFAULT")),
            n=made,
            unit_micro_usd=price_per_image(self.name, job.instructions),
        )
        now = self.clock.unix()
        return self.bill.accept(order, produced=made, unsafe=reaction.unsafe, billed_images=made, at=now)


def _pictures(sold: Sold, reaction: Reaction) -> Answer:
    links = tuple(
        Link(url=None if place < reaction.unsafe else f"{HOST}/{result}.png", seed=place)
        for place, result in enumerate(sold.results)
    )
    if any(link.usable for link in links):
        return Answer(Class.OK, links=links, charged=sold.micro_usd)
    return Answer(Class.OK, Code.UNSAFE_RESULT, "every picture was withheld", links, sold.micro_usd)


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
