"""The report and the events of a paused provider. Repeated events keep their IDs."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from backdrop.model.circuit import PauseReason, ProviderHealth, pause, resume
from backdrop.model.codec import from_json, to_json
from backdrop.model.codes import Code
from backdrop.model.error_catalog import ERROR_CATALOG
from backdrop.model.receipt import build_provider_report, list_provider_events
from tests.unit.ledger_items import LATER, NOW

LATEST = LATER + timedelta(hours=1)
RUNNING_LANE = ProviderHealth(provider="ideogram")


def build_paused_lane(
    reason: PauseReason = PauseReason.KEY, code: Code = Code.PROVIDER_KEY_REFUSED, at: datetime = NOW
) -> ProviderHealth:
    """Returns a lane with one pause."""
    return pause(RUNNING_LANE, reason, code, "The provider refuses the key.", at)


def list_event_types(lane: ProviderHealth) -> list[str]:
    """Returns the detail types of a lane's events."""
    return [kind for kind, _ in list_provider_events(lane)]


def list_event_ids(lane: ProviderHealth) -> list[str]:
    """Returns the IDs of a lane's events."""
    return [detail["event_id"] for _, detail in list_provider_events(lane)]


# -- the report --------------------------------------------------------------------------------------------------


def test_healthy_provider_has_no_report() -> None:
    assert build_provider_report(RUNNING_LANE) is None
    assert build_provider_report(replace(RUNNING_LANE, opened_since=NOW, failure_streak=3)) is None
    assert build_provider_report(resume(build_paused_lane(), frozenset(PauseReason), LATER)) is None


def test_provider_report_has_the_fields_of_any_other() -> None:
    again = pause(build_paused_lane(), PauseReason.KEY, Code.PROVIDER_KEY_REFUSED, "Still no.", LATER)
    report = build_provider_report(again)
    assert report
    assert (report["source"], report["provider"]) == (None, "ideogram")
    (error,) = report["errors"]
    assert error == {
        "job_id": None,
        "variant": None,
        "status": "paused",
        "code": "provider_key_refused",
        "message": str(ERROR_CATALOG[Code.PROVIDER_KEY_REFUSED].meaning),
        "hint": str(ERROR_CATALOG[Code.PROVIDER_KEY_REFUSED].hint),
        "retryable": True,
        "money": "not_spent",
        "first_seen": "2026-11-16T12:00:00.250Z",
        "last_seen": "2026-11-16T12:00:09.500Z",
    }


def test_provider_report_has_no_words_of_the_provider() -> None:
    """Everyone whose photos wait may read it, and the words may quote a photo of another folder."""
    lane = pause(build_paused_lane(), PauseReason.BALANCE, Code.PROVIDER_OUT_OF_MONEY, "no credits for canary", LATER)
    assert "canary" not in repr((build_provider_report(lane), list_provider_events(lane)))


def test_provider_report_contains_every_reason() -> None:
    lane = pause(
        build_paused_lane(), PauseReason.OPERATOR, Code.PAUSED_BY_PERSON, "An operator paused the provider.", LATER
    )
    report = build_provider_report(lane)
    assert report
    assert [error["code"] for error in report["errors"]] == ["provider_key_refused", "paused_by_person"]


# -- the events --------------------------------------------------------------------------------------------------


def test_provider_that_was_never_paused_has_no_event() -> None:
    assert list_provider_events(RUNNING_LANE) == []


def test_pause_event_contains_its_reason() -> None:
    ((kind, detail),) = list_provider_events(build_paused_lane())
    assert kind == "Provider Paused"
    assert (detail["provider"], detail["since"]) == ("ideogram", "2026-11-16T12:00:00.250Z")
    assert [error["code"] for error in detail["errors"]] == ["provider_key_refused"]


def test_resumed_event_follows_the_paused_event() -> None:
    before, (kind, detail) = list_provider_events(resume(build_paused_lane(), frozenset(PauseReason), LATER))
    assert [before] == list_provider_events(build_paused_lane())
    assert (kind, detail["since"]) == ("Provider Resumed", "2026-11-16T12:00:09.500Z")


