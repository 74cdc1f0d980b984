"""The usage route sums up the bill as Ideogram's does: per time bucket, with a lag, for admins."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import requests

from backdrop_local.standin.ideogram_usage import derive_key_id
from tests.contract.standin_client import KEY, WAIT_SECONDS, StandinClient, text

PATH = "/ideogram/v2/account/usage"


def ask(standin: StandinClient, *, key: str = KEY, **query: str) -> requests.Response:
    now = datetime.now(UTC)
    window = {
        "start_time": (now - timedelta(hours=2)).isoformat(),
        "end_time": (now + timedelta(hours=1)).isoformat(),
        "bucket_width": "1h",
    }
    return standin.http.get(standin.url + PATH, params=window | query, headers={"Api-Key": key}, timeout=WAIT_SECONDS)


def items(standin: StandinClient, **query: str) -> list[dict[str, Any]]:
    return [item for b in ask(standin, **query).json()["buckets"] for item in b["line_items"]]


def test_totals_match_the_bill_as_decimal_strings(standin: StandinClient) -> None:
    standin.control("settings", {"usage_lag_seconds": 0})
    standin.replace(text("num_images", "2"))
    standin.replace()
    standin.replace(text("rendering_speed", "QUALITY"))
    standin.remove()
    found = items(standin)
    quantities = sorted(
        (item["endpoint"], item["billed_units"]["unit_price"], item["billed_units"]["quantity"]) for item in found
    )
    assert quantities == [
        ("/v1/ideogram-v3/replace-background", "0.060000", "3"),
        ("/v1/ideogram-v3/replace-background", "0.090000", "1"),
        ("/v1/remove-background", "0.010000", "1"),
    ]
    assert sum(Decimal(item["cost_total"]) for item in found) == Decimal(standin.total_usd())


def test_buckets_are_whole_hours_or_days(standin: StandinClient) -> None:
    for width, seconds in (("1h", 3_600), ("1d", 86_400)):
        buckets = ask(standin, bucket_width=width).json()["buckets"]
        starts = [datetime.fromisoformat(bucket["start_time"]).timestamp() for bucket in buckets]
        assert all(start % seconds == 0 for start in starts)
        assert buckets[0]["end_time"] == buckets[1]["start_time"] if len(buckets) > 1 else True


def test_charge_appears_after_the_lag(standin: StandinClient) -> None:
    standin.remove()
    assert items(standin) == []
    standin.add_fault("clock", {"offset_s": 301})
    assert len(items(standin)) == 1


def test_key_without_admin_rights_is_404(standin: StandinClient) -> None:
    answer = ask(standin, key="some-key")
    assert (answer.status_code, answer.json()) == (404, {"error": "not found"})


def test_invalid_key_is_401(standin: StandinClient) -> None:
    assert ask(standin, key="invalid").status_code == 401


def test_charges_of_other_accounts_are_omitted(standin: StandinClient) -> None:
    standin.control("settings", {"usage_lag_seconds": 0})
    standin.remove()
    standin.remove(key="another-account")
    assert len(items(standin)) == 1
    assert items(standin, sources="app") == []


@pytest.mark.parametrize(
    "query",
    [
        {"bucket_width": "1m"},
        {"sources": "web"},
        {"start_time": "yesterday"},
        {"start_time": "2026-10-03T00:00:00"},
        {"start_time": "2020-01-01T00:00:00Z"},
        {"end_time": "2020-01-01T00:00:00Z"},
    ],
    ids=str,
)
def test_invalid_query_is_400(standin: StandinClient, query: dict[str, str]) -> None:
    assert ask(standin, **query).status_code == 400


def find_bucket(standin: StandinClient, hours_ago: int) -> list[dict[str, Any]]:
    start = (datetime.now(UTC) - timedelta(hours=hours_ago)).replace(minute=0, second=0, microsecond=0)
    answer = ask(standin, start_time=start.isoformat(), end_time=(start + timedelta(hours=1)).isoformat())
    (bucket,) = answer.json()["buckets"]
    return bucket["line_items"]


def test_charges_can_be_shown_as_older_than_they_are(standin: StandinClient) -> None:
    standin.control("settings", {"usage_lag_seconds": 0, "usage_age_seconds": 5 * 3600})
    standin.remove()
    assert items(standin) == []
    assert [item["endpoint"] for item in find_bucket(standin, 5)] == ["/v1/remove-background"]


def test_records_can_be_corrected_and_shared(standin: StandinClient) -> None:
    standin.control("settings", {"usage_lag_seconds": 0, "usage_age_seconds": 3600})
    standin.replace(text("num_images", "2"))
    changes = [
        {"hours_ago": 1, "images": -1},
        {"hours_ago": 1, "images": 3, "key_id": "key-of-others"},
        {"hours_ago": 1, "images": 4, "source": "app"},
    ]
    standin.control("settings", {"usage_changes": changes})
    api_lines = {
        one["api_key"]["id"]: one["billed_units"]["quantity"]
        for one in find_bucket(standin, 1)
        if one["source"] == "api"
    }
    assert api_lines == {derive_key_id(KEY): "1", "key-of-others": "3"}
    [app_line] = items(standin, sources="app")
    assert ("user_email" in app_line, "api_key" in app_line) == (True, False)


def test_date_follows_the_clock(standin: StandinClient) -> None:
    standin.add_fault("clock", {"offset_s": 3600})
    difference = parsedate_to_datetime(ask(standin).headers["Date"]) - datetime.now(UTC)
    assert timedelta(minutes=59) < difference < timedelta(minutes=61)
