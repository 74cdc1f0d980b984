"""`backdrop redrive`: what it shows before it costs anything, what it asks, and what it sends."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from backdrop.model.codes import Code
from backdrop.model.errors import ResultError
from backdrop.model.job import JobStatus
from backdrop.model.provider_result import RetryClass
from backdrop.model.transitions import fail, mark_announced
from backdrop.operate.redrive import FailureFilter
from backdrop_cli.errors import EXIT_INTERRUPTED
from backdrop_cli.operate.redrive import DEAD_LETTER_RETENTION, RETRY_DELAY_SECONDS
from simulation.world.call_behavior import CallBehavior, build_charged_hang_up, build_refusal
from simulation.world.sample_images import build_photo
from simulation.world.simulated_provider import ProviderKind
from simulation.world.simulated_sqs import SimulatedMessage
from simulation.world.simulated_stack import World
from simulation.world.transport import ServiceCall, TargetedFault, build_client_error
from simulation.world.world_inspector import INPUT_BUCKET, READABLE_BUCKET
from tests.simulated.command_user import NOTHING_CHANGED, Person, build_cli_stack
from tests.simulated.intake.test_foreign_buckets import request_photo, upload_to

MASK_LANE, SCENE_LANE, SCENE_USD = "ideogram", "segmind", 0.075


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Person:
    """A person with four failed photos: two without a charge, one that may have been paid, and one that was paid."""
    person = Person(World(on_lost_answer="hold"), monkeypatch)
    person.upload_failing(Code.REQUEST_REJECTED, "shoes/red.jpg", "shoes/blue.jpg")
    person.world.provider.script += [build_charged_hang_up(), CallBehavior(unsafe_count=1)]
    for key in ("hats/lost.jpg", "hats/withheld.jpg"):
        person.upload(key)
        person.world.run_until_empty()
    return person


def read_status(person: Person, key: str) -> JobStatus:
    (job,) = person.world.list_jobs(key)
    return job.status


def list_dead_letters(person: Person, key: str) -> list[SimulatedMessage]:
    """Returns the dead letters of a photo's job."""
    (job,) = person.world.list_jobs(key)
    return [one for one in person.world.dead_letter_queue.messages if one.attributes.get("job_id") == job.job_id]


def test_redrive_shows_purchases_cost_and_need_for_pay_again(person: Person) -> None:
    result = person.run("redrive", answer="n")
    assert result.out.splitlines()[0] == "4 failures in stack shop; no filter is set"
    rows = [line.split() for line in result.out.splitlines()[1:3]]
    assert rows[0] == ["2", "to", "buy", "at", "most", "$0.02"]
    assert rows[1][:3] == ["2", "left", "alone"]
    assert "--pay-again" in rows[1]
    assert "Redrive 2 failures for at most $0.02? [y/N]" in result.out


def test_redrive_counts_a_mask_that_two_variants_share_once(monkeypatch: pytest.MonkeyPatch) -> None:
    person = Person(World(other_providers={SCENE_LANE: ProviderKind.LOOKUP_BY_PROVIDER_ID}), monkeypatch)
    world, scene = person.world, {"provider": SCENE_LANE, "subject": {"mask": "buy"}}
    world.simulated_providers[SCENE_LANE].script += [build_refusal(RetryClass.PERM, Code.REQUEST_REJECTED)] * 2
    world.pause_lane(provider=MASK_LANE)
    world.upload_sidecar("red.jpg", variants={name: scene | {"prompt": f"on {name}"} for name in ("grass", "sand")})
    world.upload_photo("red.jpg", build_photo("red.jpg"))
    world.run_for(300)
    assert person.run("redrive", "--json").data["most_usd"] == 2 * SCENE_USD + 0.01


@pytest.mark.parametrize("answer", ["n", "", "no", "maybe"])
def test_redrive_without_confirmation_changes_nothing(person: Person, answer: str) -> None:
    result = person.run("redrive", answer=answer)
    assert (result.code, result.err) == (1, f"error: {NOTHING_CHANGED}\n")
    assert read_status(person, "shoes/red.jpg") is JobStatus.DEAD


