"""Approval by a person: what is delivered is exactly what was approved, and no decision is lost."""

import json
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from backdrop.deliver.review_files import PreparedImage, ReviewFiles
from backdrop.imaging.output import PaidPicture
from backdrop.imaging.verify import verify_result
from backdrop.model.codes import Code
from backdrop.model.fidelity import FidelityVerdict
from backdrop.model.ids import sha256_hex
from backdrop.model.job import Job, JobStatus, MoneyStatus
from backdrop.model.job_warning import WarningCode
from backdrop.model.object_keys import paid_key
from backdrop.model.review import DecisionChannel, PictureDecision, ReviewDecision
from backdrop.operate.redrive import FailureFilter
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from simulation.world.transport import SimulatedCrash, TargetedFault, crash_worker
from tests.simulated.content_waits import is_waiting, read_task_response, send_task_request
from tests.simulated.deliver.test_fidelity import (
    CHANGED_SCENE,
    CUT_OUT,
    CUT_OUT_LANE,
    ON_GRASS,
    SCENE,
    SCENE_LANE,
    TRANSPARENT_PHOTO,
    build_world,
    draw_on,
    encode,
    find_job,
)
from tests.simulated.picture_decisions import (
    APPROVED,
    REJECTED,
    REVIEW_TOOL,
    assert_waits_for_people,
    decide,
    format_decision,
    list_event_kinds,
    list_events,
    read_letters,
    send_decision,
)
from tests.simulated.simulated_days import list_report_codes
from tests.simulated.stage_worlds import KEY, assert_at_rest, assert_budgets, replay_with_crashes
from tests.unit.ledger_items import list_warning_codes

REQUIRED: dict[str, Any] = {"approval": "required"}
REVIEWED: dict[str, Any] = ON_GRASS | REQUIRED
BY_VERDICT: dict[str, Any] = ON_GRASS | {"subject": {"otherwise": "review"}}
AWAITING = "Image Awaiting Approval"
PRICE_USD = 0.075
"""What one picture costs in the lane of the new backgrounds."""


def world_in_review(scene: bytes = SCENE, photo: bytes = TRANSPARENT_PHOTO, **fields: Any) -> World:
    """Returns a world in which a new background was bought, and its pictures wait for approval."""
    world = build_world(photo, scene, **REVIEWED | fields)
    world.run_until_empty()
    return world


def world_with_two_pictures(scene: bytes = SCENE, *, approval: str = "required") -> World:
    """Returns a world in which two pictures of a photo were requested."""
    instructions = REVIEWED | {"provider": CUT_OUT_LANE, "num_images": 2, "approval": approval}
    world = build_world(TRANSPARENT_PHOTO, **instructions)
    world.downloads.override_by_provider |= {CUT_OUT_LANE: scene}
    return world


def read_object(world: World, key: str) -> bytes:
    data = world.output_bucket.objects[key][-1].data
    assert data
    return data


def list_decisions(job: Job) -> list[ReviewDecision | None]:
    return [review.decision for review in job.reviews]


# -- the picture waits -----------------------------------------------------------------------------------------------


def test_picture_waits_for_a_person_before_it_is_delivered() -> None:
    world = world_in_review()
    job = find_job(world)
    assert_waits_for_people(world, [job])
    (review,) = job.reviews
    assert review.key == f"_backdrop/review/{job.job_id}/1_1-{review.sha256}.png"
    assert sha256_hex(read_object(world, review.key)) == review.sha256
    assert list_event_kinds(world) == [AWAITING]
    (event,) = list_events(world, AWAITING)
    picture = event.detail["picture"]
    assert (picture["n"], picture["key"], picture["sha256"]) == (1, review.key, review.sha256)
    assert (picture["fidelity"]["verdict"], event.detail["job"]["job_id"]) == ("same", job.job_id)
    receipt = world.read_receipt(KEY)
    assert receipt
    assert (receipt["jobs"][0]["status"], receipt["total_usd"]) == ("review", PRICE_USD)
    assert receipt["jobs"][0]["reviews"] == [picture]


