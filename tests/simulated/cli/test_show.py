"""`backdrop show`: one photo's whole history, and why it waits."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from PIL import Image

from backdrop.model.circuit import FAILURE_THRESHOLD
from backdrop.model.codes import Code
from backdrop.model.job import Source
from backdrop.model.provider_result import RetryClass
from backdrop.pipeline.crash_guard import begin_job_processing, begin_photo_processing
from backdrop_cli.formatting import format_utc
from simulation.world.call_behavior import build_charged_hang_up, build_refusal
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from simulation.world.transport import TargetedFault, crash_worker
from simulation.world.world_inspector import INPUT_BUCKET, OUTPUT_BUCKET, READABLE_BUCKET
from tests.corpus.files import heic
from tests.simulated.command_user import Person
from tests.simulated.deliver.test_certificates import SUBJECT, deliver, draw_cut_out
from tests.simulated.deliver.test_fidelity import (
    CHANGED_SCENE,
    CUT_OUT_LANE,
    ON_GRASS,
    PHOTO,
    SCENE,
    TRANSPARENT_PHOTO,
    build_world,
    build_world_with_cut_out,
)
from tests.simulated.intake.test_unreadable import deny_access
from tests.simulated.stage_worlds import KEY
from tests.simulated.uploads_and_requests import send_request


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Person:
    return Person(World(on_lost_answer="hold"), monkeypatch)


def read_text(person: Person, key: str) -> str:
    """Returns what `show` prints, without line breaks."""
    return " ".join(person.run("show", key).out.split())


def list_waits(person: Person, key: str) -> list[dict[str, Any]]:
    """Returns the waits of a photo; each says what to do."""
    waits = person.run("show", key, "--json").data["waits"]
    assert all(one["message"] and one["hint"] for one in waits)
    return waits


def list_wait_codes(person: Person, key: str) -> list[str]:
    return [one["code"] for one in list_waits(person, key)]


def test_show_prints_a_pictures_whole_history(person: Person) -> None:
    person.world.upload_sidecar("shoes/red.jpg", prompt="on sand", seed=7)
    person.world.upload_photo("shoes/red.jpg", build_photo())
    person.world.run_until_empty()
    result = person.run("show", "shoes/red.jpg")
    assert result.code == 0
    for words in (
        "shoes/red.jpg, stack shop",
        "  delivered",
        "photo: 16 × 16 png",
        "stored, replace by ideogram, $0.06",
        "prompt: on sand  (shoes/red.jpg.json)",
        "call 1 to ideogram sent: answered, $0.06",
        "shoes/red.jpg/red.png  (16 × 16 png",
        "_backdrop/receipts/shoes/red.jpg.json",
        "_backdrop/paid/",
    ):
        assert words in result.out, words


def test_show_dates_a_call_by_when_it_was_sent(person: Person) -> None:
    person.upload("red.jpg")
    person.world.run_until_empty()
    [job] = person.world.list_jobs()
    [attempt] = job.attempts
    assert f"{format_utc(attempt.submitted_at)}  call 1 to ideogram sent: answered" in person.run("show", "red.jpg").out


def test_show_names_the_source_of_each_key_of_merged_metadata(person: Person) -> None:
    person.world.upload_sidecar("md/_backdrop", metadata={"season": "winter", "line": "basic"})
    person.world.upload_sidecar("md/red.jpg", prompt="on sand", metadata={"sku": "4711"})
    person.world.upload_photo("md/red.jpg", build_photo())
    person.world.run_until_empty()
    text = read_text(person, "md/red.jpg")
    assert "(md/red.jpg.json, season from md/_backdrop.json, line from md/_backdrop.json)" in text


def test_show_names_the_format_of_the_original_photo(person: Person) -> None:
    person.world.upload_photo("cup.heic", heic(Image.new("RGB", (40, 30), "navy")), operation="remove")
    person.world.run_until_empty()
    assert "photo: 40 × 30 heic, " in person.run("show", "cup.heic").out


def test_show_json_contains_receipt_report_and_files(person: Person) -> None:
    person.upload("red.jpg")
    person.world.run_until_empty()
    data = person.run("show", "red.jpg", "--json").data
    assert data["receipt"] == person.world.read_receipt("red.jpg")
    assert (data["report"], data["stage"], data["gone"]) == (None, "stored", [])


@pytest.mark.parametrize(
    "name", ["shoes/red.jpg", "shoes/red.jpg/red.png", "shoes/red.jpg.json", f"s3://{INPUT_BUCKET}/shoes/red.jpg"]
)
def test_show_accepts_photo_picture_sidecar_or_url(person: Person, name: str) -> None:
    person.upload("shoes/red.jpg")
    person.world.run_until_empty()
    assert "shoes/red.jpg, stack shop" in person.run("show", name).out


def test_show_explains_a_failure_with_advice_and_possible_cost(person: Person) -> None:
    person.world.provider.script.append(build_charged_hang_up())
    person.upload("red.jpg")
    person.world.run_for(600)
    output = " ".join(person.run("show", "red.jpg").out.split())
    assert "answer lost, $0.01 possibly charged" in output
    assert "(charge_unknown)" in output
    assert "run `backdrop redrive --pay-again`" in output


def test_show_says_since_when_and_why_the_lane_is_paused(person: Person) -> None:
    person.run("pause", "ideogram")
    person.upload("red.jpg")
    person.world.run_for(120)
    message = "ideogram has been paused since 2026-11-20 09:00:00 UTC (paused_by_person): An operator paused the"
    output = " ".join(person.run("show", "red.jpg").out.split())
    assert message in output
    assert "Run `backdrop resume` with the provider's name. The photo continues" in output
    data = person.run("show", "red.jpg", "--json").data
    assert (data["stage"], message in data["note"]) == ("waiting", True)


def test_show_of_queued_job_says_it_waits_its_turn(person: Person) -> None:
    person.upload("red.jpg")
    person.world.run_until_empty("intake")
    data = person.run("show", "red.jpg", "--json").data
    assert (data["stage"], data["note"]) == ("queued", None)
    (wait,) = data["waits"]
    (job,) = person.world.list_jobs("red.jpg")
    assert (wait["code"], wait["job_id"]) == ("queued", job.job_id)
    assert wait["since"] == job.queued_at.isoformat(timespec="seconds")


def test_show_says_that_the_lane_is_probing(person: Person) -> None:
    person.world.provider.script.extend(
        [build_refusal(RetryClass.BACKOFF, Code.PROVIDER_UNAVAILABLE)] * FAILURE_THRESHOLD
    )
    person.upload("a.jpg", "b.jpg", "c.jpg", "d.jpg")
    person.world.run_until_empty("intake")
    for _ in range(FAILURE_THRESHOLD):
        person.world.deliver_next("ideogram")
    assert "ideogram has been probing since" in " ".join(person.run("show", "d.jpg").out.split())


def test_show_names_the_photo_that_a_copy_waits_for(person: Person) -> None:
    person.world.upload_photo("first.jpg", build_photo("same"), operation="remove")
    person.world.run_until_empty("intake")
    person.world.upload_photo("copy.jpg", build_photo("same"), operation="remove")
    person.world.run_until_empty("intake")
    assert "waits for first.jpg, which has the same content" in read_text(person, "copy.jpg")
    assert list_wait_codes(person, "copy.jpg") == ["owner_at_work"]
    assert [*person.run("show", "copy.jpg", "--json").data["waits_for"].values()] == ["first.jpg"]
    person.world.run_until_empty()
    assert person.run("show", "copy.jpg", "--json").data["waits_for"] == {}


def test_show_command_for_a_key_with_spaces_can_be_copied(person: Person) -> None:
    for key in ("summer sale/red cup.jpg", "copy.jpg"):
        person.world.upload_photo(key, build_photo("same"), operation="remove")
        person.world.run_until_empty("intake")
    assert "run `backdrop show 'summer sale/red cup.jpg'`" in read_text(person, "copy.jpg")


def test_show_reports_a_missing_picture(person: Person) -> None:
    person.upload("red.jpg")
    person.world.run_until_empty()
    person.world.s3.delete(OUTPUT_BUCKET, "red.jpg/red.png")
    assert "DELETED" in person.run("show", "red.jpg").out


def test_show_suggests_a_key_for_an_unknown_photo(person: Person) -> None:
    person.upload("shoes/red.jpg")
    result = person.run("show", "shoes/rde.jpg")
    assert (result.code, result.err) == (
        3,
        f"error: there is no photo shoes/rde.jpg in {INPUT_BUCKET}; did you mean shoes/red.jpg?\n",
    )
    assert "intake has not processed it yet" in person.run("show", "shoes/red.jpg").err
    person.world.s3.upload(INPUT_BUCKET, "notes.txt", b"x")
    assert "its name is not that of a photo" in person.run("show", "notes.txt").err


def test_show_of_a_reused_file_shows_no_payment(person: Person) -> None:
    for key in ("first.jpg", "second.jpg"):
        person.world.upload_photo(key, build_photo(), operation="remove")
        person.world.run_until_empty("intake")
    person.world.run_until_empty()
    (bought,) = person.world.list_jobs("first.jpg")
    output = person.run("show", "second.jpg").out
    words = f"uses the picture that job {bought.job_id[:12]} bought for first.jpg, which has the same content: no call"
    assert words in " ".join(output.split())
    assert "the call took" not in output
    assert "charged; the call took" in person.run("show", "first.jpg").out


def test_show_json_names_the_photo_whose_file_was_reused(person: Person) -> None:
    for key in ("first.jpg", "second.jpg"):
        person.world.upload_photo(key, build_photo(), operation="remove")
        person.world.run_until_empty("intake")
    person.world.run_until_empty()
    (served,) = person.world.list_jobs("second.jpg")
    assert person.run("show", "second.jpg", "--json").data["served_from"] == {served.job_id: "first.jpg"}
    assert person.run("show", "first.jpg", "--json").data["served_from"] == {}


def test_show_names_only_the_job_if_owner_is_unknown(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("first.jpg", "second.jpg"):
        person.world.upload_photo(key, build_photo(), operation="remove")
        person.world.run_until_empty("intake")
    person.world.run_until_empty()
    (bought,) = person.world.list_jobs("first.jpg")

    def find_nothing(*_: object) -> None: ...

    monkeypatch.setattr(type(person.stack.redrive_service.ledger), "find_content_owner", find_nothing)
    output = " ".join(person.run("show", "second.jpg").out.split())
    assert f"uses the picture that job {bought.job_id[:12]} bought for the same content: no call, $0.00" in output


def test_show_escapes_a_line_break_in_a_key(person: Person) -> None:
    person.upload("shoes/two\nlines.jpg")
    person.world.run_until_empty()
    assert person.run("show", "shoes/two\nlines.jpg").out.startswith(r"shoes/two\nlines.jpg, stack shop" + "\n")


def test_show_quotes_a_suggested_key_for_the_shell(person: Person) -> None:
    person.upload("it's\n\\.jpg")
    result = person.run("show", r"it's\n\.jpg")
    assert result.err.endswith(r"did you mean $'it\'s\n\\.jpg'?" + "\n")


# -- why a photo waits -----------------------------------------------------------------------------------------------


def test_show_names_the_broken_folder_defaults(person: Person) -> None:
    person.world.s3.upload(INPUT_BUCKET, "hats/_backdrop.json", b'{"promt": "at sea"}')
    person.world.upload_photo("hats/b.jpg", build_photo("b"))
    person.world.run_until_empty()
    data = person.run("show", "hats/b.jpg", "--json").data
    (wait,) = data["waits"]
    assert (data["stage"], wait["code"], wait["job_id"]) == ("refused", "folder_defaults_broken", None)
    assert "(unknown_field)" in wait["message"]
    assert wait["since"]
    output = read_text(person, "hats/b.jpg")
    assert output.startswith("hats/b.jpg, stack shop waiting photo:")
    assert "Correct hats/_backdrop.json and upload it again. The photo then continues automatically." in output


def test_show_says_since_and_until_when_instructions_may_arrive(person: Person) -> None:
    person.world.upload_photo("bare.jpg", build_photo("bare"))
    person.world.deliver_next("intake")
    started_at = person.world.clock.now()
    data = person.run("show", "bare.jpg", "--json").data
    (wait,) = data["waits"]
    assert (data["stage"], wait["code"], wait["since"]) == (
        "dropped",
        "settling",
        started_at.isoformat(timespec="seconds"),
    )
    until = format_utc(started_at + timedelta(seconds=person.world.setup.settle_seconds))
    assert f"since {format_utc(started_at)}, and waits until {until}." in read_text(person, "bare.jpg")
    assert "doctor" not in wait["hint"]


def test_show_points_to_doctor_when_settle_time_is_long_over(person: Person) -> None:
    person.world.upload_photo("bare.jpg", build_photo("bare"))
    person.world.deliver_next("intake")
    person.world.clock.sleep(600)
    (wait,) = list_waits(person, "bare.jpg")
    assert (wait["code"], "`backdrop doctor`" in wait["hint"]) == ("settling", True)
    assert "That time ended at" in wait["message"]


def test_show_of_photo_without_instructions_says_since_when(person: Person) -> None:
    person.world.upload_photo("bare.jpg", build_photo("bare"))
    person.world.run_until_empty()
    (wait,) = list_waits(person, "bare.jpg")
    assert wait["code"] == "no_instructions"
    since = format_utc(datetime.fromisoformat(wait["since"]))
    assert f"(no_instructions, since {since})" in read_text(person, "bare.jpg")


def test_show_says_that_intake_crashed_not_that_photo_is_gone(person: Person) -> None:
    person.upload("red.jpg")
    source = Source.new(INPUT_BUCKET, "red.jpg")
    begin_photo_processing(person.world.ledger, source, person.world.clock.now())
    assert list_wait_codes(person, "red.jpg") == ["in_intake"]
    person.world.clock.sleep(600)
    assert list_wait_codes(person, "red.jpg") == ["crashed"]
    output = read_text(person, "red.jpg")
    assert "The photo is not in the bucket." not in output
    assert "photo: 82 bytes, uploaded 2026-11-20 09:00:00 UTC" in output
    assert "Intake has crashed on it 1 time in a row" in output
    assert "the log of the function shop-intake" in output


def test_show_of_deleted_photo_says_it_is_gone(person: Person) -> None:
    person.upload("red.jpg")
    person.world.run_until_empty("intake")
    person.world.delete_file("red.jpg")
    person.world.run_until_empty("intake")
    assert "The photo is not in the bucket." in person.run("show", "red.jpg").out
    person.upload("red.jpg")
    person.world.clock.sleep(600)
    assert "The photo is not in the bucket." not in person.run("show", "red.jpg").out
    (wait,) = list_waits(person, "red.jpg")
    assert (wait["code"], "`backdrop doctor`" in wait["hint"]) == ("in_intake", True)


def test_show_of_photo_requested_before_upload_waits_for_intake(person: Person) -> None:
    send_request(person.world, "red.jpg", operation="remove")
    person.world.run_until_empty()
    output = person.run("show", "red.jpg").out
    assert "The photo is not in the bucket." in output
    assert "(photo_not_found)" in output
    person.upload("red.jpg")
    assert list_wait_codes(person, "red.jpg") == ["in_intake"]


def test_show_of_unreadable_photo_does_not_say_it_is_gone(person: Person) -> None:
    person.upload("red.jpg")
    person.world.transport.faults_before.append(deny_access("red.jpg"))
    begin_photo_processing(person.world.ledger, Source.new(INPUT_BUCKET, "red.jpg"), person.world.clock.now())
    assert "S3 denies access to the photo." in person.run("show", "red.jpg").out
    person.world.run_for(900)
    assert list_wait_codes(person, "red.jpg") == ["file_unreadable"]
    assert "The photo is not in the bucket." not in person.run("show", "red.jpg").out


def test_show_points_to_doctor_if_photo_never_reached_intake(person: Person) -> None:
    person.upload("red.jpg")
    fresh = person.run("show", "red.jpg")
    assert (fresh.code, "try again in a moment" in fresh.err, "doctor" in fresh.err) == (3, True, False)
    person.world.clock.sleep(61)
    old = person.run("show", "red.jpg")
    assert (old.code, "try again" in old.err, "run `backdrop doctor`" in old.err) == (3, False, True)


def test_show_says_that_an_upload_to_a_readable_bucket_starts_nothing(person: Person) -> None:
    person.world.s3.upload(READABLE_BUCKET, "red.jpg", build_photo())
    person.world.run_until_empty()
    person.world.clock.sleep(61)
    result = person.run("show", f"@{READABLE_BUCKET}/red.jpg")
    assert (result.code, "nothing has requested it yet" in result.err, "doctor" in result.err) == (3, True, False)


def test_show_says_since_when_a_paid_photo_is_not_delivered(person: Person) -> None:
    person.upload("red.jpg")
    person.world.run_until_empty("intake", "ideogram")
    (job,) = person.world.list_jobs("red.jpg")
    (wait,) = list_waits(person, "red.jpg")
    assert job.paid_at
    assert (wait["code"], wait["since"]) == ("delivering", job.paid_at.isoformat(timespec="seconds"))
    assert "doctor" not in wait["hint"]
    person.world.clock.sleep(600)
    (wait,) = list_waits(person, "red.jpg")
    assert "`backdrop doctor`, which checks deliver's trigger and queue" in wait["hint"]
    assert person.run("show", "red.jpg", "--json").data["stage"] == "delivering"


def test_show_says_that_deliver_crashed_on_a_paid_photo(person: Person) -> None:
    person.upload("red.jpg")
    person.world.run_until_empty("intake", "ideogram")
    (job,) = person.world.list_jobs("red.jpg")
    now = person.world.clock.now()
    begin_job_processing(person.world.ledger, job, 2, now, now + timedelta(seconds=120))
    person.world.clock.sleep(600)
    assert list_wait_codes(person, "red.jpg") == ["crashed"]
    assert "the log of the function shop-deliver" in read_text(person, "red.jpg")


def test_show_of_lost_answer_says_when_it_is_settled(person: Person) -> None:
    person.upload("red.jpg")
    person.world.run_until_empty("intake")
    person.world.provider.script.append(build_charged_hang_up())
    person.world.transport.faults_after.append(TargetedFault(crash_worker, "transact_write_items", nth=2))
    person.world.deliver_next("ideogram")
    (job,) = person.world.list_jobs("red.jpg")
    (wait,) = list_waits(person, "red.jpg")
    attempt = job.find_attempt(job.attempt_no)
    assert attempt
    assert f"The call will be over by {format_utc(attempt.lease_until)}." in wait["message"]
    assert "pay-again" not in read_text(person, "red.jpg")


def test_show_points_to_doctor_if_reconcile_does_not_settle_a_call(person: Person) -> None:
    person.upload("red.jpg")
    person.world.run_until_empty("intake")
    person.world.transport.faults_after.append(TargetedFault(crash_worker, "transact_write_items", nth=1))
    person.world.deliver_next("ideogram")
    (wait,) = list_waits(person, "red.jpg")
    assert (wait["code"], "doctor" in wait["hint"]) == ("in_flight", False)
    person.world.clock.sleep(3600)
    (wait,) = list_waits(person, "red.jpg")
    assert (wait["code"], wait["hint"]) == ("in_flight", "Run `backdrop doctor`, which checks reconcile.")


def test_show_states_the_period_of_a_rate_limit(person: Person) -> None:
    person.world.provider.script.append(build_refusal(RetryClass.QUOTA, Code.PROVIDER_THROTTLED, retry_after=900))
    person.upload("red.jpg")
    person.world.run_until_empty("intake")
    person.world.deliver_next("ideogram")
    (wait,) = list_waits(person, "red.jpg")
    assert wait["code"] == "provider_throttled"
    (job,) = person.world.list_jobs("red.jpg")
    seconds = f"{job.throttled_ms / 1000:,.0f} s"
    assert job.submitted_at
    message = f"{format_utc(job.submitted_at)} began to wait for the provider's rate limit: {seconds}"
    assert f"{message} so far" in read_text(person, "red.jpg")
    person.world.run_until_empty()
    (job,) = person.world.list_jobs("red.jpg")
    assert f"{message} until {format_utc(job.attempts[-1].submitted_at)}" in read_text(person, "red.jpg")


def test_show_names_the_variants_that_a_partly_delivered_photo_lacks(person: Person) -> None:
    refused = {"operation": "remove", "shadow": "contact", "output": {"logo": {"image": "_backdrop/none.png"}}}
    delivered = {"prompt": "at sea"}
    person.world.upload_sidecar("red.jpg", variants={"a": delivered, "b": refused, "c": delivered})
    person.world.upload_photo("red.jpg", build_photo())
    person.world.run_until_empty()
    assert "delivered in part: variant b refused" in read_text(person, "red.jpg")
    assert person.run("show", "red.jpg", "--json").data["stage"] == "partly"


def test_show_prints_the_same_advice_once(person: Person) -> None:
    person.world.upload_sidecar("red.jpg", variants={"a": {"prompt": "at sea"}, "b": {"prompt": "at home"}})
    person.world.upload_photo("red.jpg", build_photo())
    person.run("pause", "ideogram")
    person.world.run_until_empty("intake")
    assert list_wait_codes(person, "red.jpg") == ["paused_by_person"] * 2
    output = read_text(person, "red.jpg")
    assert (output.count("has been paused since"), output.count("`backdrop resume`")) == (2, 1)
    assert "customer" not in output


def test_show_of_delivered_photo_names_no_wait(person: Person) -> None:
    person.upload("red.jpg")
    person.world.run_until_empty()
    assert list_waits(person, "red.jpg") == []


@pytest.mark.parametrize(
    ("subject", "words"),
    [
        (SUBJECT, r"✓ amazon-main, rules of [0-9-]+: passed all [0-9]+ rules"),
        ((-200, 100, 400, 600), r"✗ amazon-main, rules of [0-9-]+: failed: .*whole product"),
    ],
)
def test_show_prints_certificates_that_passed_or_failed(
    person: Person, monkeypatch: pytest.MonkeyPatch, subject: tuple[int, int, int, int], words: str
) -> None:
    monkeypatch.setattr("tests.simulated.deliver.test_certificates.World", lambda: person.world)
    deliver(draw_cut_out(subject), {"for": "amazon-main"})
    assert re.search(words, read_text(person, KEY))


@pytest.mark.parametrize(
    ("photo", "scene", "words"),
    [
        (TRANSPARENT_PHOTO, SCENE, r"✓ same product [01][.0-9]+; a map of the changes is in _backdrop/changes/"),
        (
            TRANSPARENT_PHOTO,
            CHANGED_SCENE,
            r"✗ product changed 0[.0-9]+; a map of the changes is in _backdrop/changes/",
        ),
        (PHOTO, SCENE, r"\? not compared: the photo is opaque"),
    ],
)
def test_show_prints_verdict_with_score_and_map_or_reason(
    monkeypatch: pytest.MonkeyPatch, photo: bytes, scene: bytes, words: str
) -> None:
    world = build_world(photo, scene)
    world.run_until_empty()
    assert re.search(words, read_text(Person(world, monkeypatch), KEY))


def test_picture_that_waits_for_its_cut_out_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    world = build_world_with_cut_out()
    world.pause_lane(provider=CUT_OUT_LANE)
    world.run_for(120)
    person = Person(world, monkeypatch)
    assert "mask_pending" in list_wait_codes(person, KEY)


@pytest.mark.parametrize(
    ("command", "state"),
    [
        ((), "waits for approval"),
        (("review", "reject", KEY), "rejected"),
        (
            ("review", "redo", KEY, "--prompt", "on sand", "--yes"),
            "no longer waits for approval, because the job is superseded",
        ),
    ],
    ids=["waits", "rejected", "superseded"],
)
def test_show_prints_the_verdict_on_a_picture_that_is_not_delivered(
    command: tuple[str, ...], state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = build_world(TRANSPARENT_PHOTO, CHANGED_SCENE, **ON_GRASS, approval="required")
    world.run_until_empty()
    person = Person(world, monkeypatch)
    if command:
        person.run(*command)
        world.run_until_empty()
    text = read_text(person, KEY)
    assert f"picture 1 {state}: _backdrop/review/" in text
    assert "✗ product changed 0." in text
    assert "a map of the changes is in _backdrop/changes/" in text


def test_show_and_failures_name_each_refused_variant(monkeypatch: pytest.MonkeyPatch) -> None:
    variants = {name: {"prompt": f"on a {name}", "max_cost_usd": 0.001} for name in ("beach", "pier")}
    world = build_world(variants=variants)
    world.run_until_empty()
    person = Person(world, monkeypatch)
    shown, failures = read_text(person, KEY), person.run("failures").out
    for name in variants:
        assert f"✗ Variant {name}: The job costs up to" in shown
        assert f"{KEY} (variant {name})" in failures
    assert {one["variant"] for one in person.run("failures", "--json").data["failures"]} == set(variants)


def test_show_names_the_file_of_a_cut_out_that_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    world = build_world(operation="remove", approval="required")
    world.run_until_empty()
    assert "picture 1 waits for approval: _backdrop/review/" in read_text(Person(world, monkeypatch), KEY)


def test_show_of_a_retried_picture_has_the_duration_of_the_last_call(monkeypatch: pytest.MonkeyPatch) -> None:
    world = build_world(TRANSPARENT_PHOTO, CHANGED_SCENE, **ON_GRASS, subject={"otherwise": "retry"})
    world.run_until_empty()
    durations = re.findall(r"the call took (\d+\.\d) s", read_text(Person(world, monkeypatch), KEY))
    assert durations == ["11.0"]


def test_show_of_a_mask_is_not_taken_for_a_delivered_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    world = build_world(**ON_GRASS, subject={"mask": "buy"})
    world.run_until_empty()
    text = read_text(Person(world, monkeypatch), KEY)
    mask = text.partition("variant @mask")[2].partition("job ")[0]
    assert "It shows where the product is" in mask
    assert "stored, 10.0 s after it was accepted" in mask
    assert "operation: " not in mask
