"""What the usage records prove about calls, compared with all ways in which the images can belong to them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backdrop.model.bill import (
    MAX_DETAILS,
    BilledCall,
    BillRules,
    CallCollection,
    CallGroup,
    CallRef,
    GroupDecision,
    Span,
    Units,
    compare_bill,
    decide_group,
    find_unplaced,
    group_calls,
    is_possible,
    list_billed_calls,
    parse_key_uses,
    split_group,
)
from backdrop.model.bill_records import HOUR, FindingKind, KeyUse, MissingCharge, UsageHour, UsageLine
from backdrop.model.job import AttemptOutcome, JudgedAttempt, PictureLink
from tests.unit.ledger_items import build_attempt, build_job

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ENDPOINT, PRICE = "/v1/ideogram-v3/replace-background", 60_000
FINAL_AFTER = timedelta(minutes=60)

V2_ENDPOINT = "/v2/image/replace-background/ideogram-3"
DELIVERED, WITHHELD = PictureLink(url="https://results.invalid/1.png"), PictureLink(url=None)

type Placement = tuple[int, int]
"""The hour in which a call is billed, and how many images."""


def call(
    n: int, first: int, last: int | None = None, *, certain: int = 0, unknown: int = 0, failed: int = 0, **other: bool
) -> BilledCall:
    """A call that may be billed in the hours `first` to `last` after noon."""
    return BilledCall(
        CallRef("source", f"job{n}", 1),
        ENDPOINT,
        PRICE,
        NOON + first * HOUR,
        NOON + (first if last is None else last) * HOUR,
        certain=certain,
        possible=unknown or failed,
        is_unknown=bool(unknown),
        is_failure=bool(failed),
        **other,
    )


def list_placements(one: BilledCall) -> Iterator[Placement]:
    """The ways in which the provider can have billed one call, in one hour at once."""
    first, last = (one.first_hour - NOON) // HOUR, (one.last_hour - NOON) // HOUR
    for hour in range(first, last + 1):
        yield from ((hour, count) for count in range(max(one.certain, 1), one.certain + one.possible + 1))
    if not one.certain:
        yield first, 0


def list_worlds(
    calls: Sequence[BilledCall], billed: Sequence[int], *, is_exact: bool
) -> Iterator[tuple[Placement, ...]]:
    """All ways in which the billed images can belong to the calls; in a shared key's hours, others may use the rest."""
    for world in product(*map(list_placements, calls)):
        used = [0] * len(billed)
        for hour, count in world:
            used[hour] += count
        if all(mine == total if is_exact else mine <= total for mine, total in zip(used, billed, strict=True)):
            yield world


calls_in_three_hours = st.lists(
    st.tuples(
        st.integers(0, 2), st.booleans(), st.sampled_from(["certain", "unknown", "failed"]), st.integers(1, 3)
    ).map(lambda one: (one[0], min(one[0] + one[1], 2), one[2], one[3])),
    min_size=1,
    max_size=5,
).map(lambda rows: [call(n, first, last, **{kind: count}) for n, (first, last, kind, count) in enumerate(rows)])  # pyrefly: ignore[bad-argument-type]  # a keyword by its name


@settings(max_examples=400)
@given(calls=calls_in_three_hours, billed=st.lists(st.integers(0, 6), min_size=3, max_size=3), is_exact=st.booleans())
def test_settled_call_is_settled_the_same_way_in_every_possible_world(
    calls: list[BilledCall], billed: list[int], is_exact: bool
) -> None:
    group = CallGroup(NOON, NOON + 2 * HOUR, calls)
    decision = decide_group(group, by_hour(billed), is_exact=is_exact)
    worlds = list(list_worlds(calls, billed, is_exact=is_exact))
    if any(finding.kind is FindingKind.FOREIGN_USAGE for finding in decision.findings):
        assert not worlds
        worlds = list(list_worlds(calls, billed, is_exact=False))
    for position, one in enumerate(calls):
        counts = {world[position][1] for world in worlds}
        # Without any possible world, the key is not the stack's own, which these numbers need not show.
        if one in decision.not_charged:
            assert counts <= {0}
        if one in decision.charged:
            assert counts <= {one.possible}


def by_hour(billed: Iterable[int]) -> dict[datetime, int]:
    return {NOON + n * HOUR: count for n, count in enumerate(billed)}


@settings(max_examples=400)
@given(calls=calls_in_three_hours, data=st.data(), others=st.lists(st.integers(0, 2), min_size=3, max_size=3))
def test_truth_is_never_contradicted(calls: list[BilledCall], data: st.DataObject, others: list[int]) -> None:
    """Whatever really happened, no settlement differs from it."""
    is_exact = data.draw(st.booleans())
    truth = [data.draw(st.sampled_from(list(list_placements(one)))) for one in calls]
    billed = [0, 0, 0] if is_exact else list(others)
    for hour, count in truth:
        billed[hour] += count
    decision = decide_group(CallGroup(NOON, NOON + 2 * HOUR, calls), by_hour(billed), is_exact=is_exact)
    for one, (_, count) in zip(calls, truth, strict=True):
        assert one not in decision.charged or count == one.possible
        assert one not in decision.not_charged or count == 0
    assert not any(finding.kind is FindingKind.MISSING_CHARGE for finding in decision.findings)


