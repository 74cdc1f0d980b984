"""Values formatted for people."""

import pytest

from backdrop.intake.preview import PriceRegister
from backdrop.model.job import MASK_VARIANT
from backdrop_cli.formatting import format_max_price, format_rough_duration, format_scope
from tests.unit.ledger_items import build_job

MINUTE, HOUR, DAY = 60, 3600, 86_400


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1 s"),
        (119, "119 s"),
        (2 * MINUTE, "2 min"),
        (2 * HOUR + 5 * MINUTE, "2 h 5 min"),
        (47 * HOUR + 59 * MINUTE, "47 h 59 min"),
        (48 * HOUR, "2 days"),
        (144 * HOUR + 2 * MINUTE, "6 days"),
        (6.6 * DAY, "7 days"),
    ],
)
def test_rough_duration_uses_days_above_48_hours(seconds: float, text: str) -> None:
    assert format_rough_duration(seconds) == text


@pytest.mark.parametrize(
    ("prefix", "argument"),
    [("", "--all"), ("shoes/", "shoes/"), ("spring shoes/", "'spring shoes/'"), ("a\n/", r"$'a\n/'")],
)
def test_scope_can_be_typed_as_an_argument(prefix: str, argument: str) -> None:
    assert format_scope(prefix) == argument


@pytest.mark.parametrize(
    ("variants", "text"),
    [
        ((), "nothing is bought ($0.00)"),
        (("",), "at most $0.06 for 1 image"),
        ((MASK_VARIANT,), "at most $0.06 for 1 mask"),
        (("a", "b", MASK_VARIANT), "at most $0.18 for 2 images and 1 mask"),
    ],
)
def test_price_counts_masks_apart(variants: tuple[str, ...], text: str) -> None:
    jobs = (build_job(variant=one, content_id=one, sha256="5" * 64, quoted=60_000) for one in variants)
    assert format_max_price(PriceRegister.of(jobs)) == text


def test_price_names_what_only_retries_would_cost() -> None:
    job = build_job(sha256="5" * 64, quoted=60_000, instructions={"subject": {"otherwise": "retry", "retries": 2}})
    assert format_max_price(PriceRegister.of([job])) == "at most $0.18 for 1 image, $0.12 of it for retries"
