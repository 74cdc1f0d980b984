"""Pictures: downloaded once, verified, and written only for the current job, never over a newer job's picture."""

from dataclasses import replace
from datetime import timedelta

import pytest
from PIL import Image

from backdrop.imaging.metadata import strip_photo_metadata
from backdrop.model.codes import Code
from backdrop.model.error_catalog import ERROR_CATALOG, PaidFile
from backdrop.model.errors import BackdropError, ResultError, RetryLaterError
from backdrop.model.job import Job, JobStatus
from backdrop.model.job_warning import WarningCode
from backdrop.model.object_keys import PAID_PREFIX, paid_key, response_key
from backdrop.model.transitions import Transition
from backdrop.operate.redrive import FailureFilter
from backdrop.providers.downloads import ResultDownloads
from simulation.world.sample_images import SIDE_PIXELS, build_photo, build_picture
from simulation.world.simulated_provider import CallBehavior
from simulation.world.simulated_stack import OUTPUT_BUCKET, World
from simulation.world.transport import TargetedFault, crash_worker, raise_throttle
from tests.imaging.photos import encode_image, scene
from tests.simulated.simulated_days import DAY, list_report_codes
from tests.simulated.stage_worlds import KEY, PRICE, assert_at_rest, deliver, find_only_job, world_with_photo
from tests.unit.ledger_items import list_warning_codes

PICTURE = f"{KEY}/red.png"


def paid_world(**fields: object) -> World:
    """Returns a world with a photo that is paid for and not delivered yet."""
    world = World()
    world.upload_photo(KEY, build_photo())
    world.upload_sidecar(KEY, **(fields or {"operation": "remove"}))
    world.run_until_empty("intake")
    world.run_until_empty("ideogram")
    assert find_only_job(world).status is JobStatus.PAID
    return world


def list_kept_files(world: World) -> list[str]:
    """Returns the provider's files that are kept."""
    return [key for key in world.output_bucket.list_keys() if key.startswith(f"{PAID_PREFIX}/")]


def test_every_picture_of_an_answer_is_delivered_and_kept() -> None:
    world = paid_world(prompt="on a marble table", num_images=3)
    world.run_until_empty()
    assert sorted(world.read_pictures()) == [PICTURE, f"{KEY}/red_2.png", f"{KEY}/red_3.png"]
    assert len(list_kept_files(world)) == 3
    for result, url in zip(find_only_job(world).results, world.downloads.fetched_urls, strict=True):
        assert strip_photo_metadata(world.read_pictures()[result.key]) == build_picture(url)
    assert_at_rest(world)


@pytest.mark.parametrize(
    ("reaction", "requested", "came", "code"),
    [
        (CallBehavior(unsafe_count=1), 3, 2, "unsafe_result"),
        (CallBehavior(unrecognized_count=1), 3, 2, "result_unrecognized"),
        (CallBehavior(missing_count=1), 2, 1, "fewer_results"),
    ],
    ids=["withheld", "unrecognized", "fewer"],
)
def test_missing_picture_is_only_a_warning_if_others_arrived(
    reaction: CallBehavior, requested: int, came: int, code: str
) -> None:
    """Every picture in a response is paid for, even if it cannot be used. A missing picture is not."""
    paid = requested - reaction.missing_count
    world = World()
    world.provider.default_behavior = reaction
    world.upload_photo(KEY, build_photo())
    world.upload_sidecar(KEY, prompt="on a marble table", num_images=requested)
    world.run_until_empty()
    job = find_only_job(world)
    assert (job.status, job.charged, len(job.results)) == (JobStatus.STORED, paid * 60_000, came)
    assert code in list_warning_codes(job)
    assert world.read_report(KEY) is None
    assert_at_rest(world)


