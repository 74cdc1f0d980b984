"""A delivery that is repeated, late, or concurrent with edits: the paid file is delivered where it belongs."""

from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest

from backdrop.imaging.metadata import strip_photo_metadata
from backdrop.model import transitions
from backdrop.model.codes import Code
from backdrop.model.errors import ResultError, RetryLaterError
from backdrop.model.job import Job, JobStatus, PictureLink
from backdrop.model.job_warning import WarningCode
from backdrop.model.object_keys import PAID_PREFIX
from backdrop.model.provider_result import ProviderResult, RetryClass
from backdrop.pipeline.enqueue import enqueue_delivery
from simulation.world.sample_images import build_photo, build_picture
from simulation.world.simulated_stack import World
from simulation.world.transport import ServiceCall, TargetedFault, crash_worker
from tests.simulated.stage_worlds import (
    KEY,
    OK,
    PRICE,
    UNREACHED,
    assert_at_rest,
    claim,
    find_only_job,
    world_with_photo,
)
from tests.unit.ledger_items import list_warning_codes

PICTURE = f"{KEY}/red.png"
EXPIRED = ResultError(Code.LINK_EXPIRED, "the link answers 410")
REMOVE, REPLACE = {"operation": "remove"}, {"prompt": "on a marble table"}


def paid_world() -> World:
    """Returns a world with a background removal that is paid for but not delivered. Its message waits."""
    world = World()
    world.upload_photo(KEY, build_photo())
    world.upload_sidecar(KEY, **REMOVE)
    world.run_until_empty("intake", "ideogram")
    assert find_only_job(world).status is JobStatus.PAID
    return world


def find_removal(world: World) -> Job:
    """Returns the job that removes the background."""
    return next(job for job in world.list_jobs() if job.operation == "remove")


def edit_sidecar(world: World, fields: dict[str, str]) -> None:
    """A person edits the sidecar, and intake reads it at once."""
    world.upload_sidecar(KEY, **fields)
    world.run_until_empty("intake")


def list_kept_files(world: World) -> list[str]:
    """Returns the names of the provider's files that are kept."""
    return [key.rpartition("/")[2] for key in world.output_bucket.list_keys() if key.startswith(f"{PAID_PREFIX}/")]


def crash_after_keeping(world: World) -> None:
    """The worker that keeps the provider's file crashes immediately afterward."""
    world.transport.faults_after.append(
        TargetedFault(crash_worker, "put_object", matches=lambda call: PAID_PREFIX in call.request["Key"])
    )


def assert_delivered(world: World) -> None:
    """Asserts that the job that the photo names is stored and its picture exists."""
    job = find_removal(world)
    source = world.read_source(KEY)
    assert source
    assert list(source.jobs.values()) == [job.job_id]
    assert (job.status, [result.key for result in job.results]) == (JobStatus.STORED, [PICTURE])
    assert WarningCode.NOT_CURRENT not in list_warning_codes(job)
    found = world.output_bucket.find_current(PICTURE)
    assert found
    assert (found.metadata["backdrop-job"], found.id) == (job.job_id, job.results[0].version_id)
    assert world.read_report(KEY) is None
    assert_at_rest(world)


# -- the file that is kept ---------------------------------------------------------------------------------------


def test_kept_file_is_delivered_after_the_link_has_expired() -> None:
    world = paid_world()
    crash_after_keeping(world)
    world.deliver_next("deliver")
    world.deliver_next("deliver")
    assert find_only_job(world).status is JobStatus.PAID
    assert list_kept_files(world) == ["1_1.png"]
    world.queues["deliver"].messages.clear()
    world.clock.sleep(30 * 86_400)
    world.downloads.override = EXPIRED
    job = find_only_job(world)
    enqueue_delivery(world.intake.photo_intake.deliver_queue, job, job.job_id)
    world.run_until_empty()
    assert len(world.downloads.fetched_urls) == 2, "the link is tried before the kept file"
    assert_delivered(world)


def test_reinstated_job_is_delivered_from_the_kept_file() -> None:
    world = paid_world()
    world.run_until_empty()
    for fields in (REPLACE, REMOVE):
        world.upload_sidecar(KEY, **fields)
        if fields is REMOVE:
            world.downloads.override = EXPIRED
        world.run_until_empty()
    assert len(world.downloads.fetched_urls) == 2
    assert strip_photo_metadata(world.read_pictures()[PICTURE]) == build_picture(world.downloads.fetched_urls[0])
    assert_delivered(world)


def submit_second_call(world: World) -> Job:
    """Returns a job with a first call that was recorded as never sent, and a second call in flight."""
    now, advance = world.clock.now(), world.ledger.write_transition
    job = advance(claim(find_only_job(world), now))
    job = advance(transitions.record_result(job, 1, UNREACHED, now))
    return advance(claim(job, now))


