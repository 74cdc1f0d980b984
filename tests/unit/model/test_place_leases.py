"""Never more places than there are, no job overtakes one that has waited for a minute, and nothing blocks forever."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backdrop.model.place_leases import (
    MAX_REFUSALS_IN_TURN,
    MAX_WAITERS,
    SENIORITY,
    WAITER_GRACE,
    PlaceLease,
    PlaceLeases,
    count_places,
    explain_lack,
)

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
EMPTY = PlaceLeases(provider="ideogram")
LIMIT = 10


def lease(job_id: str, places: int, seconds: float = 100, attempt_no: int = 1) -> PlaceLease:
    return PlaceLease(job_id=job_id, attempt_no=attempt_no, places=places, until=NOW + timedelta(seconds=seconds))


def test_single_image_calls_lease_nothing_while_they_are_alone() -> None:
    places = EMPTY.with_lease(lease("a", 1), NOW)
    assert not places.needs_lease(1)
    assert all(places.admits(f"{n}", 1, 1, NOW) for n in range(3))


@pytest.mark.parametrize("waits", [False, True])
def test_single_image_calls_lease_while_a_call_for_several_runs_or_waits(waits: bool) -> None:
    places = EMPTY.with_waiter("a", 2, NOW, NOW) if waits else EMPTY.with_lease(lease("a", 2, 10), NOW)
    assert places.needs_lease(1)
    assert not places.without_expired(NOW + 11 * SECOND).needs_lease(1)


def test_single_image_call_leases_if_the_entry_that_its_worker_read_has_expired() -> None:
    """Another worker may have prolonged the entry. The write of the lease fails if one has."""
    places = EMPTY.with_waiter("a", 2, NOW, NOW)
    assert places.admits("b", 1, LIMIT, NOW + 60 * SECOND)
    later = places.with_lease(lease("b", 1), NOW + 60 * SECOND)
    assert (places.needs_lease(1), later.needs_lease(1)) == (True, False)


def test_call_needs_as_many_free_places_as_images() -> None:
    places = EMPTY.with_lease(lease("a", 4), NOW).with_lease(lease("b", 4), NOW)
    assert [n for n in range(1, 9) if places.admits("c", n, LIMIT, NOW)] == [1, 2]


def test_expired_lease_frees_its_places_without_a_write() -> None:
    places = EMPTY.with_lease(lease("a", 8, 10), NOW)
    assert not places.admits("b", 4, LIMIT, NOW + 9 * SECOND)
    assert places.admits("b", 4, LIMIT, NOW + 10 * SECOND)


def test_same_attempt_never_leases_twice() -> None:
    places = EMPTY.with_lease(lease("a", 4), NOW).with_lease(lease("a", 4, 200), NOW)
    assert places.count_leased(NOW) == 4


def test_released_places_are_those_of_the_attempt() -> None:
    places = EMPTY.with_lease(lease("a", 4), NOW).with_lease(lease("a", 4, attempt_no=2), NOW)
    assert [one.attempt_no for one in places.without_lease("a", 1, NOW).leases] == [2]


def wait_for(seconds: float, *job_ids: str, places: int = 4) -> PlaceLeases:
    """Jobs that have waited for some time, the first one for the longest, and still have their turn."""
    found = EMPTY
    for rank, job_id in enumerate(job_ids):
        since = NOW - timedelta(seconds=seconds) + rank * timedelta(milliseconds=10)
        found = found.with_waiter(job_id, places, since, NOW)
    return found


def test_no_job_overtakes_one_that_has_waited_for_a_minute() -> None:
    places = wait_for(61, "a", "b")
    assert places.admits("a", 4, LIMIT, NOW)
    assert not places.admits("b", 4, LIMIT, NOW)
    assert not places.admits("c", 1, LIMIT, NOW)


def test_smaller_job_may_overtake_before() -> None:
    places = wait_for(59, "a").with_lease(lease("b", 8), NOW)
    assert places.admits("c", 1, LIMIT, NOW)
    assert not places.admits("a", 4, LIMIT, NOW)


def test_job_that_is_not_renewed_blocks_no_other_job() -> None:
    places = wait_for(61, "a")
    assert places.admits("c", 1, LIMIT, NOW + WAITER_GRACE)


def test_job_that_needs_more_than_the_lowered_limit_blocks_no_other_job() -> None:
    assert wait_for(61, "a", places=8).admits("c", 1, 4, NOW)


def test_renewed_wait_counts_from_its_beginning_and_a_lost_turn_does_not() -> None:
    places = EMPTY.with_waiter("a", 4, NOW, NOW)
    renewed, late = places.with_waiter("a", 4, NOW + 5 * SECOND, NOW + 5 * SECOND), NOW + 2 * WAITER_GRACE
    assert renewed.waiters[0].since == NOW
    assert places.with_waiter("a", 4, late, late).waiters[0].since == late


def test_claim_ends_the_wait() -> None:
    places = wait_for(61, "a", "b").with_lease(lease("a", 4), NOW)
    assert [one.job_id for one in places.waiters] == ["b"]


def refuse(places: PlaceLeases, job_id: str, count: int = 4, now: datetime = NOW) -> PlaceLeases:
    """The provider refuses a call of the job as soon as it has begun."""
    places = places.with_lease(lease(job_id, count), now)
    found = places.find_lease(job_id, 1)
    assert found
    return places.with_refusal(found, now)


def test_refused_job_keeps_its_turn_at_first_and_then_starts_to_wait_again() -> None:
    places = wait_for(61, "a", "b")
    for _ in range(MAX_REFUSALS_IN_TURN):
        places = refuse(places, "a")
        assert places.leases == ()
        assert [places.admits(one, 4, LIMIT, NOW) for one in "ab"] == [True, False]
        places = places.with_waiter("a", 4, NOW, NOW)
    places = refuse(places, "a")
    assert [one.job_id for one in places.list_waiters(NOW)] == ["b", "a"]
    # After another minute, it has as many tries as before.
    later = NOW + SENIORITY
    places = refuse(places.with_waiter("a", 4, NOW, later), "a", now=later)
    assert places.find_next_in_turn(LIMIT, later)


def test_refused_job_that_has_not_waited_begins_to_wait() -> None:
    waiter = refuse(EMPTY, "a").find_waiter("a")
    assert waiter
    assert (waiter.since, waiter.until) == (NOW, NOW + WAITER_GRACE)
    assert refuse(EMPTY, "a", 1).waiters == ()


def test_refused_job_keeps_its_turn_even_if_others_have_taken_its_place_among_the_waiting() -> None:
    places = wait_for(61, "a").with_lease(lease("a", 4), NOW)
    for n in range(MAX_WAITERS):
        places = places.with_waiter(f"{n:02}", 4, NOW + n * timedelta(milliseconds=1), NOW)
    found = places.find_lease("a", 1)
    assert found
    waiters = places.with_refusal(found, NOW).waiters
    assert [waiters[0].job_id, waiters[-1].job_id, len(waiters)] == ["a", f"{MAX_WAITERS - 2:02}", MAX_WAITERS]


def test_prolonged_lease_still_knows_how_long_its_job_has_waited() -> None:
    places = wait_for(61, "a").with_lease(lease("a", 4), NOW)
    (found,) = places.leases
    assert found.waits_since == NOW - 61 * SECOND
    assert places.with_lease(replace(found, until=NOW + 200 * SECOND), NOW).leases[0].waits_since == found.waits_since


def test_number_of_waiting_jobs_is_limited_and_a_known_one_stays() -> None:
    places = wait_for(5, *(f"{n:02}" for n in range(MAX_WAITERS)))
    assert places.with_waiter("late", 4, NOW, NOW) == places
    assert places.with_waiter("00", 4, NOW, NOW + SECOND).find_waiter("00") != places.find_waiter("00")


@pytest.mark.parametrize(
    ("running", "seconds", "holding"), [(0, 5, "abcdef"), (5, 5, "abc"), (9, 5, "a"), (9, 65, "a"), (5, 65, "abcd")]
)
def test_first_jobs_hold_their_slots_and_leave_some_to_others(running: int, seconds: float, holding: str) -> None:
    places = wait_for(seconds, *"abcdef")
    for n in range(running):
        places = places.with_lease(lease(f"r{n}", 1), NOW)
    assert "".join(one for one in "abcdefx" if places.may_hold_slot(one, LIMIT, NOW)) == holding


@pytest.mark.parametrize(
    ("provider", "fields", "places"),
    [
        ("ideogram", {}, 1),
        ("ideogram", {"num_images": 4}, 4),
        ("runware", {"num_images": 4}, 1),
    ],
)
def test_only_ideogram_counts_images(provider: str, fields: dict[str, int], places: int) -> None:
    assert count_places(provider, fields) == places


def test_call_that_can_never_fit_is_explained() -> None:
    limits = {"ideogram": 3}
    assert explain_lack("ideogram", {"num_images": 4}, limits)
    assert not explain_lack("ideogram", {"num_images": 3}, limits)
    assert not explain_lack("ideogram", {"num_images": 4}, {})
    assert not explain_lack("runware", {"num_images": 4}, limits)


Step = tuple[str, str, int, int]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["claim", "claim", "wait", "release", "nothing"]),
        st.sampled_from("abcdefgh"),
        st.integers(1, 5),
        st.integers(0, 40),
    ),
    max_size=60,
)


@given(steps=STEPS, limit=st.integers(2, 10))
def test_rules_hold_in_every_sequence_of_steps(steps: list[Step], limit: int) -> None:
    """A model: every job asks for the same number of images each time, and claims only if it is admitted."""
    places, now, sizes, calls = EMPTY, NOW, dict[str, int](), 0
    for action, job_id, size, seconds in steps:
        before, now = places, now + timedelta(seconds=seconds)
        count = min(sizes.setdefault(job_id, size), limit)
        next_in_turn = places.find_next_in_turn(limit, now)
        if action == "claim" and places.admits(job_id, count, limit, now):
            assert not next_in_turn or next_in_turn.job_id == job_id or not places.needs_lease(count)
            if places.needs_lease(count):
                calls += 1
                until = now + timedelta(seconds=50)
                places = places.with_lease(PlaceLease(job_id=job_id, attempt_no=calls, places=count, until=until), now)
        elif action in ("claim", "wait"):
            places = places.with_waiter(job_id, count, now, now)
        elif action == "release" and places.leases:
            places = places.without_lease(places.leases[0].job_id, places.leases[0].attempt_no, now)
        assert places.count_leased(now) <= limit
        assert places is before or places == places.without_expired(now)
    # Nothing lasts without its worker.
    later = now + SENIORITY + timedelta(seconds=60)
    assert not places.without_expired(later).needs_lease(1)
    assert places.admits("new", limit, limit, later)
