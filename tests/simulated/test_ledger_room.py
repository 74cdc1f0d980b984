"""An item of the ledger holds 400 KB: what cannot fit is refused before it is bought, and what was paid always fits."""

from contextlib import suppress
from typing import Any

import pytest

from backdrop.model import transitions
from backdrop.model.codes import Code
from backdrop.model.errors import UnwritableError
from backdrop.model.item_size import shortened, too_much
from backdrop.model.job import Job, Link, Money, Status
from backdrop.model.provider_result import LONGEST_LINK, MOST_LINKS, Answer, Class
from backdrop.model.sentence import Sentence
from backdrop.reconcile.service import BACKED_UP, UNWRITABLE
from proof.world.dynamodb_writes import LARGEST_ITEM_BYTES
from proof.world.pictures import photo
from proof.world.provider import Reaction
from proof.world.stack import World
from proof.world.wire import Call, Strike, cancelled, refusal
from tests.simulated.days import codes, pass_time
from tests.simulated.simulation import KEY, NOW, OK, PRICE, a_job, a_note, claim, dropped, job_in, the_job
from tests.simulated.test_reconcile_runs import many, put_back, tallied
from tests.simulated.wishes import BEACH, bought
from tests.unit.core_items import a_warning

LONG = "https://results.invalid/" + "a" * LARGEST_ITEM_BYTES
MANY = {"num_images": 20, "output": [{"name": f"form-{n}", "format": "png"} for n in range(10)]}


def submitting(world: World, **changes: Any) -> Job:
    """A job whose call is out."""
    job = world.ledger.advance(transitions.Step(a_job(**changes)))
    return world.ledger.advance(claim(job))


def answered(*links: Link) -> Answer:
    return Answer(Class.OK, links=links, charged=PRICE)


# -- before it is bought ------------------------------------------------------------------------------------------


def test_more_pictures_than_the_ledger_can_name_are_refused_before_they_are_bought() -> None:
    key = '"' * 890 + ".jpg"
    world = World()
    world.sidecar(key, **BEACH, output=MANY["output"], num_images=8)
    world.drop(key, photo())
    world.run()
    report = world.report(key)
    assert report
    assert (bought(world), codes(world, key)) == (0, ["invalid_value"])
    assert "80 pictures" in report["errors"][0]["message"]


def test_as_many_pictures_under_a_common_key_have_room() -> None:
    assert too_much(a_job(instructions=MANY)) is None
    assert too_much(a_job(instructions=MANY, key="a" * 900))
    assert too_much(a_job(key="a" * 900)) is None


# -- what was paid ------------------------------------------------------------------------------------------------


def test_an_answer_whose_link_is_too_long_is_recorded_at_once_with_its_money() -> None:
    world = World()
    job = world.ledger.advance(transitions.record(submitting(world), 1, answered(Link(url=LONG)), NOW))
    assert (job.status, job.charged, job.unknown) == (Status.DEAD, PRICE, 0)
    assert job.problem
    assert (job.problem.code, job.problem.money) == (Code.RESULT_GONE, Money.SPENT)
    assert world.jobs() == [job]


def test_a_link_that_is_too_long_takes_no_other_picture_with_it() -> None:
    good = Link(url="https://results.invalid/1.png")
    job = transitions.record(claim(a_job()).job, 1, answered(Link(url=LONG), good), NOW).job
    assert (job.status, [link.url for link in job.links]) == (Status.PAID, [None, good.url])


def test_the_longest_links_of_the_most_pictures_are_kept() -> None:
    links = [Link(url=f"https://{n:02}.invalid/".ljust(LONGEST_LINK, "a")) for n in range(MOST_LINKS)]
    assert answered(*links).recordable.links == tuple(links)
    assert len(answered(*links, *links).recordable.links) == MOST_LINKS


def test_an_answer_that_withholds_its_pictures_keeps_its_own_words() -> None:
    withheld = Answer(Class.OK, Code.UNSAFE_RESULT, "withheld", (Link(url=None),), PRICE)
    assert withheld.recordable == withheld


@pytest.mark.parametrize(
    "grown",
    [
        pytest.param({"warnings": tuple(a_warning(f"{n} {'a' * 400}") for n in range(1000))}, id="warnings"),
        pytest.param({"problem": a_note().but(message=Sentence("a" * LARGEST_ITEM_BYTES))}, id="words"),
        pytest.param(
            {"attempts": tuple(job_in(Status.DEAD).attempts[0].but(n=n) for n in range(2, 2000))}, id="attempts"
        ),
    ],
)
def test_an_item_that_grew_too_large_is_shortened_and_its_money_is_booked(grown: dict[str, Any]) -> None:
    world = World()
    job = submitting(world)
    mine = {"attempts": (*job.attempts, *grown.get("attempts", ()))}
    paid = world.ledger.advance(transitions.record(job.but(**grown | mine), 1, OK, NOW))
    assert (paid.status, paid.charged, paid.links) == (Status.PAID, PRICE, OK.links)
    assert world.jobs() == [paid]
    assert world.booked()["certain"] == PRICE


