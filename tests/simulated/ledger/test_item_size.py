"""A ledger item holds 400 KB. A job that cannot fit is refused before the purchase, and a paid job always fits."""

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from backdrop.model import transitions
from backdrop.model.circuit import PauseReason
from backdrop.model.codes import Code
from backdrop.model.errors import ItemTooLargeError
from backdrop.model.item_size import explain_oversize, truncate_item
from backdrop.model.job import Job, JobStatus, MoneyStatus, PictureLink
from backdrop.model.provider_result import MAX_LINK_LENGTH, MAX_LINKS, ProviderResult, RetryClass
from backdrop.model.sentence import Sentence
from backdrop.reconcile.service import ITEM_TOO_LARGE_MESSAGE
from simulation.world.sample_images import build_photo
from simulation.world.simulated_dynamodb import MAX_ITEM_BYTES
from simulation.world.simulated_provider import CallBehavior
from simulation.world.simulated_stack import World
from simulation.world.transport import ServiceCall, TargetedFault, build_client_error, build_transaction_error
from tests.simulated.reconcile.test_runs import count_resent, run_once, world_with_lost_messages
from tests.simulated.simulated_days import list_report_codes, pass_time
from tests.simulated.stage_worlds import (
    KEY,
    NOW,
    OK,
    PRICE,
    build_job,
    build_problem,
    claim,
    find_only_job,
    job_in,
    world_with_photo,
)
from tests.simulated.uploads_and_requests import BEACH, count_paid_calls
from tests.unit.ledger_items import build_warning

LONG = "https://results.invalid/" + "a" * MAX_ITEM_BYTES
FAILED_ATTEMPT = job_in(JobStatus.DEAD).attempts[0]
MANY = {"num_images": 20, "output": [{"name": f"form-{n}", "format": "png"} for n in range(10)]}


def create_submitting_job(world: World, **changes: Any) -> Job:
    """Returns a job whose call is in flight."""
    job = world.ledger.write_transition(transitions.Transition(build_job(**changes)))
    return world.ledger.write_transition(claim(job))


def build_result(*links: PictureLink) -> ProviderResult:
    return ProviderResult(RetryClass.OK, links=links, charged=PRICE)


# -- before purchase ----------------------------------------------------------------------------------------------


def test_job_with_too_many_pictures_is_refused_before_purchase() -> None:
    key = '"' * 890 + ".jpg"
    world = World()
    world.upload_sidecar(key, **BEACH, output=MANY["output"], num_images=8)
    world.upload_photo(key, build_photo())
    world.run_until_empty()
    report = world.read_report(key)
    assert report
    assert (count_paid_calls(world), list_report_codes(world, key)) == (0, ["invalid_value"])
    assert "80 pictures" in report["errors"][0]["message"]


def test_same_number_of_pictures_fits_under_a_normal_key() -> None:
    assert explain_oversize(build_job(instructions=MANY)) is None
    assert explain_oversize(build_job(instructions=MANY, key="a" * 900))
    assert explain_oversize(build_job(key="a" * 900)) is None


# -- after payment ------------------------------------------------------------------------------------------------


def test_answer_with_an_overlong_link_is_recorded_with_its_charge() -> None:
    world = World()
    job = world.ledger.write_transition(
        transitions.record_result(create_submitting_job(world), 1, build_result(PictureLink(url=LONG)), NOW)
    )
    assert (job.status, job.charged, job.unknown) == (JobStatus.DEAD, PRICE, 0)
    assert job.problem
    assert (job.problem.code, job.problem.money) == (Code.RESULT_GONE, MoneyStatus.SPENT)
    assert world.list_jobs() == [job]


def test_overlong_link_does_not_affect_the_other_pictures() -> None:
    good = PictureLink(url="https://results.invalid/1.png")
    job = transitions.record_result(claim(build_job()).job, 1, build_result(PictureLink(url=LONG), good), NOW).job
    assert (job.status, [link.url for link in job.links]) == (JobStatus.PAID, [None, good.url])


def test_longest_links_of_the_maximum_pictures_are_kept() -> None:
    links = [PictureLink(url=f"https://{n:02}.invalid/".ljust(MAX_LINK_LENGTH, "a")) for n in range(MAX_LINKS)]
    assert build_result(*links).for_ledger.links == tuple(links)
    assert len(build_result(*links, *links).for_ledger.links) == MAX_LINKS


def test_answer_that_withholds_its_pictures_keeps_its_message() -> None:
    withheld = ProviderResult(RetryClass.OK, Code.UNSAFE_RESULT, "withheld", (PictureLink(url=None),), PRICE)
    assert withheld.for_ledger == withheld


@pytest.mark.parametrize(
    "grown",
    [
        pytest.param({"warnings": tuple(build_warning(f"{n} {'a' * 400}") for n in range(1000))}, id="warnings"),
        pytest.param({"problem": replace(build_problem(), message=Sentence("a" * MAX_ITEM_BYTES))}, id="words"),
        pytest.param(
            {"attempts": tuple(replace(FAILED_ATTEMPT, n=n) for n in range(2, 2000))},
            id="attempts",
        ),
    ],
)
def test_item_that_grew_too_large_is_truncated_and_charged(grown: dict[str, Any]) -> None:
    world = World()
    job = create_submitting_job(world)
    mine: dict[str, Any] = {"attempts": (*job.attempts, *grown.get("attempts", ()))}
    paid = world.ledger.write_transition(transitions.record_result(replace(job, **grown | mine), 1, OK, NOW))
    assert (paid.status, paid.charged, paid.links) == (JobStatus.PAID, PRICE, OK.links)
    assert world.list_jobs() == [paid]
    assert world.read_budget()["confirmed"] == PRICE


