"""Cancel: stops all purchases that have been requested so far, and ends existing jobs immediately."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from backdrop.aws.ledger import Ledger
from backdrop.aws.ledger_index import LedgerQueries
from backdrop.aws.sqs import Queue
from backdrop.model import transitions
from backdrop.model.circuit import MAX_MARKS, CancelMark, merge_mark
from backdrop.model.codes import Code
from backdrop.model.errors import BackdropError, ConflictError
from backdrop.model.job import Job, JobStatus, Problem, Source
from backdrop.model.schedule import ItemKey
from backdrop.pipeline.breaker import CircuitBreaker
from backdrop.pipeline.enqueue import enqueue_delivery, schedule_documents
from backdrop.ports import Clock


@dataclass
class CancelSummary:
    """The result of a cancellation. `uncancellable`: with a call in flight, or paid for. Costs are in micro-dollars."""

    cancelled_jobs: int = 0
    cancelled_photos: int = 0
    uncancellable_jobs: int = 0
    uncancellable_cost: int = 0

    def add(self, other: "CancelSummary") -> None:
        self.cancelled_jobs += other.cancelled_jobs
        self.cancelled_photos += other.cancelled_photos
        self.uncancellable_jobs += other.uncancellable_jobs
        self.uncancellable_cost += other.uncancellable_cost


type CancelledItem = tuple[str, CancelSummary]
type MapFunction = Callable[[Callable[[ItemKey], CancelledItem], Iterable[ItemKey]], Iterable[CancelledItem]]


@dataclass(frozen=True)
class CancelService:
    """Cancels photos and jobs. `providers` are the enabled providers."""

    ledger: Ledger
    ledger_queries: LedgerQueries
    breaker: CircuitBreaker
    providers: Collection[str]
    deliver_queue: Queue
    clock: Clock

    def add_mark(self, prefix: str) -> CancelMark:
        """Makes every lane refuse what has been requested so far for keys with this prefix.

        A photo that has no job yet is covered too: its job ends when it reaches its lane.
        """
        mark = CancelMark(prefix=prefix, until=self.clock.now())
        for provider in self.providers:
            self.breaker.add_cancel_mark(provider, mark)
        return mark

    def has_room_for_mark(self, prefix: str) -> bool:
        """Returns whether the lanes have room for this mark. It replaces marks whose prefixes begin with its own."""
        mark = CancelMark(prefix=prefix, until=self.clock.now())
        return all(
            len(merge_mark(self.ledger.read_health(name).cancel_marks, mark)) <= MAX_MARKS for name in self.providers
        )

    def cancel_marked(self, mark: CancelMark, summary: CancelSummary, map_function: MapFunction = map) -> Iterator[str]:
        """Ends unsubmitted photos and jobs that the mark covers. Yields their keys, and adds the counts to `summary`.

        A call in flight is not interrupted and not repeated: its job ends if it is not charged, and is held if its
        answer is lost. `map_function` may process items concurrently.
        """
        for key, item_summary in map_function(partial(self._cancel_item, mark), self.ledger_queries.list_open()):
            summary.add(item_summary)
            if item_summary.cancelled_jobs or item_summary.cancelled_photos:
                yield key

    def _cancel_item(self, mark: CancelMark, item_key: ItemKey) -> CancelledItem:
        source, jobs = self.ledger.read_photo(item_key.source_id)
        if source is None or not source.key.startswith(mark.prefix):
            return "", CancelSummary()
        job = next((job for job in jobs if job.job_id == item_key.job_id), None)
        return source.key, self._cancel_job(mark, job) if job else self._cancel_settling_photo(mark, source)

    def _cancel_job(self, mark: CancelMark, job: Job | None) -> CancelSummary:
        if job is None or job.has_ended or not mark.applies_to(job):
            return CancelSummary()
        transition = transitions.cancel(job, self.clock.now())
        schedule_documents(self.deliver_queue, job)
        try:
            job = self.ledger.write_transition(transition) if transition else job
        except ConflictError:
            return self._cancel_job(mark, self.ledger.find_job(job.source_id, job.job_id))
        if transition and job.status is JobStatus.PAID:
            # A retry that ends with the pictures of an earlier attempt.
            enqueue_delivery(self.deliver_queue, job, job.job_id)
        if not job.has_ended:
            return CancelSummary(uncancellable_jobs=1, uncancellable_cost=job.charged + job.unknown)
        enqueue_delivery(self.deliver_queue, job, job.job_id)
        return CancelSummary(cancelled_jobs=1)

    def _cancel_settling_photo(self, mark: CancelMark, source: Source) -> CancelSummary:
        """Ends a photo's wait for instructions. New instructions, or a new upload, start it again."""
        if source.settling_since is None or source.settling_since > mark.until:
            return CancelSummary()
        error = BackdropError(Code.NO_INSTRUCTIONS, "An operator canceled the photo while it waited for instructions.")
        problem = Problem.from_error(error, self.clock.now())
        schedule_documents(self.deliver_queue, source)
        try:
            self.ledger.put_source(replace(source, settling_since=None, problems=(problem,), has_report=True), ())
        except ConflictError:
            return CancelSummary()
        enqueue_delivery(self.deliver_queue, source)
        return CancelSummary(cancelled_photos=1)
