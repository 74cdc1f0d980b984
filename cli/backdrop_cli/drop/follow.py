"""Follows a drop's photos until each has ended, or until nothing can move: how far each is, what it costs, how long."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from backdrop.intake.photo_status import named
from backdrop.model.ids import source_id
from backdrop.model.job import Job, Problem, Source, Status
from backdrop.model.pricing import usd_text
from backdrop_cli.drop import pace
from backdrop_cli.drop.uploads import Uploaded
from backdrop_cli.side_by_side import side_by_side
from backdrop_cli.stack import Stack
from backdrop_cli.stages import ENDED, Stage, stage_of
from backdrop_cli.watch import watch

LOOK_SECONDS = 1.0
MOST_LOOKS = 100
# A call of the slowest kind and a cold start after it.
PATIENCE_SECONDS = 300.0
PAUSED_PATIENCE_SECONDS = 20.0
# What is paid is handed over in a moment, as long as no deliveries were measured.
DELIVERY_SECONDS = 2.0


@dataclass(frozen=True)
class Sight:
    """One photo at one moment. Amounts are what its current jobs cost, micro-dollars.

    `earlier`: the part of `certain` that calls before this drop cost.
    """

    stage: Stage = Stage.DROPPED
    note: str = ""
    jobs: Sequence[Job] = ()
    problems: Sequence[Problem] = ()
    certain: int = 0
    unknown: int = 0
    earlier: int = 0

    @property
    def ended(self) -> bool:
        return self.stage in ENDED

    @property
    def images(self) -> int:
        """How many were delivered; each may have come in several files."""
        return sum(len({result.n for result in job.results}) for job in self.jobs)

    @property
    def files(self) -> int:
        return sum(len(job.results) for job in self.jobs)


@dataclass(frozen=True)
class Awaited:
    """What was uploaded of a photo and of its sidecar, so that the ledger's word is about that; None: nothing was."""

    photo: Uploaded | None = None
    sidecar: Uploaded | None = None

    def is_seen(self, source: Source, began: datetime) -> bool:
        """Whether the photo's place speaks of this upload, or of one that somebody else has made since."""
        if self.sidecar and source.sidecar_etag != self.sidecar.etag and not source.held_by:
            return False
        if self.photo is None:
            return True
        if source.photo is None or source.seen_gone:
            return False
        same = source.photo.etag == self.photo.etag and not self.photo.version_id
        later = source.photo.uploaded_at >= began.replace(microsecond=0)
        return same or source.photo.version_id == self.photo.version_id or later


@dataclass
class Follow:
    """All photos of a drop by key, as last seen; `began` is when it began."""

    stack: Stack
    awaited: Mapping[str, Awaited]
    began: datetime
    seen: dict[str, Sight] = field(default_factory=dict[str, Sight])
    stopped: str = ""

    def __post_init__(self) -> None:
        self.seen = dict.fromkeys(self.awaited, Sight())
        self._turn: list[str] = []

    def until_the_end(self, look: Callable[[], bool]) -> None:
        """Until all have ended; `stopped` says why where it is given up. `look` glances, and shows what it sees."""
        pause, now = partial(self.stack.wait, LOOK_SECONDS), self.stack.clock.now
        self.stopped = watch(look, lambda: not self.open, self._give_up, pause, now)

    def glance(self) -> bool:
        """Look at some of those that have not ended; whether any of them moved."""
        self._turn = [key for key in self._turn if not self.seen[key].ended] or self.open
        now, self._turn = self._turn[:MOST_LOOKS], self._turn[MOST_LOOKS:]
        before = [self.seen[key] for key in now]
        found = list(side_by_side(self._look, now, self.stack.at_once))
        self.seen |= dict(zip(now, found, strict=True))
        return found != before

    @property
    def open(self) -> list[str]:
        """The keys of the photos that have not ended."""
        return [key for key, sight in self.seen.items() if not sight.ended]

    @property
    def seconds(self) -> float:
        """Since the drop began."""
        return (self.stack.clock.now() - self.began).total_seconds()

    @property
    def counts(self) -> Counter[Stage]:
        return Counter(sight.stage for sight in self.seen.values())

    @property
    def cost(self) -> tuple[int, int]:
        """What the photos cost for certain, and what they may cost in addition, micro-dollars."""
        return sum(one.certain for one in self.seen.values()), sum(one.unknown for one in self.seen.values())

    @property
    def earlier(self) -> int:
        """The part of the certain cost that was paid before this drop, micro-dollars."""
        return sum(one.earlier for one in self.seen.values())

    @property
    def earlier_text(self) -> str:
        """`$0.06 of it before this run`, or nothing."""
        part = "all" if self.earlier == self.cost[0] else usd_text(self.earlier)
        return f"{part} of it before this run" if self.earlier else ""

    def seconds_to_go(self) -> float | None:
        """By the slower of calls and deliveries, as ours were so far; None while that is not known.

        Calls: by the queue before us, and how many may be open. Deliveries: by how they followed one another.
        """
        jobs = [job for sight in self.seen.values() for job in sight.jobs]
        call = pace.of_jobs(job for job in jobs if job.paid_at and job.paid_at >= self.began)
        if call is None or not self.open:
            return None
        unknown = sum(not self.seen[key].jobs for key in self.open)
        waiting = [job for job in jobs if job.status in (Status.ACCEPTED, Status.SUBMITTING, Status.UNKNOWN)]
        paid = sum(job.status is Status.PAID for job in jobs)
        gap = pace.between_deliveries(jobs, self.began)
        deliveries = DELIVERY_SECONDS if gap is None else (paid + len(waiting) + unknown) * gap
        providers = Counter(job.provider for job in waiting)
        if not providers:
            return deliveries
        name, ours = providers.most_common(1)[0]
        ahead = max(self.stack.in_lane(name), ours + unknown)
        return max(deliveries, pace.to_go(ahead, self.stack.limits.get(name, 1), call))

    def _look(self, key: str) -> Sight:
        source, jobs = self.stack.orders.ledger.photo(source_id(self.stack.input_bucket, key))
        if source is None or not self.awaited[key].is_seen(source, self.began):
            return Sight()
        mine = named(source, jobs)
        stage, note = stage_of(source, jobs)
        problems = [*source.problems, *(job.problem for job in mine if job.problem)]
        calls = [one for job in mine for one in job.attempts]
        certain, unknown = sum(one.charged for one in calls), sum(one.unknown for one in calls)
        earlier = sum(one.charged for one in calls if one.submitted_at < self.began)
        return Sight(stage, note, mine, problems, certain, unknown, earlier)

    def _give_up(self, still_seconds: float) -> str:
        """Why, where nothing moves, or nothing can."""
        lanes = {job.provider for key in self.open for job in self.seen[key].jobs}
        why = paused(self.stack, lanes) if still_seconds > PAUSED_PATIENCE_SECONDS else ""
        return why or (f"nothing has moved for {PATIENCE_SECONDS:.0f} s" if still_seconds > PATIENCE_SECONDS else "")


def paused(stack: Stack, lanes: Collection[str]) -> str:
    """Why nothing can move where each of these lanes is paused; "" where one of them is not."""
    pauses = {name: stack.keeper.ledger.lane(name).pauses for name in sorted(lanes)}
    if not pauses or not all(pauses.values()):
        return ""
    name, (first, *_) = next(iter(pauses.items()))
    return f"{name} is paused ({first.code.value}): {first.message}"


def cost_text(certain: int, unknown: int) -> str:
    """`$0.24`, and what may be besides."""
    return usd_text(certain) + (f" and {usd_text(unknown)} perhaps" if unknown else "")