def test_approved_picture_is_made_from_the_file_that_people_saw() -> None:
    world = world_in_review()
    job = find_job(world)
    world.output_bucket.objects.pop(paid_key(job.job_id, 1, 1, "png"))
    decide(world, APPROVED, job)
    job = find_job(world)
    (result,) = job.results
    delivered = Image.open(BytesIO(read_object(world, result.key))).convert("RGB")
    assert delivered.tobytes() == draw_on((60, 120, 70)).tobytes()
    (review,) = job.reviews
    assert (review.decision, review.decided_by, review.decided_via, review.event_source) == (
        ReviewDecision.APPROVED,
        "ann",
        DecisionChannel.EVENT,
        REVIEW_TOOL,
    )
    assert result.fidelity == review.fidelity
    assert list_event_kinds(world) == [AWAITING, "Image Completed"]
    assert_at_rest(world)


def test_picture_that_is_not_a_png_is_reviewed_as_a_lossless_one() -> None:
    jpeg = encode(draw_on((60, 120, 70)), "JPEG")
    world = world_in_review(jpeg)
    (review,) = find_job(world).reviews
    seen = Image.open(BytesIO(read_object(world, review.key)))
    assert seen.format == "PNG"
    assert seen.convert("RGB").tobytes() == Image.open(BytesIO(jpeg)).convert("RGB").tobytes()


def test_rejection_is_no_failure_and_its_money_is_spent() -> None:
    world = world_in_review()
    decide(world, REJECTED, find_job(world))
    job = find_job(world)
    assert (job.status, job.money, job.results, job.announced) == (JobStatus.REJECTED, MoneyStatus.SPENT, (), True)
    (event,) = list_events(world, "Image Failed")
    (error,) = event.detail["errors"]
    assert (error["code"], error["status"], error["money"]) == ("rejected", "rejected", "spent")
    assert list_report_codes(world, KEY) == ["rejected"]
    assert not read_letters(world)
    assert_at_rest(world)


def test_rejected_picture_is_announced_even_if_its_message_is_lost() -> None:
    world = world_in_review()
    send_decision(world, REJECTED, find_job(world))
    world.run_until_empty("intake")
    world.queues["deliver"].messages.clear()
    world.run_for(1800)
    world.run_reconcile()
    world.run_until_empty()
    assert list_event_kinds(world) == [AWAITING, "Image Failed"]
    assert_at_rest(world)


def test_cut_out_is_reviewed_too() -> None:
    world = World()
    world.downloads.override_by_provider |= {CUT_OUT_LANE: CUT_OUT}
    world.upload_photo(KEY, encode(draw_on((200, 210, 220)), "JPEG"))
    world.upload_sidecar(KEY, operation="remove", **REQUIRED)
    world.run_until_empty()
    job = find_job(world)
    assert_waits_for_people(world, [job])
    assert job.reviews[0].fidelity is None
    decide(world, APPROVED, job)
    assert find_job(world).status is JobStatus.STORED
    assert_at_rest(world)


@pytest.mark.parametrize("decision", [APPROVED, REJECTED])
@pytest.mark.parametrize("subject", [{"mask": "buy"}, {"pixels": "provider"}, {"min": 0.5}])
def test_decision_about_the_same_pixels_is_kept(decision: str, subject: dict[str, Any]) -> None:
    world = world_in_review()
    decide(world, decision, find_job(world))
    before = find_job(world)
    world.upload_sidecar(KEY, **REVIEWED | {"subject": subject})
    world.run_until_empty()
    after = find_job(world)
    assert (after.status, list_decisions(after)) == (before.status, list_decisions(before))


def test_cut_out_in_review_is_a_mask() -> None:
    world = build_world(
        encode(draw_on((200, 210, 220)), "JPEG"),
        **REQUIRED,
        variants={"scene": ON_GRASS, "cut-out": {"operation": "remove"}},
    )
    world.run_until_empty()
    scene = find_job(world, "scene")
    assert scene.reviews[0].fidelity
    assert scene.reviews[0].fidelity.verdict is FidelityVerdict.SAME
    assert_waits_for_people(world, [scene, find_job(world, "cut-out")])


