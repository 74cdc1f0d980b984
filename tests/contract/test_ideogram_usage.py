"""The product reads the usage records of the stand-in, which answers as Ideogram's API does."""

from datetime import UTC, datetime
from typing import override

import pytest

from backdrop.aws.clock import SystemClock
from backdrop.model.bill_records import HOUR, UsageLine
from backdrop.model.usage_records import UsagePeriod, UsageRecordsError, floor_to_hour
from backdrop.ports import ApiKey
from backdrop.providers.ideogram import ENDPOINT_PATHS
from backdrop.providers.ideogram_usage import IdeogramUsage
from tests.contract.standin_client import KEY, StandinClient, text


def read(standin: StandinClient, key: str = KEY) -> list[UsageLine]:
    usage = IdeogramUsage(f"{standin.url}/ideogram", lambda: ApiKey(key), SystemClock())
    start = floor_to_hour(datetime.now(UTC)) - HOUR
    records = usage.read(ApiKey(key), UsagePeriod(start, start + 3 * HOUR), {})
    return [line for lines in records.values() for line in lines]


def test_records_contain_each_endpoint_and_price(standin: StandinClient) -> None:
    standin.control("settings", {"usage_lag_seconds": 0})
    standin.replace(text("num_images", "2"))
    standin.replace(text("rendering_speed", "QUALITY"))
    standin.remove()
    found = {(line.endpoint, line.unit_price): line.quantity for line in read(standin)}
    assert found == {
        (ENDPOINT_PATHS["replace"], 60_000): 2,
        (ENDPOINT_PATHS["replace"], 90_000): 1,
        (ENDPOINT_PATHS["remove"], 10_000): 1,
    }


def test_key_that_is_not_an_admin_key_is_explained(standin: StandinClient) -> None:
    with pytest.raises(UsageRecordsError, match="not an admin key"):
        read(standin, "no-such-key")


def test_key_that_no_header_can_carry_is_explained(standin: StandinClient) -> None:
    with pytest.raises(UsageRecordsError, match="no header can carry"):
        read(standin, "two words")


def test_clock_that_is_wrong_is_explained(standin: StandinClient) -> None:
    class WrongClock(SystemClock):
        @override
        def now(self) -> datetime:
            return datetime.now(UTC) + HOUR

    usage = IdeogramUsage(f"{standin.url}/ideogram", lambda: ApiKey(KEY), WrongClock())
    start = floor_to_hour(datetime.now(UTC)) - HOUR
    with pytest.raises(UsageRecordsError, match="clocks"):
        usage.read(ApiKey(KEY), UsagePeriod(start, start + HOUR), {})


def test_key_that_is_refused_is_explained(standin: StandinClient) -> None:
    with pytest.raises(UsageRecordsError, match="refused the admin key"):
        read(standin, "invalid-key")


@pytest.mark.parametrize(
    ("form", "explanation"),
    [
        ("float", "decimal text"),
        ("other_currency", "another currency"),
        ("cut_off", "cut off"),
        ("no_endpoint", "names no endpoint"),
    ],
)
def test_records_that_are_not_as_documented_are_explained(standin: StandinClient, form: str, explanation: str) -> None:
    standin.control("settings", {"usage_lag_seconds": 0, "usage_form": form})
    standin.remove()
    with pytest.raises(UsageRecordsError, match=explanation):
        read(standin)


def test_clock_of_the_provider_that_is_wrong_is_explained(standin: StandinClient) -> None:
    standin.add_fault("clock", {"offset_s": 600})
    with pytest.raises(UsageRecordsError, match="clocks"):
        read(standin)


def test_hours_that_the_records_lack_are_left_out(standin: StandinClient) -> None:
    standin.control("settings", {"usage_lag_seconds": 0, "usage_form": "gaps"})
    usage = IdeogramUsage(f"{standin.url}/ideogram", lambda: ApiKey(KEY), SystemClock())
    start = floor_to_hour(datetime.now(UTC)) - 4 * HOUR
    assert list(usage.read(ApiKey(KEY), UsagePeriod(start, start + 4 * HOUR), {})) == [start, start + 2 * HOUR]


def test_usage_in_the_app_is_left_out(standin: StandinClient) -> None:
    change = {"hours_ago": 0, "images": 2, "source": "app"}
    standin.control("settings", {"usage_changes": [change, {"hours_ago": 0, "images": 3}]})
    assert [line.quantity for line in read(standin)] == [3]