def test_redrive_without_a_terminal_changes_nothing(person: Person) -> None:
    for words, why in ((("redrive",), "no terminal to ask on"), (("redrive", "--json"), "--json never asks")):
        result = person.run(*words)
        assert result.code == 1
        assert NOTHING_CHANGED in result.err
        assert why in result.err
    assert read_status(person, "shoes/red.jpg") is JobStatus.DEAD


def test_json_without_yes_shows_the_plan(person: Person) -> None:
    assert person.run("redrive", "--json").data == {
        "stack": "shop",
        "for_nothing": 0,
        "bought": 2,
        "most_usd": 0.02,
        "looked_at_anew": 0,
        "price_unknown": 0,
        "needs_pay_again": 2,
        "provider_off": 0,
        "done": False,
    }


def test_redriven_job_is_bought_and_its_dead_letters_deleted(person: Person) -> None:
    assert len(person.world.dead_letter_queue.messages) == 3
    result = person.run("redrive", answer="y")
    assert (result.code, result.err) == (0, "")
    assert "2 failures redriven, and 2 dead letters deleted." in result.out
    assert len(person.world.dead_letter_queue.messages) == 1
    person.world.run_until_empty()
    assert read_status(person, "shoes/red.jpg") is JobStatus.STORED
    assert person.world.read_report("shoes/red.jpg") is None
    assert read_status(person, "hats/withheld.jpg") is JobStatus.DEAD


def test_dead_letter_of_a_job_that_fails_again_is_kept(person: Person) -> None:
    """The command searches for dead letters for up to a minute, and the provider refuses within a second."""
    (before,) = list_dead_letters(person, "shoes/red.jpg")
    person.world.provider.script.append(build_refusal(RetryClass.PERM, Code.REQUEST_REJECTED))
    person.world.transport.faults_before.append(
        fault := TargetedFault(lambda _: person.world.run_until_empty(), "receive_message")
    )
    data = person.run("redrive", "shoes/red", "--yes", "--json").data
    assert (fault.hit_count, data["redriven"], data["dead_letters_removed"]) == (1, 1, 1)
    (after,) = list_dead_letters(person, "shoes/red.jpg")
    assert (read_status(person, "shoes/red.jpg"), after.id == before.id) == (JobStatus.DEAD, False)


def test_repeated_dead_letter_does_not_end_the_search(person: Person) -> None:
    (red,), (blue,) = list_dead_letters(person, "shoes/red.jpg"), list_dead_letters(person, "shoes/blue.jpg")
    person.world.dead_letter_queue.messages.append(replace(blue, id="again"))
    red.visible_at = person.world.clock.time + timedelta(seconds=60)
    assert person.run("redrive", "shoes/", "--yes", "--json").data["dead_letters_removed"] == 3
    assert [*list_dead_letters(person, "shoes/red.jpg"), *list_dead_letters(person, "shoes/blue.jpg")] == []


@pytest.mark.parametrize("rev", [None, "", "new", "-1"])
def test_dead_letter_without_a_version_counts_as_earlier(person: Person, rev: str | None) -> None:
    """Another release wrote it."""
    (letter,) = list_dead_letters(person, "shoes/red.jpg")
    attributes = {name: text for name, text in letter.attributes.items() if name != "lock_version"}
    letter.attributes = attributes if rev is None else attributes | {"lock_version": rev}
    assert person.run("redrive", "shoes/red", "--yes", "--json").data["dead_letters_removed"] == 1


def test_remaining_dead_letters_are_visible_at_once(person: Person) -> None:
    assert person.run("redrive", "--yes", "--json").data["dead_letters_removed"] == 2
    (left,) = person.world.dead_letter_queue.messages
    assert left.visible_at <= person.world.clock.time


def test_redrive_waits_for_dead_letters_that_reconcile_is_reading(person: Person) -> None:
    assert len(person.stack.dead_letters.dead_letter_reader.receive()) == 3
    began = person.world.clock.time
    assert person.run("redrive", "--yes", "--json").data["dead_letters_removed"] == 2
    assert 60 <= (person.world.clock.time - began).total_seconds() < 70


def test_redrive_does_not_wait_for_deleted_dead_letters(person: Person) -> None:
    person.world.dead_letter_queue.messages.clear()
    began = person.world.clock.time
    result = person.run("redrive", "--yes")
    assert (result.code, "dead letter" in result.out) == (0, False)
    assert (person.world.clock.time - began).total_seconds() < 120


