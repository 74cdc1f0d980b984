"""The schemas of the events are generated from the code, and include every field of real events."""

import json
from collections import Counter
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest

from backdrop.aws.events import INCOMING_DETAIL_TYPES
from backdrop.campaigns.report import (
    EVENT_TYPE,
    CampaignStatus,
    CampaignTotals,
    FailureGroup,
    FinishedExecution,
    build_event_detail,
    build_report,
)
from backdrop.model.codes import Code
from backdrop.model.error_catalog import ERROR_CATALOG
from backdrop.model.receipt import AWAITING_APPROVAL
from docs.make_event_schemas import DETAILS
from simulation.scenarios.simulation_plan import draw_plan
from simulation.scenarios.simulation_run import Simulation
from tests.simulated.deliver.test_approval import world_in_review
from tests.simulated.deliver.test_fidelity import find_job
from tests.simulated.picture_decisions import APPROVED, REJECTED, format_decision
from tests.unit.docs.test_event_schema_files import build_event, build_validator, read_sample

SEEDS = range(1, 13)  # seed 0 takes as long as all of them
PUBLISHED = [kind for kind in DETAILS if kind not in (*INCOMING_DETAIL_TYPES, EVENT_TYPE, AWAITING_APPROVAL)]


@cache
def collect_published_events() -> tuple[tuple[str, dict[str, Any]], ...]:
    """Returns the events that are published in several simulated runs with many faults."""
    plays = [Simulation(draw_plan(seed, None, "")) for seed in SEEDS]
    assert [violation for play in plays for violation in play.run().violations] == []
    return tuple((event.detail_type, event.detail) for play in plays for event in play.world.bus.events)


@pytest.mark.parametrize("kind", PUBLISHED)
def test_every_published_event_matches_its_schema(kind: str) -> None:
    details = [detail for published_kind, detail in collect_published_events() if published_kind == kind]
    wrong = [
        error.message for detail in details for error in build_validator(kind).iter_errors(build_event(kind, detail))
    ]
    assert (bool(details), wrong[:3]) == (True, [])


@pytest.mark.parametrize("kind", [APPROVED, REJECTED])
def test_events_of_a_review_match_their_schemas(kind: str) -> None:
    """No seed has pictures that people approve."""
    world = world_in_review()
    body = format_decision(world, kind, find_job(world))
    decision = json.loads(body)["detail"]
    assert [error.message for error in build_validator(kind).iter_errors(build_event(kind, decision))] == []
    world.sqs.send_externally(world.queues["intake"], body)
    world.run_until_empty()
    assert {AWAITING_APPROVAL} < {event.detail_type for event in world.bus.events}
    for event in world.bus.events:
        document = build_event(event.detail_type, event.detail)
        assert [error.message for error in build_validator(event.detail_type).iter_errors(document)] == []


def build_campaign_end(status: CampaignStatus, error: str = "") -> dict[str, Any]:
    """Returns the detail of the final event of a campaign of 500 photos with one failure."""
    run = "arn:aws:states:eu-central-1:123456789012:execution:backdrop-campaign:winter-20261116-120000"
    ended = FinishedExecution(
        run, {"name": "winter", "prefix": "catalog/"}, status, "2026-11-16T12:00:00.000Z", error, error
    )
    sums = CampaignTotals(
        ended.started_at, Counter(stored=499, refused=1), 500, 2994, 5988, 0, 89_820_000, 0, 89_820_000, 0
    )
    hint = str(ERROR_CATALOG[Code.PHOTO_NOT_FOUND].advice.text_for_request)
    sums.failures_by_code["photo_not_found"] = FailureGroup(1, "catalog/gone.jpg", "There is no such photo.", hint)
    report = build_report(ended, sums, {"items": 500, "quoted_usd": 90.0}, datetime(2026, 11, 16, 13, tzinfo=UTC))
    keys = {suffix: f"_backdrop/campaigns/winter/report.{suffix}" for suffix in ("json", "csv")}
    return build_event_detail(report, "backdrop-output", keys)


def test_sample_of_a_campaigns_end_matches_its_report() -> None:
    assert read_sample(EVENT_TYPE)["detail"] == build_campaign_end(CampaignStatus.SUCCEEDED)


@pytest.mark.parametrize("status", CampaignStatus)
def test_any_campaign_end_matches_its_schema(status: CampaignStatus) -> None:
    details = build_event(
        EVENT_TYPE, build_campaign_end(status, "" if status is CampaignStatus.SUCCEEDED else "max_total_exceeded")
    )
    assert [error.message for error in build_validator(EVENT_TYPE).iter_errors(details)] == []


def test_every_published_event_has_a_schema() -> None:
    assert Counter(kind for kind, _ in collect_published_events()).keys() <= {*PUBLISHED}
