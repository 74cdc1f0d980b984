"""The state machine, pair by pair: what design's diagram allows, and nothing else."""

from collections.abc import Callable
from datetime import datetime

import pytest

from backdrop.model import transitions
from backdrop.model.cancel_marks import CallOff
from backdrop.model.codes import Code
from backdrop.model.errors import ResultError, StaleError
from backdrop.model.job import Job, Money, Outcome, Status
from tests.simulated.simulation import (
    ANSWERS,
    BACKOFF,
    LEASE,
    LOST,
    NOW,
    OK,
    PRICE,
    REFUSED,
    REJECTED,
    THROTTLED,
    UNSAFE,
    a_job,
    a_note,
    called,
    claim,
    job_in,
    spent_and_dead,
)
from tests.unit.core_items import a_result

Move = Callable[[Job], transitions.Step | None]
S = Status


def named(job: Job) -> Job:
    """The job, whose provider has named its work."""
    return job.but(attempts=tuple(attempt.but(provider_id="work-1") for attempt in job.attempts))


OWNER = a_job(job_id="o" * 64)
MOVES: dict[str, Move] = {
    "accept": transitions.accept,
    "claim": lambda job: claim(job),
    "acknowledge": lambda job: transitions.acknowledge(job, 1, "work-1"),
    "park": lambda job: transitions.park(job, NOW),
    "renew": lambda job: transitions.renew(job, LEASE, LEASE),
    "send_again": lambda job: transitions.send_again(named(job), LEASE),
    "lose": lambda job: transitions.lose(job, LEASE),
    "hold": lambda job: transitions.hold(job, NOW),
    "begin": lambda job: transitions.begin(job, NOW, LEASE),
    "leave": transitions.leave,
    "note": lambda job: transitions.note(job, a_note()),
    "put_back": lambda job: transitions.put_back(job, NOW),
    "mark_told": transitions.mark_told,
    "store": lambda job: transitions.store(job, (), (), NOW),
    "fail": lambda job: transitions.fail(job, ResultError(Code.LINK_EXPIRED, "expired"), NOW),
    "supersede": lambda job: transitions.supersede(job, NOW),
    "cancel": lambda job: transitions.cancel(job, NOW),
    "call_off": lambda job: transitions.call_off(job, [CallOff(prefix="", until=NOW)], NOW),
    "set_aside": lambda job: transitions.set_aside(job.but(results=(a_result(),))),
    "reopen": lambda job: transitions.reopen(job, job, NOW),
    "run_again": lambda job: transitions.run_again(job, job, NOW),
    "name_again": transitions.name_again,
    "describe": lambda job: transitions.describe(job, job.but(instructions={"metadata": 1})),
    "follow": lambda job: transitions.follow(job, transitions.owner_of(OWNER)),
    "take_over": lambda job: transitions.take_over(job, transitions.owner_of(OWNER)),
    "reuse": lambda job: transitions.reuse(job, job_in(S.STORED), NOW),
    "beside": lambda job: transitions.beside(job, transitions.owner_of(OWNER), OWNER, NOW),
    "move": lambda job: transitions.move(job, "runware", PRICE, "ideogram is paused", NOW),
    "deliver_again": lambda job: transitions.deliver_again(job, NOW),
    "pay_again": lambda job: transitions.pay_again(job, NOW),
}
STAYS = {
    "accept": [*S],
    "acknowledge": [S.SUBMITTING, S.UNKNOWN, S.HELD],
    "park": [S.SUBMITTING],
    "renew": [S.SUBMITTING],
    "begin": [S.ACCEPTED, S.UNKNOWN, S.PAID],
    "leave": [*S],
    "note": [S.ACCEPTED, S.PAID],
    "put_back": [*S],
    "mark_told": [S.REFUSED, S.DEAD, S.HELD],
    "supersede": [S.SUBMITTING, S.UNKNOWN],
    "cancel": [S.SUBMITTING, S.UNKNOWN],
    "call_off": [S.SUBMITTING, S.UNKNOWN],
    "set_aside": [S.STORED],
    "name_again": [S.PAID],
    "describe": [*S],
    "follow": [S.ACCEPTED],
    "take_over": [S.ACCEPTED],
    "beside": [S.ACCEPTED],
    "move": [S.ACCEPTED],
}
ALLOWED: dict[tuple[str, Status], Status] = {
    **{(name, state): state for name, states in STAYS.items() for state in states},
    ("claim", S.ACCEPTED): S.SUBMITTING,
    ("claim", S.UNKNOWN): S.SUBMITTING,
    ("send_again", S.UNKNOWN): S.SUBMITTING,
    ("lose", S.SUBMITTING): S.UNKNOWN,
    ("hold", S.UNKNOWN): S.HELD,
    ("store", S.PAID): S.STORED,
    ("fail", S.ACCEPTED): S.DEAD,
    ("fail", S.PAID): S.DEAD,
    ("supersede", S.ACCEPTED): S.SUPERSEDED,
    ("cancel", S.ACCEPTED): S.CANCELLED,
    ("call_off", S.ACCEPTED): S.CANCELLED,
    ("name_again", S.STORED): S.PAID,
    **{
        (name, state): S.ACCEPTED
        for name in ("reopen", "run_again")
        for state in (S.SUPERSEDED, S.CANCELLED, S.REFUSED, S.DEAD)
    },
    ("reuse", S.ACCEPTED): S.PAID,
    ("pay_again", S.DEAD): S.ACCEPTED,
    ("pay_again", S.REFUSED): S.ACCEPTED,
    ("pay_again", S.HELD): S.ACCEPTED,
}
# The rest of the module's names: what is tested by itself, and what is no transition.
NOT_IN_THE_TABLE = {"record", "owner_of", "throttled", "Booking", "Step", "KEPT_NOT_TAKEN", "USEFUL"}
# Where the answer to a job's own attempt moves it, by the state in which it finds the job.
RECORDED: dict[tuple[str, Status], Status] = {
    **{("ok", state): S.PAID for state in (S.SUBMITTING, S.UNKNOWN, S.HELD, S.DEAD)},
    **{(name, state): S.DEAD for name in ("unsafe", "rejected", "failed") for state in (S.SUBMITTING, S.UNKNOWN)},
    **{("refused", state): S.REFUSED for state in (S.SUBMITTING, S.UNKNOWN)},
    **{("lost", state): S.UNKNOWN for state in (S.SUBMITTING, S.UNKNOWN)},
    **{(name, S.SUBMITTING): S.ACCEPTED for name in ("throttled", "backoff", "unreached", "paused")},
    **{(name, S.UNKNOWN): S.ACCEPTED for name in ("throttled", "backoff", "unreached", "paused")},
}
ATTEMPTED = [S.SUBMITTING, S.UNKNOWN, S.PAID, S.STORED, S.REFUSED, S.DEAD, S.HELD]


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("name", MOVES)
def test_a_transition_leads_where_the_diagram_says_or_nowhere(name: str, status: Status) -> None:
    try:
        step = MOVES[name](job_in(status))
    except StaleError:
        step = None
    assert (step.job.status if step else None) == ALLOWED.get((name, status))