def test_omitted_warnings_are_counted() -> None:
    world = World()
    warnings = tuple(build_warning(f"{n} {'a' * 400}") for n in range(1000))
    job = world.ledger.write_transition(transitions.Transition(build_job(warnings=warnings)))
    assert (str(job.warnings[0].text)[:4], str(job.warnings[-1].text)) == ("0 aa", "980 more warnings")


def test_omitted_warnings_are_counted_across_repeated_truncations() -> None:
    once = truncate_item(build_job(warnings=tuple(build_warning(f"{n}") for n in range(1520))))
    assert str(once.warnings[-1].text) == "1,500 more warnings"
    assert truncate_item(once) == once
    twice = truncate_item(replace(once, warnings=(*once.warnings, build_warning("another"))))
    assert twice.warnings[:-1] == once.warnings[:-1]
    assert str(twice.warnings[-1].text) == "1,501 more warnings"


# -- items that never fit -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [
        build_client_error(
            "ValidationException", "TransactWriteItems", 400, "Item size has exceeded the maximum allowed size"
        ),
        build_transaction_error([{"Code": "ValidationError", "Message": "Item size to update has exceeded"}]),
    ],
    ids=["request", "reason"],
)
def test_write_that_dynamodb_never_accepts_is_not_retried(error: Exception) -> None:
    world = World()

    def refuse(_: object) -> None:
        raise error

    world.transport.faults_before.append(TargetedFault(refuse, "transact_write_items", times=100))
    with pytest.raises(ItemTooLargeError):
        world.ledger.write_transition(transitions.Transition(build_job()))


def reject_writes_with(world: World, words: str, nth: int = 1) -> TargetedFault:
    """Makes DynamoDB reject every write that contains this text, from the nth one on."""

    def refuse(_: ServiceCall) -> None:
        raise build_client_error("ValidationException", "TransactWriteItems", 400, "Item size has exceeded")

    fault = TargetedFault(
        refuse, "transact_write_items", nth, times=1000, matches=lambda call: words in str(call.request)
    )
    world.transport.faults_before.append(fault)
    return fault


@pytest.mark.parametrize("overtaken", [False, True], ids=["refused", "overtaken"])
def test_answer_that_cannot_be_written_is_spooled_and_not_rebought(overtaken: bool) -> None:
    world = world_with_photo()
    world.run_until_empty("intake", "deliver")

    def write_meanwhile() -> None:
        world.ledger.write_transition(transitions.Transition(find_only_job(world)))

    world.provider.script.append(CallBehavior(run_during_call=write_meanwhile if overtaken else None))
    refused = reject_writes_with(world, '"status":"paid"', nth=2 if overtaken else 1)
    for _ in range(7):
        with suppress(ItemTooLargeError):
            world.run_until_empty()
        world.clock.sleep(600)
    kept = list(world.steps.reconcile.answer_spool.list_all())
    assert refused.hit_count
    assert (count_paid_calls(world), [one.result.charged for one in kept]) == (1, [PRICE])
    world.transport.faults_before.remove(refused)
    pass_time(world, 3600)
    assert (count_paid_calls(world), find_only_job(world).status, find_only_job(world).charged) == (
        1,
        JobStatus.STORED,
        PRICE,
    )


def test_unwritable_item_does_not_stop_the_rest_of_reconcile() -> None:
    """A lane and a due job cannot be written. Each is reported, and the remaining work is done."""
    world = world_with_lost_messages()
    named = world.list_jobs()[0].job_id
    reject_writes_with(world, named)
    # Nothing is undelivered, so this run ends the pause.
    world.steps.breaker.pause("ideogram", PauseReason.DELIVERY, Code.DELIVERY_BACKED_UP, "words")
    reject_writes_with(world, "lane#")
    tally = run_once(world)
    assert (count_resent(world), tally.counts["put_back"]) == (6, 5)
    assert {(one.job_id, one.message) for one in tally.failures} == {
        (named, ITEM_TOO_LARGE_MESSAGE),
        (None, f"deliveries: {ITEM_TOO_LARGE_MESSAGE}"),
    }


def test_unwritable_photo_is_reported_and_not_retried_forever() -> None:
    world = world_with_photo()

    def refuse(call: Any) -> None:
        if any("job#" in str(write) for write in call.request["TransactItems"]):
            raise build_client_error("ValidationException", "TransactWriteItems", 400, "Item size has exceeded")

    world.transport.faults_before.append(TargetedFault(refuse, "transact_write_items", times=1000))
    for _ in range(7):
        with suppress(ItemTooLargeError):
            world.run_until_empty()
    assert (count_paid_calls(world), list_report_codes(world, KEY)) == (0, ["crashed"])