def test_what_was_left_out_is_counted() -> None:
    world = World()
    warnings = tuple(a_warning(f"{n} {'a' * 400}") for n in range(1000))
    job = world.ledger.advance(transitions.Step(a_job(warnings=warnings)))
    assert (str(job.warnings[0].text)[:4], str(job.warnings[-1].text)) == ("0 aa", "and 980 more")


def test_what_was_left_out_is_counted_over_every_time_that_an_item_is_shortened() -> None:
    once = shortened(a_job(warnings=tuple(a_warning(f"{n}") for n in range(1520))))
    assert str(once.warnings[-1].text) == "and 1,500 more"
    assert shortened(once) == once
    twice = shortened(once.but(warnings=(*once.warnings, a_warning("another"))))
    assert twice.warnings[:-1] == once.warnings[:-1]
    assert str(twice.warnings[-1].text) == "and 1,501 more"


# -- what never fits ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [
        refusal("ValidationException", "TransactWriteItems", 400, "Item size has exceeded the maximum allowed size"),
        cancelled([{"Code": "ValidationError", "Message": "Item size to update has exceeded"}]),
    ],
    ids=["request", "reason"],
)
def test_a_write_that_dynamodb_will_never_take_is_not_waited_for(error: Exception) -> None:
    world = World()

    def refuse(_: object) -> None:
        raise error

    world.wire.before.append(Strike(refuse, "transact_write_items", times=100))
    with pytest.raises(UnwritableError):
        world.ledger.advance(transitions.Step(a_job()))


def never_taken(world: World, words: str, nth: int = 1) -> Strike:
    """From the nth on DynamoDB refuses every write with these words in it."""

    def refuse(_: Call) -> None:
        raise refusal("ValidationException", "TransactWriteItems", 400, "Item size has exceeded")

    strike = Strike(refuse, "transact_write_items", nth, times=1000, matches=lambda call: words in str(call.sent))
    world.wire.before.append(strike)
    return strike


@pytest.mark.parametrize("overtaken", [False, True], ids=["refused", "overtaken"])
def test_an_answer_that_can_never_be_written_is_kept_and_not_bought_again(overtaken: bool) -> None:
    world = dropped()
    world.run("intake", "deliver")

    def overtake() -> None:
        world.ledger.advance(transitions.Step(the_job(world)))

    world.provider.script.append(Reaction(meanwhile=overtake if overtaken else None))
    refused = never_taken(world, '"status":"paid"', nth=2 if overtaken else 1)
    for _ in range(7):
        with suppress(UnwritableError):
            world.run()
        world.clock.sleep(600)
    kept = list(world.steps.reconcile.answers.kept())
    assert refused.hits
    assert (bought(world), [one.answer.charged for one in kept]) == (1, [PRICE])
    world.wire.before.remove(refused)
    pass_time(world, 3600)
    assert (bought(world), the_job(world).status, the_job(world).charged) == (1, Status.STORED, PRICE)


def test_an_item_that_can_never_be_written_keeps_reconcile_from_nothing_else() -> None:
    """A lane, and a job whose time has come: each is told of, and the rest is done."""
    world = many()
    named = world.jobs()[0].job_id
    never_taken(world, named)
    never_taken(world, "lane#")
    world.steps.reconcile.waiting = lambda: BACKED_UP
    tally = tallied(world)
    assert (put_back(world), tally.did["put_back"]) == (6, 5)
    assert {(one.job_id, one.words) for one in tally.failed} == {(named, UNWRITABLE), (None, f"ideogram: {UNWRITABLE}")}


def test_a_photo_that_can_never_be_written_is_reported_and_not_tried_for_ever() -> None:
    world = dropped()

    def refuse(call: Any) -> None:
        if any("job#" in str(write) for write in call.sent["TransactItems"]):
            raise refusal("ValidationException", "TransactWriteItems", 400, "Item size has exceeded")

    world.wire.before.append(Strike(refuse, "transact_write_items", times=1000))
    for _ in range(7):
        with suppress(UnwritableError):
            world.run()
    assert (bought(world), codes(world, KEY)) == (0, ["crashed"])
