"""Pictures that are bought and cannot be delivered: the lane stops after a few, and goes on when one is delivered."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import count, pairwise

import pytest

from backdrop.model.circuit import (
    DELIVERY_FAULTS,
    FIRST_HALF_OPEN_DELAY,
    MAX_CHARGED_PROBE_DELAY,
    Gate,
    PauseReason,
    ProviderHealth,
    check_gate,
    half_open_if_due,
    observe_delivered,
    observe_result,
    observe_undelivered,
    pause,
    start_probe,
)
from backdrop.model.codes import Code
from backdrop.model.error_catalog import ERROR_CATALOG
from backdrop.model.errors import BackdropError, ResultError, RetryLaterError
from backdrop.model.job import JobStatus
from backdrop.model.sentence import Sentence
from backdrop.pipeline.breaker import DELIVERY_SECONDS
from simulation.world.call_behavior import CallBehavior
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from simulation.world.transport import ServiceCall, build_client_error
from tests.simulated.lane_states import RUNNING_LANE, list_reasons
from tests.simulated.simulated_days import list_event_types, list_pause_reasons, list_provider_codes, read_lane_health
from tests.simulated.stage_worlds import NOW, OK, REFUSED

NOT_STORED = (Code.STORAGE_UNAVAILABLE, Code.SIGNING_FAILED)
SURELY_USELESS = (
    Code.RESULT_FOREIGN_HOST,
    Code.RESULT_REDIRECTED,
    Code.RESULT_UNRECOGNIZED,
    Code.RESULT_TOO_LARGE,
)
SLOTS, PHOTOS, MOST_UNDELIVERED = 4, 40, 20
LATER = NOW + timedelta(minutes=5)
CALL_SECONDS = 15.0


# -- the rules -----------------------------------------------------------------------------------------------------


def observe_codes(*codes: Code | None, sources: Callable[[int], str] = str) -> ProviderHealth:
    """Returns a lane after these deliveries, each of another photo; None is a picture that was delivered."""
    lane = RUNNING_LANE
    for n, code in enumerate(codes):
        if code is None:
            lane = observe_delivered(lane, NOW)
        else:
            lane = observe_undelivered(lane, code, Sentence("words"), sources(n), NOW)
    return lane


@pytest.mark.parametrize("code", DELIVERY_FAULTS)
def test_pictures_in_a_row_that_are_not_delivered_pause_the_lane(code: Code) -> None:
    is_certain = code in (*NOT_STORED, *SURELY_USELESS)
    most = 2 if is_certain else 7
    assert not observe_codes(*[code] * most).is_paused
    lane = observe_codes(*[code] * (most + 1))
    is_stack_wide = code in NOT_STORED
    reason, pause_code = (
        (PauseReason.STORAGE, Code.PICTURES_NOT_STORED)
        if is_stack_wide
        else (PauseReason.RESULTS, Code.PICTURES_NOT_USABLE)
    )
    assert [(one.reason, one.code) for one in lane.pauses] == [(reason, pause_code)]
    assert lane.has_provider_problem is not is_stack_wide


def test_every_code_of_a_bought_picture_counts_unless_it_concerns_one_picture() -> None:
    bought = {code for code, entry in ERROR_CATALOG.items() if entry.paid_file}
    assert bought - {*DELIVERY_FAULTS} == {
        *(Code.LINK_EXPIRED, Code.PAID_FILE_GONE),  # what an earlier fault led to
        *(Code.OUTPUT_NOT_MADE, Code.REJECTED, Code.REVIEW_FILE_GONE),  # the file is good
    }


def test_different_faults_add_up() -> None:
    codes = Code.RESULT_REDIRECTED, Code.RESULT_TRUNCATED, Code.RESULT_UNRECOGNIZED, Code.UNSAFE_RESULT
    assert not observe_codes(*codes).is_paused
    assert observe_codes(*codes, Code.RESULT_UNREACHABLE).is_paused


def test_useless_pictures_among_good_ones_pause_nothing() -> None:
    for code in DELIVERY_FAULTS:
        assert observe_codes(*[code, code, None] * 20) == RUNNING_LANE


def test_useless_pictures_of_one_photo_pause_nothing() -> None:
    assert not observe_codes(*[Code.RESULT_NOT_AN_IMAGE] * 20, sources=lambda _: "the same").is_paused


def test_delivered_picture_lifts_only_what_it_tests() -> None:
    lane = observe_codes(*[Code.RESULT_REDIRECTED] * 3, *[Code.STORAGE_UNAVAILABLE] * 3)
    for reason in (PauseReason.OPERATOR, PauseReason.BUDGET, PauseReason.DELIVERY, PauseReason.KEY):
        lane = pause(lane, reason, Code.PAUSED_BY_PERSON, "words", NOW)
    assert {PauseReason.RESULTS, PauseReason.STORAGE} < list_reasons(lane)
    assert list_reasons(observe_delivered(lane, LATER)) == {
        PauseReason.OPERATOR,
        PauseReason.BUDGET,
        PauseReason.DELIVERY,
        PauseReason.KEY,
    }


def test_pictures_that_wait_are_a_free_test_whether_pictures_can_be_stored() -> None:
    not_stored, useless = (observe_codes(*[code] * 3) for code in (Code.STORAGE_UNAVAILABLE, Code.RESULT_FOREIGN_HOST))
    assert half_open_if_due(not_stored, LATER, has_undelivered=True) == not_stored
    assert half_open_if_due(not_stored, LATER, has_undelivered=False).is_half_open
    assert half_open_if_due(useless, LATER, has_undelivered=True).is_half_open


def test_charged_probes_become_rarer_until_a_picture_is_delivered() -> None:
    lane, now, probed_at = observe_codes(*[Code.RESULT_FOREIGN_HOST] * 3), NOW, []
    for source in range(12):
        while not (lane := half_open_if_due(lane, now)).is_half_open:
            now += timedelta(minutes=1)
        probed_at.append(now)
        lane = observe_result(start_probe(lane, now, LATER), replace(OK, charged=60_000), now, probe=True)
        lane = observe_undelivered(lane, Code.RESULT_FOREIGN_HOST, Sentence("words"), f"probe {source}", now)
        assert (list_reasons(lane), check_gate(lane, now)[0]) == ({PauseReason.RESULTS}, Gate.BLOCKED)
    waits = [later - earlier for earlier, later in pairwise(probed_at)]
    assert waits[:4] == [FIRST_HALF_OPEN_DELAY * 2**n for n in range(4)]
    assert {*waits[4:]} == {MAX_CHARGED_PROBE_DELAY}
    lane = observe_delivered(lane, now)
    assert (lane.allows_calls, lane.half_open_attempts, lane.next_half_open_at) == (True, 0, None)


def test_probe_that_is_not_charged_leaves_its_turn_to_the_next() -> None:
    lane = start_probe(half_open_if_due(observe_codes(*[Code.RESULT_FOREIGN_HOST] * 3), LATER), LATER, LATER)
    assert check_gate(observe_result(lane, REFUSED, LATER, probe=True), LATER)[0] is Gate.PROBE


# -- the lane ------------------------------------------------------------------------------------------------------


def build_world() -> World:
    world = World(1, in_flight=SLOTS, account_limit=SLOTS, budget=50_000_000)
    world.provider.default_behavior = CallBehavior(work_seconds=CALL_SECONDS)
    world.start()
    return world


def upload(world: World, photos: int = PHOTOS) -> None:
    for n in range(photos):
        world.upload_photo(f"{n:02}.jpg", build_photo(f"{n}"), operation="remove")


def run_for(world: World, minutes: float) -> None:
    world.event_loop.run_until(world.clock.time + timedelta(minutes=minutes))


def is_any(_: str) -> bool:
    return True


def is_picture(key: str) -> bool:
    return not key.startswith("_backdrop/")


def refuse_writes(
    world: World, prefix: str = "", code: str = "AccessDenied", is_refused: Callable[[str], bool] = is_any
) -> Callable[[], None]:
    """Makes S3 refuse writes below this prefix. Returns how to end that."""

    def strike(call: ServiceCall) -> None:
        if (
            call.operation == "put_object"
            and call.request["Key"].startswith(prefix)
            and is_refused(call.request["Key"])
        ):
            raise build_client_error(code, "PutObject", 403)

    world.transport.faults_before.append(strike)
    return lambda: world.transport.faults_before.remove(strike)


def count_paid(world: World) -> int:
    return len([call for call in world.provider.paid_calls if call.micro_usd])


def count_stored(world: World) -> int:
    return sum(job.status is JobStatus.STORED for job in world.list_jobs())


def test_after_a_useless_picture_a_job_waits_for_what_deliver_says_about_the_others() -> None:
    """Ten slots whose calls end together would otherwise buy ten more before deliver has seen the last ten."""
    world = World()
    breaker, name = world.steps.breaker, world.provider.name
    world.steps.ledger.put_health(
        replace(read_lane_health(world), undelivered_weight=1, undelivered_source_ids=("a photo",))
    )
    began = world.clock.now()
    _, is_probe = breaker.admit(name, timedelta(minutes=3), began)
    assert (is_probe, world.clock.now() - began) == (False, timedelta(seconds=DELIVERY_SECONDS))
    paused = pause(read_lane_health(world), PauseReason.RESULTS, Code.PICTURES_NOT_USABLE, "words", world.clock.now())
    reads = iter([read_lane_health(world), paused])
    with pytest.raises(RetryLaterError):
        breaker.admit(name, timedelta(minutes=3), world.clock.now(), read_lane=lambda: next(reads))


@pytest.mark.parametrize(
    ("prefix", "code", "is_refused"),
    [
        ("_backdrop/paid/", "AccessDenied", is_any),
        ("_backdrop/paid/", "SlowDown", is_any),
        ("", "KMS.NotFoundException", is_picture),
    ],
)
def test_bucket_that_refuses_pictures_pauses_the_lane_until_it_takes_them(
    prefix: str, code: str, is_refused: Callable[[str], bool]
) -> None:
    world = build_world()
    allow = refuse_writes(world, prefix, code, is_refused)
    upload(world)
    run_for(world, 30)
    assert (list_pause_reasons(world), list_provider_codes(world)) == (["storage"], ["pictures_not_stored"])
    assert count_paid(world) <= MOST_UNDELIVERED
    assert list_event_types(world).count("Provider Paused") == 1
    assert code in str(read_lane_health(world).pauses[0].message)
    allow()
    run_for(world, 30)
    assert (list_pause_reasons(world), list_provider_codes(world)) == ([], [])
    assert (count_stored(world), count_paid(world)) == (PHOTOS, PHOTOS)


def test_whole_bucket_that_refuses_writes_in_the_middle_of_a_folder_pauses_the_lane() -> None:
    world = build_world()
    upload(world)
    run_for(world, 1)
    stored = count_stored(world)
    assert 0 < stored < PHOTOS / 2
    allow = refuse_writes(world)
    run_for(world, 30)
    assert list_pause_reasons(world) == ["storage"]
    assert count_paid(world) - stored <= MOST_UNDELIVERED
    allow()
    run_for(world, 30)
    assert (list_pause_reasons(world), count_stored(world), count_paid(world)) == ([], PHOTOS, PHOTOS)


def test_lost_pictures_do_not_end_the_pause() -> None:
    """The links expire while the bucket refuses the files, and then one charged probe at a time tests it."""
    world = build_world()
    allow = refuse_writes(world, "_backdrop/paid/")
    upload(world)
    run_for(world, 10)
    world.downloads.override = ResultError(Code.PAID_FILE_GONE, "neither the link nor a file is left")
    run_for(world, 10)
    bought = count_paid(world)
    assert {job.status for job in world.list_jobs()} == {JobStatus.DEAD, JobStatus.ACCEPTED}
    world.downloads.override = None
    run_for(world, 60)
    assert list_pause_reasons(world) == ["storage"]
    assert bought < count_paid(world) <= bought + 2
    allow()
    run_for(world, 120)
    assert (list_pause_reasons(world), count_stored(world)) == ([], PHOTOS - bought)


@pytest.mark.parametrize(
    ("useless", "override"),
    [
        (CallBehavior(work_seconds=CALL_SECONDS, unsafe_count=1), None),
        (CallBehavior(work_seconds=CALL_SECONDS, unrecognized_count=1), None),
        (None, ResultError(Code.RESULT_FOREIGN_HOST, "another host")),
        (None, RetryLaterError(Code.RESULT_UNREACHABLE, "503", 5)),
    ],
)
def test_useless_results_pause_the_lane_until_one_is_delivered(
    useless: CallBehavior | None, override: BackdropError | None
) -> None:
    world, is_broken = build_world(), True
    world.provider.behavior_sources.append(lambda: useless if is_broken else None)
    world.downloads.override = override
    upload(world)
    run_for(world, 15)
    assert (list_pause_reasons(world), list_provider_codes(world)) == (["results"], ["pictures_not_usable"])
    bought = count_paid(world)
    run_for(world, 45)
    assert bought <= MOST_UNDELIVERED
    assert bought < count_paid(world) <= bought + 3
    is_broken, world.downloads.override = False, None
    run_for(world, 90)
    assert list_pause_reasons(world) == []
    assert not [job for job in world.list_jobs() if job.status is JobStatus.ACCEPTED]


def test_withheld_pictures_among_good_ones_pause_nothing() -> None:
    world, numbers = build_world(), count()
    withheld = CallBehavior(work_seconds=CALL_SECONDS, unsafe_count=1)
    world.provider.behavior_sources.append(lambda: withheld if next(numbers) % 3 else None)
    upload(world)
    run_for(world, 15)
    assert "Provider Paused" not in list_event_types(world)
    assert count_paid(world) == PHOTOS


def test_pause_of_an_operator_outlasts_delivered_pictures() -> None:
    world = build_world()
    allow = refuse_writes(world, "_backdrop/paid/")
    upload(world)
    run_for(world, 10)
    world.pause_lane()
    run_for(world, 10)
    assert {*list_pause_reasons(world)} == {"storage", "person"}
    allow()
    run_for(world, 60)
    assert list_pause_reasons(world) == ["person"]
    assert count_paid(world) < PHOTOS