def test_redrive_does_not_wait_for_expired_dead_letters(person: Person) -> None:
    person.world.clock.time += DEAD_LETTER_RETENTION
    person.world.dead_letter_queue.messages.clear()
    began = person.world.clock.time
    assert person.run("redrive", "--yes", "--json").data["redriven"] == 2
    assert (person.world.clock.time - began).total_seconds() < RETRY_DELAY_SECONDS


def test_late_dead_letter_is_deleted_too(person: Person) -> None:
    """Deliver sent it long after the job had ended."""
    person.world.clock.time += DEAD_LETTER_RETENTION
    for letter in person.world.dead_letter_queue.messages:
        letter.sent_at = person.world.clock.time
    assert person.run("redrive", "--yes", "--json").data["dead_letters_removed"] == 2


def test_interrupted_redrive_does_not_wait_for_hidden_dead_letters(person: Person) -> None:
    assert len(person.stack.dead_letters.dead_letter_reader.receive()) == 3
    person.world.transport.faults_before.append(fault := TargetedFault(interrupt, "transact_write_items", nth=2))
    began = person.world.clock.time
    result = person.run("redrive", "--yes", "--json")
    assert (fault.hit_count, result.code, result.data["redriven"]) == (1, EXIT_INTERRUPTED, 1)
    assert (person.world.clock.time - began).total_seconds() < RETRY_DELAY_SECONDS


def interrupt(call: ServiceCall) -> None:
    """The person presses Ctrl-C."""
    raise KeyboardInterrupt


def test_only_selected_failures_are_redriven(person: Person) -> None:
    data = person.run("redrive", "--code", "request_rejected", "shoes/r", "--yes", "--json").data
    assert (data["bought"], data["redriven"], data["done"]) == (1, 1, True)
    assert read_status(person, "shoes/blue.jpg") is JobStatus.DEAD


def test_possibly_paid_photo_is_bought_only_with_pay_again(person: Person) -> None:
    person.world.provider.received_job_ids.clear()
    refused = person.run("redrive", "hats/", "--yes")
    assert refused.code == 1
    assert "--pay-again" in refused.err
    person.world.run_until_empty()
    assert person.world.provider.received_job_ids == []
    result = person.run("redrive", "hats/", "--pay-again", "--yes")
    assert result.code == 0
    assert "2   to buy   at most $0.02" in result.out
    person.world.run_until_empty()
    assert len(person.world.provider.received_job_ids) == 2
    assert read_status(person, "hats/lost.jpg") is JobStatus.STORED


def test_paid_and_kept_picture_is_delivered_without_a_charge(person: Person) -> None:
    person.upload("coats/red.jpg")
    person.world.run_until_empty("intake", "ideogram")
    person.world.queues["deliver"].messages.clear()
    (job,) = person.world.list_jobs("coats/red.jpg")
    dead = fail(job, ResultError(Code.RESULT_NOT_AN_IMAGE, "It is text."), job.queued_at)
    person.world.ledger.write_transition(mark_announced(person.world.ledger.write_transition(dead)))
    calls = len(person.world.provider.received_job_ids)
    result = person.run("redrive", "coats/", "--yes")
    assert "1   to deliver   already paid" in result.out
    person.world.run_until_empty()
    assert (read_status(person, "coats/red.jpg"), len(person.world.provider.received_job_ids)) == (
        JobStatus.STORED,
        calls,
    )


def test_photo_that_never_had_a_job_goes_through_intake(person: Person) -> None:
    person.world.upload_photo("bare.jpg", b"some text", operation="remove")
    person.world.run_until_empty()
    result = person.run("redrive", "bare", "--yes")
    assert result.code == 0
    assert "1   to re-examine   without a job" in result.out
    person.world.run_until_empty()
    assert person.world.read_report("bare.jpg") is not None


def upload_without_reference(person: Person, *keys: str) -> None:
    """Uploads photos whose style reference is missing."""
    for key in keys:
        person.world.upload_sidecar(key, prompt="at sea", style_reference_images=["looks/summer.png"])
        person.world.upload_photo(key, build_photo(key))
    person.world.run_until_empty()


