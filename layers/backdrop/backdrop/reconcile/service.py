"""Reconcile: set right. Every five minutes, one run at a time; each part may be done twice.

Lanes that may go on, answers that found no ledger, jobs without a message or in a paused lane that they need not wait
in, letters without a reason, and photos of which no event told.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import NamedTuple

from backdrop.aws.answer_spool import Answers
from backdrop.aws.ledger import Ledger
from backdrop.aws.ledger_index import Books
from backdrop.aws.sqs import Queue
from backdrop.model import transitions
from backdrop.model.circuit import Lane, Reason
from backdrop.model.codes import Code
from backdrop.model.errors import StaleError, UnwritableError, WaitError
from backdrop.model.job import Job, Status
from backdrop.model.provider_result import KeptAnswer
from backdrop.model.schedule import Ref, Run
from backdrop.model.stack_health import Gauges, Sight, gauged, sight
from backdrop.pipeline.breaker import LaneKeeper
from backdrop.pipeline.call_context import Slot
from backdrop.pipeline.enqueue import begin_again, to_deliver
from backdrop.pipeline.failover import Moves
from backdrop.pipeline.orphan_jobs import Stopping
from backdrop.ports import Clock
from backdrop.reconcile.dead_letters import DeadLetters
from backdrop.reconcile.due import PutBack
from backdrop.reconcile.open_jobs import OpenJobs
from backdrop.reconcile.sweep import Sweep

MOST_DUE = 1000
MOST_ANSWERS = 500
MOST_LOOKED_AT = 20_000
# Intake gets to a job that is sent to it within so long, or is asked once more.
SENT_TO_INTAKE = timedelta(hours=1)
# So many in one part that cannot be dealt with: the service itself is out of order.
MOST_FAILED = 10
UNWRITABLE = "the ledger will never take it: an item is too large"
LEFT_FOR_THE_REST = timedelta(seconds=90)
LEFT_FOR_THE_END = timedelta(seconds=20)
# So many paid pictures wait for their delivery that links may expire before their turn comes.
BACKED_UP, WORKED_OFF = 5000, 2500


class Undone(NamedTuple):
    """What a run could not do, and whose it is where it is a job's or a photo's."""

    code: Code
    words: str
    source_id: str | None = None
    job_id: str | None = None


@dataclass
class Tally:
    """What one run did and how it leaves the stack, for the log and the metrics. `skipped`: another run is at work."""

    skipped: bool = False
    gauges: Gauges = field(default_factory=Gauges)
    did: dict[str, int] = field(default_factory=dict[str, int])
    failed: list[Undone] = field(default_factory=list[Undone])


@dataclass
class Round:
    """How far the runs have come through what is open; "" is before all, where the next round begins."""

    place: str


@dataclass(eq=False, repr=False)
class Reconcile:
    """The step. `waiting` counts the messages in deliver's queue; `daily_budget` is micro-dollars."""

    ledger: Ledger
    books: Books
    keeper: LaneKeeper
    answers: Answers
    put_back: PutBack
    stopping: Stopping
    moves: Moves
    letters: DeadLetters
    sweep: Sweep
    deliver: Queue
    intake: Queue
    waiting: Callable[[], int]
    lanes: Mapping[str, Queue]
    clock: Clock
    daily_budget: int

    def run(self, slot: Slot) -> Tally:
        run = self._take(slot)
        if run is None:
            return Tally(skipped=True)
        tally, put_back = Tally(), partial(self.put_back.resend, ends=slot.deadline)
        until = slot.deadline - LEFT_FOR_THE_REST
        for provider in self.lanes:
            self._part(tally, provider, partial(self._lane, provider))
        kept = islice(self.answers.kept(), MOST_ANSWERS)
        self._part(tally, "answers", lambda: self._each(tally, kept, self._write_answer, until))
        self._part(tally, "put_back", lambda: self._each(tally, self._due(), put_back, until))
        moves = Round(run.moves_from)
        self._part(tally, "moved", lambda: self._free(tally, until, moves))
        self._part(tally, "letters", self.letters.explain)
        after, found = run.sweep_after, 0
        if self.clock.now() < until:
            after, found = self._sweep(tally, after)
        tally.did["swept"] = found
        self._tell(tally, slot)
        self._give_back(run.but(sweep_after=after, moves_from=moves.place))
        return tally

    def _take(self, slot: Slot) -> Run | None:
        """The run's own item, or None where another run has it."""
        run = self.books.run()
        if run.until and self.clock.now() < run.until:
            return None
        try:
            return self.books.put_run(run.but(until=slot.deadline))
        except StaleError:
            return None

    def _give_back(self, run: Run) -> None:
        try:
            self.books.put_run(run.but(until=None))
        except StaleError:
            return

    def _part(self, tally: Tally, name: str, work: Callable[[], int]) -> None:
        """One part after the other; one that cannot be done now does not keep the rest from being done."""
        try:
            tally.did[name] = work()
        except WaitError as error:
            tally.failed.append(Undone(error.code, f"{name}: {error.message}"))
        except StaleError:
            tally.failed.append(Undone(Code.LEDGER_CONFLICT, f"{name}: others were faster"))
        except UnwritableError:
            tally.failed.append(Undone(Code.CRASHED, f"{name}: {UNWRITABLE}"))

    # -- lanes ---------------------------------------------------------------------------------------------

    def _lane(self, provider: str) -> int:
        """One lane set right; how often it was changed."""
        before = self.ledger.lane(provider)
        self._budget(before)
        self._backlog(before)
        self.keeper.let_a_probe_out(provider)
        self.keeper.agree(provider)
        self.keeper.tell(provider)
        return self.ledger.lane(provider).rev - before.rev

    def _budget(self, lane: Lane) -> None:
        """Lifted when the day, or a person, has room for the job that found none."""
        needs = next((pause.needs for pause in lane.pauses if pause.reason is Reason.BUDGET), None)
        if needs is None:
            return
        day = self.books.day(self.clock.now().date().isoformat())
        if day.settled + needs <= day.cap_or(self.daily_budget):
            self.keeper.resume(lane.provider, frozenset({Reason.BUDGET}))

    def _backlog(self, lane: Lane) -> None:
        waiting = self.waiting()
        if waiting >= BACKED_UP:
            words = f"{waiting:,} paid pictures wait for their delivery."
            self.keeper.pause(lane.provider, Reason.DELIVERY, Code.DELIVERY_BACKED_UP, words)
        elif waiting <= WORKED_OFF and lane.has(Reason.DELIVERY):
            self.keeper.resume(lane.provider, frozenset({Reason.DELIVERY}))

    def _due(self) -> Sequence[Ref]:
        """What is due, from a random place on: what cannot be dealt with must not stand before the rest for ever."""
        due = self.books.due(self.clock.now(), MOST_DUE)
        first = int(self.clock.jitter(len(due)))
        return [*due[first:], *due[:first]]

    def _free(self, tally: Tally, until: datetime, moves: Round) -> int:
        """Jobs that wait in a paused lane end where nobody wants them any more, as render would have it.

        Those that name another provider whose lane is open go there; how many. Of a provider that was switched off
        there is no lane: intake decides what becomes of those that waited in it.
        """
        lanes = {provider: self.ledger.lane(provider) for provider in self.lanes}
        paused = {name: lane for name, lane in lanes.items() if lane.paused}
        elsewhere = any(lane.is_open for lane in lanes.values())
        unwanted: list[Job] = []
        called_off: list[Job] = []
        moved: list[Job] = []
        stranded: list[Job] = []
        opened = OpenJobs(self.ledger, self.books)

        def free(ref: Ref) -> None:
            job = opened.job(ref)
            if job is None or job.status is not Status.ACCEPTED:
                return
            if job.provider not in self.lanes and not self._was_sent_on(job):
                begin_again(self.intake, job)
                stranded.append(self.ledger.advance(transitions.put_back(job, self.clock.now())))
            lane = paused.get(job.provider)
            if lane is None:
                return
            if ended := self.stopping.unwanted(job):
                unwanted.append(ended)
            elif ended := self._called_off(job, lane):
                called_off.append(ended)
            elif elsewhere and lane.sends_away and not job.follows:
                gone = self.moves.out_of_a_paused_lane(job, lane)
                moved.extend([gone] if gone else [])
            if ended:
                to_deliver(self.deliver, ended, ended.job_id)

        most = MOST_LOOKED_AT if paused else MOST_DUE
        self._each(tally, self._waiting(moves, most, opened), free, until)
        tally.did |= {"unwanted": len(unwanted), "called_off": len(called_off), "stranded": len(stranded)}
        return len(moved)

    def _called_off(self, job: Job, lane: Lane) -> Job | None:
        step = transitions.call_off(job, lane.called_off, self.clock.now())
        return self.ledger.advance(step) if step else None

    def _was_sent_on(self, job: Job) -> bool:
        """Whether it has had another message lately than the one with which it came into its lane."""
        sent = job.put_at or job.queued_at
        return job.queued_at < sent and self.clock.now() < sent + SENT_TO_INTAKE

    def _waiting(self, moves: Round, most: int, opened: OpenJobs) -> Iterator[Ref]:
        """Some of what is open, from where the last run came to: those who name nobody else must not hide the rest."""
        for looked, (place, ref) in enumerate(opened.listed(moves.place), 1):
            moves.place = place
            yield ref
            if looked == most:
                return
        moves.place = ""

    # -- answers and jobs ----------------------------------------------------------------------------------

    def _write_answer(self, kept: KeptAnswer) -> None:
        """An answer that the ledger did not take when it came; one that reached it all the same changes nothing."""
        job = self.ledger.job(kept.source_id, kept.job_id)
        if job and job.attempt_of(kept.n):
            job = self.ledger.advance(transitions.record(job, kept.n, kept.answer, self.clock.now()))
            to_deliver(self.deliver, job, job.job_id)
        self.answers.drop(kept)

    def _each[I: (Ref, KeptAnswer)](
        self, tally: Tally, items: Iterable[I], work: Callable[[I], None], until: datetime
    ) -> int:
        """One after the other while there is time; one that cannot be dealt with does not keep the next from it."""
        done, in_a_row = 0, 0
        for item in items:
            if in_a_row >= MOST_FAILED or self.clock.now() >= until:
                break
            try:
                work(item)
                done += 1
                in_a_row = 0
            except WaitError as error:
                in_a_row += 1
                tally.failed.append(Undone(error.code, str(error.message), item.source_id, item.job_id))
            except UnwritableError:
                tally.failed.append(Undone(Code.CRASHED, UNWRITABLE, item.source_id, item.job_id))
            except StaleError:
                continue
        return done

    def _sweep(self, tally: Tally, after: str) -> tuple[str, int]:
        try:
            return self.sweep.run(after)
        except WaitError as error:
            tally.failed.append(Undone(error.code, f"sweep: {error.message}"))
            return after, 0

    # -- how the stack stands ------------------------------------------------------------------------------

    def _tell(self, tally: Tally, slot: Slot) -> None:
        try:
            tally.gauges = self._gauges(tally, slot)
        except WaitError as error:
            tally.failed.append(Undone(error.code, f"gauges: {error.message}"))

    def _gauges(self, tally: Tally, slot: Slot) -> Gauges:
        jobs: list[Sight] = []
        opened = OpenJobs(self.ledger, self.books)

        def read(ref: Ref) -> None:
            job = opened.job(ref)
            jobs.extend([sight(job)] if job else [])

        refs = islice((ref for _, ref in opened.listed("") if ref.job_id), MOST_LOOKED_AT)
        self._each(tally, refs, read, slot.deadline - LEFT_FOR_THE_END)
        lanes = [self.ledger.lane(provider) for provider in self.lanes]
        now = self.clock.now()
        return gauged(jobs, lanes, self.books.day(now.date().isoformat()), self.daily_budget, now)
