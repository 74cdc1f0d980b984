"""A machine with a wrong clock: commands use AWS's time, like the photos and requests that they affect."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from backdrop.aws.clock import SystemClock
from backdrop_client.aws_clock import AwsClock, measure_clock_offset

TRUE = datetime(2026, 11, 21, 10, 0, 5, 700_000, tzinfo=UTC)
WAY = timedelta(milliseconds=300)


def build_response(at: datetime) -> dict[str, Any]:
    """Returns AWS's response. The date in its header has whole seconds."""
    date = format_datetime(at.replace(microsecond=0), usegmt=True)
    return {"ResponseMetadata": {"HTTPHeaders": {"date": date}}}


@pytest.mark.parametrize("off", [timedelta(minutes=-4), timedelta(minutes=4), timedelta(seconds=-3)])
@pytest.mark.parametrize("within", [0, 290_000, 299_999])
def test_wrong_clock_is_corrected_and_never_runs_behind_aws(off: timedelta, within: int) -> None:
    answered = TRUE + timedelta(microseconds=within)
    by = measure_clock_offset(build_response(answered), TRUE + off, TRUE + WAY + off)
    assert timedelta() <= off + by < timedelta(seconds=1) + WAY


@pytest.mark.parametrize("off", [timedelta(), timedelta(milliseconds=-200), timedelta(milliseconds=200)])
def test_clock_that_may_be_right_is_not_corrected(off: timedelta) -> None:
    assert measure_clock_offset(build_response(TRUE + WAY / 2), TRUE + off, TRUE + WAY + off) == timedelta()


def test_response_without_a_date_does_not_correct_the_clock() -> None:
    assert measure_clock_offset({}, TRUE, TRUE + WAY) == timedelta()


def test_clock_shows_the_time_of_aws() -> None:
    clock, by = AwsClock(timedelta(minutes=4)), timedelta(minutes=4)
    before, shown, after = SystemClock().now(), clock.now(), SystemClock().now()
    assert before + by <= shown <= after + by
