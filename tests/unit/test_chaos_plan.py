"""What a seed of the fault bench promises: always the same, every fault there, and kills early enough to be resumed."""

from collections import Counter

import pytest

from backdrop_local.standin.faults import Call, FaultBook, Phase
from proof.chaos.plan import (
    ANYWHERE,
    KILLED,
    LANE_TROUBLES,
    LANES,
    LEAST_KILLS,
    UNREAD,
    Act,
    Fate,
    Plan,
    draw,
    troubles,
)

SIZES = [30, 200, 1000]


def plan(seed: int = 1, photos: int = 200) -> Plan:
    """A plan as the command draws it."""
    return draw(seed, photos, seconds=4, limit=10, timeout_seconds=8)


def mixed(seed: int = 1, photos: int = 200) -> Plan:
    """The same with photos for all lanes."""
    return draw(seed, photos, seconds=4, limit=10, timeout_seconds=8, mixed=True)


def test_in_a_mixed_run_every_lane_has_photos_and_faults_of_its_own() -> None:
    lanes = Counter(photo.provider for photo in mixed().photos)
    assert lanes.keys() == {*LANES}
    assert min(lanes.values()) > 20
    struck = {photo.provider for photo in mixed().photos if photo.trouble}
    assert struck == {*LANES}
    assert all(photo.wish.get("provider", "ideogram") == photo.provider for photo in mixed().photos)


def test_what_only_ideogram_does_strikes_no_other_lane() -> None:
    photos = [photo for photo in mixed(photos=1000).photos if photo.trouble not in LANE_TROUBLES]
    elsewhere = [photo for photo in photos if photo.provider != "ideogram"]
    assert {photo.fate for photo in elsewhere} == {Fate.STORED}
    assert {photo.trouble.fault for photo in elsewhere if photo.trouble} == ANYWHERE


@pytest.mark.parametrize("photos", [200, 1000])
def test_every_trouble_of_one_provider_strikes_a_photo_in_its_lane(photos: int) -> None:
    struck = {(photo.trouble.name, photo.provider) for photo in mixed(photos=photos).photos if photo.trouble}
    assert {(kind.name, kind.lane) for kind in LANE_TROUBLES} <= struck
    assert not [photo for photo in plan(photos=photos).photos if photo.trouble in LANE_TROUBLES]


def test_a_mixed_run_is_the_same_run_but_for_the_lanes() -> None:
    other, ours = plan(), mixed()
    shared = [None if photo.trouble in LANE_TROUBLES else photo.trouble for photo in ours.photos]
    assert shared == [photo.trouble for photo in other.photos]
    assert (ours.uploads, ours.moments, ours.copies) == (other.uploads, other.moments, other.copies)


def test_a_seed_gives_the_same_plan_each_time_and_another_seed_another() -> None:
    assert plan(7) == plan(7)
    assert plan(7).uploads != plan(8).uploads
    assert [photo.trouble for photo in plan(7).photos] != [photo.trouble for photo in plan(8).photos]


@pytest.mark.parametrize("photos", SIZES)
def test_more_than_ten_workers_are_to_be_killed_in_every_run(photos: int) -> None:
    kills = [photo for photo in plan(photos=photos).photos if photo.trouble and photo.trouble.name == KILLED]
    assert len(kills) > LEAST_KILLS


@pytest.mark.parametrize("photos", [200, 1000])
def test_every_kind_of_fault_is_announced(photos: int) -> None:
    announced = Counter(name for name, _ in plan(photos=photos).rules())
    assert announced.keys() == {kind.name for kind in troubles(4, 8)} | {KILLED, UNREAD}


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
    assert all(photo.trouble is None for photo in photos[170:])
    assert all(photo.trouble is None or photo.trouble.name != KILLED for photo in photos[60:])


def test_the_lane_is_open_and_the_provider_up_when_all_is_over() -> None:
    for seed in range(20):
        acts = [act for _, act in sorted(plan(seed, 30).moments)]
        assert acts == [Act.LESS, Act.MORE, Act.DOWN, Act.UP, Act.PAUSE, Act.RESUME]


def test_a_rule_strikes_its_own_photo_and_no_other() -> None:
    drawn = plan()
    book = FaultBook(seed=1)
    for _, rule in drawn.rules():
        book.add(rule)
    for photo in drawn.photos:
        call = Call(provider="ideogram", routes=("replace-background",), prompt=str(photo.wish["prompt"]))
        met = [hit for phase in (Phase.GATE, Phase.RUN) if (hit := book.meet(call, phase))]
        paid_route = photo.trouble is not None and photo.trouble.rule("x").phase is not Phase.DOWNLOAD
        assert bool(met) is paid_route, photo


def test_what_lasts_is_what_never_ends_in_a_picture() -> None:
    drawn = plan()
    lasting = [photo for photo in drawn.photos if photo.fate is not Fate.STORED]
    assert len(drawn.lasting()) == len(lasting) >= 4
    assert all(rule.limit == 0 for rule in drawn.lasting())


def test_the_edited_photo_meets_no_fault_of_its_own() -> None:
    for seed in range(10):
        drawn = plan(seed)
        assert next(photo for photo in drawn.photos if photo.key == drawn.edited).trouble is None