def test_failed_download_of_one_picture_is_only_a_warning_if_another_arrived() -> None:
    world = paid_world(prompt="on a marble table", num_images=2)

    def lose_first(url: str) -> None:
        if url == world.downloads.fetched_urls[0]:
            raise ResultError(Code.RESULT_GONE, "the link answers 404")

    world.downloads.choose_picture = lose_first
    world.run_until_empty()
    job = find_only_job(world)
    assert (job.status, job.charged, len(job.results)) == (JobStatus.STORED, 2 * 60_000, 1)
    assert list_warning_codes(job) == ["result_gone"]
    assert (world.read_report(KEY), world.dead_letter_queue.messages) == (None, [])
    assert_at_rest(world)


def test_answer_with_only_withheld_pictures_ends_dead_and_spent() -> None:
    world = world_with_photo()
    world.provider.default_behavior = CallBehavior(unsafe_count=1)
    world.run_until_empty()
    assert (find_only_job(world).status, find_only_job(world).charged) == (JobStatus.DEAD, PRICE)
    (letter,) = world.dead_letter_queue.messages
    assert (letter.attributes["code"], letter.attributes["money"]) == ("unsafe_result", "spent")
    assert_at_rest(world)


def deliver_unrecognized(world: World, key: str = KEY) -> tuple[Job, str]:
    """Returns a job whose picture was not recognized, and its error report."""
    job, report = find_only_job(world, key), world.read_report(key)
    assert report
    (error,) = report["errors"]
    assert (job.status, error["code"], error["money"]) == (JobStatus.DEAD, Code.RESULT_UNRECOGNIZED, "spent")
    return job, error["message"]


def redrive_only_failure(world: World, *, pay_again: bool) -> bool:
    """Redrives the only failure as `backdrop redrive` does. Returns whether the job continued."""
    orders = world.steps.redrive()
    (failure,) = orders.list_failures(FailureFilter())
    went = orders.redrive(orders.plan(failure, pay_again=pay_again))
    world.run_until_empty()
    return went


def test_unrecognized_picture_ends_dead_with_its_response_kept() -> None:
    world = world_with_photo()
    world.provider.default_behavior = CallBehavior(unrecognized_count=1)
    world.run_until_empty()
    job, message = deliver_unrecognized(world)
    response = response_key(job.job_id, 1)
    assert list_kept_files(world) == [response]
    assert world.output_bucket.objects[response][-1].data == b'{"new_url": "https://results.invalid"}'
    assert response in message
    assert paid_key(job.job_id, 1, 1, "png") in message
    assert (job.charged, world.provider.charged_micro_usd, len(world.provider.received_job_ids)) == (PRICE, PRICE, 1)
    assert_at_rest(world)


def test_picture_saved_from_the_kept_response_is_delivered_for_free() -> None:
    world = world_with_photo()
    world.provider.default_behavior = CallBehavior(unrecognized_count=1)
    world.run_until_empty()
    job, _ = deliver_unrecognized(world)
    world.s3.upload(OUTPUT_BUCKET, paid_key(job.job_id, 1, 1, "png"), build_picture("saved by a person"))
    assert redrive_only_failure(world, pay_again=True)
    assert find_only_job(world).status is JobStatus.STORED
    assert strip_photo_metadata(world.read_pictures()[PICTURE]) == build_picture("saved by a person")
    assert (find_only_job(world).charged, len(world.provider.received_job_ids)) == (PRICE, 1)
    assert_at_rest(world)


def test_unrecognized_picture_that_was_not_saved_needs_pay_again() -> None:
    world = world_with_photo()
    world.provider.script.append(CallBehavior(unrecognized_count=1))
    world.run_until_empty()
    assert not redrive_only_failure(world, pay_again=False)
    deliver_unrecognized(world)
    assert redrive_only_failure(world, pay_again=True)
    assert (find_only_job(world).status, find_only_job(world).charged, len(world.provider.received_job_ids)) == (
        JobStatus.STORED,
        2 * PRICE,
        2,
    )
    assert_at_rest(world)