def test_times_of_events_follow_each_other_although_clocks_differ() -> None:
    behind = NOW - timedelta(minutes=2)
    paused = pause(build_paused_lane(), PauseReason.OPERATOR, Code.PAUSED_BY_PERSON, "Paused.", behind)
    resumed = resume(resume(paused, frozenset({PauseReason.KEY}), behind), frozenset(PauseReason), behind)
    again = pause(resumed, PauseReason.KEY, Code.PROVIDER_KEY_REFUSED, "401", behind)
    assert resumed.resumed_at
    assert NOW < resumed.resumed_at < again.pauses[0].since < NOW + timedelta(seconds=1)
    assert list_provider_events(resumed)[-1][1]["since"] < list_provider_events(again)[-1][1]["since"]


def test_reached_budget_has_its_own_event_with_the_command() -> None:
    lane = build_paused_lane(PauseReason.BUDGET, Code.BUDGET_REACHED)
    assert list_event_types(lane) == ["Provider Paused", "Budget Reached"]
    assert len(set(list_event_ids(lane))) == 2
    _, detail = list_provider_events(lane)[1]
    (error,) = detail["errors"]
    assert "`backdrop budget 300 --today`" in error["hint"]


def test_lane_with_another_pause_is_not_announced_as_resumed() -> None:
    lane = pause(
        build_paused_lane(), PauseReason.OPERATOR, Code.PAUSED_BY_PERSON, "An operator paused the provider.", LATER
    )
    assert "Provider Resumed" not in list_event_types(resume(lane, frozenset({PauseReason.KEY}), LATEST))


def test_reason_that_returns_during_a_pause_is_recorded_once() -> None:
    lane = pause(
        build_paused_lane(PauseReason.OPERATOR, Code.PAUSED_BY_PERSON),
        PauseReason.KEY,
        Code.PROVIDER_KEY_REFUSED,
        "401",
        LATER,
    )
    for _ in range(5):
        lane = pause(
            resume(lane, frozenset({PauseReason.KEY}), LATEST),
            PauseReason.KEY,
            Code.PROVIDER_KEY_REFUSED,
            "401",
            LATEST,
        )
    assert len(lane.past_pauses) == 1


@pytest.mark.parametrize(
    "lane",
    [
        build_paused_lane(),
        build_paused_lane(PauseReason.BUDGET, Code.BUDGET_REACHED),
        resume(build_paused_lane(), frozenset(PauseReason), LATER),
    ],
    ids=["paused", "budget", "resumed"],
)
def test_repeated_provider_events_keep_their_ids_after_a_reread(lane: ProviderHealth) -> None:
    assert list_event_ids(from_json(ProviderHealth, to_json(lane))) == list_event_ids(lane)


def test_pause_with_a_newer_message_is_the_same_event() -> None:
    again = pause(build_paused_lane(), PauseReason.KEY, Code.PROVIDER_KEY_MISSING, "Now there is none at all.", LATEST)
    assert list_event_ids(again) == list_event_ids(build_paused_lane())


def test_another_reason_keeps_the_first_events_id() -> None:
    both = pause(
        build_paused_lane(), PauseReason.OPERATOR, Code.PAUSED_BY_PERSON, "An operator paused the provider.", LATER
    )
    assert list_event_ids(build_paused_lane()) == [
        one for one in list_event_ids(both) if one in list_event_ids(build_paused_lane())
    ]
    assert len(set(list_event_ids(both))) == 2


def test_two_simultaneous_reasons_are_two_events() -> None:
    both = pause(
        build_paused_lane(), PauseReason.OPERATOR, Code.PAUSED_BY_PERSON, "An operator paused the provider.", NOW
    )
    assert len(set(list_event_ids(both))) == 2


@pytest.mark.parametrize("other", ["provider", "time", "end"])
def test_each_pause_of_each_provider_has_its_own_event(other: str) -> None:
    others: dict[str, Any] = {
        "provider": replace(build_paused_lane(), provider="segmind"),
        "time": build_paused_lane(at=LATER),
        "end": resume(build_paused_lane(), frozenset(PauseReason), NOW),
    }
    assert list_event_ids(others[other])[-1] not in list_event_ids(build_paused_lane())
