"""The schemas of the events are written from the code, and no field of a real event is missing in them."""

import json
from collections import Counter
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, cast

import pytest
from jsonschema import Draft202012Validator
from jsonschema.protocols import Validator

from backdrop.aws.events import REQUEST_DETAIL_TYPE, parse_intake_message
from backdrop.campaigns.report import (
    EVENT_TYPE,
    CampaignStatus,
    CampaignTotals,
    FailureGroup,
    FinishedExecution,
    build_event_detail,
    build_report,
)
from backdrop.model.errors import MalformedMessageError
from docs import make_event_schemas
from docs.make_event_schemas import DETAILS, file_name, schema_of_event
from simulation.scenarios.simulation_plan import draw_plan
from simulation.scenarios.simulation_run import Simulation

EVENTS = Path(__file__).parents[2] / "events"
SEEDS = range(12)
PUBLISHED = [kind for kind in DETAILS if kind not in (REQUEST_DETAIL_TYPE, EVENT_TYPE)]
INSTRUCTIONS = {"prompt": "on a beach"}
REQUEST = {"bucket": "backdrop-input", "key": "shoes/red.jpg", "instructions": INSTRUCTIONS}


def close_schema(schema: Any) -> Any:
    """Returns the schema, where no object may have a field that it does not name."""
    if isinstance(schema, list):
        return [close_schema(one) for one in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    found = {name: close_schema(one) for name, one in cast("dict[str, Any]", schema).items()}
    return found | ({"additionalProperties": False} if "required" in found else {})


@cache
def build_validator(kind: str) -> Validator:
    """Returns a validator of a whole event that may have only the fields that the schema names."""
    return Draft202012Validator(close_schema(schema_of_event(kind)), format_checker=Draft202012Validator.FORMAT_CHECKER)


@cache
def collect_published_events() -> tuple[tuple[str, dict[str, Any]], ...]:
    """Returns the events that are published in some simulated runs with many faults."""
    plays = [Simulation(draw_plan(seed, None, "")) for seed in SEEDS]
    assert [breach for play in plays for breach in play.run().violations] == []
    return tuple((event.detail_type, event.detail) for play in plays for event in play.world.bus.events)


def read_sample(kind: str) -> dict[str, Any]:
    return json.loads((EVENTS / f"{file_name(kind)}.json").read_text())


def build_event(kind: str, detail: dict[str, Any]) -> dict[str, Any]:
    """Returns the whole event with this detail."""
    return read_sample(kind) | {"detail": detail}


def test_schemas_match_the_code() -> None:
    files = make_event_schemas.files()
    assert {path: path.read_text() for path in make_event_schemas.FOLDER.iterdir()} == files, "run `make docs`"
    for text in files.values():
        Draft202012Validator.check_schema(json.loads(text))


@pytest.mark.parametrize("kind", DETAILS)
def test_sample_of_an_event_matches_its_schema(kind: str) -> None:
    sample = read_sample(kind)
    assert [error.message for error in build_validator(kind).iter_errors(sample)] == []


@pytest.mark.parametrize("kind", PUBLISHED)
def test_every_published_event_matches_its_schema(kind: str) -> None:
    details = [detail for published_kind, detail in collect_published_events() if published_kind == kind]
    wrong = [
        error.message for detail in details for error in build_validator(kind).iter_errors(build_event(kind, detail))
    ]
    assert (bool(details), wrong[:3]) == (True, [])


def build_campaign_end(fate: CampaignStatus, error: str = "") -> dict[str, Any]:
    """Returns the detail of the end of a campaign of 500 photos with one failure."""
    run = "arn:aws:states:eu-central-1:123456789012:execution:backdrop-campaign:winter-20261116-120000"
    ended = FinishedExecution(
        run, {"name": "winter", "prefix": "catalog/"}, fate, "2026-11-16T12:00:00.000Z", error, error
    )
    sums = CampaignTotals(
        ended.started_at, Counter(stored=499, refused=1), 500, 2994, 5988, 0, 89_820_000, 0, 89_820_000, 0
    )
    sums.failures_by_code["photo_not_found"] = FailureGroup(1, "catalog/gone.jpg", "There is no such photo.")
    report = build_report(ended, sums, {"items": 500, "quoted_usd": 90.0}, datetime(2026, 11, 16, 13, tzinfo=UTC))
    keys = {suffix: f"_backdrop/campaigns/winter/report.{suffix}" for suffix in ("json", "csv")}
    return build_event_detail(report, "backdrop-output", keys)


def test_sample_of_a_campaigns_end_matches_its_report() -> None:
    assert read_sample(EVENT_TYPE)["detail"] == build_campaign_end(CampaignStatus.SUCCEEDED)


@pytest.mark.parametrize("fate", CampaignStatus)
def test_any_campaign_end_matches_its_schema(fate: CampaignStatus) -> None:
    details = build_event(
        EVENT_TYPE, build_campaign_end(fate, "" if fate is CampaignStatus.SUCCEEDED else "max_total_exceeded")
    )
    assert [error.message for error in build_validator(EVENT_TYPE).iter_errors(details)] == []


def test_every_published_event_has_a_schema() -> None:
    assert Counter(kind for kind, _ in collect_published_events()).keys() <= {*PUBLISHED}


@pytest.mark.parametrize("field", ["event_id", "source", "job"])
def test_event_without_a_required_field_violates_its_schema(field: str) -> None:
    sample = read_sample("Image Completed")
    assert build_validator("Image Completed").is_valid(sample)
    del sample["detail"][field]
    assert not build_validator("Image Completed").is_valid(sample)


@pytest.mark.parametrize(
    "wrong",
    [
        {"bucket": 7},
        {"key": ""},
        {"instructions": "a beach"},
        {"task_token": ""},
        {"task_token": "two\nlines"},
        {"execution": "winter"},
        {"campaign": "winter sale"},
        {"callback": "https://example.com"},
    ],
    ids=str,
)
def test_request_that_intake_refuses_violates_its_schema(wrong: dict[str, Any]) -> None:
    fine, damaged = build_event(REQUEST_DETAIL_TYPE, REQUEST), build_event(REQUEST_DETAIL_TYPE, REQUEST | wrong)
    assert build_validator(REQUEST_DETAIL_TYPE).is_valid(fine)
    assert not build_validator(REQUEST_DETAIL_TYPE).is_valid(damaged)
    assert parse_intake_message(json.dumps(fine), input_bucket="backdrop-input", is_repeated=False)
    with pytest.raises(MalformedMessageError):
        parse_intake_message(json.dumps(damaged), input_bucket="backdrop-input", is_repeated=False)


def test_instructions_of_a_request_are_those_of_a_sidecar() -> None:
    misspelt = REQUEST | {"instructions": {"promt": "on a beach"}}
    assert not build_validator(REQUEST_DETAIL_TYPE).is_valid(build_event(REQUEST_DETAIL_TYPE, misspelt))
