"""What a seed of the fault bench promises: always the same, every fault there, and kills early enough to be resumed."""

from collections import Counter

import pytest

from backdrop_local.standin.faults import FaultRules, FaultTarget, Phase
from fault_bench.bench_plan import (
    ANY_PROVIDER_FAULTS,
    MIN_KILLS,
    PROVIDER_PHOTO_FAULTS,
    PROVIDERS,
    UPLOAD_CUT,
    WORKER_KILLED,
    BenchPlan,
    ExpectedEnd,
    PipelineEvent,
    draw_bench_plan,
    list_photo_faults,
)

SIZES = [30, 200, 1000]


def plan(seed: int = 1, photos: int = 200) -> BenchPlan:
    """A plan as the command draws it."""
    return draw_bench_plan(seed, photos, call_seconds=4, concurrency_limit=10, timeout_seconds=8)


def mixed(seed: int = 1, photos: int = 200) -> BenchPlan:
    """The same with photos for all lanes."""
    return draw_bench_plan(seed, photos, call_seconds=4, concurrency_limit=10, timeout_seconds=8, use_all_lanes=True)


def test_in_a_mixed_run_every_lane_has_photos_and_faults_of_its_own() -> None:
    lanes = Counter(photo.provider for photo in mixed().photos)
    assert lanes.keys() == {*PROVIDERS}
    assert min(lanes.values()) > 20
    struck = {photo.provider for photo in mixed().photos if photo.fault}
    assert struck == {*PROVIDERS}
    assert all(photo.sidecar.get("provider", "ideogram") == photo.provider for photo in mixed().photos)


def test_what_only_ideogram_does_strikes_no_other_lane() -> None:
    photos = [photo for photo in mixed(photos=1000).photos if photo.fault not in PROVIDER_PHOTO_FAULTS]
    elsewhere = [photo for photo in photos if photo.provider != "ideogram"]
    assert {photo.expected_end for photo in elsewhere} == {ExpectedEnd.STORED}
    assert {photo.fault.standin_fault for photo in elsewhere if photo.fault} == ANY_PROVIDER_FAULTS


@pytest.mark.parametrize("photos", [200, 1000])
def test_every_trouble_of_one_provider_strikes_a_photo_in_its_lane(photos: int) -> None:
    struck = {(photo.fault.name, photo.provider) for photo in mixed(photos=photos).photos if photo.fault}
    assert {(kind.name, kind.provider) for kind in PROVIDER_PHOTO_FAULTS} <= struck
    assert not [photo for photo in plan(photos=photos).photos if photo.fault in PROVIDER_PHOTO_FAULTS]


def test_a_mixed_run_is_the_same_run_but_for_the_lanes() -> None:
    other, ours = plan(), mixed()
    shared = [None if photo.fault in PROVIDER_PHOTO_FAULTS else photo.fault for photo in ours.photos]
    assert shared == [photo.fault for photo in other.photos]
    assert (ours.uploads, ours.timed_events, ours.repeated_notifications) == (
        other.uploads,
        other.timed_events,
        other.repeated_notifications,
    )


def test_a_seed_gives_the_same_plan_each_time_and_another_seed_another() -> None:
    assert plan(7) == plan(7)
    assert plan(7).uploads != plan(8).uploads
    assert [photo.fault for photo in plan(7).photos] != [photo.fault for photo in plan(8).photos]


@pytest.mark.parametrize("photos", SIZES)
def test_more_than_ten_workers_are_to_be_killed_in_every_run(photos: int) -> None:
    kills = [photo for photo in plan(photos=photos).photos if photo.fault and photo.fault.name == WORKER_KILLED]
    assert len(kills) > MIN_KILLS


@pytest.mark.parametrize("photos", [200, 1000])
def test_every_kind_of_fault_is_announced(photos: int) -> None:
    announced = Counter(name for name, _ in plan(photos=photos).list_rules())
    assert announced.keys() == {kind.name for kind in list_photo_faults(4, 8)} | {WORKER_KILLED, UPLOAD_CUT}


@pytest.mark.parametrize("photos", SIZES)
def test_each_photo_and_each_sidecar_is_uploaded_once(photos: int) -> None:
    drawn = plan(photos=photos)
    expected = {name for photo in drawn.photos for name in (photo.key, f"{photo.key}.json")}
    assert len(drawn.uploads) == len(expected) == 2 * photos
    assert set(drawn.uploads) == expected


def test_some_photos_come_before_their_sidecars_and_most_after() -> None:
    uploads = plan().uploads
    early = sum(uploads.index(photo.key) < uploads.index(f"{photo.key}.json") for photo in plan().photos)
    assert 20 <= early <= 60


def test_the_last_photos_meet_no_fault_and_no_worker_is_killed_late() -> None:
    photos = plan().photos
    assert all(photo.fault is None for photo in photos[170:])
    assert all(photo.fault is None or photo.fault.name != WORKER_KILLED for photo in photos[60:])


def test_the_lane_is_open_and_the_provider_up_when_all_is_over() -> None:
    for seed in range(20):
        acts = [act for _, act in sorted(plan(seed, 30).timed_events)]
        assert acts == [
            PipelineEvent.HALVE_LIMIT,
            PipelineEvent.RESTORE_LIMIT,
            PipelineEvent.STOP_PROVIDER,
            PipelineEvent.START_PROVIDER,
            PipelineEvent.PAUSE_LANE,
            PipelineEvent.RESUME_LANE,
        ]


def test_a_rule_strikes_its_own_photo_and_no_other() -> None:
    drawn = plan()
    book = FaultRules(seed=1)
    for _, rule in drawn.list_rules():
        book.add(rule)
    for photo in drawn.photos:
        call = FaultTarget(provider="ideogram", routes=("replace-background",), prompt=str(photo.sidecar["prompt"]))
        met = [hit for phase in (Phase.GATE, Phase.RUN) if (hit := book.find_hit(call, phase))]
        paid_route = photo.fault is not None and photo.fault.build_rule("x").phase is not Phase.DOWNLOAD
        assert bool(met) is paid_route, photo


def test_what_lasts_is_what_never_ends_in_a_picture() -> None:
    drawn = plan()
    lasting = [photo for photo in drawn.photos if photo.expected_end is not ExpectedEnd.STORED]
    assert len(drawn.list_permanent_rules()) == len(lasting) >= 4
    assert all(rule.max_hits == 0 for rule in drawn.list_permanent_rules())


def test_the_edited_photo_meets_no_fault_of_its_own() -> None:
    for seed in range(10):
        drawn = plan(seed)
        assert next(photo for photo in drawn.photos if photo.key == drawn.edited_key).fault is None
