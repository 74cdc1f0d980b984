"""Photos resolved anew because a person says so: first what that would cost, then a look for each through intake."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from backdrop.aws.ledger import Ledger
from backdrop.aws.sqs import Queue
from backdrop.instructions.sources import REQUEST
from backdrop.intake.decide import (
    AFTER_RESOLVING,
    BEFORE_RESOLVING,
    Crashes,
    Decision,
    Delivery,
    Event,
    Photo,
    Report,
    Resolution,
    Settling,
)
from backdrop.intake.instruction_resolver import Asking
from backdrop.intake.photo_reader import Seen
from backdrop.intake.photo_state import comparisons, found_of
from backdrop.intake.photo_status import named
from backdrop.model.decision_table import Facts
from backdrop.model.ids import source_id
from backdrop.model.job import Job, Problem, Source, Status
from backdrop.model.object_keys import Kind, kind_of
from backdrop.model.routing import Market, dearest
from backdrop.model.transitions import Step
from backdrop.pipeline.enqueue import rerun
from backdrop.pipeline.job_diff import steps_of, taken_away

# What intake meets where the bytes that the ledger knows are uploaded once more.
UPLOADED_AGAIN = (
    Event.OBJECT_CHANGED,
    Delivery.FIRST,
    Crashes.TOLERABLE,
    Photo.SAME_BYTES,
    Report.CURRENT,
    Settling.OVER,
)


@dataclass(frozen=True)
class Foreseen:
    """What a rerun of one photo would lead to.

    `bought`: jobs that would be bought, or get the file of another photo's job that pays for the same. `delivered`:
    jobs whose paid pictures are handed over again. `changed`: other jobs that it changes (superseded, other metadata).
    `retold`: whether its error report would say something else. `broken`: the folder defaults to be mended first.
    `taken_back`: whether what a direct request said of it holds no more, since other places say something else.
    """

    key: str
    bought: Sequence[Job] = ()
    delivered: Sequence[Job] = ()
    changed: int = 0
    problems: Sequence[Problem] = ()
    retold: bool = False
    broken: str = ""
    taken_back: bool = False

    @property
    def price(self) -> int:
        """At most, micro-dollars."""
        return sum(job.quoted for job in self.bought)

    @property
    def leads_to_something(self) -> bool:
        return bool(self.bought or self.delivered or self.changed or self.retold)


@dataclass(frozen=True)
class Reruns:
    """`asking` puts nothing anywhere; `on` are the providers that are on."""

    asking: Asking
    ledger: Ledger
    intake: Queue
    bucket: str
    on: Sequence[str]

    @property
    def market(self) -> Market:
        """Who is on, and what their credits cost."""
        return Market(self.on, self.asking.prices)

    def keys(self, which: str) -> Iterator[str]:
        """The photo of this key, or else the photos whose keys begin so; what is said of them is read from now on."""
        self.asking.forget()
        photos = self.asking.photos
        if which and kind_of(which) is Kind.PHOTO and photos.read(self.bucket, which, limit=0):
            yield which
            return
        below = takewhile(lambda one: one.key.startswith(which), photos.listed(self.bucket, which))
        yield from (one.key for one in below if kind_of(one.key) is Kind.PHOTO)

    def foresee(self, key: str, *, uploaded: bool = False) -> Foreseen | None:
        """What a rerun of a photo would lead to now; None where it is gone. Nothing is written.

        `uploaded`: what a new upload of the same bytes would lead to.
        """
        before, jobs = self.ledger.photo(source_id(self.bucket, key))
        source = before or Source.at(self.bucket, key)
        seen = self.asking.reader.read(self.bucket, key, source.photo)
        if seen is None:
            return None
        compared = comparisons(source, jobs, seen)
        if uploaded and BEFORE_RESOLVING.decide(Facts({}, *compared, *UPLOADED_AGAIN)) is Decision.REOPEN:
            return Foreseen(key, self._reopened(source, jobs, seen))
        places, broken = self.asking.places_of(source, seen)
        if broken:
            return Foreseen(key, broken=broken)
        found = self.asking.asked_for(source, jobs, seen, places, broken, self.on)
        if AFTER_RESOLVING.decide(Facts({}, *compared, Event.RERUN, found_of(found))) is Resolution.REDELIVER:
            return Foreseen(key)
        steps = steps_of(self.ledger, source, jobs, found.jobs, {}, self.asking.clock.now())
        would_be = source.but(jobs={job.variant: job.job_id for job in found.jobs}, problems=tuple(found.problems))
        steps += taken_away(would_be, jobs)
        bought = self._bought(steps)
        delivered = [step.job for step in steps if step.job.status is Status.PAID]
        changed = len(steps) - len(bought) - len(delivered)
        retold = _told(found.problems) != _told(source.problems)
        taken_back = _takes_back(named(source, jobs), found.jobs)
        return Foreseen(key, bought, delivered, changed, found.problems, retold, taken_back=taken_back)

    def _reopened(self, source: Source, jobs: Sequence[Job], seen: Seen) -> list[Job]:
        """The photo's own jobs that run again, whoever asked for them."""
        renewed = [job.but(version_id=seen.photo.version_id, for_executions=False) for job in named(source, jobs)]
        return self._bought(steps_of(self.ledger, source, jobs, renewed, {}, self.asking.clock.now()))

    def _bought(self, steps: Sequence[Step]) -> list[Job]:
        return [dearest(step.job, self.market) for step in steps if step.owner and step.job.status is Status.ACCEPTED]

    def send(self, key: str) -> None:
        """Have intake resolve the photo anew."""
        rerun(self.intake, self.bucket, key)


def _takes_back(now: Sequence[Job], wanted: Sequence[Job]) -> bool:
    """Whether what a request said of a current job is not said of it any more."""
    said = {job.variant: job.instructions for job in wanted}
    return any(REQUEST in job.provenance.values() and said.get(job.variant) != job.instructions for job in now)


def _told(problems: Sequence[Problem]) -> set[tuple[str, str]]:
    return {(one.code.value, one.variant) for one in problems}
