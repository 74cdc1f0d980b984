"""The state machine under any sequence of moves: answers that come late, twice, or never."""

from collections import Counter
from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from backdrop.core import transitions
from backdrop.core.answer import Answer
from backdrop.core.codes import Code
from backdrop.core.errors import ResultError, StaleError
from backdrop.core.job import Job, Status
from tests.unit.simulation import ANSWERS, LOST, NOW, PRICE, a_job, a_note, claim

MOVES = ("lose", "hold", "store", "fail", "note", "supersede", "cancel", "reopen", "name_again")
HUNG_UP_AFTER_CHARGING = "charged and hung up"


class OneJob(RuleBasedStateMachine):
    """A job, the workers that are still in its calls, the provider's bill and the days' books."""

    def __init__(self) -> None:
        super().__init__()
        self.job: Job = a_job()
        self.now = NOW
        self.bill = 0
        self.books: Counter[tuple[str, str]] = Counter()
        self.answers: dict[int, Answer] = {}

    def write(self, step: transitions.Step | None) -> None:
        """What the ledger does with a step: the job and its booking together."""
        if step is None:
            return
        self.job = step.job
        if step.booking:
            for name in ("reserved", "certain", "unknown", "committed"):
                self.books[step.booking.day, name] += getattr(step.booking, name)

    @precondition(lambda self: self.job.status is Status.ACCEPTED)
    @rule(truth=st.sampled_from([*ANSWERS, HUNG_UP_AFTER_CHARGING]))
    def a_worker_claims_and_calls(self, truth: str) -> None:
        self.write(claim(self.job, self.now))
        self.answers[self.job.attempt] = ANSWERS.get(truth, LOST)
        self.bill += PRICE if truth in ("ok", "unsafe", HUNG_UP_AFTER_CHARGING) else 0

    @precondition(lambda self: self.answers)
    @rule(data=st.data())
    def an_answer_is_recorded(self, data: st.DataObject) -> None:
        """Of any attempt that ever was, for the first time or again."""
        n = data.draw(st.sampled_from(sorted(self.answers)))
        try:
            self.write(transitions.record(self.job, n, self.answers[n], self.now))
        except StaleError:
            assert not self.answers[n].charged
            return
        if self.answers[n].usable:
            assert self.job.status in (Status.PAID, Status.STORED)
            assert self.job.links

    @rule(seconds=st.sampled_from([1, 3600, 86_400]))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(move=st.sampled_from(MOVES))
    def somebody_moves_the_job(self, move: str) -> None:
        job, now = self.job, self.now
        moves = {
            "lose": lambda: transitions.lose(job, now),
            "hold": lambda: transitions.hold(job, now),
            "store": lambda: transitions.store(job, (), (), now),
            "fail": lambda: transitions.fail(job, ResultError(Code.RESULT_GONE, "gone"), now),
            "note": lambda: transitions.note(job, a_note()),
            "supersede": lambda: transitions.supersede(job, now),
            "cancel": lambda: transitions.cancel(job, now),
            "reopen": lambda: transitions.reopen(job, job, now),
            "name_again": lambda: transitions.name_again(job),
        }
        try:
            self.write(moves[move]())
        except StaleError:
            assert self.job is job

    @invariant()
    def the_bill_lies_between_certain_and_possible(self) -> None:
        assert self.job.charged <= self.bill <= self.job.charged + self.job.unknown

    @invariant()
    def the_books_are_the_sums_of_the_attempts(self) -> None:
        sums: Counter[tuple[str, str]] = Counter()
        for attempt in self.job.attempts:
            for name, amount in (("reserved", attempt.reserved), ("certain", attempt.charged)):
                sums[attempt.day, name] += amount
                sums[attempt.day, "committed"] += amount
            sums[attempt.day, "unknown"] += attempt.unknown
            sums[attempt.day, "committed"] += attempt.unknown
        assert +self.books == +sums
        assert min(self.books.values(), default=0) >= 0

    @invariant()
    def what_cost_money_is_never_bought_again(self) -> None:
        if self.job.charged or self.job.unknown:
            assert self.job.status not in (Status.ACCEPTED, Status.SUPERSEDED, Status.CANCELLED)

    @invariant()
    def only_an_open_call_holds_a_reservation(self) -> None:
        held = [attempt.n for attempt in self.job.attempts if attempt.reserved]
        assert held == ([self.job.attempt] if self.job.status is Status.SUBMITTING else [])


OneJob.TestCase.settings = settings(
    max_examples=100, stateful_step_count=25, deadline=None, derandomize=True, database=None
)
TestAnySequenceOfMoves = OneJob.TestCase
