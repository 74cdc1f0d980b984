"""Reconcile: repairs what events do not report. Runs every five minutes, one run at a time; each part may be repeated.

In this order: lanes that may resume, answers that the ledger did not accept, jobs with lost messages, jobs that need
not wait in a paused lane, jobs that need not wait for their mandates, dead letters without a reason, and photos with
lost events.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import NamedTuple

from backdrop.aws.ledger import Ledger
from backdrop.aws.ledger_index import LedgerQueries
from backdrop.aws.sqs import Queue
from backdrop.aws.work_store import AnswerSpool
from backdrop.model import transitions
from backdrop.model.circuit import PauseReason, ProviderHealth
from backdrop.model.codes import Code
from backdrop.model.errors import ConflictError, ItemTooLargeError, RetryLaterError
from backdrop.model.job import Job, JobStatus
from backdrop.model.provider_result import SpooledAnswer
from backdrop.model.schedule import DELIVERY_CHECK_DELAY, ItemKey, ReconcileState
from backdrop.model.stack_health import (
    JobSnapshot,
    StackHealth,
    UndeliveredPicture,
    build_job_snapshot,
    find_undelivered_picture,
    summarize_health,
)
from backdrop.pipeline.breaker import CircuitBreaker
from backdrop.pipeline.call_context import CallContext
from backdrop.pipeline.enqueue import enqueue_delivery, return_to_intake, schedule_documents
from backdrop.pipeline.failover import Failover
from backdrop.pipeline.mandate_waiters import MandateWaiters
from backdrop.pipeline.orphan_jobs import OrphanJobs
from backdrop.ports import Clock
from backdrop.reconcile.dead_letters import DeadLetterTriage
from backdrop.reconcile.due import Redispatcher
from backdrop.reconcile.open_jobs import OpenJobs
from backdrop.reconcile.sweep import Sweep

MAX_DUE_ITEMS = 1000
MAX_SPOOLED_ANSWERS = 500
MAX_SCANNED_ITEMS = 20_000
# If intake has not handled a returned job within this time, the job is returned again.
INTAKE_RETRY_INTERVAL = timedelta(hours=1)
# After this many failures in a row in one part, the service behind it is probably unavailable.
MAX_CONSECUTIVE_FAILURES = 10
ITEM_TOO_LARGE_MESSAGE = "an item exceeds the ledger's size limit, so retrying does not help"
RESERVED_FOR_REMAINING_PARTS = timedelta(seconds=90)
RESERVED_FOR_FINISH = timedelta(seconds=20)
# If more of a lane's pictures than its limit were bought so long ago and are not delivered, the lane pauses, because
# links might expire before they are downloaded. It resumes when at most half of the limit are left.
DELIVERY_LIMIT, DELIVERY_LIMIT_PER_SLOT = 20, 2
UNDELIVERED_TOO_LONG = timedelta(minutes=10)


class ReconcileFailure(NamedTuple):
    """A failure in one part of a run, and the job or photo that it concerns, if any."""

    code: Code
    message: str
    source_id: str | None = None
    job_id: str | None = None


@dataclass
class ReconcileResult:
    """The result of one run, and the state of the stack afterward. `skipped`: another run held the lock."""

    skipped: bool = False
    gauges: StackHealth = field(default_factory=StackHealth)
    counts: dict[str, int] = field(default_factory=dict[str, int])
    failures: list[ReconcileFailure] = field(default_factory=list[ReconcileFailure])


@dataclass
class ScanCursor:
    """The position of the last open item, or the last mandate, that a run reviewed; "" is the beginning."""

    position: str


@dataclass(eq=False, repr=False)
class ReconcileService:
    """`slots`: how many calls each lane may have in flight. `daily_budget` is in micro-dollars."""

    ledger: Ledger
    ledger_queries: LedgerQueries
    breaker: CircuitBreaker
    answer_spool: AnswerSpool
    redispatcher: Redispatcher
    orphan_jobs: OrphanJobs
    failover: Failover
    mandate_waiters: MandateWaiters
    dead_letters: DeadLetterTriage
    sweep: Sweep
    deliver_queue: Queue
    intake_queue: Queue
    lane_queues: Mapping[str, Queue]
    slots: Mapping[str, int]
    clock: Clock
    daily_budget: int

    def run(self, context: CallContext) -> ReconcileResult:
        """Runs every part once, unless another run is in progress. A part that fails is reported in the result."""
        run_state = self._acquire_lock(context)
        if run_state is None:
            return ReconcileResult(skipped=True)
        result, resend = ReconcileResult(), partial(self.redispatcher.resend, invocation_ends_at=context.deadline)
        deadline = context.deadline - RESERVED_FOR_REMAINING_PARTS

        for provider in self.lane_queues:
            self._run_part(result, provider, partial(self._reconcile_lane, provider))

        spooled_answers = islice(self.answer_spool.list_all(), MAX_SPOOLED_ANSWERS)
        self._run_part(
            result,
            "answers",
            lambda: self._process_each(result, spooled_answers, self._record_spooled_answer, deadline),
        )

        self._run_part(result, "put_back", lambda: self._process_each(result, self._list_due_items(), resend, deadline))

        cursor = ScanCursor(run_state.failover_cursor)
        self._run_part(result, "moved", lambda: self._review_waiting_jobs(result, deadline, cursor))

        mandate_cursor = ScanCursor(run_state.mandate_cursor)
        self._run_part(result, "mandates", lambda: self._wake_mandate_waiters(deadline, mandate_cursor))

        self._run_part(result, "letters", self.dead_letters.annotate)

        sweep_after, swept_count = run_state.sweep_cursor, 0
        if self.clock.now() < deadline:
            sweep_after, swept_count = self._run_sweep(result, sweep_after)
        result.counts["swept"] = swept_count

        self._add_gauges(result, context)
        with suppress(ConflictError):
            self.ledger.put_reconcile_state(
                replace(
                    run_state,
                    locked_until=None,
                    finished_at=self.clock.now(),
                    sweep_cursor=sweep_after,
                    failover_cursor=cursor.position,
                    mandate_cursor=mandate_cursor.position,
                )
            )
        return result

    def _acquire_lock(self, context: CallContext) -> ReconcileState | None:
        """Returns the state with the lock, or None if another run holds the lock."""
        run_state = self.ledger.read_reconcile_state()
        if run_state.locked_until and self.clock.now() < run_state.locked_until:
            return None
        try:
            return self.ledger.put_reconcile_state(replace(run_state, locked_until=context.deadline))
        except ConflictError:
            return None

    def _run_part(self, result: ReconcileResult, name: str, work: Callable[[], int]) -> None:
        """Runs one part and counts its repairs. A failure is recorded and does not prevent the other parts."""
        try:
            result.counts[name] = work()
        except RetryLaterError as error:
            result.failures.append(ReconcileFailure(error.code, f"{name}: {error.message}"))
        except ConflictError:
            result.failures.append(ReconcileFailure(Code.LEDGER_CONFLICT, f"{name}: another worker wrote first"))
        except ItemTooLargeError:
            result.failures.append(ReconcileFailure(Code.CRASHED, f"{name}: {ITEM_TOO_LARGE_MESSAGE}"))

    # -- lanes ---------------------------------------------------------------------------------------------

    def _reconcile_lane(self, provider: str) -> int:
        """Repairs one lane, and returns the number of changes."""
        before = self.ledger.read_health(provider)
        self._resume_if_budget_allows(before)
        has_undelivered = before.is_paused_for(PauseReason.STORAGE) and self._has_undelivered(provider)
        self.breaker.half_open_if_due(provider, has_undelivered=has_undelivered)
        self.breaker.reconcile_mapping(provider)
        self.breaker.enqueue_pending_notification(provider)
        return self.ledger.read_health(provider).lock_version - before.lock_version

    def _resume_if_budget_allows(self, lane: ProviderHealth) -> None:
        """Resumes a lane that was paused for the budget, once the budget has room for the job that caused the pause."""
        required_budget = next(
            (pause.required_budget for pause in lane.pauses if pause.reason is PauseReason.BUDGET), None
        )
        if required_budget is None:
            return
        day = self.ledger_queries.read_budget_day(self.clock.now().date().isoformat())
        if day.spent + required_budget <= day.resolve_cap(self.daily_budget):
            self.breaker.resume(lane.provider, frozenset({PauseReason.BUDGET}))

    def _has_undelivered(self, provider: str) -> bool:
        """Whether pictures of the lane were bought and never delivered."""
        # All of them are due this soon, and few other jobs are.
        for item_key in self.ledger_queries.list_due(self.clock.now() + DELIVERY_CHECK_DELAY):
            job = self.ledger.find_job(item_key.source_id, item_key.job_id) if item_key.job_id else None
            picture = find_undelivered_picture(job) if job else None
            if picture and picture.provider == provider:
                return True
        return False

    def _check_delivery_backlogs(self, undelivered: Sequence[UndeliveredPicture]) -> int:
        """Pauses lanes whose pictures pile up, because deliver does not run or cannot deliver them; returns how many.

        Resumes those whose pictures have been delivered.
        """
        late_since, paused_count = self.clock.now() - UNDELIVERED_TOO_LONG, 0
        late_counts = Counter(picture.provider for picture in undelivered if picture.waits_since <= late_since)
        for provider in self.lane_queues:
            limit = max(DELIVERY_LIMIT, DELIVERY_LIMIT_PER_SLOT * self.slots.get(provider, 0))
            late_count = late_counts[provider]
            if late_count > limit:
                message = f"{late_count:,} paid pictures have waited for delivery for more than ten minutes."
                self.breaker.pause(provider, PauseReason.DELIVERY, Code.DELIVERY_BACKED_UP, message)
                paused_count += 1
            elif late_count <= limit // 2:
                self.breaker.resume(provider, frozenset({PauseReason.DELIVERY}))
        return paused_count

    def _list_due_items(self) -> Sequence[ItemKey]:
        """Returns the due items, starting at a random one, so that items that always fail cannot block the others."""
        due_items = [*islice(self.ledger_queries.list_due(self.clock.now()), MAX_DUE_ITEMS)]
        start = int(self.clock.jitter(len(due_items)))
        return [*due_items[start:], *due_items[:start]]

    def _review_waiting_jobs(self, result: ReconcileResult, deadline: datetime, cursor: ScanCursor) -> int:
        """Handles jobs in paused lanes as render would, and returns how many moved to another lane.

        A job that is no longer needed, or that an operator canceled, ends. A job that names another available provider
        moves to it. A disabled provider has no lane, so intake decides how its waiting jobs continue.
        """
        lanes = {provider: self.ledger.read_health(provider) for provider in self.lane_queues}
        paused_lanes = {name: lane for name, lane in lanes.items() if lane.is_paused}
        has_available_lane = any(lane.allows_calls for lane in lanes.values())
        counts = Counter[str]()
        open_jobs = OpenJobs(self.ledger, self.ledger_queries)

        def review_job(item_key: ItemKey) -> None:
            job = open_jobs.find_job(item_key)
            if job is None or job.status is not JobStatus.ACCEPTED:
                return
            if job.provider not in self.lane_queues and not self._was_recently_resent(job):
                return_to_intake(self.intake_queue, job)
                self.ledger.write_transition(transitions.mark_resent(job, self.clock.now()))
                counts["stranded"] += 1
            lane = paused_lanes.get(job.provider)
            if lane is None:
                return
            if ended_job := self.orphan_jobs.cancel_if_unwanted(job):
                counts["unwanted"] += 1
            elif ended_job := self._apply_cancel_marks(job, lane):
                counts["called_off"] += 1
            elif has_available_lane and lane.has_provider_problem and not job.waits_for:
                counts["moved"] += self.failover.fail_over_if_paused(job, lane) is not None
            if ended_job:
                enqueue_delivery(self.deliver_queue, ended_job, ended_job.job_id)

        max_items = MAX_SCANNED_ITEMS if paused_lanes else MAX_DUE_ITEMS
        self._process_each(result, self._list_open_items(cursor, max_items, open_jobs), review_job, deadline)
        result.counts |= {part: counts[part] for part in ("unwanted", "called_off", "stranded")}
        return counts["moved"]

    def _apply_cancel_marks(self, job: Job, lane: ProviderHealth) -> Job | None:
        transition = transitions.apply_cancel_marks(job, lane.cancel_marks, self.clock.now())
        if transition is None:
            return None
        schedule_documents(self.deliver_queue, job)
        return self.ledger.write_transition(transition)

    def _was_recently_resent(self, job: Job) -> bool:
        """Whether the job was sent again within the last hour."""
        last_sent_at = job.last_sent_at or job.queued_at
        return job.queued_at < last_sent_at and self.clock.now() < last_sent_at + INTAKE_RETRY_INTERVAL

    def _list_open_items(self, cursor: ScanCursor, max_items: int, open_jobs: OpenJobs) -> Iterator[ItemKey]:
        """Yields open items from where the last run stopped, so that jobs that cannot move do not block the others."""
        for count, (position, item_key) in enumerate(open_jobs.list_items(cursor.position), 1):
            cursor.position = position
            yield item_key
            if count == max_items:
                return
        cursor.position = ""

    # -- mandates ------------------------------------------------------------------------------------------

    def _wake_mandate_waiters(self, deadline: datetime, cursor: ScanCursor) -> int:
        """Goes on after the mandate where the last run stopped, so that one with many jobs cannot block the others."""
        woken = 0
        for name in self.mandate_waiters.list_mandates(cursor.position):
            if self.clock.now() >= deadline:
                return woken
            cursor.position = name
            woken += self.mandate_waiters.wake_jobs_of(name, deadline)
        cursor.position = ""
        return woken

    # -- answers and jobs ----------------------------------------------------------------------------------

    def _record_spooled_answer(self, spooled_answer: SpooledAnswer) -> None:
        """Records an answer that the ledger did not accept when it arrived, unless it has been recorded since."""
        job = self.ledger.find_job(spooled_answer.source_id, spooled_answer.job_id)
        if job and job.find_attempt(spooled_answer.attempt_no):
            job = self.ledger.write_transition(
                transitions.record_result(job, spooled_answer.attempt_no, spooled_answer.result, self.clock.now())
            )
            enqueue_delivery(self.deliver_queue, job, job.job_id)
        self.answer_spool.delete(spooled_answer)

    def _process_each[I: (ItemKey, SpooledAnswer)](
        self, result: ReconcileResult, items: Iterable[I], work: Callable[[I], None], deadline: datetime
    ) -> int:
        """Processes items while there is time; returns how many succeeded. A failed item does not stop the others."""
        done, consecutive_failures = 0, 0
        for item in items:
            if consecutive_failures >= MAX_CONSECUTIVE_FAILURES or self.clock.now() >= deadline:
                break
            try:
                work(item)
                done += 1
                consecutive_failures = 0
            except RetryLaterError as error:
                consecutive_failures += 1
                result.failures.append(ReconcileFailure(error.code, str(error.message), item.source_id, item.job_id))
            except ItemTooLargeError:
                result.failures.append(
                    ReconcileFailure(Code.CRASHED, ITEM_TOO_LARGE_MESSAGE, item.source_id, item.job_id)
                )
            except ConflictError:
                continue
        return done

    def _run_sweep(self, result: ReconcileResult, after: str) -> tuple[str, int]:
        try:
            return self.sweep.run(after)
        except RetryLaterError as error:
            result.failures.append(ReconcileFailure(error.code, f"sweep: {error.message}"))
            return after, 0

    # -- the state of the stack ----------------------------------------------------------------------------

    def _add_gauges(self, result: ReconcileResult, context: CallContext) -> None:
        """Measures the stack, and stops lanes whose pictures pile up."""
        try:
            result.gauges = self._measure_gauges(result, context)
        except RetryLaterError as error:
            result.failures.append(ReconcileFailure(error.code, f"gauges: {error.message}"))

    def _measure_gauges(self, result: ReconcileResult, context: CallContext) -> StackHealth:
        snapshots: list[JobSnapshot] = []
        open_jobs = OpenJobs(self.ledger, self.ledger_queries)

        def add_snapshot(item_key: ItemKey) -> None:
            job = open_jobs.find_job(item_key)
            snapshots.extend([build_job_snapshot(job)] if job else [])

        item_keys = islice((item_key for _, item_key in open_jobs.list_items("") if item_key.job_id), MAX_SCANNED_ITEMS)
        self._process_each(result, item_keys, add_snapshot, context.deadline - RESERVED_FOR_FINISH)
        undelivered = [one.undelivered for one in snapshots if one.undelivered]
        self._run_part(result, "deliveries", partial(self._check_delivery_backlogs, undelivered))
        lanes = [self.ledger.read_health(provider) for provider in self.lane_queues]
        now = self.clock.now()
        day = self.ledger_queries.recall_budget(now.date().isoformat(), self.daily_budget)
        return summarize_health(snapshots, lanes, day, self.daily_budget, now)