def test_own_pixels_are_what_people_see_and_what_is_delivered() -> None:
    world = world_in_review(subject={"pixels": "own"})
    job = find_job(world)
    seen = read_object(world, job.reviews[0].key)
    assert seen != SCENE
    decide(world, APPROVED, job)
    (result,) = find_job(world).results
    assert Image.open(BytesIO(read_object(world, result.key))).tobytes() == Image.open(BytesIO(seen)).tobytes()


def test_warnings_about_the_picture_survive_its_review() -> None:
    world = world_in_review(photo=encode(draw_on((200, 210, 220)), "JPEG"), subject={"pixels": "own"})
    job = find_job(world)
    assert [one.code for one in job.reviews[0].warnings] == [WarningCode.MASK_UNAVAILABLE]
    receipt = world.read_receipt(KEY)
    assert receipt
    [shown] = receipt["jobs"][0]["reviews"]
    assert shown["warnings"] == [one.text_with_code for one in job.reviews[0].warnings]
    decide(world, APPROVED, job)
    assert list_warning_codes(find_job(world)) == [WarningCode.MASK_UNAVAILABLE]


# -- by verdict ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("photo", "scene", "is_reviewed"),
    [
        (TRANSPARENT_PHOTO, SCENE, False),
        (TRANSPARENT_PHOTO, CHANGED_SCENE, True),
        (encode(draw_on((200, 210, 220)), "JPEG"), SCENE, True),
    ],
    ids=["same", "changed", "cannot_say"],
)
def test_only_pictures_without_the_verdict_same_are_reviewed(photo: bytes, scene: bytes, is_reviewed: bool) -> None:
    world = build_world(photo, scene, **BY_VERDICT)
    world.run_until_empty()
    job = find_job(world)
    assert job.status is (JobStatus.REVIEW if is_reviewed else JobStatus.STORED)
    assert bool([key for key in world.output_bucket.objects if "/review/" in key]) is is_reviewed
    if is_reviewed:
        decide(world, APPROVED, job)
    assert find_job(world).status is JobStatus.STORED
    assert_at_rest(world)


# -- several pictures ------------------------------------------------------------------------------------------------


def test_only_the_approved_one_of_two_pictures_is_delivered() -> None:
    world = world_with_two_pictures()
    world.run_until_empty()
    job = find_job(world)
    assert [review.n for review in job.reviews] == [1, 2]
    assert len(list_events(world, AWAITING)) == 2
    decide(world, REJECTED, job, 1)
    assert_waits_for_people(world, [find_job(world)])
    receipt = world.read_receipt(KEY)
    assert receipt
    assert [one["decision"] for one in receipt["jobs"][0]["reviews"]] == ["rejected", None]
    decide(world, APPROVED, job, 2, by="bob")
    job = find_job(world)
    assert [result.n for result in job.results] == [2]
    assert list_warning_codes(job) == [WarningCode.PICTURE_REJECTED]
    assert_at_rest(world)


def test_two_rejections_end_the_job() -> None:
    world = world_with_two_pictures()
    world.run_until_empty()
    decide(world, REJECTED, find_job(world), 1, 2)
    assert find_job(world).status is JobStatus.REJECTED
    assert not world.read_pictures()
    assert_at_rest(world)


# -- two reviewers, repeated and bad events --------------------------------------------------------------------------


def test_repeated_event_changes_nothing() -> None:
    world = world_in_review()
    body = format_decision(world, APPROVED, find_job(world))
    for _ in range(3):
        world.sqs.send_externally(world.queues["intake"], body)
        world.run_until_empty()
    assert find_job(world).status is JobStatus.STORED
    assert list_event_kinds(world) == [AWAITING, "Image Completed"]
    assert not read_letters(world)
    assert_at_rest(world)


@pytest.mark.parametrize(("second", "letters"), [(APPROVED, []), (REJECTED, ["picture_decided"])])
def test_first_of_two_reviewers_decides(second: str, letters: list[str]) -> None:
    world = world_in_review()
    job = find_job(world)
    send_decision(world, APPROVED, job, by="ann")
    send_decision(world, second, job, by="bob")
    world.run_until_empty()
    assert list_decisions(find_job(world)) == [ReviewDecision.APPROVED]
    assert [letter["code"] for letter in read_letters(world)] == letters
    if letters:
        assert 'was approved by "ann" (claimed by shop.review-tool) on' in read_letters(world)[0]["reason"]
    assert_budgets(world)