def test_every_transition_stands_in_the_table() -> None:
    assert set(MOVES) | NOT_IN_THE_TABLE == set(transitions.__all__)


@pytest.mark.parametrize("status", ATTEMPTED)
@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_moves_its_job_as_the_diagram_says(name: str, status: Status) -> None:
    step = transitions.record(job_in(status), 1, ANSWERS[name], NOW)
    assert step.job.status == RECORDED.get((name, status), status)


def test_nothing_is_recorded_of_an_attempt_that_was_never_opened() -> None:
    with pytest.raises(StaleError):
        transitions.record(job_in(S.SUBMITTING), 2, OK, NOW)


def test_a_live_lease_is_never_declared_lost() -> None:
    with pytest.raises(StaleError):
        transitions.lose(job_in(S.SUBMITTING), NOW)


def test_what_was_paid_is_never_bought_again_by_being_named() -> None:
    assert transitions.reopen(spent_and_dead(), spent_and_dead(), NOW) is None
    unsafe = called(UNSAFE)
    assert transitions.reopen(unsafe, unsafe, NOW) is None


def test_a_claim_reserves_the_highest_price_and_the_answer_gives_it_back() -> None:
    claimed = claim(job_in(S.ACCEPTED))
    assert claimed.booking
    assert (claimed.booking.reserved, claimed.booking.committed) == (PRICE, PRICE)
    for answer, certain, unknown in ((OK, PRICE, 0), (LOST, 0, PRICE), (REFUSED, 0, 0), (BACKOFF, 0, 0)):
        booking = transitions.record(claimed.job, 1, answer, NOW).booking
        assert booking
        assert (booking.reserved, booking.certain, booking.unknown) == (-PRICE, certain, unknown)


def test_a_buried_job_says_whether_money_is_gone() -> None:
    problem = spent_and_dead().problem
    assert problem
    assert problem.money is Money.SPENT
    assert job_in(S.HELD).money is Money.UNKNOWN


def test_a_late_refusal_takes_the_doubt_from_a_held_job() -> None:
    """An answer can always be recorded, one that says "not taken" too."""
    for answer in (REJECTED, THROTTLED, BACKOFF):
        step = transitions.record(job_in(S.HELD), 1, answer, NOW)
        assert step.booking
        assert (step.job.status, step.job.unknown, step.booking.unknown) == (S.HELD, 0, -PRICE)


@pytest.mark.parametrize(("leave", "end"), [(transitions.supersede, S.SUPERSEDED), (transitions.cancel, S.CANCELLED)])
def test_a_job_that_is_not_wanted_any_more_ends_when_it_comes_back_unpaid(
    leave: Callable[[Job, datetime], transitions.Step | None], end: Status
) -> None:
    marked = leave(job_in(S.SUBMITTING), NOW)
    assert marked
    assert leave(marked.job, NOW) is None
    assert transitions.record(marked.job, 1, THROTTLED, NOW).job.status is end
    assert transitions.record(marked.job, 1, OK, NOW).job.status is S.PAID
    again = transitions.reopen(marked.job, marked.job, NOW)
    assert again
    assert transitions.record(again.job, 1, THROTTLED, NOW).job.status is S.ACCEPTED


def test_a_storm_of_refusals_leaves_a_bounded_trace() -> None:
    job = job_in(S.ACCEPTED)
    for _ in range(50):
        job = claim(job).job
        job = transitions.record(job, job.attempt, BACKOFF, NOW).job
    assert job.attempt == 50
    assert len(job.attempts) == transitions.KEPT_NOT_TAKEN
    assert {attempt.outcome for attempt in job.attempts} == {Outcome.NOT_TAKEN}


def test_a_throttled_call_leaves_no_attempt_behind() -> None:
    job = called(THROTTLED)
    assert (job.attempts, job.attempt) == ((), 1)
