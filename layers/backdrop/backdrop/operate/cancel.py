"""A cancel: nothing that was said until now is bought any more, and what is known of it already ends at once."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from backdrop.aws.ledger import Ledger
from backdrop.aws.ledger_index import Books
from backdrop.aws.sqs import Queue
from backdrop.model import transitions
from backdrop.model.cancel_marks import MOST_MARKS, CallOff, with_mark
from backdrop.model.codes import Code
from backdrop.model.errors import BackdropError, StaleError
from backdrop.model.job import Job, Problem, Source
from backdrop.model.schedule import Ref
from backdrop.pipeline.breaker import LaneKeeper
from backdrop.pipeline.enqueue import to_deliver
from backdrop.ports import Clock

VIEWS_AFTER_SECONDS = 30


@dataclass
class Cancelled:
    """What a cancel did: jobs that ended, and those whose call is out or whose picture is paid (micro-dollars)."""

    jobs: int = 0
    waiting: int = 0
    left: int = 0
    left_cost: int = 0

    def add(self, other: "Cancelled") -> None:
        """The sums of both."""
        self.jobs += other.jobs
        self.waiting += other.waiting
        self.left += other.left
        self.left_cost += other.left_cost


type Ended = tuple[str, Cancelled]
type Each = Callable[[Callable[[Ref], Ended], Iterable[Ref]], Iterable[Ended]]


@dataclass(frozen=True)
class Cancelling:
    """`lanes` are the providers that are on."""

    ledger: Ledger
    books: Books
    keeper: LaneKeeper
    lanes: Collection[str]
    deliver: Queue
    clock: Clock

    def call_off(self, prefix: str) -> CallOff:
        """From here on no lane buys what was said before: what is no job yet ends when it is one and comes there."""
        mark = CallOff(prefix=prefix, until=self.clock.now())
        for provider in self.lanes:
            self.keeper.call_off(provider, mark)
        return mark

    def has_room(self, prefix: str) -> bool:
        """Whether the lanes can keep one mark more; it takes the place of those below its own prefix."""
        mark = CallOff(prefix=prefix, until=self.clock.now())
        return all(len(with_mark(self.ledger.lane(one).called_off, mark)) <= MOST_MARKS for one in self.lanes)

    def end(self, mark: CallOff, done: Cancelled, each: Each = map) -> Iterator[str]:
        """End all that is not submitted yet and that the mark means; the keys, one by one, and the sums in `done`.

        A call that is out runs on, and is not sent again: unpaid, it ends too; where its answer is lost, it is held.
        `each` does the work for many, side by side where it may.
        """
        for key, one in each(partial(self._end, mark), self.books.open()):
            done.add(one)
            if one.jobs or one.waiting:
                yield key

    def _end(self, mark: CallOff, ref: Ref) -> Ended:
        source, jobs = self.ledger.photo(ref.source_id)
        if source is None or not source.key.startswith(mark.prefix):
            return "", Cancelled()
        job = next((job for job in jobs if job.job_id == ref.job_id), None)
        return source.key, self._ended(mark, job) if job else self._wait_no_more(mark, source)

    def _ended(self, mark: CallOff, job: Job | None) -> Cancelled:
        if job is None or job.ended or not mark.means(job):
            return Cancelled()
        step = transitions.cancel(job, self.clock.now())
        to_deliver(self.deliver, job, delay_seconds=VIEWS_AFTER_SECONDS)
        try:
            job = self.ledger.advance(step) if step else job
        except StaleError:
            return self._ended(mark, self.ledger.job(job.source_id, job.job_id))
        if not job.ended:
            return Cancelled(left=1, left_cost=job.charged + job.unknown)
        to_deliver(self.deliver, job, job.job_id)
        return Cancelled(jobs=1)

    def _wait_no_more(self, mark: CallOff, source: Source) -> Cancelled:
        """A photo that waits for its instructions waits no more; new ones, or a new upload, run it."""
        if source.waiting_since is None or source.waiting_since > mark.until:
            return Cancelled()
        error = BackdropError(Code.NO_INSTRUCTIONS, "It waited for instructions until a person cancelled that.")
        problem = Problem.of(error, self.clock.now())
        to_deliver(self.deliver, source, delay_seconds=VIEWS_AFTER_SECONDS)
        try:
            self.ledger.put_source(source.but(waiting_since=None, problems=(problem,), reported=True), ())
        except StaleError:
            return Cancelled()
        to_deliver(self.deliver, source)
        return Cancelled(waiting=1)