@pytest.mark.parametrize("first", [APPROVED, REJECTED])
def test_decisions_at_the_same_time_do_not_overwrite_each_other(first: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another reviewer decides between the read and the write of the first one."""
    world = world_with_two_pictures()
    world.run_until_empty()
    job = find_job(world)
    original, calls = world.ledger.write_transition, list[str]()

    def decide_meanwhile(transition: Any) -> Any:
        monkeypatch.setattr(world.ledger, "write_transition", original)
        calls.append("raced")
        send_decision(world, APPROVED, job, 2, by="bob")
        world.deliver_next("intake")
        return original(transition)

    monkeypatch.setattr(world.ledger, "write_transition", decide_meanwhile)
    send_decision(world, first, job, 1, by="ann")
    world.run_until_empty()
    assert calls
    reviews = find_job(world).reviews
    expected = ReviewDecision.APPROVED if first is APPROVED else ReviewDecision.REJECTED
    assert [(review.decision, review.decided_by) for review in reviews] == [
        (expected, "ann"),
        (ReviewDecision.APPROVED, "bob"),
    ]
    assert_at_rest(world)


def test_event_about_an_unknown_picture_becomes_a_dead_letter() -> None:
    world = world_in_review()
    decide(world, APPROVED, find_job(world), 7)
    send_decision(world, APPROVED, "0" * 64)
    world.run_until_empty()
    assert [letter["code"] for letter in read_letters(world)] == ["picture_unknown", "picture_unknown"]
    assert_waits_for_people(world, [find_job(world)])


def test_event_about_another_file_is_refused() -> None:
    world = world_in_review()
    send_decision(world, APPROVED, find_job(world), sha256="f" * 64)
    world.run_until_empty()
    assert [letter["code"] for letter in read_letters(world)] == ["picture_superseded"]
    assert_waits_for_people(world, [find_job(world)])


BAD_DETAILS: dict[str, Callable[[dict[str, Any]], object]] = {
    "no job": lambda detail: detail.pop("job_id"),
    "another job ID": lambda detail: detail.update(job_id="x"),
    "no number": lambda detail: detail.pop("n"),
    "number 0": lambda detail: detail.update(n=0),
    "no whole number": lambda detail: detail.update(n=True),
    "nobody": lambda detail: detail.update(by=" "),
    "control character": lambda detail: detail.update(by="a\nb"),
    "bad hash": lambda detail: detail.update(sha256="f"),
    "another field": lambda detail: detail.update(why="because"),
}


@pytest.mark.parametrize("name", BAD_DETAILS)
def test_bad_event_becomes_a_dead_letter_that_shows_a_good_one(name: str) -> None:
    world = world_in_review()
    event = json.loads(format_decision(world, APPROVED, find_job(world)))
    BAD_DETAILS[name](event["detail"])
    world.sqs.send_externally(world.queues["intake"], json.dumps(event))
    world.run_until_empty()
    (letter,) = read_letters(world)
    assert letter["code"] == "damaged_message"
    assert '"job_id": "8c2f…", "n": 1' in letter["reason"]
    assert_waits_for_people(world, [find_job(world)])


# -- the photo or its instructions change ----------------------------------------------------------------------------


def test_new_instructions_end_the_review_and_its_money_is_spent() -> None:
    world = world_in_review()
    first = find_job(world)
    world.upload_sidecar(KEY, **ON_GRASS | {"prompt": "on sand"} | REQUIRED)
    world.run_until_empty()
    superseded, current = sorted(world.list_jobs(KEY), key=lambda job: job.job_id != first.job_id)
    assert (superseded.status, superseded.money) == (JobStatus.SUPERSEDED, MoneyStatus.SPENT)
    assert current.status is JobStatus.REVIEW
    receipt = world.read_receipt(KEY)
    assert receipt
    assert {job["status"]: job["current"] for job in receipt["jobs"]} == {"review": True, "superseded": False}
    assert receipt["total_usd"] == 2 * PRICE_USD
    decide(world, APPROVED, superseded)
    assert [letter["code"] for letter in read_letters(world)] == ["picture_superseded"]
    assert_waits_for_people(world, [current])


def test_photo_that_names_a_superseded_job_again_continues_its_review_without_a_purchase() -> None:
    world = world_in_review()
    instructions = REVIEWED
    world.upload_sidecar(KEY, **instructions | {"prompt": "on sand"})
    world.run_until_empty()
    world.upload_sidecar(KEY, **instructions)
    world.run_until_empty()
    assert sorted(job.status for job in world.list_jobs(KEY)) == [JobStatus.REVIEW, JobStatus.SUPERSEDED]
    assert sum(len(job.attempts) for job in world.list_jobs(KEY)) == 2
    current = next(job for job in world.list_jobs(KEY) if job.status is JobStatus.REVIEW)
    decide(world, APPROVED, current)
    assert_at_rest(world)


def test_review_that_began_after_its_photo_changed_ends() -> None:
    """Intake supersedes the job while deliver computes its pictures: it is paid then, so intake leaves it alone."""
    world = build_world(TRANSPARENT_PHOTO, **REVIEWED)
    world.run_until_empty("intake", SCENE_LANE)
    world.upload_sidecar(KEY, operation="remove")
    world.run_until_empty("intake")
    world.run_until_empty()
    scene = next(job for job in world.list_jobs(KEY) if job.operation == "replace")
    assert scene.status is JobStatus.SUPERSEDED
    assert AWAITING not in list_event_kinds(world)
    assert_at_rest(world)


def test_deleted_photo_leaves_its_pictures_in_review() -> None:
    world = world_in_review()
    job = find_job(world)
    world.delete_file(KEY)
    world.run_until_empty()
    assert_waits_for_people(world, [find_job(world)])
    decide(world, APPROVED, job)
    assert len(find_job(world).results) == 1
    assert_at_rest(world)


def test_other_outputs_do_not_start_the_review_over() -> None:
    world = world_in_review()
    before = find_job(world)
    world.upload_sidecar(KEY, **REVIEWED, output={"format": "jpg"})
    world.run_until_empty()
    assert find_job(world).reviews == before.reviews
    assert len(list_events(world, AWAITING)) == 1
    decide(world, APPROVED, before)
    assert [result.format for result in find_job(world).results] == ["jpg"]
    assert_at_rest(world)


def test_own_pixels_start_the_review_over_from_the_same_purchase() -> None:
    world = world_in_review()
    before = find_job(world)
    world.upload_sidecar(KEY, **REVIEWED, subject={"pixels": "own"})
    world.run_until_empty()
    after = find_job(world)
    assert after.attempts == before.attempts
    assert after.reviews[0].sha256 != before.reviews[0].sha256
    assert len(list_events(world, AWAITING)) == 2
    send_decision(world, APPROVED, after, sha256=before.reviews[0].sha256)
    world.run_until_empty()
    assert_waits_for_people(world, [find_job(world)])


def test_instructions_without_approval_deliver_the_picture() -> None:
    world = world_in_review()
    world.upload_sidecar(KEY, **ON_GRASS, approval="none")
    world.run_until_empty()
    assert find_job(world).status is JobStatus.STORED
    assert_at_rest(world)


def test_lower_required_score_delivers_what_waited_because_of_it() -> None:
    world = build_world(TRANSPARENT_PHOTO, CHANGED_SCENE, **BY_VERDICT)
    world.run_until_empty()
    assert find_job(world).status is JobStatus.REVIEW
    world.upload_sidecar(KEY, **ON_GRASS, subject={"otherwise": "review", "min": 0})
    world.run_until_empty()
    assert find_job(world).status is JobStatus.STORED
    assert_at_rest(world)


def test_higher_required_score_asks_people_about_a_picture_again() -> None:
    world = build_world(TRANSPARENT_PHOTO, CHANGED_SCENE, **ON_GRASS, subject={"otherwise": "review", "min": 0})
    world.run_until_empty()
    assert find_job(world).status is JobStatus.STORED
    world.upload_sidecar(KEY, **BY_VERDICT)
    world.run_until_empty()
    assert find_job(world).status is JobStatus.REVIEW


def test_other_outputs_of_an_approved_picture_need_no_new_decision() -> None:
    world = world_in_review()
    decide(world, APPROVED, find_job(world))
    world.upload_sidecar(KEY, **REVIEWED, output={"format": "webp"})
    world.run_until_empty()
    job = find_job(world)
    assert (job.status, [result.format for result in job.results]) == (JobStatus.STORED, ["webp"])
    assert_at_rest(world)


def test_slow_worker_with_earlier_instructions_leaves_the_file_under_review() -> None:
    """It writes its file before the ledger tells it that another worker was faster."""
    world = world_in_review()
    job = find_job(world)
    (review,) = job.reviews
    verified = verify_result(CHANGED_SCENE, expect_alpha=False, max_megapixels=1)
    files = ReviewFiles(world.steps.bootstrap.output_bucket, world.clock, max_megapixels=1)
    kept = files.keep(job, 1, PreparedImage(PaidPicture(CHANGED_SCENE, verified), None))
    assert sha256_hex(read_object(world, review.key)) == review.sha256
    assert sha256_hex(read_object(world, kept.key)) == kept.sha256


# -- files that are gone ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [None, b"another file"], ids=["deleted", "replaced"])
def test_review_file_that_is_gone_is_made_again_from_the_paid_file(data: bytes | None) -> None:
    world = world_in_review()
    job = find_job(world)
    (review,) = job.reviews
    if data is None:
        world.output_bucket.objects.pop(review.key)
    else:
        world.s3.upload(world.output_bucket.name, review.key, data)
    decide(world, APPROVED, job)
    assert find_job(world).status is JobStatus.STORED
    assert sha256_hex(read_object(world, review.key)) == review.sha256
    assert_at_rest(world)


def test_picture_that_cannot_be_made_again_is_not_delivered_and_redrive_starts_the_review_over() -> None:
    world = world_in_review()
    job = find_job(world)
    world.output_bucket.objects.pop(job.reviews[0].key)
    world.s3.upload(world.output_bucket.name, paid_key(job.job_id, 1, 1, "png"), CHANGED_SCENE)
    decide(world, APPROVED, job)
    dead = find_job(world)
    assert dead.problem
    assert (dead.status, dead.problem.code, dead.results) == (JobStatus.DEAD, Code.REVIEW_FILE_GONE, ())
    redrive = world.steps.redrive()
    (failure,) = redrive.list_failures(FailureFilter())
    assert redrive.redrive(redrive.plan(failure, pay_again=False))
    world.run_until_empty()
    again = find_job(world)
    assert (again.status, list_decisions(again)) == (JobStatus.REVIEW, [None])
    assert again.attempts == job.attempts


# -- requests and copies ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "error"), [(APPROVED, ""), (REJECTED, "rejected")])
def test_task_token_waits_for_the_decision(kind: str, error: str) -> None:
    world = build_world(TRANSPARENT_PHOTO)
    world.run_until_empty()
    send_task_request(world, **REVIEWED | {"prompt": "on sand"})
    world.run_until_empty()
    assert is_waiting(world)
    decide(world, kind, next(job for job in world.list_jobs(KEY) if job.status is JobStatus.REVIEW))
    response = read_task_response(world)
    assert response.error == error
    assert_at_rest(world)


def test_item_of_a_campaign_is_answered_when_its_pictures_wait() -> None:
    world = build_world(TRANSPARENT_PHOTO)
    world.run_until_empty()
    send_task_request(world, run="spring", **REVIEWED | {"prompt": "on sand"})
    world.run_until_empty()
    response = read_task_response(world)
    assert [job["status"] for job in response.output["jobs"]] == ["review"]


def test_copy_of_a_photo_in_review_reuses_the_purchase_and_is_reviewed_itself() -> None:
    world = world_in_review()
    world.upload_photo("copy.jpg", TRANSPARENT_PHOTO)
    world.upload_sidecar("copy.jpg", **REVIEWED)
    world.run_until_empty()
    (copy,) = world.list_jobs("copy.jpg")
    assert (copy.status, copy.reused_from, copy.attempts) == (JobStatus.REVIEW, find_job(world).job_id, ())
    decide(world, REJECTED, find_job(world))
    decide(world, APPROVED, copy)
    assert [job.status for job in (*world.list_jobs(KEY), *world.list_jobs("copy.jpg"))] == [
        JobStatus.REJECTED,
        JobStatus.STORED,
    ]
    assert_at_rest(world)


def test_copy_that_waited_for_the_purchase_continues_when_the_review_begins() -> None:
    world = build_world(TRANSPARENT_PHOTO, **REVIEWED)
    world.upload_photo("copy.jpg", TRANSPARENT_PHOTO)
    world.upload_sidecar("copy.jpg", **ON_GRASS)
    world.run_until_empty()
    (copy,) = world.list_jobs("copy.jpg")
    statuses = {copy.status, find_job(world).status}
    assert statuses <= {JobStatus.REVIEW, JobStatus.STORED}
    assert sum(len(job.attempts) for job in world.list_jobs()) == 1


# -- crashes ---------------------------------------------------------------------------------------------------------


def build_small_world_with_two_pictures() -> World:
    """Returns a world whose pictures are small and cannot be compared, because a crash test repeats everything."""
    world = World()
    world.upload_photo(KEY, build_photo())
    world.upload_sidecar(KEY, prompt="on grass", num_images=2, **REQUIRED)
    return world


def repair(world: World) -> None:
    for _ in range(2):
        world.run_for(1800)
        world.run_reconcile()
        world.run_until_empty(max_deliveries=3000)


@pytest.mark.parametrize("second", [APPROVED, REJECTED])
def test_crash_after_any_call_loses_no_decision(second: str) -> None:
    def play(world: World) -> None:
        world.run_until_empty(max_deliveries=3000)
        job = find_job(world)
        send_decision(world, REJECTED, job, 1, by="ann")
        send_decision(world, second, job, 2, by="bob")
        world.run_until_empty(max_deliveries=3000)

    is_approved = second is APPROVED
    for call, world in replay_with_crashes(build_small_world_with_two_pictures, play):
        repair(world)
        job = find_job(world)
        last = ReviewDecision.APPROVED if is_approved else ReviewDecision.REJECTED
        decisions = [(review.decision, review.decided_by) for review in job.reviews]
        assert decisions == [(ReviewDecision.REJECTED, "ann"), (last, "bob")], call
        assert job.status is (JobStatus.STORED if is_approved else JobStatus.REJECTED), call
        assert [result.n for result in job.results] == [2] * is_approved, call
        end = "Image Completed" if is_approved else "Image Failed"
        assert list_event_kinds(world) == [AWAITING, AWAITING, end], call
        assert not read_letters(world), call
        assert_at_rest(world)


def test_receipt_shows_the_decision_of_a_command_that_was_killed_after_its_write() -> None:
    """The picture is decided, so the command is not run again; the other one still waits."""
    world = world_with_two_pictures()
    world.run_until_empty()
    decision = PictureDecision(find_job(world).job_id, 1, ReviewDecision.REJECTED, "ann", DecisionChannel.CLI)
    world.transport.faults_after.append(TargetedFault(crash_worker, "transact_write_items"))
    with pytest.raises(SimulatedCrash):
        world.steps.bootstrap.approvals().decide(decision)
    repair(world)
    receipt = world.read_receipt(KEY)
    assert receipt
    assert [one["decision"] for one in receipt["jobs"][0]["reviews"]] == ["rejected", None]


def test_job_that_never_asks_people_fetches_each_picture_once_and_keeps_no_copy() -> None:
    for approval, is_kept in (("none", False), ("required", True)):
        world = world_with_two_pictures(approval=approval)
        world.run_until_empty()
        reads = [call for call in world.transport.calls if call.operation == "fetch"]
        assert len(reads) == 2
        assert any("/review/" in key for key in world.output_bucket.objects) is is_kept
