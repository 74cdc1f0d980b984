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
from tests.simulated.simulation import KEY, OK, PRICE, UNREACHED, assert_at_rest, claim, dropped, the_job
from tests.unit.core_items import warning_codes

PICTURE = f"{KEY}/red.png"
EXPIRED = ResultError(Code.LINK_EXPIRED, "the link answers 410")
REMOVE, REPLACE = {"operation": "remove"}, {"prompt": "on a marble table"}


def paid() -> World:
    """Returns a world with a photo whose background is to be removed, paid for and not delivered; its message waits."""
    world = World()
    world.upload_photo(KEY, build_photo())
    world.upload_sidecar(KEY, **REMOVE)
    world.run_until_empty("intake", "ideogram")
    assert the_job(world).status is JobStatus.PAID
    return world


def removed(world: World) -> Job:
    """Returns the job that removes the background."""
    return next(job for job in world.list_jobs() if job.operation == "remove")


def asked(world: World, fields: dict[str, str]) -> None:
    """A person edits the sidecar, and intake reads it at once."""
    world.upload_sidecar(KEY, **fields)
    world.run_until_empty("intake")


def kept(world: World) -> list[str]:
    """Returns the names of the provider's files that are kept."""
    return [key.rpartition("/")[2] for key in world.output_bucket.list_keys() if key.startswith(f"{PAID_PREFIX}/")]


def dies_after_keeping(world: World) -> None:
    """The worker that keeps the provider's file crashes immediately afterwards."""
    world.transport.faults_after.append(
        TargetedFault(crash_worker, "put_object", matches=lambda call: PAID_PREFIX in call.request["Key"])
    )


def assert_handed_over(world: World) -> None:
    """Asserts that the job that the photo names is stored and its picture exists."""
    job = removed(world)
    source = world.read_source(KEY)
    assert source
    assert list(source.jobs.values()) == [job.job_id]
    assert (job.status, [result.key for result in job.results]) == (JobStatus.STORED, [PICTURE])
    assert WarningCode.NOT_CURRENT not in warning_codes(job)
    found = world.output_bucket.find_current(PICTURE)
    assert found
    assert (found.metadata["backdrop-job"], found.id) == (job.job_id, job.results[0].version_id)
    assert world.read_report(KEY) is None
    assert_at_rest(world)


# -- the file that is kept ---------------------------------------------------------------------------------------


def test_message_after_link_expiry_delivers_the_kept_file() -> None:
    world = paid()
    dies_after_keeping(world)
    world.deliver_next("deliver")
    world.deliver_next("deliver")
    assert the_job(world).status is JobStatus.PAID
    assert kept(world) == ["1_1.png"]
    world.queues["deliver"].messages.clear()
    world.clock.sleep(30 * 86_400)
    world.downloads.override = EXPIRED
    job = the_job(world)
    enqueue_delivery(world.intake.photo_intake.deliver_queue, job, job.job_id)
    world.run_until_empty()
    assert len(world.downloads.fetched_urls) == 2, "the link is tried before the kept file is looked for"
    assert_handed_over(world)


def test_reinstated_job_is_delivered_from_the_kept_file() -> None:
    world = paid()
    world.run_until_empty()
    for fields in (REPLACE, REMOVE):
        world.upload_sidecar(KEY, **fields)
        if fields is REMOVE:
            world.downloads.override = EXPIRED
        world.run_until_empty()
    assert len(world.downloads.fetched_urls) == 2
    assert strip_photo_metadata(world.read_pictures()[PICTURE]) == build_picture(world.downloads.fetched_urls[0])
    assert_handed_over(world)


def on_its_second_call(world: World) -> Job:
    """Returns the job after its first call was given up as never sent, with its second one in flight."""
    now, advance = world.clock.now(), world.ledger.write_transition
    job = advance(claim(the_job(world), now))
    job = advance(transitions.record_result(job, 1, UNREACHED, now))
    return advance(claim(job, now))


def test_file_is_kept_under_the_paid_attempt() -> None:
    """The first call's answer arrives while the second is in flight; its links are the ones that are used."""
    world = dropped()
    world.run_until_empty("intake", "deliver")
    now, advance = world.clock.now(), world.ledger.write_transition
    job = on_its_second_call(world)
    late = ProviderResult(RetryClass.OK, links=(PictureLink(url="https://results.invalid/late.png"),), charged=PRICE)
    job = advance(transitions.record_result(job, 1, late, now))
    advance(transitions.record_result(job, 2, OK, now))
    dies_after_keeping(world)
    world.run_until_empty()
    assert (world.crash_count, kept(world)) == (1, ["1_1.png"])
    assert world.downloads.fetched_urls == ["https://results.invalid/late.png"]
    assert (the_job(world).status, the_job(world).charged) == (JobStatus.STORED, 2 * PRICE)