def test_price_includes_photos_that_intake_buys_after_a_correction(person: Person) -> None:
    upload_without_reference(person, "sea/1.jpg", "sea/2.jpg")
    assert "without a job; at most $0.00 if now correct" in person.run("redrive", "sea/", answer="n").out
    person.world.s3.upload(INPUT_BUCKET, "looks/summer.png", build_photo("summer"))
    person.run("budget", "0.06", "--today")
    output = person.run("redrive", answer="n").out
    assert "2   to buy          at most $0.02" in output
    assert "2   to re-examine   without a job; at most $0.12 if now correct" in output
    assert "Today's budget has $0.04 left." in output
    assert "Redrive 4 failures for at most $0.14? [y/N]" in output
    person.run("pause", "ideogram")
    output = person.run("redrive", "sea/", answer="n").out
    assert "ideogram is paused" in output
    person.run("resume", "ideogram")
    person.run("budget", "100", "--today")
    spent = sum(job.charged for job in person.world.list_jobs())
    assert person.run("redrive", "sea/", "--yes", "--json").data["most_usd"] == 0.12
    person.world.run_until_empty()
    assert sum(job.charged for job in person.world.list_jobs()) - spent == 120_000


def test_price_excludes_pictures_that_another_photo_has_bought(person: Person) -> None:
    upload_without_reference(person, "sea/1.jpg")
    person.world.s3.upload(INPUT_BUCKET, "looks/summer.png", build_photo("summer"))
    person.world.upload_sidecar("copy.jpg", prompt="at sea", style_reference_images=["looks/summer.png"])
    person.world.upload_photo("copy.jpg", build_photo("sea/1.jpg"))
    person.world.run_until_empty()
    data = person.run("redrive", "sea/", "--json").data
    assert (data["looked_at_anew"], data["most_usd"]) == (1, 0)


def test_price_includes_jobs_that_the_ledger_has_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    person = Person(World(ledger_retention_days=1), monkeypatch)
    world, sea = person.world, {"prompt": "at sea", "style_reference_images": ["looks/summer.png"]}
    defaults = json.dumps({"variants": {"cut": {"operation": "remove"}, "sea": sea}})
    world.s3.upload(INPUT_BUCKET, "_backdrop.json", defaults.encode())
    world.upload_photo("two.jpg", build_photo("two"))
    world.run_for(300)
    assert read_status(person, "two.jpg") is JobStatus.STORED
    world.clock.time += timedelta(days=2)
    world.table.expire_items()
    world.s3.upload(INPUT_BUCKET, "looks/summer.png", build_photo("summer"))
    assert person.run("redrive", "--yes", "--json").data["most_usd"] == 0.07
    world.run_for(300)
    assert sum(job.charged for job in world.list_jobs("two.jpg")) == 70_000


def test_price_includes_a_job_that_intake_reopens(person: Person) -> None:
    """The photo's only instructions came with a request, so intake keeps its job for these bytes."""
    key = "asked.jpg"
    person.world.upload_photo(key, build_photo(key))
    person.world.run_until_empty("intake")
    for instructions in ({"operation": "remove"}, {"prompt": "at sea", "style_reference_images": ["gone.png"]}):
        request = {"bucket": INPUT_BUCKET, "key": key, "instructions": instructions}
        person.world.sqs.send_externally(person.world.queues["intake"], json.dumps(request))
        person.world.provider.script.append(build_refusal(RetryClass.PERM, Code.REQUEST_REJECTED))
        person.world.run_until_empty()
    assert person.run("redrive", "asked", "--code", "reference_not_found", "--yes", "--json").data["most_usd"] == 0.01
    person.world.provider.script.clear()
    person.world.run_until_empty()
    assert read_status(person, key) is JobStatus.STORED


def test_job_that_is_bought_anyway_is_priced_once(person: Person) -> None:
    person.world.upload_photo("two.jpg", build_photo("two"))
    bad = {"prompt": "at sea", "style_reference_images": ["looks/summer.png"]}
    person.world.upload_sidecar("two.jpg", variants={"cut": {"operation": "remove"}, "sea": bad})
    person.world.provider.script.append(build_refusal(RetryClass.PERM, Code.REQUEST_REJECTED))
    person.world.run_until_empty()
    person.world.s3.upload(INPUT_BUCKET, "looks/summer.png", build_photo("summer"))
    data = person.run("redrive", "two", "--json").data
    assert (data["bought"], data["looked_at_anew"], data["most_usd"]) == (1, 1, 0.07)