def test_file_is_kept_under_the_paid_attempt() -> None:
    """The first call's answer arrives while the second call is in flight. The first call's links are used."""
    world = world_with_photo()
    world.run_until_empty("intake", "deliver")
    now, advance = world.clock.now(), world.ledger.write_transition
    job = submit_second_call(world)
    late = ProviderResult(RetryClass.OK, links=(PictureLink(url="https://results.invalid/late.png"),), charged=PRICE)
    job = advance(transitions.record_result(job, 1, late, now))
    advance(transitions.record_result(job, 2, OK, now))
    crash_after_keeping(world)
    world.run_until_empty()
    assert (world.crash_count, list_kept_files(world)) == (1, ["1_1.png"])
    assert world.downloads.fetched_urls == ["https://results.invalid/late.png"]
    assert (find_only_job(world).status, find_only_job(world).charged) == (JobStatus.STORED, 2 * PRICE)


def test_file_of_another_attempt_is_not_used() -> None:
    """A job that died with its first answer is reinstated by a late second answer with other links and another file."""
    world = world_with_photo()
    world.run_until_empty("intake", "deliver")
    now, advance = world.clock.now(), world.ledger.write_transition
    job = advance(transitions.record_result(submit_second_call(world), 1, OK, now))
    world.downloads.override = build_photo("opaque")
    enqueue_delivery(world.intake.photo_intake.deliver_queue, job, job.job_id)
    world.run_until_empty("deliver")
    assert (find_only_job(world).status, list_kept_files(world)) == (JobStatus.DEAD, ["1_1.png"])
    world.downloads.override = None
    second = ProviderResult(
        RetryClass.OK, links=(PictureLink(url="https://results.invalid/second.png"),), charged=PRICE
    )
    job = advance(transitions.record_result(find_only_job(world), 2, second, now))
    enqueue_delivery(world.intake.photo_intake.deliver_queue, job, job.job_id)
    world.run_until_empty("deliver")
    assert find_only_job(world).status is JobStatus.STORED
    assert strip_photo_metadata(world.read_pictures()[PICTURE]) == build_picture("https://results.invalid/second.png")
    assert list_kept_files(world) == ["1_1.png", "2_1.png"]


# -- edits during a delivery -------------------------------------------------------------------------------------


def test_job_changed_during_delivery_is_delivered_on_redelivery() -> None:
    world = paid_world()
    job = find_only_job(world)

    def note(_: object) -> None:
        world.ledger.write_transition(transitions.reinstate(find_only_job(world)) or transitions.Transition(job))

    world.transport.faults_before.append(TargetedFault(note, "transact_write_items"))
    world.deliver_next("deliver")
    assert find_only_job(world).status is JobStatus.PAID
    world.run_until_empty()
    assert len(world.downloads.fetched_urls) == 1
    assert_delivered(world)


def count_delivery_calls() -> int:
    """Returns how many calls the delivery of one paid photo makes."""
    world = paid_world()
    before = len(world.transport.calls)
    world.run_until_empty("deliver")
    return len(world.transport.calls) - before


CALLS = count_delivery_calls()


def deliver_with_edits(edits: Sequence[tuple[int, dict[str, str]]]) -> World:
    """Delivers, with an edit of the sidecar before each of these calls, and then processes everything to the end."""
    world = paid_world()
    faults = [TargetedFault(_edit_sidecar(world, fields), nth=nth) for nth, fields in edits]
    inside = False

    def edit(call: ServiceCall) -> None:
        """Calls that belong to the edits do not count."""
        nonlocal inside
        if inside:
            return
        inside = True
        for fault in faults:
            fault(call)
        inside = False

    world.transport.faults_before.append(edit)
    world.run_until_empty("deliver")
    world.transport.clear_faults()
    assert [fault.hit_count for fault in faults] == [1] * len(faults)
    world.run_until_empty()
    return world


def _edit_sidecar(world: World, fields: dict[str, str]) -> Callable[[ServiceCall], None]:
    return lambda _: edit_sidecar(world, fields)


@pytest.mark.parametrize("nth", range(1, CALLS + 1))
def test_photo_edited_and_reverted_within_one_call_has_its_picture(nth: int) -> None:
    assert_delivered(deliver_with_edits([(nth, REPLACE), (nth, REMOVE)]))


@pytest.mark.parametrize("away", range(1, CALLS))
def test_photo_edited_and_reverted_between_calls_has_its_picture(away: int) -> None:
    """The photo's current job is never stored without its picture."""
    for back in range(away + 1, CALLS + 1):
        assert_delivered(deliver_with_edits([(away, REPLACE), (back, REMOVE)]))


def test_delivery_for_a_superseded_job_keeps_its_file() -> None:
    world = deliver_with_edits([(1, REPLACE)])
    old = find_removal(world)
    assert (old.status, old.results) == (JobStatus.STORED, ())
    assert WarningCode.NOT_CURRENT in list_warning_codes(old)
    assert len(list_kept_files(world)) == 2
    assert_at_rest(world)


def test_link_without_expiry_is_retried_for_an_hour() -> None:
    """A paid picture is not abandoned while its link may be valid, and not requested forever afterward."""
    world = paid_world()
    world.downloads.override = RetryLaterError(Code.RESULT_UNREACHABLE, "the link answers 503", 5)
    started = world.clock.now()
    world.run_until_empty()
    assert find_only_job(world).status is JobStatus.DEAD
    assert world.clock.now() - started >= timedelta(hours=1)
    report = world.read_report(KEY)
    assert report
    assert [(one["code"], one["money"]) for one in report["errors"]] == [("link_expired", "spent")]