def test_charge_is_recorded_even_if_the_response_cannot_be_saved() -> None:
    world = world_with_photo()
    world.provider.default_behavior = CallBehavior(unrecognized_count=1)
    full = TargetedFault(
        raise_throttle, "put_object", matches=lambda call: "_response.txt" in str(call.request["Key"]), times=99
    )
    world.transport.faults_before.append(full)
    world.run_until_empty()
    job, message = deliver_unrecognized(world)
    assert full.hit_count
    assert (job.charged, world.provider.charged_micro_usd) == (PRICE, PRICE)
    assert "The response could not be kept" in message


@pytest.mark.parametrize(
    ("instead", "code"),
    [
        (ResultError(Code.LINK_EXPIRED, "the link answers 410"), Code.LINK_EXPIRED),
        (ResultError(Code.RESULT_GONE, "the link answers 404"), Code.RESULT_GONE),
        (ResultError(Code.RESULT_REDIRECTED, "the link answers 302"), Code.RESULT_REDIRECTED),
        (ResultError(Code.RESULT_FOREIGN_HOST, "the link names another host"), Code.RESULT_FOREIGN_HOST),
        (b"<html><body>Sorry</body></html>", Code.RESULT_NOT_AN_IMAGE),
        (b"", Code.RESULT_NOT_AN_IMAGE),
        (build_picture("cut")[:-20], Code.RESULT_TRUNCATED),
        (build_photo("opaque"), Code.RESULT_NOT_TRANSPARENT),
    ],
    ids=["expired", "gone", "redirected", "foreign host", "html", "empty", "truncated", "opaque"],
)
def test_undeliverable_picture_ends_dead_with_its_own_code(instead: bytes | BackdropError, code: Code) -> None:
    world = world_with_photo()
    world.downloads.override = instead
    world.run_until_empty()
    assert (find_only_job(world).status, world.read_pictures()) == (JobStatus.DEAD, {})
    assert bool(list_kept_files(world)) is (ERROR_CATALOG[code].paid_file is PaidFile.UNUSABLE_BUT_KEPT)
    report = world.read_report(KEY)
    assert report
    assert [(one["code"], one["money"]) for one in report["errors"]] == [(code, "spent")]
    (letter,) = world.dead_letter_queue.messages
    assert letter.attributes == {
        "code": code,
        "reason": report["errors"][0]["message"],
        "money": "spent",
        "job_id": find_only_job(world).job_id,
        "lock_version": str(find_only_job(world).lock_version - 1),
        "provider": "ideogram",
    }
    assert_at_rest(world)


