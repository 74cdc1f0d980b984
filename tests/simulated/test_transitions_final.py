"""Work that a provider gave up under an id of ours: what it cost is known, and the next charge has another id."""

import pytest

from backdrop.model import transitions
from backdrop.model.codes import Code
from backdrop.model.job import Job, Money, Outcome, Status
from backdrop.model.provider_result import Answer
from tests.simulated.simulation import BACKOFF, FAILED, LEASE, LOST, NOW, OK, PRICE, REFUSED, THROTTLED, a_job

OUR_ID = "our-id"


def lost(job: Job | None = None) -> Job:
    """A job whose call went out under an id of ours, and whose answer was lost."""
    job = job or a_job()
    step = transitions.claim(job, now=NOW, lease_until=LEASE, price=PRICE, cap=PRICE, provider_id=OUR_ID)
    return transitions.record(step.job, step.job.attempt, LOST, NOW).job


def sent_again() -> Job:
    """The same, sent once more under the same id."""
    return transitions.send_again(lost(), LEASE).job


def final(answer: Answer) -> Answer:
    """The end of the work itself."""
    return Answer(answer.kind, answer.code, answer.message, final=True)


@pytest.mark.parametrize("job", [lost(), sent_again()], ids=["lost", "sent again"])
@pytest.mark.parametrize("answer", [BACKOFF, THROTTLED], ids=["busy", "throttled"])
def test_work_that_was_given_up_costs_nothing_and_is_bought_anew_under_another_id(job: Job, answer: Answer) -> None:
    after = transitions.record(job, 1, final(answer), NOW).job
    assert (after.status, after.generation, after.money, after.losses) == (Status.ACCEPTED, 1, Money.NOT_SPENT, 0)


def test_the_same_end_told_twice_is_one() -> None:
    once = transitions.record(lost(), 1, final(BACKOFF), NOW).job
    assert transitions.record(once, 1, final(BACKOFF), NOW).job == once


def test_a_call_that_was_only_not_taken_keeps_its_id() -> None:
    after = transitions.record(lost(), 1, BACKOFF, NOW).job
    assert (after.status, after.generation) == (Status.ACCEPTED, 0)


def test_that_a_resend_was_not_taken_leaves_the_first_call_in_doubt() -> None:
    after = transitions.record(sent_again(), 1, BACKOFF, NOW).job
    assert (after.status, after.generation, after.unknown) == (Status.UNKNOWN, 0, PRICE)


def test_a_refusal_of_the_work_itself_settles_what_all_its_sends_cost() -> None:
    after = transitions.record(sent_again(), 1, final(REFUSED), NOW).job
    assert (after.status, after.money, after.unknown) == (Status.REFUSED, Money.NOT_SPENT, 0)
    doubtful = transitions.record(sent_again(), 1, REFUSED, NOW).job
    assert (doubtful.money, doubtful.attempts[0].outcome) == (Money.UNKNOWN, Outcome.LOST)


def test_an_older_charges_end_says_nothing_of_the_one_that_is_meant() -> None:
    newer = lost().but(generation=3)
    assert transitions.record(newer, 1, final(BACKOFF), NOW).job.generation == 3


def test_pictures_are_pictures_however_final() -> None:
    after = transitions.record(sent_again(), 1, Answer(OK.kind, links=OK.links, charged=PRICE, final=True), NOW).job
    assert (after.status, after.charged, after.unknown, after.generation) == (Status.PAID, PRICE, 0, 0)


# -- work that ended with an error, at a cost that the provider does not say ---------------------------------------


@pytest.mark.parametrize("job", [lost(), sent_again()], ids=["lost", "sent again"])
def test_failed_work_of_unknown_cost_is_dead_and_its_charge_stays_unknown(job: Job) -> None:
    step = transitions.record(job, 1, FAILED, NOW)
    assert (step.job.status, step.job.money, step.job.unknown) == (Status.DEAD, Money.UNKNOWN, PRICE)
    assert step.job.problem
    assert (step.job.problem.code, step.job.problem.money) == (Code.PROVIDER_FAILED, Money.UNKNOWN)
    assert step.booking
    assert step.booking.committed == 0


def test_failed_work_of_unknown_cost_is_bought_again_only_on_request() -> None:
    dead = transitions.record(lost(), 1, FAILED, NOW).job
    assert transitions.reopen(dead, dead, NOW) is None
    bought = transitions.pay_again(dead, NOW).job
    assert (bought.status, bought.generation, bought.unknown) == (Status.ACCEPTED, 1, PRICE)


def test_a_picture_that_arrives_after_the_failure_is_still_used() -> None:
    dead = transitions.record(lost(), 1, FAILED, NOW).job
    after = transitions.record(dead, 1, OK, NOW).job
    assert (after.status, after.charged, after.unknown) == (Status.PAID, PRICE, 0)
