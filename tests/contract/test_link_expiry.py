"""When a signed link expires, by its own statement."""

from datetime import UTC, datetime, timedelta

import pytest

from backdrop.providers.link_expiry import parse_link_expiry

ANSWERED_AT = datetime(2026, 11, 16, 12, 0, tzinfo=UTC)
AN_HOUR_LATER = ANSWERED_AT + timedelta(hours=1)
EPOCH = int(AN_HOUR_LATER.timestamp())


@pytest.mark.parametrize(
    "query",
    [
        f"exp={EPOCH}&sig=1",
        f"Expires={EPOCH}&Signature=a&Key-Pair-Id=K",
        f"AWSAccessKeyId=A&Expires={EPOCH}",
        f"expires={EPOCH}000",
        "expires=3600",
        "X-Amz-Date=20261116T120000Z&X-Amz-Expires=3600&X-Amz-Signature=0",
        "x-amz-expires=3600&x-amz-date=20261116T120000Z",
        "X-Amz-Expires=3600",
        "X-Goog-Date=20261116T120000Z&X-Goog-Expires=3600",
        "x-oss-date=20261116T120000Z&x-oss-expires=3600",
        "sv=2024-01-01&se=2026-11-16T13%3A00%3A00Z&sig=1",
        "se=2026-11-16T13:00:00",
        f"exp={EPOCH}&X-Amz-Expires=604800",
    ],
)
def test_link_states_when_it_expires(query: str) -> None:
    assert parse_link_expiry(f"https://images.invalid/a.png?{query}", ANSWERED_AT) == AN_HOUR_LATER


@pytest.mark.parametrize(
    "query",
    ["", "exp=", "exp=soon", "exp=-1", f"exp={'9' * 5_000}", "exp=٣", "se=never", "X-Amz-Expires=x", "X-Amz-Date=1"],
)
def test_link_without_a_readable_statement_has_none(query: str) -> None:
    assert parse_link_expiry(f"https://images.invalid/a.png?{query}", ANSWERED_AT) is None


@pytest.mark.parametrize("url", ["https://[", "", "no url", "https://images.invalid/exp=1"])
def test_text_that_is_no_signed_link_states_nothing(url: str) -> None:
    assert parse_link_expiry(url, ANSWERED_AT) is None


def test_expiry_beyond_all_time_is_none() -> None:
    assert parse_link_expiry("https://images.invalid/?X-Amz-Expires=99999999999999", ANSWERED_AT) is None