@settings(max_examples=400)
@given(
    calls=calls_in_three_hours,
    data=st.data(),
    others=st.lists(st.integers(0, 2), min_size=3, max_size=3),
    usable=st.sets(st.integers(0, 2)),
)
def test_truth_is_never_contradicted_by_some_of_the_hours(
    calls: list[BilledCall], data: st.DataObject, others: list[int], usable: set[int]
) -> None:
    """What happened in the other hours may be anything, so it is left out of the numbers."""
    is_exact = data.draw(st.booleans())
    truth = [data.draw(st.sampled_from(list(list_placements(one)))) for one in calls]
    billed = [0, 0, 0] if is_exact else list(others)
    for hour, count in truth:
        billed[hour] += count
    counts = {one.ref: count for one, (_, count) in zip(calls, truth, strict=True)}
    group = CallGroup(NOON, NOON + 2 * HOUR, calls)
    for part in split_group(group, lambda hour: (hour - NOON) // HOUR in usable):
        assert {(hour - NOON) // HOUR for hour in part.hours} <= usable
        decision = decide_group(part, by_hour(billed), is_exact=is_exact)
        assert all(counts[one.ref] == one.possible for one in decision.charged)
        assert all(counts[one.ref] == 0 for one in decision.not_charged)
        assert not any(finding.kind is FindingKind.MISSING_CHARGE for finding in decision.findings)


@settings(max_examples=300)
@given(
    calls=st.lists(
        st.tuples(st.integers(0, 2), st.booleans(), st.booleans()).map(
            lambda one: (one[0], min(one[0] + one[1], 2), one[2])
        ),
        min_size=1,
        max_size=6,
    ),
    billed=st.lists(st.integers(0, 4), min_size=3, max_size=3),
)
def test_calls_for_one_image_are_settled_exactly_when_all_worlds_agree(
    calls: list[tuple[int, int, bool]], billed: list[int]
) -> None:
    singles = [
        call(n, first, last, certain=1) if certain else call(n, first, last, unknown=1)
        for n, (first, last, certain) in enumerate(calls)
    ]
    decision = decide_group(CallGroup(NOON, NOON + 2 * HOUR, singles), by_hour(billed), is_exact=True)
    worlds = list(list_worlds(singles, billed, is_exact=True))
    if not worlds:
        return
    for position, one in enumerate(singles):
        counts = {world[position][1] for world in worlds}
        if one.is_unknown:
            assert (one in decision.charged) == (counts == {1})
            assert (one in decision.not_charged) == (counts == {0})


def test_all_or_none_settles_every_unknown_call() -> None:
    calls = [call(1, 0, certain=2), call(2, 0, unknown=1), call(3, 0, unknown=4)]
    none, everything = (decide_group(group_calls(calls)[0], by_hour([count]), is_exact=True) for count in (2, 7))
    assert (none.charged, none.not_charged) == ((), (calls[1], calls[2]))
    assert (everything.charged, everything.not_charged) == ((calls[1], calls[2]), ())


def test_some_of_several_stay_unknown_with_their_number() -> None:
    calls = [call(1, 0, unknown=1), call(2, 0, unknown=1), call(3, 0, unknown=1)]
    decision = decide_group(group_calls(calls)[0], by_hour([2]), is_exact=True)
    assert decision.undecided == tuple(calls)
    assert (decision.charged_count, decision.unknown_count) == (2, 3)


def test_number_of_charged_calls_does_not_count_those_that_are_settled_one_by_one() -> None:
    spanning = call(0, 0, 1, certain=1)
    calls = [spanning, call(1, 0, unknown=1), call(2, 1, unknown=1), call(3, 1, unknown=1)]
    decision = decide_group(group_calls(calls)[0], by_hour([2, 1]), is_exact=True)
    assert (decision.charged, decision.undecided) == ((calls[1],), (calls[2], calls[3]))
    assert (decision.charged_count, decision.unknown_count) == (1, 2)


def test_number_of_charged_calls_does_not_count_those_that_were_not_charged() -> None:
    free_failure, failure = call(4, 0, failed=1), call(5, 1, failed=1)
    calls = [call(0, 0, 1, certain=1), call(1, 0, unknown=1), call(2, 1, unknown=1), free_failure, failure]
    decision = decide_group(group_calls(calls)[0], by_hour([0, 2]), is_exact=True)
    assert (decision.not_charged, decision.undecided) == ((calls[1],), (calls[2],))
    assert (decision.charged_count, decision.unknown_count) == (1, 2)


def test_partly_charged_call_stays_unknown() -> None:
    decision = decide_group(group_calls([call(1, 0, unknown=4)])[0], by_hour([3]), is_exact=True)
    assert not decision.charged
    assert not decision.not_charged


def test_call_near_a_boundary_connects_its_hours() -> None:
    """One image may be that of the boundary call or of the call in the second hour."""
    calls = [call(1, 0, 1, unknown=1), call(2, 1, unknown=1)]
    [group] = group_calls(calls)
    ambiguous = decide_group(group, by_hour([0, 1]), is_exact=True)
    assert ambiguous.undecided == tuple(calls)
    in_the_first = decide_group(group, by_hour([1, 0]), is_exact=True)
    assert (in_the_first.charged, in_the_first.not_charged) == ((calls[0],), (calls[1],))


def test_hours_are_compared_before_those_that_they_are_connected_with() -> None:
    """A call of the first hour is settled, although a call near its end may be billed in an hour that is not final."""
    calls = [call(1, 0, unknown=1), call(2, 0, 1, unknown=1), call(3, 1, unknown=1)]
    nothing = compare_bill(calls, read_hours(()), rules())
    assert [one.not_charged for one in nothing.decisions] == [(calls[0],)]
    assert nothing.open_calls == [calls[1], calls[2]]
    one_image = compare_bill(calls, read_hours((line(1),)), rules())
    assert [one.undecided for one in one_image.decisions] == [(calls[0],)]
    assert [one.charged_count for one in one_image.decisions] == [None]
    assert one_image.open_calls == [calls[1], calls[2], calls[0]]
    two_images = compare_bill(calls, read_hours((line(2),)), rules())
    assert [one.charged for one in two_images.decisions] == [(calls[0],)]


def test_failure_that_may_have_been_billed_prevents_settling_as_charged() -> None:
    calls = [call(1, 0, unknown=1), call(2, 0, failed=1)]
    one_billed = decide_group(group_calls(calls)[0], by_hour([1]), is_exact=True)
    assert (one_billed.charged, one_billed.not_charged) == ((), ())
    both_billed = decide_group(group_calls(calls)[0], by_hour([2]), is_exact=True)
    assert set(both_billed.charged) == set(calls)
    assert [finding.kind for finding in both_billed.findings] == [FindingKind.BILLED_FAILURE]


@pytest.mark.parametrize(
    ("sent_minute", "lease_minute", "hours"),
    [(30, 36, (12, 12)), (10, 49, (12, 12)), (9, 36, (11, 12)), (45, 51, (12, 13)), (30, 50, (12, 13))],
)
@pytest.mark.parametrize("provider_id", [None, "work-1"])
def test_call_may_be_billed_ten_minutes_before_it_is_sent_and_after_its_lease_ends(
    sent_minute: int, lease_minute: int, hours: Span, provider_id: str | None
) -> None:
    attempt = build_attempt(
        submitted_at=NOON + timedelta(minutes=sent_minute),
        lease_until=NOON + timedelta(minutes=lease_minute),
        provider_id=provider_id,
    )
    [found] = list_billed_calls(build_job(attempts=(attempt,), paid_attempt_no=1, links=(DELIVERED,)))
    assert (found.first_hour.hour, found.last_hour.hour, found.certain) == (*hours, 1)


def test_lost_call_of_a_release_with_other_prices_is_not_understood() -> None:
    for amount, is_unclear in ((PRICE, False), (2 * PRICE, True), (PRICE // 2, True)):
        attempt = build_attempt(charged=0, unknown=amount, outcome=AttemptOutcome.LOST)
        [found] = list_billed_calls(build_job(attempts=(attempt,)))
        assert found.is_unclear is is_unclear


@pytest.mark.parametrize(
    ("endpoint", "provider_id", "count"), [(ENDPOINT, "work-1", 0), (V2_ENDPOINT, "work-1", 1), (V2_ENDPOINT, None, 0)]
)
def test_accepted_call_that_failed_may_have_been_billed(endpoint: str, provider_id: str | None, count: int) -> None:
    attempt = build_attempt(endpoint=endpoint, provider_id=provider_id, charged=0, outcome=AttemptOutcome.REJECTED)
    found = list_billed_calls(build_job(attempts=(attempt,)))
    assert [(one.possible, one.is_failure, one.is_unknown) for one in found] == [(1, True, False)] * count


@pytest.mark.parametrize(
    ("links", "basis", "amounts"),
    [
        ((DELIVERED, DELIVERED), "price_list", (2, 0)),
        ((DELIVERED, WITHHELD), "price_list", (1, 1)),
        ((WITHHELD, WITHHELD), "price_list", (0, 2)),
        ((WITHHELD, WITHHELD), "reported", (2, 0)),
    ],
)
def test_withheld_pictures_are_certainly_billed_only_if_the_provider_says_so(
    links: tuple[PictureLink, ...], basis: str, amounts: tuple[int, int]
) -> None:
    attempt = build_attempt(charged=2 * PRICE, basis=basis)
    paid = build_job(attempts=(attempt,), paid_attempt_no=1, links=links)
    earlier = build_job(attempts=(attempt,), judged_attempts=(JudgedAttempt(attempt_no=1, links=links, fidelities=()),))
    for job in (paid, earlier):
        [found] = list_billed_calls(job)
        assert (found.certain, found.possible) == amounts


def test_pictures_that_v2_withheld_are_certainly_billed() -> None:
    attempt = build_attempt(endpoint=V2_ENDPOINT, charged=2 * PRICE)
    [found] = list_billed_calls(build_job(attempts=(attempt,), paid_attempt_no=1, links=(DELIVERED, WITHHELD)))
    assert (found.certain, found.possible) == (2, 0)


def test_pictures_that_the_job_no_longer_names_may_have_been_withheld() -> None:
    [found] = list_billed_calls(build_job(attempts=(build_attempt(charged=2 * PRICE),)))
    assert (found.certain, found.possible) == (0, 2)


def test_key_with_two_meanings_counts_as_shared() -> None:
    assert parse_key_uses("k1, k2:other,k1:other") == {"k1": KeyUse.SHARED, "k2": KeyUse.OTHER}
    assert parse_key_uses("k1:shared,k1") == {"k1": KeyUse.SHARED}
    with pytest.raises(ValueError, match="mine"):
        parse_key_uses("k1:mine")


def test_shared_key_settles_only_as_not_charged() -> None:
    calls = [call(1, 0, certain=1), call(2, 0, unknown=1)]
    assert settled(calls, read_hours((line(2),), ()), rules(k1=KeyUse.SHARED)) == (0, 0)
    assert settled(calls, read_hours((line(1),), ()), rules(k1=KeyUse.SHARED)) == (0, 1)
    [group] = group_calls(calls)
    assert not decide_group(group, by_hour([2]), is_exact=False).charged
    assert decide_group(group, by_hour([1]), is_exact=False).not_charged == (calls[1],)


@pytest.mark.parametrize("use", [KeyUse.OWN, KeyUse.SHARED])
@pytest.mark.parametrize(
    ("others", "billed", "not_charged"),
    [
        ([], [0, 1], 0),
        ([], [0, 0], 1),
        ([call(2, 1, certain=1)], [0, 2], 0),
        ([call(2, 1, certain=1)], [0, 1], 1),
        # Its image may be the one of the second hour, or of the third.
        ([call(2, 1, 2, certain=1)], [0, 1, 0], 1),
    ],
)
def test_call_that_may_have_been_billed_in_the_next_hour_is_not_settled(
    use: KeyUse, others: list[BilledCall], billed: list[int], not_charged: int
) -> None:
    hours = read_hours(*((line(count),) if count else () for count in billed))
    comparison = compare_bill([call(1, 0, unknown=1), *others], hours, rules(k1=use))
    assert sum(len(one.not_charged) for one in comparison.decisions) == not_charged
    assert [one.ref.job_id for one in comparison.open_calls] == ["job1"] * (1 - not_charged)
    assert (FindingKind.LATE_USAGE in {one.kind for one in comparison.findings}) is not not_charged


def test_image_of_the_next_hour_that_may_be_that_of_others_settles_nothing_on_a_shared_key() -> None:
    """With a key of its own, the image of the next hour is that of the call in it, or of the one in the third."""
    calls = [call(1, 0, unknown=1), call(2, 1, 2, certain=1)]
    hours = read_hours((), (line(1),), (line(1),))
    assert settled(calls, hours, rules(k1=KeyUse.SHARED)) == (0, 0)


def test_missing_image_of_others_does_not_hide_one_that_was_billed_late() -> None:
    """The image of the second hour may be that of either lost call, and one of the third hour is missing."""
    calls = [call(1, 0, unknown=1), call(2, 1, 2, unknown=1), call(3, 2, certain=1)]
    comparison = compare_bill(calls, read_hours((), (line(1),), ()), rules(k1=KeyUse.SHARED))
    assert [one.not_charged for one in comparison.decisions] == [(), ()]
    assert {FindingKind.LATE_USAGE, FindingKind.MISSING_CHARGE} <= {one.kind for one in comparison.findings}


def test_call_of_a_shared_key_stays_open_until_the_next_hour_is_final() -> None:
    calls = [call(1, 0, unknown=1)]
    comparison = compare_bill(calls, read_hours(()), rules(k1=KeyUse.SHARED))
    assert [one.not_charged for one in comparison.decisions] == [()]
    assert comparison.open_calls == calls
    assert settled(calls, read_hours((), ()), rules(k1=KeyUse.SHARED)) == (0, 1)


@pytest.mark.parametrize(
    ("others", "billed", "is_open"),
    [
        ([], [0], False),
        ([], [1], True),
        ([call(2, 1, certain=1)], [0], False),
        ([call(2, 1, certain=1)], [1], False),
        ([call(2, 1, certain=1)], [2], True),
        # The image of the second hour may be the lost one: the certain one may be that of the third hour.
        ([call(2, 1, 2, certain=1)], [1, 1], True),
        ([call(2, 1, 2, certain=1), call(3, 2, certain=1)], [1, 1], False),
        ([call(2, 1, unknown=1)], [1], True),
    ],
)
def test_call_of_an_own_key_waits_for_an_image_of_the_next_hour_that_is_not_certainly_of_another_call(
    others: list[BilledCall], billed: list[int], *, is_open: bool
) -> None:
    """The next hours are read, but not final."""
    lost = call(1, 0, unknown=1)
    hours = read_hours((), *((line(count),) if count else () for count in billed))
    now = NOON + (len(billed) + 1) * HOUR
    pending = {start: replace(hour, unchanged_since=now, last_read_at=now) for start, hour in hours.items()}
    comparison = compare_bill([lost, *others], pending | {NOON: hours[NOON]}, rules())
    [decision] = comparison.decisions
    assert (lost in comparison.open_calls, decision.not_charged) == (is_open, () if is_open else (lost,))
    assert not comparison.findings


@pytest.mark.parametrize("obstacle", ["shrunk", "unlisted_key", "unknown_price", None])
def test_image_of_the_next_hour_keeps_a_call_of_an_own_key_open_even_if_that_hour_cannot_be_compared(
    obstacle: str | None,
) -> None:
    lost, other = call(1, 0, unknown=1), call(2, 0, certain=1)
    lines = {"unlisted_key": (line(1), line(1, key="k3")), "unknown_price": (line(1), line(1, price=None))}
    hours = read_hours((line(1),), lines.get(obstacle or "", (line(1),)), shrunk=1 if obstacle == "shrunk" else None)
    comparison = compare_bill([lost, other], hours, rules())
    assert lost in comparison.open_calls
    assert not any(one.not_charged for one in comparison.decisions)


def test_waiting_call_is_not_counted_among_several_that_cannot_be_told_apart() -> None:
    """Two calls of the first hour cannot be told apart. The one of the second hour was not charged."""
    alike = [call(1, 0, unknown=1), call(2, 0, unknown=1)]
    lost, connecting = call(3, 1, unknown=1), call(4, 0, 1, certain=1)
    hours = read_hours((line(2),), (), (line(1),))
    pending = {NOON + 2 * HOUR: replace(hours[NOON + 2 * HOUR], last_read_at=NOON + 3 * HOUR)}
    [decision] = compare_bill([*alike, lost, connecting, call(5, 2, unknown=1)], hours | pending, rules()).decisions
    assert (decision.charged_count, decision.unknown_count) == (1, 2)
    assert (list(decision.undecided), list(decision.waiting)) == (alike, [lost])


@pytest.mark.parametrize(("billed", "not_charged"), [([0, 0, 1, 1], 0), ([0, 0, 0, 1], 1)])
def test_late_image_of_a_shared_key_is_found_among_connected_hours(billed: list[int], not_charged: int) -> None:
    """The lost call of the second hour is connected with the others by calls at the boundaries of their hours."""
    others = [call(2, 0, 1, unknown=1), call(3, 1, 2, unknown=1), call(4, 2, 3, unknown=1), call(5, 3, certain=1)]
    lost = call(1, 1, unknown=1)
    hours = read_hours(*((line(count),) if count else () for count in billed), ())
    comparison = compare_bill([lost, *others], hours, rules(k1=KeyUse.SHARED))
    assert sum(lost in one.not_charged for one in comparison.decisions) == not_charged
    assert sum(lost == one for one in comparison.open_calls) == 1 - not_charged
    assert bool(comparison.findings) is not not_charged


def test_images_are_placed_where_fewest_others_can_be() -> None:
    units = [Units(0, 1, 2), Units(1, 1, 1), Units(0, 0, 1)]
    assert find_unplaced(units, [2, 2]) == []
    assert find_unplaced(units, [1, 2]) == [Units(1, 1, 1)]
    assert find_unplaced(units, [0, 4]) == [Units(0, 0, 1)]
    assert not is_possible([Units(0, 0, 1)], [], [0, 1], is_exact=False)


# -- the records of many hours -----------------------------------------------------------------------------------------


def line(quantity: int, *, key: str = "k1", endpoint: str = ENDPOINT, price: int | None = PRICE) -> UsageLine:
    count = quantity if price else None
    return UsageLine(endpoint=endpoint, key_id=key, unit_price=price, quantity=count, cost=quantity * (price or 10_000))


def read_hours(*lines: tuple[UsageLine, ...], shrunk: int | None = None) -> dict[datetime, UsageHour]:
    """Hours from noon on, each read twice after it was over for long enough."""
    return {
        NOON + n * HOUR: UsageHour(
            start=NOON + n * HOUR,
            lines=of_hour,
            unchanged_since=NOON + 48 * HOUR,
            last_read_at=NOON + 49 * HOUR,
            has_shrunk=n == shrunk,
        )
        for n, of_hour in enumerate(lines)
    }


def rules(
    *,
    seen: bool = True,
    stopped: int | None = None,
    missing: Iterable[MissingCharge] = (),
    accepted: Iterable[MissingCharge] = (),
    other_prices: bool = False,
    **uses: KeyUse,
) -> BillRules:
    return BillRules(
        key_uses=uses or {"k1": KeyUse.OWN},
        final_after=FINAL_AFTER,
        seen_endpoints=frozenset({ENDPOINT} if seen else ()),
        stopped_hour=None if stopped is None else NOON + stopped * HOUR,
        missing_charges=tuple(missing),
        accepted_charges=tuple(accepted),
        has_other_prices=other_prices,
    )


def settled(calls: list[BilledCall], hours: dict[datetime, UsageHour], given: BillRules) -> tuple[int, int]:
    decisions = compare_bill(calls, hours, given).decisions
    return sum(len(one.charged) for one in decisions), sum(len(one.not_charged) for one in decisions)


def test_call_is_settled_once_its_hours_are_final() -> None:
    calls = [call(1, 0, certain=1), call(2, 0, unknown=1)]
    hours = read_hours((line(1),))
    assert settled(calls, hours, rules()) == (0, 1)
    early = UsageHour(
        start=NOON, lines=(line(1),), unchanged_since=NOON + HOUR, last_read_at=NOON + 2 * HOUR + timedelta(minutes=29)
    )
    comparison = compare_bill(calls, {NOON: early}, rules())
    assert (comparison.decisions, comparison.open_calls) == ([], [calls[1]])


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        ((line(1), line(1, key="k2")), FindingKind.UNLISTED_KEY),
        ((line(1), line(1, endpoint="/v1/new")), FindingKind.UNKNOWN_ENDPOINT),
        ((line(1), line(1, price=None)), FindingKind.UNKNOWN_PRICE),
        ((line(1), line(1, price=70_000)), FindingKind.UNKNOWN_PRICE),
    ],
)
def test_hour_with_something_that_is_not_understood_settles_nothing(
    lines: tuple[UsageLine, ...], kind: FindingKind
) -> None:
    calls = [call(1, 0, certain=1), call(2, 0, unknown=1), call(3, 1, certain=1), call(4, 1, unknown=1)]
    comparison = compare_bill(calls, read_hours(lines, (line(1),)), rules())
    assert [one.ref for decision in comparison.decisions for one in decision.not_charged] == [calls[3].ref]
    assert kind in {finding.kind for finding in comparison.findings}


def test_keys_of_others_are_left_out() -> None:
    hours = read_hours((line(1), line(5, key="shop"), line(3, key="shop", endpoint="/v1/new")))
    calls = [call(1, 0, certain=1), call(2, 0, unknown=1)]
    assert settled(calls, hours, rules(k1=KeyUse.OWN, shop=KeyUse.OTHER)) == (0, 1)


def test_replaced_keys_count_together() -> None:
    calls = [call(1, 0, certain=2), call(2, 0, unknown=1)]
    hours = read_hours((line(2), line(1, key="k2")))
    assert settled(calls, hours, rules(k1=KeyUse.OWN, k2=KeyUse.OWN)) == (1, 0)


def test_shrunk_hour_and_call_without_endpoint_settle_nothing() -> None:
    calls = [call(1, 0, certain=1), call(2, 0, unknown=1)]
    comparison = compare_bill(calls, read_hours((line(1),), shrunk=0), rules())
    assert (comparison.decisions, comparison.open_calls) == ([], [calls[1]])
    assert [finding.kind for finding in comparison.findings] == [FindingKind.SHRUNK_HOUR]
    unclear = call(3, 0, unknown=1, is_unclear=True)
    assert settled([*calls, unclear], read_hours((line(1),)), rules()) == (0, 0)


def test_endpoint_that_was_never_billed_settles_nothing() -> None:
    """The records might call it by another name."""
    comparison = compare_bill([call(1, 0, unknown=1)], read_hours(()), rules(seen=False))
    assert [one.not_charged for one in comparison.decisions] == [()]
    assert [finding.kind for finding in comparison.findings] == [FindingKind.UNSEEN_ENDPOINT]


def test_missing_charge_stops_later_settlements_until_a_person_has_looked() -> None:
    calls = [
        call(1, 0, certain=1), call(2, 0, unknown=1),
        call(3, 2, certain=1),
        call(4, 4, certain=1), call(5, 4, unknown=1),
    ]  # fmt: skip
    hours = read_hours((line(1),), (), (), (), (line(1),))
    comparison = compare_bill(calls, hours, rules())
    assert [one.ref for decision in comparison.decisions for one in decision.not_charged] == [calls[1].ref]
    assert comparison.stopped_hour == NOON + 2 * HOUR
    assert comparison.missing_charges == [absent(2, 2)]
    accepted = compare_bill(calls, hours, rules(accepted=comparison.missing_charges))
    assert (accepted.stopped_hour, accepted.missing_charges) == (None, [])
    assert [one.ref for decision in accepted.decisions for one in decision.not_charged] == [calls[1].ref, calls[4].ref]


def absent(first: int, last: int, count: int = 1) -> MissingCharge:
    first_hour, last_hour = NOON + first * HOUR, NOON + last * HOUR
    return MissingCharge(endpoint=ENDPOINT, unit_price=PRICE, first_hour=first_hour, last_hour=last_hour, count=count)


def test_charges_that_a_person_accepted_stay_accepted_when_more_hours_are_connected() -> None:
    """On a busy stack, the hours with the missing charge never stop to be connected with new ones."""
    calls = [call(1, 0, 1, certain=3), call(2, 1, 2, certain=1), call(3, 2, 3, certain=1), call(4, 3, unknown=1)]
    first = compare_bill(calls, read_hours((line(1),), (), (line(1),)), rules())
    assert first.missing_charges == [absent(0, 1, 2)]
    hours = read_hours((line(1),), (), (line(1),), (line(1),))
    later = compare_bill(calls, hours, rules(accepted=first.missing_charges))
    assert (later.stopped_hour, later.findings) == (None, [])
    assert [one.ref for decision in later.decisions for one in decision.not_charged] == [calls[3].ref]


def test_only_as_many_missing_charges_are_accepted_as_a_person_has_seen() -> None:
    calls = [call(1, 0, certain=2), call(2, 0, certain=2)]
    assert compare_bill(calls, read_hours((line(1),)), rules(accepted=[absent(0, 0, 3)])).missing_charges == []
    assert compare_bill(calls, read_hours(()), rules(accepted=[absent(0, 0, 3)])).missing_charges == [absent(0, 0)]
    other = replace(absent(0, 0, 3), endpoint=V2_ENDPOINT)
    assert compare_bill(calls, read_hours(()), rules(accepted=[other])).missing_charges == [absent(0, 0, 4)]


@settings(max_examples=400)
@given(
    calls=calls_in_three_hours,
    billed=st.lists(st.integers(0, 6), min_size=3, max_size=3),
    final_hours=st.integers(1, 3),
    accepted=st.integers(0, 2),
    use=st.sampled_from([KeyUse.OWN, KeyUse.SHARED]),
)
def test_calls_that_cannot_be_settled_may_be_added_up(
    calls: list[BilledCall], billed: list[int], final_hours: int, accepted: int, use: KeyUse
) -> None:
    hours = read_hours(*((line(count),) if count else () for count in billed[:final_hours]))
    given_rules = rules(k1=use, accepted=[absent(0, 1, accepted)] if accepted else ())
    collection = CallCollection()
    collection.add(calls)
    expected = compare_bill(calls, hours, given_rules)
    found = compare_bill(collection.list_all(), hours, given_rules)
    assert [summarize(one) for one in found.decisions] == [summarize(one) for one in expected.decisions]
    assert sort_refs(found.open_calls) == sort_refs(expected.open_calls)
    assert (found.findings, found.missing_charges) == (expected.findings, expected.missing_charges)


def summarize(decision: GroupDecision) -> object:
    """What a decision proves, without the calls that were added up."""
    sums = [sum(getattr(one, field) for one in decision.calls) for field in ("certain", "possible")]
    kept = [sort_refs(calls) for calls in (decision.charged, decision.not_charged, decision.undecided)]
    return sums, kept, replace(decision, calls=(), charged=(), not_charged=())


def sort_refs(calls: Iterable[BilledCall]) -> list[CallRef]:
    return sorted(one.ref for one in calls)


def test_calls_of_one_kind_take_as_much_memory_as_one() -> None:
    collection = CallCollection()
    collection.add(call(n, 0, 1, certain=1) for n in range(100))
    collection.add([call(100, 0, 1, unknown=1), call(101, 0, certain=2), call(102, 0, 1, certain=1, is_unclear=True)])
    sums = sorted((one.certain, one.possible, one.is_unknown, one.is_unclear) for one in collection.list_all())
    assert sums == [(0, 1, True, False), (1, 0, False, True), (2, 0, False, False), (100, 0, False, False)]


def test_stop_ends_when_the_missing_charge_appears_late() -> None:
    calls = [call(3, 2, certain=1), call(4, 4, certain=1), call(5, 4, unknown=1)]
    hours = read_hours((), (), (line(1),), (), (line(1),))
    stopped = rules(stopped=2, missing=[absent(2, 2)])
    assert settled(calls, hours, stopped) == (0, 1)
    assert settled(calls[1:], hours, stopped) == (0, 0)


@pytest.mark.parametrize("obstacle", ["shrunk", "unlisted", "gone"])
def test_stop_does_not_end_because_an_hour_cannot_be_compared(obstacle: str) -> None:
    """The missing image may have been billed in that hour, or not."""
    calls = [call(1, 0, 1, certain=1), call(2, 4, certain=1), call(3, 4, unknown=1)]
    before = compare_bill(calls, read_hours((), (), (), (), (line(1),)), rules())
    assert (before.stopped_hour, before.missing_charges) == (NOON, [absent(0, 1)])
    unlisted = (line(1, key="k2"),) if obstacle == "unlisted" else ()
    hours = read_hours((), unlisted, (), (), (line(1),), shrunk=1 if obstacle == "shrunk" else None)
    if obstacle == "gone":
        del hours[NOON + HOUR]
    after = compare_bill(calls, hours, rules(stopped=0, missing=before.missing_charges))
    assert (after.stopped_hour, after.missing_charges) == (NOON, [absent(0, 1)])
    assert not any(decision.not_charged for decision in after.decisions)


def test_usage_in_an_hour_without_a_call_of_its_price_belongs_to_no_call() -> None:
    """It may be that of the lost call, at another price, so that call is not settled."""
    other = replace(call(3, 5, certain=1), unit_price=30_000)
    calls = [call(1, 0, unknown=1), call(2, 3, unknown=1), other]
    hours = read_hours((line(1, price=30_000),), (), (), (), (), (line(1, price=30_000),))
    comparison = compare_bill(calls, hours, rules())
    assert [one.ref for decision in comparison.decisions for one in decision.not_charged] == [calls[1].ref]
    assert {(one.kind, one.first_hour, one.count) for one in comparison.findings} == {
        (FindingKind.FOREIGN_USAGE, NOON, 1),
        (FindingKind.OTHER_PRICE, NOON, 0),
    }
    assert comparison.open_calls == [calls[0]]


def test_call_is_not_settled_as_not_charged_before_an_hour_with_usage_of_no_call() -> None:
    """The image may be its own, billed later than expected."""
    calls = [call(1, 0, unknown=1), call(2, 4, unknown=1)]
    comparison = compare_bill(calls, read_hours((), (line(1),), (), (), ()), rules())
    assert [one.ref for decision in comparison.decisions for one in decision.not_charged] == [calls[1].ref]
    assert FindingKind.LATE_USAGE in {one.kind for one in comparison.findings}


def test_no_call_is_settled_as_charged_while_something_else_uses_the_key() -> None:
    calls = [call(1, 0, certain=1), call(2, 4, unknown=1)]
    assert settled(calls, read_hours((line(1),), (), (), (), (line(1),)), rules()) == (1, 0)
    assert settled(calls, read_hours((line(1),), (), (line(7),), (), (line(1),)), rules()) == (0, 0)


def test_finding_counts_what_is_missing_or_belongs_to_no_call() -> None:
    """Even if the sums of its hours agree."""
    calls = [call(1, 0, certain=2), call(2, 0, 1, certain=1)]
    for hours, kind in (
        (((line(1),), (line(2),)), FindingKind.MISSING_CHARGE),
        (((line(3),), (line(1),)), FindingKind.FOREIGN_USAGE),
    ):
        [finding] = compare_bill(calls, read_hours(*hours), rules()).findings
        assert (finding.kind, finding.count) == (kind, 1)


def test_finding_names_only_some_of_many_jobs() -> None:
    failures = [call(n, 0, failed=1) for n in range(MAX_DETAILS + 5)]
    [finding] = compare_bill(failures, read_hours((line(len(failures)),)), rules()).findings
    assert (finding.kind, finding.count, len(finding.details)) == (FindingKind.BILLED_FAILURE, 25, MAX_DETAILS)


def test_foreign_usage_in_one_hour_makes_the_key_count_as_shared() -> None:
    calls = [call(1, 0, certain=1), call(2, 2, unknown=1), call(3, 4, certain=1), call(4, 4, unknown=1)]
    hours = read_hours((line(3),), (), (line(1),), (), (line(1),))
    comparison = compare_bill(calls, hours, rules())
    assert [one.ref for decision in comparison.decisions for one in decision.charged] == []
    assert [one.ref for decision in comparison.decisions for one in decision.not_charged] == [calls[3].ref]


def test_charge_of_the_price_check_is_not_taken_for_that_of_a_job() -> None:
    lost = call(1, 0, unknown=1)
    quote = replace(call(2, 0), possible=1)
    group = CallGroup(NOON, NOON, [lost])
    assert decide_group(group, {NOON: 1}, is_exact=True).charged == (lost,)
    decision = decide_group(replace(group, calls=[lost, quote]), {NOON: 1}, is_exact=True)
    assert (decision.charged, decision.not_charged, decision.undecided) == ((), (), (lost,))


@pytest.mark.parametrize(("price", "count"), [(30_000, 1), (55_000, 0)])
def test_shared_key_may_have_usage_at_any_listed_price(price: int, count: int) -> None:
    """Usage at any other price may be that of this stack's calls, since Ideogram has changed a price."""
    calls = [call(1, 0, certain=1), call(2, 0, unknown=1)]
    hours = read_hours((line(1), line(1, price=price)), ())
    assert settled(calls, hours, rules(k1=KeyUse.SHARED)) == (0, count)


def test_usage_that_no_call_explains_may_be_that_of_calls_at_another_price() -> None:
    calls = [
        call(1, 0, certain=1), call(2, 0, unknown=1), replace(call(3, 0, certain=1), unit_price=90_000),
        call(4, 4, certain=1), call(5, 4, unknown=1),
    ]  # fmt: skip
    hours = read_hours((line(1), line(2, price=90_000)), (), (), (), (line(1),))
    comparison = compare_bill(calls, hours, rules())
    assert [one.ref for decision in comparison.decisions for one in decision.not_charged] == [calls[4].ref]
    assert {finding.kind for finding in comparison.findings} == {FindingKind.FOREIGN_USAGE, FindingKind.OTHER_PRICE}


def test_nothing_is_settled_while_prices_differ_from_the_list() -> None:
    calls, hours = [call(1, 0, certain=1), call(2, 0, unknown=1)], read_hours((line(1),))
    assert settled(calls, hours, rules()) == (0, 1)
    comparison = compare_bill(calls, hours, rules(other_prices=True))
    assert [finding.kind for finding in comparison.findings] == [FindingKind.OTHER_PRICE]
    assert comparison.open_calls == [calls[1]]
