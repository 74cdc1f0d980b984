"""A person's machine whose clock is off: orders are given at AWS's time, by which also photos and requests come."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from backdrop.aws.clock import SystemClock
from backdrop_cli.aws_clock import AwsClock, measure_clock_offset

TRUE = datetime(2026, 11, 21, 10, 0, 5, 700_000, tzinfo=UTC)
WAY = timedelta(milliseconds=300)


def answer(at: datetime) -> dict[str, Any]:
    """What AWS answers: the date in its header tells whole seconds."""
    date = format_datetime(at.replace(microsecond=0), usegmt=True)
    return {"ResponseMetadata": {"HTTPHeaders": {"date": date}}}


@pytest.mark.parametrize("off", [timedelta(minutes=-4), timedelta(minutes=4), timedelta(seconds=-3)])
@pytest.mark.parametrize("within", [0, 290_000, 299_999])
def test_a_clock_that_is_off_is_put_right_and_never_before_aws_own(off: timedelta, within: int) -> None:
    answered = TRUE + timedelta(microseconds=within)
    by = measure_clock_offset(answer(answered), TRUE + off, TRUE + WAY + off)
    assert timedelta() <= off + by < timedelta(seconds=1) + WAY


@pytest.mark.parametrize("off", [timedelta(), timedelta(milliseconds=-200), timedelta(milliseconds=200)])
def test_a_clock_that_may_be_right_is_left_alone(off: timedelta) -> None:
    assert measure_clock_offset(answer(TRUE + WAY / 2), TRUE + off, TRUE + WAY + off) == timedelta()


def test_an_answer_without_a_date_says_nothing() -> None:
    assert measure_clock_offset({}, TRUE, TRUE + WAY) == timedelta()


def test_the_clock_shows_aws_time() -> None:
    clock, by = AwsClock(timedelta(minutes=4)), timedelta(minutes=4)
    before, shown, after = SystemClock().now(), clock.now(), SystemClock().now()
    assert before + by <= shown <= after + by
