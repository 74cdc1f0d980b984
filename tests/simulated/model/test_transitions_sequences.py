"""The state machine under any sequence of transitions: answers that arrive late, twice, or never, and pay-again."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from backdrop.model import transitions
from backdrop.model.codes import Code
from backdrop.model.errors import ConflictError, ResultError
from backdrop.model.fidelity import Fidelity
from backdrop.model.job import AttemptOutcome, Job, JobStatus, MoneyStatus
from backdrop.model.provider_result import NOT_TAKEN_CLASSES, ProviderResult, RetryClass
from backdrop.model.transitions import ClaimLimits
from tests.simulated.stage_worlds import ANSWERS, CAP, LOST, NOW, OK, PRICE, build_job, job_in

S = JobStatus
HUNG_UP_AFTER_CHARGING = "charged and hung up"
TRUTHS = ("lost", HUNG_UP_AFTER_CHARGING, *ANSWERS)
CHARGES = ("ok", "unsafe", HUNG_UP_AFTER_CHARGING)
OWNER = build_job(job_id="o" * 64)
CHANGED = Fidelity.from_score(0.5)
Move = Callable[[Job], transitions.Transition | None]


class JobMachine(RuleBasedStateMachine):
    """A job, the workers with calls in flight, the provider's bill, and the days' budgets."""

    def __init__(self) -> None:
        super().__init__()
        self.job: Job = build_job()
        self.now = NOW
        self.bill: Counter[int] = Counter()
        self.books: Counter[tuple[str, str]] = Counter()
        self.answers: dict[int, ProviderResult] = {}
        self.losses: Counter[int] = Counter()
        self.own_id = False

    @initialize(own_id=st.booleans())
    def choose_whether_the_provider_knows_our_id(self, own_id: bool) -> None:
        self.own_id = own_id

    def write(self, step: transitions.Transition | None) -> None:
        """Writes a transition as the ledger does: the job and its budget change together."""
        if step is None:
            return
        before = {one.n for one in self.job.attempts if one.outcome is AttemptOutcome.LOST}
        self.job = step.job
        for one in self.job.attempts:
            self.losses[one.charge_no] += one.outcome is AttemptOutcome.LOST and one.n not in before
        if step.budget_change:
            for name in ("reserved", "confirmed", "unknown", "total"):
                self.books[step.budget_change.day, name] += getattr(step.budget_change, name)

    # -- calls and answers ---------------------------------------------------------------------------------------

    @precondition(lambda self: self.job.status in (S.ACCEPTED, S.UNKNOWN) and self.can_claim())
    @rule(actual_outcome=st.sampled_from(TRUTHS) | st.sampled_from(TRUTHS[:3]))
    def claim_and_call(self, actual_outcome: str) -> None:
        lease_until = self.now + timedelta(minutes=6)
        provider_id = f"id-{self.job.charge_no}" if self.own_id else None
        step = transitions.claim(
            self.job,
            now=self.now,
            lease_until=lease_until,
            price=PRICE,
            limits=ClaimLimits(CAP),
            provider_id=provider_id,
        )
        self.write(step)
        self.call(actual_outcome)

    def can_claim(self) -> bool:
        """Decides as render does: a lost call is repeated once, but never if it can be looked up by an ID."""
        lost_once = self.job.possible_charge_count <= 1 and not self.own_id and self.job.end_after_call is None
        return self.job.status is S.ACCEPTED or lost_once

    def call(self, actual_outcome: str) -> None:
        """Makes the provider respond in this way, and charges the attempt's charge number for it."""
        self.answers[self.job.attempt_no] = ANSWERS.get(actual_outcome, LOST)
        self.bill[self.job.charge_no] += PRICE if actual_outcome in CHARGES else 0

    @precondition(lambda self: self.job.status is S.UNKNOWN and self.own_id)
    @rule(actual_outcome=st.sampled_from(TRUTHS))
    def resend_call(self, actual_outcome: str) -> None:
        """If the charge number was charged already, the provider returns the same picture again or rejects the call."""
        try:
            self.write(transitions.resend_call(self.job, self.now + timedelta(minutes=6)))
        except ConflictError:
            return
        if self.bill[self.job.charge_no] and ANSWERS.get(actual_outcome, LOST).retry_class not in NOT_TAKEN_CLASSES:
            self.answers[self.job.attempt_no] = OK
        else:
            self.call(actual_outcome)

    @precondition(lambda self: self.answers)
    @rule(data=st.data())
    def record_answer(self, data: st.DataObject) -> None:
        """Records the answer of any attempt, for the first time or again."""
        n = data.draw(st.sampled_from(sorted(self.answers)))
        answer = self.answers[n]
        try:
            self.write(transitions.record_result(self.job, n, answer, self.now))
        except ConflictError:
            assert not answer.charged
            return
        if answer.is_usable:
            assert self.job.status in (S.PAID, S.STORED, S.SUPERSEDED, S.CANCELLED)
        attempt = self.job.find_attempt(n)
        known = attempt is None or attempt.money is not MoneyStatus.UNKNOWN
        denied_again = (
            attempt is not None
            and attempt.send_count > 1
            and answer.retry_class in (*NOT_TAKEN_CLASSES, RetryClass.PERM)
        )
        assert known or answer.retry_class is RetryClass.AMBIG or denied_again

    # -- other transitions ----------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([1, 3600, 86_400]))
    def let_time_pass(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(data=st.data())
    def transition_job(self, data: st.DataObject) -> None:
        """Applies one of the transitions that are possible now."""
        steps = {
            name: step for name, move in self.list_transitions().items() if (step := _try_transition(move, self.job))
        }
        names = sorted(name for name, step in steps.items() if step.job != self.job)
        if names:
            self.write(steps[data.draw(st.sampled_from(names))])

    def list_transitions(self) -> dict[str, Move]:
        """Returns the transitions that need no call and affect money or status."""
        now, later = self.now, self.now + timedelta(minutes=6)
        return {
            "acknowledge": lambda job: transitions.acknowledge(job, job.attempt_no, "work"),
            "park": lambda job: transitions.park(job, now),
            "renew": lambda job: transitions.renew_lease(job, now, later),
            "lose": lambda job: transitions.expire_lease(job, now),
            "hold": lambda job: transitions.hold(job, now),
            "begin": lambda job: transitions.begin_processing(job, now, later),
            "leave": lambda job: transitions.end_processing(job, now),
            "store": lambda job: transitions.store(job, (), (), now),
            "fail": lambda job: transitions.fail(job, ResultError(Code.RESULT_GONE, "gone"), now),
            "supersede": lambda job: transitions.supersede(job, now),
            "cancel": lambda job: transitions.cancel(job, now),
            "reopen": lambda job: transitions.reopen(job, job, now),
            "name_again": transitions.reinstate,
            "follow": lambda job: transitions.wait_for_owner(job, transitions.build_content_owner(OWNER)),
            "take_over": lambda job: transitions.take_over(job, transitions.build_content_owner(OWNER)),
            "reuse": lambda job: transitions.reuse(job, job_in(S.STORED), now),
            "deliver_again": lambda job: transitions.retry_delivery(job, now),
            "pay_again": lambda job: transitions.pay_again(job, now),
            "retry": lambda job: _retry(job, now),
            "choose": lambda job: transitions.choose_attempt(job, (CHANGED,)) if job.is_retrying else None,
        }

    # -- invariants -----------------------------------------------------------------------------------------------

    @invariant()
    def bill_is_between_certain_and_possible(self) -> None:
        assert self.job.charged <= self.bill.total() <= self.job.charged + self.job.unknown

    @invariant()
    def budgets_are_the_sums_of_the_attempts(self) -> None:
        sums: Counter[tuple[str, str]] = Counter()
        for attempt in self.job.attempts:
            for name, amount in (("reserved", attempt.reserved), ("confirmed", attempt.charged)):
                sums[attempt.budget_day, name] += amount
                sums[attempt.budget_day, "total"] += amount
            sums[attempt.budget_day, "unknown"] += attempt.unknown
            sums[attempt.budget_day, "total"] += attempt.unknown
        assert +self.books == +sums
        assert min(self.books.values(), default=0) >= 0

    @invariant()
    def single_charge_is_made_once_unless_its_answer_was_lost(self) -> None:
        for generation, bill in self.bill.items():
            assert bill <= PRICE * (1 + (0 if self.own_id else self.losses[generation]))

    @invariant()
    def possible_cost_is_repeated_only_by_a_person(self) -> None:
        if self.job.status in (S.ACCEPTED, S.SUPERSEDED, S.CANCELLED):
            meant = [one for one in self.job.attempts if one.charge_no == self.job.charge_no]
            assert {one.money for one in meant} <= {MoneyStatus.NOT_SPENT}

    @invariant()
    def only_a_call_in_flight_has_a_reservation(self) -> None:
        held = [attempt.n for attempt in self.job.attempts if attempt.reserved]
        assert held == [attempt.n for attempt in self.job.attempts if attempt.outcome is AttemptOutcome.IN_FLIGHT]
        assert (self.job.attempt_no in held) or self.job.status is not S.SUBMITTING

    @invariant()
    def paid_picture_is_never_lost_to_a_retry(self) -> None:
        if self.job.is_retrying:
            assert not self.job.has_ended or self.job.status is S.STORED

    @invariant()
    def end_has_its_time_and_failure_its_reason(self) -> None:
        assert (self.job.ended_at is not None) is self.job.has_ended
        if self.job.status in (S.REFUSED, S.DEAD, S.HELD):
            assert self.job.problem
            assert self.job.problem.money is self.job.money


def _retry(job: Job, now: datetime) -> transitions.Transition | None:
    """Retries as deliver does: never while another call is in flight."""
    in_flight = any(attempt.outcome is AttemptOutcome.IN_FLIGHT for attempt in job.attempts)
    return None if in_flight or job.stored_at else transitions.retry_picture(job, (CHANGED,), now)


def _try_transition(move: Move, job: Job) -> transitions.Transition | None:
    try:
        return move(job)
    except ConflictError:
        return None


JobMachine.TestCase.settings = settings(max_examples=120, stateful_step_count=30)
TestAnySequenceOfMoves = JobMachine.TestCase