def test_file_of_another_attempt_is_not_used() -> None:
    """A job that died with its first answer is reinstated by a late second one with other links and another file."""
    world = dropped()
    world.run_until_empty("intake", "deliver")
    now, advance = world.clock.now(), world.ledger.write_transition
    job = advance(transitions.record_result(on_its_second_call(world), 1, OK, now))
    world.downloads.override = build_photo("opaque")
    enqueue_delivery(world.intake.photo_intake.deliver_queue, job, job.job_id)
    world.run_until_empty("deliver")
    assert (the_job(world).status, kept(world)) == (JobStatus.DEAD, ["1_1.png"])
    world.downloads.override = None
    second = ProviderResult(
        RetryClass.OK, links=(PictureLink(url="https://results.invalid/second.png"),), charged=PRICE
    )
    job = advance(transitions.record_result(the_job(world), 2, second, now))
    enqueue_delivery(world.intake.photo_intake.deliver_queue, job, job.job_id)
    world.run_until_empty("deliver")
    assert the_job(world).status is JobStatus.STORED
    assert strip_photo_metadata(world.read_pictures()[PICTURE]) == build_picture("https://results.invalid/second.png")
    assert kept(world) == ["1_1.png", "2_1.png"]


# -- edits during a delivery -------------------------------------------------------------------------------------


def test_job_changed_during_delivery_is_delivered_on_redelivery() -> None:
    world = paid()
    job = the_job(world)

    def note(_: object) -> None:
        world.ledger.write_transition(transitions.reinstate(the_job(world)) or transitions.Transition(job))

    world.transport.faults_before.append(TargetedFault(note, "transact_write_items"))
    world.deliver_next("deliver")
    assert the_job(world).status is JobStatus.PAID
    world.run_until_empty()
    assert len(world.downloads.fetched_urls) == 1
    assert_handed_over(world)


def calls_of_a_delivery() -> int:
    """Returns how many calls the delivery of one paid photo makes."""
    world = paid()
    before = len(world.transport.calls)
    world.run_until_empty("deliver")
    return len(world.transport.calls) - before


CALLS = calls_of_a_delivery()


def edited_at(places: Sequence[tuple[int, dict[str, str]]]) -> World:
    """Delivers, with an edit of the sidecar before each of these calls, and then processes everything to the end."""
    world = paid()
    strikes = [TargetedFault(_edit(world, fields), nth=nth) for nth, fields in places]
    inside = False

    def edit(call: ServiceCall) -> None:
        """The edits' own calls do not count."""
        nonlocal inside
        if inside:
            return
        inside = True
        for strike in strikes:
            strike(call)
        inside = False

    world.transport.faults_before.append(edit)
    world.run_until_empty("deliver")
    world.transport.clear_faults()
    assert [strike.hit_count for strike in strikes] == [1] * len(strikes)
    world.run_until_empty()
    return world


def _edit(world: World, fields: dict[str, str]) -> Callable[[ServiceCall], None]:
    return lambda _: asked(world, fields)


@pytest.mark.parametrize("nth", range(1, CALLS + 1))
def test_photo_edited_and_reverted_within_one_call_has_its_picture(nth: int) -> None:
    assert_handed_over(edited_at([(nth, REPLACE), (nth, REMOVE)]))


@pytest.mark.parametrize("away", range(1, CALLS))
def test_photo_edited_and_reverted_between_calls_has_its_picture(away: int) -> None:
    """It is never stored and current without its picture."""
    for back in range(away + 1, CALLS + 1):
        assert_handed_over(edited_at([(away, REPLACE), (back, REMOVE)]))


def test_delivery_for_a_superseded_job_keeps_its_file() -> None:
    world = edited_at([(1, REPLACE)])
    old = removed(world)
    assert (old.status, old.results) == (JobStatus.STORED, ())
    assert WarningCode.NOT_CURRENT in warning_codes(old)
    assert len(kept(world)) == 2
    assert_at_rest(world)


def test_link_without_expiry_is_retried_for_an_hour() -> None:
    """A paid picture is not given up while its link may be valid, and not requested forever afterwards."""
    world = paid()
    world.downloads.override = RetryLaterError(Code.RESULT_UNREACHABLE, "the link answers 503", 5)
    begun = world.clock.now()
    world.run_until_empty()
    assert the_job(world).status is JobStatus.DEAD
    assert world.clock.now() - begun >= timedelta(hours=1)
    report = world.read_report(KEY)
    assert report
    assert [(one["code"], one["money"]) for one in report["errors"]] == [("link_expired", "spent")]
