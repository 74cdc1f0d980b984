"""The plan of a seed of the fault bench: reproducible, with every fault, and with kills early enough to recover."""

from collections import Counter
from dataclasses import replace

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
    PhotoRequest,
    PipelineEvent,
    draw_bench_plan,
    list_photo_faults,
)

SIZES = [30, 200, 1000]


def plan(seed: int = 1, photos: int = 200) -> BenchPlan:
    """Returns the plan that the command draws for a seed."""
    return draw_bench_plan(seed, photos, call_seconds=4, concurrency_limit=10, timeout_seconds=8)


def mixed(seed: int = 1, photos: int = 200) -> BenchPlan:
    """Returns a seed's plan with photos for all lanes."""
    return draw_bench_plan(seed, photos, call_seconds=4, concurrency_limit=10, timeout_seconds=8, use_all_lanes=True)


def test_mixed_run_has_photos_and_faults_in_every_lane() -> None:
    lanes = Counter(photo.provider for photo in mixed().photos)
    assert lanes.keys() == {*PROVIDERS}
    assert min(lanes.values()) > 20
    faulty = {photo.provider for photo in mixed().photos if photo.fault}
    assert faulty == {*PROVIDERS}
    assert all(photo.sidecar.get("provider", "ideogram") == photo.provider for photo in mixed().photos)


def test_faults_of_ideogram_affect_no_other_lane() -> None:
    photos = [photo for photo in mixed(photos=1000).photos if photo.fault not in PROVIDER_PHOTO_FAULTS]
    elsewhere = [photo for photo in photos if photo.provider != "ideogram"]
    assert {photo.expected_end for photo in elsewhere} == {ExpectedEnd.STORED}
    assert {photo.fault.standin_fault for photo in elsewhere if photo.fault} == ANY_PROVIDER_FAULTS


@pytest.mark.parametrize("photos", [200, 1000])
def test_every_provider_fault_affects_its_own_lane(photos: int) -> None:
    faulty = {(photo.fault.name, photo.provider) for photo in mixed(photos=photos).photos if photo.fault}
    assert {(fault.name, fault.provider) for fault in PROVIDER_PHOTO_FAULTS} <= faulty
    assert not [photo for photo in plan(photos=photos).photos if photo.fault in PROVIDER_PHOTO_FAULTS]


def test_mixed_run_differs_only_in_its_lanes() -> None:
    plain_plan, mixed_plan = plan(), mixed()
    shared = [None if photo.fault in PROVIDER_PHOTO_FAULTS else photo.fault for photo in mixed_plan.photos]
    assert shared == [photo.fault for photo in plain_plan.photos]
    assert (mixed_plan.uploads, mixed_plan.timed_events, mixed_plan.repeated_notifications) == (
        plain_plan.uploads,
        plain_plan.timed_events,
        plain_plan.repeated_notifications,
    )


@pytest.mark.parametrize("photos", SIZES)
def test_some_photos_with_a_picture_request_more(photos: int) -> None:
    requesting = draw_bench_plan(1, photos, call_seconds=4, concurrency_limit=10, timeout_seconds=8, has_requests=True)
    counts = Counter(photo.request for photo in requesting.photos)
    assert {counts[kind] for kind in PhotoRequest if kind is not PhotoRequest.NOTHING} == {photos // 10}
    asking = [photo for photo in requesting.photos if photo.request is not PhotoRequest.NOTHING]
    assert {photo.expected_end for photo in asking} == {ExpectedEnd.STORED}
    assert any(photo.fault for photo in asking)
    assert requesting.edited_key not in {photo.key for photo in asking}
    plain = plan(photos=photos)
    assert requesting.mask_rule
    assert replace(requesting, photos=plain.photos, mask_rule=None) == plain
    assert [replace(photo, request=PhotoRequest.NOTHING) for photo in requesting.photos] == [*plain.photos]


def test_plan_depends_only_on_the_seed() -> None:
    assert plan(7) == plan(7)
    assert plan(7).uploads != plan(8).uploads
    assert [photo.fault for photo in plan(7).photos] != [photo.fault for photo in plan(8).photos]


@pytest.mark.parametrize("photos", SIZES)
def test_every_run_kills_more_than_ten_workers(photos: int) -> None:
    kills = [photo for photo in plan(photos=photos).photos if photo.fault and photo.fault.name == WORKER_KILLED]
    assert len(kills) > MIN_KILLS


@pytest.mark.parametrize("photos", [200, 1000])
def test_every_kind_of_fault_is_planned(photos: int) -> None:
    planned = Counter(name for name, _ in plan(photos=photos).list_rules())
    assert planned.keys() == {fault.name for fault in list_photo_faults(4, 8)} | {WORKER_KILLED, UPLOAD_CUT}


@pytest.mark.parametrize("photos", SIZES)
def test_each_photo_and_sidecar_is_uploaded_once(photos: int) -> None:
    bench_plan = plan(photos=photos)
    expected = {name for photo in bench_plan.photos for name in (photo.key, f"{photo.key}.json")}
    assert len(bench_plan.uploads) == len(expected) == 2 * photos
    assert set(bench_plan.uploads) == expected


def test_some_photos_come_before_their_sidecars() -> None:
    uploads = plan().uploads
    early = sum(uploads.index(photo.key) < uploads.index(f"{photo.key}.json") for photo in plan().photos)
    assert 20 <= early <= 60


def test_faults_and_kills_affect_no_late_photos() -> None:
    photos = plan().photos
    assert all(photo.fault is None for photo in photos[170:])
    assert all(photo.fault is None or photo.fault.name != WORKER_KILLED for photo in photos[60:])


def test_lane_and_provider_run_at_the_end() -> None:
    for seed in range(20):
        events = [event for _, event in sorted(plan(seed, 30).timed_events)]
        assert events == [
            PipelineEvent.HALVE_LIMIT,
            PipelineEvent.RESTORE_LIMIT,
            PipelineEvent.STOP_PROVIDER,
            PipelineEvent.START_PROVIDER,
            PipelineEvent.PAUSE_LANE,
            PipelineEvent.RESUME_LANE,
            PipelineEvent.REFUSE_WRITES,
            PipelineEvent.ALLOW_WRITES,
        ]


def test_rule_affects_only_its_own_photo() -> None:
    bench_plan = plan()
    fault_book = FaultRules(seed=1)
    for _, rule in bench_plan.list_rules():
        fault_book.add(rule)
    for photo in bench_plan.photos:
        call = FaultTarget(provider="ideogram", routes=("replace-background",), prompt=str(photo.sidecar["prompt"]))
        hits = [hit for phase in (Phase.GATE, Phase.RUN) if (hit := fault_book.find_hit(call, phase))]
        paid_route = photo.fault is not None and photo.fault.build_rule("x").phase is not Phase.DOWNLOAD
        assert bool(hits) is paid_route, photo


def test_permanent_faults_are_those_without_a_picture() -> None:
    bench_plan = plan()
    faulted = [photo for photo in bench_plan.photos if photo.expected_end is not ExpectedEnd.STORED]
    assert len(bench_plan.list_permanent_rules()) == len(faulted) >= 4
    assert all(rule.max_hits == 0 for rule in bench_plan.list_permanent_rules())


def test_edited_photo_has_no_fault() -> None:
    for seed in range(10):
        bench_plan = plan(seed)
        assert next(photo for photo in bench_plan.photos if photo.key == bench_plan.edited_key).fault is None