def test_picture_that_would_show_nothing_is_dead_until_its_output_changes() -> None:
    """The output shows a narrow strip, and the provider left only what is next to it."""
    world = world_with_photo()
    beside = Image.new("RGBA", (SIDE_PIXELS, SIDE_PIXELS))
    beside.paste((9, 90, 30, 255), (0, 0, SIDE_PIXELS // 4, SIDE_PIXELS))
    world.downloads.override = encode_image(beside, "PNG")
    world.upload_sidecar(KEY, operation="remove", output={"width": 2, "height": 16, "fit": "cover"})
    world.run_until_empty()
    (job,) = world.list_jobs(KEY)
    assert (job.status, world.read_pictures(), job.charged) == (JobStatus.DEAD, {}, PRICE)
    report = world.read_report(KEY)
    assert report
    assert [(one["code"], one["money"]) for one in report["errors"]] == [("result_shows_nothing", "spent")]
    assert len(list_kept_files(world)) == 1
    assert_at_rest(world)


def test_new_picture_that_is_transparent_everywhere_is_kept_but_not_delivered() -> None:
    world = paid_world(prompt="on a marble table")
    world.downloads.override = encode_image(Image.new("RGBA", (SIDE_PIXELS, SIDE_PIXELS)), "PNG")
    world.run_until_empty()
    assert (find_only_job(world).status, world.read_pictures()) == (JobStatus.DEAD, {})
    assert list_report_codes(world, KEY) == ["result_shows_nothing"]
    assert len(list_kept_files(world)) == 1


def test_stray_parts_are_reported_in_the_receipt() -> None:
    world = world_with_photo()
    specked = Image.new("RGBA", (600, 600))
    specked.paste((9, 90, 30, 255), (200, 200, 400, 400))
    specked.paste((9, 90, 30, 60), (590, 590, 594, 594))
    world.downloads.override = encode_image(specked, "PNG")
    world.run_until_empty()
    assert WarningCode.STRAY_PARTS in list_warning_codes(find_only_job(world))


@pytest.mark.parametrize(("file_format", "suffix"), [("PNG", "png"), ("JPEG", "jpeg"), ("WEBP", "webp")])
def test_empty_cut_out_is_kept_under_its_actual_extension(file_format: str, suffix: str) -> None:
    world = world_with_photo()
    world.downloads.override = encode_image(scene(), file_format)
    world.run_until_empty()
    (key,) = list_kept_files(world)
    assert (find_only_job(world).status, key) == (JobStatus.DEAD, paid_key(find_only_job(world).job_id, 1, 1, suffix))
    found = world.s3.head_object(Bucket=OUTPUT_BUCKET, Key=key)
    assert found["ContentType"] == f"image/{suffix}"


def test_link_to_a_foreign_host_is_never_followed() -> None:
    with pytest.raises(ResultError) as raised:
        ResultDownloads({"ideogram": "https://api.ideogram.ai"}).fetch("ideogram", "https://results.invalid/1.png")
    assert raised.value.code is Code.RESULT_FOREIGN_HOST


def test_temporary_download_failure_is_retried_until_it_works() -> None:
    world = paid_world()
    world.downloads.override = RetryLaterError(Code.RESULT_UNREACHABLE, "the link answers 503", 5)
    world.run_for(60)
    assert find_only_job(world).status is JobStatus.PAID
    report = world.read_report(KEY)
    assert report
    assert [(one["code"], one["retryable"]) for one in report["errors"]] == [("result_unreachable", True)]
    world.downloads.override = None
    world.run_until_empty()
    assert find_only_job(world).status is JobStatus.STORED
    assert_at_rest(world)


def test_next_worker_reports_an_unreachable_picture_after_a_crash() -> None:
    world = paid_world()
    world.downloads.override = RetryLaterError(Code.RESULT_UNREACHABLE, "the link answers 503", 5)
    world.transport.faults_after.append(TargetedFault(crash_worker, "transact_write_items"))
    world.run_for(1000)
    report = world.read_report(KEY)
    assert report
    assert [one["code"] for one in report["errors"]] == ["result_unreachable"]


def test_redelivery_continues_and_downloads_nothing_twice() -> None:
    for nth in range(1, 8):
        world = paid_world(prompt="on a marble table", num_images=3)
        world.transport.faults_after.append(TargetedFault(crash_worker, "put_object", nth))
        world.run_until_empty()
        assert find_only_job(world).status is JobStatus.STORED
        assert len(world.downloads.fetched_urls) == len(set(world.downloads.fetched_urls)) == 3
        assert_at_rest(world)


# -- two jobs with the same keys --------------------------------------------------------------------------------


def world_with_two_paid_jobs() -> tuple[World, Job, Job]:
    """Returns a photo with two undelivered jobs: an older paid one, and a newer one that the photo names now."""
    world = paid_world()
    world.upload_sidecar(KEY, prompt="on a marble table")
    world.run_until_empty("intake")
    world.run_until_empty("ideogram")
    old, new = world.list_jobs()
    assert (old.status, new.status) == (JobStatus.PAID, JobStatus.PAID)
    return world, old, new


def test_superseded_job_keeps_its_file_and_writes_no_picture() -> None:
    world, _, _ = world_with_two_paid_jobs()
    world.run_until_empty()
    old, new = world.list_jobs()
    assert (old.status, old.results) == (JobStatus.STORED, ())
    assert "not_current" in list_warning_codes(old)
    assert [result.key for result in new.results] == [PICTURE]
    assert len(list_kept_files(world)) == 2
    assert_at_rest(world)


def test_reinstated_job_has_no_warning_about_the_time_between() -> None:
    world, _, _ = world_with_two_paid_jobs()
    world.run_until_empty()
    world.upload_sidecar(KEY, operation="remove")
    world.run_until_empty()
    back, other = sorted(world.list_jobs(), key=lambda job: job.operation)
    assert (back.status, len(back.results), back.warnings) == (JobStatus.STORED, 1, ())
    assert strip_photo_metadata(world.read_pictures()[PICTURE]) == build_picture(world.downloads.fetched_urls[0])
    assert world.provider.charged_micro_usd == PRICE + other.charged
    assert_at_rest(world)


def deliver_newer_job(world: World) -> None:
    """Gives the photo another job, which is bought and delivered at once."""
    world.upload_sidecar(KEY, prompt="on a marble table")
    world.run_until_empty("intake")
    world.run_until_empty("ideogram")
    world.run_until_empty("deliver")


def assert_only_picture(world: World, job: Job) -> None:
    """Asserts that the job's picture, and no other, is in the bucket."""
    found = world.s3.head_object(Bucket=OUTPUT_BUCKET, Key=PICTURE)
    assert (found["VersionId"], found["Metadata"]["backdrop-job"]) == (job.results[0].version_id, job.job_id)
    assert world.crash_count == 0
    assert_at_rest(world)


@pytest.mark.parametrize("nth", range(1, 10))
def test_newer_jobs_picture_is_never_overwritten(nth: int) -> None:
    """The newer job is created and delivered completely between any two calls of the older job's delivery."""
    world = paid_world()
    world.transport.faults_before.append(fault := TargetedFault(lambda _: deliver_newer_job(world), nth=nth))
    deliver(world, find_only_job(world), find_only_job(world).job_id)
    world.transport.clear_faults()
    world.run_until_empty()
    assert fault.hit_count == 1
    new = {job.operation: job for job in world.list_jobs()}["replace"]
    assert new.status is JobStatus.STORED
    assert_only_picture(world, new)


def test_newest_picture_replaces_an_older_one_written_over_it() -> None:
    """The instructions change back and forth. The newest job finds its own picture just before the older one writes."""
    world, old, new = world_with_two_paid_jobs()
    world.run_until_empty()
    world.upload_sidecar(KEY, operation="remove")
    world.run_until_empty("intake")

    def restore_instructions(_: object) -> None:
        world.upload_sidecar(KEY, prompt="on a marble table")
        world.run_until_empty("intake")
        deliver(world, new, new.job_id)

    world.transport.faults_before.append(fault := TargetedFault(restore_instructions, "put_object"))
    deliver(world, old, old.job_id)
    world.transport.clear_faults()
    world.run_until_empty()
    assert fault.hit_count == 1
    named = {job.job_id: job for job in world.list_jobs()}[new.job_id]
    assert_only_picture(world, named)


@pytest.mark.parametrize("nth", range(1, 10))
def test_two_deliveries_of_one_job_leave_one_picture(nth: int) -> None:
    world = paid_world()
    job = find_only_job(world)
    world.transport.faults_before.append(fault := TargetedFault(lambda _: deliver(world, job, job.job_id), nth=nth))
    deliver(world, job, job.job_id)
    world.transport.clear_faults()
    world.run_until_empty()
    assert fault.hit_count == 1
    assert len([version for version in world.output_bucket.objects[PICTURE] if version.data]) == 1
    assert_only_picture(world, find_only_job(world))


class LateLink:
    """The answers of links before they have their pictures, and for how long."""

    def __init__(self, world: World, answer: bytes | BackdropError, seconds: float, *, nth: int | None = None) -> None:
        self.world, self.answer, self.nth = world, answer, nth
        self.ready_at = world.clock.now() + timedelta(seconds=seconds)
        world.downloads.choose_picture = self.choose

    def choose(self, url: str) -> bytes | None:
        is_late = self.nth is None or [*dict.fromkeys(self.world.downloads.fetched_urls)].index(url) == self.nth
        if not is_late or self.world.clock.now() >= self.ready_at:
            return None
        if isinstance(self.answer, BackdropError):
            raise self.answer
        return self.answer


NOT_READY = {
    "404": ResultError(Code.RESULT_GONE, "the link answers 404"),
    "403": ResultError(Code.LINK_EXPIRED, "the link answers 403"),
    "400": ResultError(Code.RESULT_NOT_AN_IMAGE, "the link answers 400"),
    "broken off": ResultError(Code.RESULT_TRUNCATED, "the file ended early"),
    "503": RetryLaterError(Code.RESULT_UNREACHABLE, "the link answers 503", 5),
    "html": b"<html><body>Please wait</body></html>",
    "empty": b"",
    "cut": build_picture("cut")[:-20],
}


@pytest.mark.parametrize("answer", NOT_READY.values(), ids=NOT_READY)
def test_link_that_answers_wrongly_for_a_while_is_tried_until_it_has_the_picture(answer: bytes | BackdropError) -> None:
    world = paid_world()
    LateLink(world, answer, seconds=1800)
    world.run_for(900)
    report = world.read_report(KEY)
    assert report
    assert [(one["code"], one["retryable"]) for one in report["errors"]] == [("result_unreachable", True)]
    assert (find_only_job(world).status, list_kept_files(world)) == (JobStatus.PAID, [])
    world.run_until_empty()
    assert (find_only_job(world).status, world.read_report(KEY)) == (JobStatus.STORED, None)
    assert len(world.provider.received_job_ids) == 1
    assert len(world.downloads.fetched_urls) < 15
    assert_at_rest(world)


@pytest.mark.parametrize("code", [Code.RESULT_REDIRECTED, Code.RESULT_TOO_LARGE])
@pytest.mark.parametrize(("seconds", "status"), [(20, JobStatus.STORED), (60, JobStatus.DEAD)])
def test_answer_that_hardly_changes_is_tried_for_half_a_minute(code: Code, seconds: float, status: JobStatus) -> None:
    world = paid_world()
    LateLink(world, ResultError(code, "not here"), seconds)
    world.run_until_empty()
    assert find_only_job(world).status is status


def test_late_file_does_not_outlast_the_links_of_the_other_pictures() -> None:
    """The links of an answer expire together."""
    world = paid_world(prompt="on a marble table", num_images=3)
    LateLink(world, ResultError(Code.RESULT_GONE, "the link answers 404"), DAY, nth=0)
    world.run_for(60)
    assert (find_only_job(world).status, len(list_kept_files(world))) == (JobStatus.PAID, 2)
    world.downloads.override = ResultError(Code.LINK_EXPIRED, "the links answer 403")
    world.run_until_empty()
    assert (find_only_job(world).status, len(find_only_job(world).results)) == (JobStatus.STORED, 2)
    assert list_warning_codes(find_only_job(world)) == ["link_expired"]
    assert_at_rest(world)


def test_free_redrive_delivers_what_the_link_has_by_then() -> None:
    """A link without a statement of its own expiry counts as valid."""
    world = paid_world()
    job = find_only_job(world)
    world.ledger.write_transition(Transition(replace(job, links=(replace(job.links[0], expires_at=None),))))
    LateLink(world, ResultError(Code.RESULT_GONE, "the link answers 404"), DAY)
    world.run_until_empty()
    assert (find_only_job(world).status, list_report_codes(world, KEY)) == (JobStatus.DEAD, ["result_gone"])
    world.clock.sleep(DAY)
    assert redrive_only_failure(world, pay_again=False)
    assert (find_only_job(world).status, find_only_job(world).charged) == (JobStatus.STORED, PRICE)
    assert_at_rest(world)
