"""Usage records are used only if every part of them is as documented; an hour is final once two reads agree."""

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from backdrop.model.bill_records import HOUR, KeyUse, UsageHour, UsageLine
from backdrop.model.usage_records import (
    UsageByHour,
    UsagePeriod,
    UsageRecordsError,
    add_read,
    check_clock,
    may_be_own,
    parse_usage,
)

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
PERIOD = UsagePeriod(NOON, NOON + 2 * HOUR)
ENDPOINT = "/v1/remove-background"
FINAL_AFTER = timedelta(minutes=60)


def item(**changes: Any) -> dict[str, Any]:
    """A line of the records, as in Ideogram's own example."""
    return {
        "product": "api_remove_background",
        "description": "Background removal",
        "endpoint": ENDPOINT,
        "cost_total": "0.020000",
        "currency_code": "USD",
        "source": "api",
        "billed_units": {"unit": "image", "quantity": "2", "unit_price": "0.010000"},
        "api_key": {"id": "k1", "redacted_key": "ideo"},
    } | changes


def hour(start: datetime = NOON, items: object = (), **changes: Any) -> dict[str, Any]:
    end = start + HOUR
    return {"start_time": start.isoformat(), "end_time": end.isoformat(), "line_items": items} | changes


def body(*hours: object) -> bytes:
    return json.dumps({"buckets": hours}).encode()


def line(quantity: int = 2) -> UsageLine:
    return UsageLine(endpoint=ENDPOINT, key_id="k1", unit_price=10_000, quantity=quantity, cost=quantity * 10_000)


def parse(records: bytes, **uses: KeyUse) -> UsageByHour:
    is_own = partial(may_be_own, key_uses=uses or {"k1": KeyUse.OWN}, endpoints={ENDPOINT})
    return parse_usage(records, PERIOD, is_own)


def test_lines_are_summed_by_endpoint_key_and_price() -> None:
    without_units = item(billed_units=None, endpoint="/v1/other", api_key={"id": "k2"})
    usage = parse(body(hour(items=[item(), item(), without_units]), hour(NOON + HOUR, [])))
    assert usage[NOON] == (
        UsageLine(endpoint="/v1/other", key_id="k2", unit_price=None, quantity=None, cost=20_000),
        line(4),
    )
    assert usage[NOON + HOUR] == ()


def test_usage_without_an_api_key_is_that_of_people_who_are_signed_in() -> None:
    app = item(source="app", user_email="a@example.com")
    session = item()
    del session["api_key"]
    assert parse(body(hour(items=[app, session, item(api_key=None), item()])))[NOON] == (line(),)


@pytest.mark.parametrize(
    "broken", [{"cost_total": 0.02}, {"source": "batch"}, {"currency_code": "EUR"}, {"billed_units": "2 images"}]
)
def test_malformed_line_refuses_the_records_only_if_it_may_be_this_stacks(broken: dict[str, Any]) -> None:
    others = {"k2": KeyUse.OTHER, "k3": KeyUse.SHARED}
    records = body(hour(items=[item(), item(api_key={"id": "k2"}, **broken)]))
    assert parse(records, k1=KeyUse.OWN, **others)[NOON] == (line(),)
    elsewhere = item(api_key={"id": "k4"}, endpoint="/v1/describe", **broken)
    assert parse(body(hour(items=[item(), elsewhere])), k1=KeyUse.OWN)[NOON] == (line(),)
    for own in ("k1", "k3", "unlisted"):
        with pytest.raises(UsageRecordsError):
            parse(body(hour(items=[item(api_key={"id": own}, **broken)])), k1=KeyUse.OWN, **others)
    with pytest.raises(UsageRecordsError):
        parse(body(hour(items=[item(api_key={"id": "unlisted"}, endpoint=None)])))


def test_hour_that_the_response_lacks_is_missing() -> None:
    assert list(parse(body(hour(NOON + HOUR, [])))) == [NOON + HOUR]


@pytest.mark.parametrize(
    "units",
    [
        {"unit": "megapixel", "quantity": "2", "unit_price": "0.010000"},
        {"unit": "image", "quantity": "3", "unit_price": "0.010000"},
        {"unit": "image", "quantity": "1.5", "unit_price": "0.010000"},
    ],
)
def test_images_are_not_counted_if_they_contradict_the_cost(units: dict[str, str]) -> None:
    [counted] = parse(body(hour(items=[item(billed_units=units)])))[NOON]
    assert (counted.unit_price, counted.quantity, counted.cost) == (None, None, 20_000)


@pytest.mark.parametrize(
    "records",
    [
        b"",
        body(hour(items=[item()]))[:-20],
        b"[]",
        b'{"buckets": {}}',
        body("hour"),
        body({"start_time": NOON.isoformat()}),
        body(hour(NOON + timedelta(minutes=5))),
        body(hour(items=[], end_time=(NOON + 2 * HOUR).isoformat())),
        body(hour(items=[], start_time="noon")),
        body(hour(items=[], start_time="2026-11-20T12:00:00")),
        body(hour(items={})),
        body(hour(items=[]), hour(items=[])),
        body(hour(items=["line"])),
        body(hour(items=[item(cost_total=0.02)])),
        body(hour(items=[item(cost_total="2e-2")])),
        body(hour(items=[item(cost_total="0.0200001")])),
        body(hour(items=[item(currency_code="EUR")])),
        body(hour(items=[item(source="batch")])),
        body(hour(items=[item(endpoint=None)])),
        body(hour(items=[item(api_key={})])),
        body(hour(items=[item(billed_units="2 images")])),
        body(hour(items=[item(billed_units={"unit": "image", "quantity": 2, "unit_price": "0.010000"})])),
    ],
)
def test_malformed_records_are_refused_as_a_whole(records: bytes) -> None:
    with pytest.raises(UsageRecordsError):
        parse(records)


def test_clocks_must_agree() -> None:
    check_clock(NOON, NOON + timedelta(minutes=2))
    for date in (None, NOON + timedelta(minutes=4), NOON - timedelta(minutes=4)):
        with pytest.raises(UsageRecordsError):
            check_clock(date, NOON)


def read(*reads: tuple[int, tuple[UsageLine, ...]]) -> UsageHour:
    """An hour after reads at these minutes after its end."""
    result: UsageHour | None = None
    for minutes, lines in reads:
        result = add_read(result, NOON, lines, NOON + HOUR + timedelta(minutes=minutes))
    assert result
    return result


@pytest.mark.parametrize(
    ("reads", "is_final"),
    [
        ([(60, 2), (90, 2)], True),
        ([(10, 2), (90, 2)], True),
        ([(60, 2), (89, 2)], False),
        ([(10, 2), (60, 2)], False),
        ([(60, 2), (90, 3)], False),
        ([(60, 2), (90, 3), (120, 3)], True),
        ([(60, 2), (90, 1), (120, 1)], False),
        ([(200, 2)], False),
    ],
)
def test_hour_is_final_after_two_reads_that_agree(reads: list[tuple[int, int]], is_final: bool) -> None:
    assert read(*((minutes, (line(count),)) for minutes, count in reads)).is_final(FINAL_AFTER) is is_final


def test_line_that_vanishes_is_usage_that_shrinks() -> None:
    assert read((60, (line(),)), (90, ())).has_shrunk
    assert not read((60, ()), (90, (line(),))).has_shrunk