def test_price_of_a_photo_that_s3_denies_is_unknown(person: Person) -> None:
    upload_without_reference(person, "sea/1.jpg")
    person.world.transport.faults_before.append(TargetedFault(deny_object, "get_object"))
    output = person.run("redrive", answer="n").out
    assert "S3 denies you access to the files of 1 photo to re-examine, so the price is unknown." in output
    assert "Redrive 3 failures for at most $0.02 plus the unknown price of 1 photo? [y/N]" in output


def deny_object(call: ServiceCall) -> None:
    """The person may not read this object."""
    raise build_client_error("AccessDenied", call.operation, 403, "no")


def test_photo_in_another_bucket_is_priced_without_the_mandates_of_the_stacks_bucket(person: Person) -> None:
    person.run("mandate", "create", "anna", "--prefix", "shoes/", "--usd", "1", "--per-picture", "0.01")
    upload_to(person.world)
    person.world.s3.upload(READABLE_BUCKET, "shoes/red.jpg.json", b'{"prompt": "at sea", "logo": "brand.png"}', {})
    request_photo(person.world)
    result = person.run("redrive", "--json")
    assert result.data["looked_at_anew"] == 1
    person.world.s3.upload(READABLE_BUCKET, "shoes/red.jpg.json", b'{"prompt": "at sea"}', {})
    assert person.run("redrive", "--json").data["most_usd"] == 0.08


def test_cost_beyond_todays_budget_is_shown_in_advance(person: Person) -> None:
    person.run("budget", "0.03", "--today")
    output = person.run("redrive", answer="n").out
    assert "Today's budget has $0.01 left. What it does not cover waits for the next day (UTC)." in output


def test_paused_provider_is_shown_before_a_redrive(person: Person) -> None:
    person.run("pause", "ideogram")
    output = person.run("redrive", answer="n").out
    assert "ideogram is paused (paused_by_person): its photos wait until it is resumed." in output


def test_redrive_without_failures_needs_no_confirmation(person: Person) -> None:
    result = person.run("redrive", "coats/")
    assert (result.code, result.err) == (0, "")
    assert result.out == "No failures under coats/ in stack shop.\n"


def test_failure_that_changed_meanwhile_is_skipped_and_reported(person: Person) -> None:
    other = build_cli_stack(person.world)

    def redrive_red() -> None:
        (failure,) = other.redrive_service.list_failures(FailureFilter(prefix="shoes/red"))
        assert other.redrive_service.redrive(other.redrive_service.plan(failure, pay_again=False))

    result = person.run("redrive", answer="y", meanwhile=redrive_red)
    assert result.code == 1
    assert "1 failure redriven" in result.out
    assert "1 failure changed while this ran" in result.err


def test_redrives_that_preceded_an_aws_error_are_reported(person: Person) -> None:
    fault = TargetedFault(deny, "transact_write_items", nth=2)
    result = person.run("redrive", answer="y", meanwhile=lambda: person.world.transport.faults_before.append(fault))
    assert fault.hit_count == 1
    assert result.code == 1
    assert "1 failure redriven, and 1 dead letter deleted." in result.out
    assert result.err == (
        "error: your AWS credentials do not allow transact_write_items: no; first get this permission, or choose a "
        "profile that has it with --profile. What was done so far is kept; to go on, run the same command again\n"
    )


def deny(call: ServiceCall) -> None:
    """The person's credentials lack a permission."""
    raise build_client_error("AccessDeniedException", call.operation, 400, "no")


def test_redrive_with_an_unknown_code_suggests_the_nearest(person: Person) -> None:
    result = person.run("redrive", "--code", "request_rejectd", "--yes")
    assert (result.code, result.out) == (2, "")
    assert "did you mean request_rejected?" in result.err
    assert read_status(person, "shoes/red.jpg") is JobStatus.DEAD
