"""`make invoke` before a cloud exists: which events it accepts, and how it explains why it rejects others."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backdrop_local.errors import LocalCloudError
from backdrop_local.invoke import find_function, main, read_event, wrap_bus_event

EVENTS = Path(__file__).parents[3] / "events"
OUTGOING = (
    "image_completed",
    "image_failed",
    "image_awaiting_approval",
    "provider_paused",
    "provider_resumed",
    "budget_reached",
    "campaign_completed",
)


def read_sample(name: str) -> dict[str, Any]:
    return read_event(EVENTS / f"{name}.json")


@pytest.mark.parametrize("path", sorted(EVENTS.glob("*.json")), ids=lambda path: path.stem)
def test_each_sample_has_a_function_except_outgoing_events(path: Path) -> None:
    event = wrap_bus_event(read_event(path))
    if path.stem in OUTGOING:
        with pytest.raises(LocalCloudError, match="no Backdrop function handles such an event"):
            find_function(event)
    else:
        assert find_function(event) in ("intake", "render", "deliver", "reconcile", "campaign")


def test_request_event_is_wrapped_in_a_message_for_intake() -> None:
    event = read_sample("image_requested")
    taken = wrap_bus_event(event)
    assert find_function(taken) == "intake"
    assert json.loads(taken["Records"][0]["body"]) == event


def remove_body(event: dict[str, Any]) -> None:
    del event["Records"][0]["body"]


def break_body(event: dict[str, Any]) -> None:
    event["Records"][0]["body"] = {"key": "red.jpg"}


def remove_input(event: dict[str, Any]) -> None:
    del event["plan"]["input"]


def empty_plan(event: dict[str, Any]) -> None:
    event["plan"] = None


def remove_status(event: dict[str, Any]) -> None:
    del event["detail"]["status"]


@pytest.mark.parametrize(
    ("name", "spoil", "lacks"),
    [
        ("request", remove_body, "body"),
        ("lane", break_body, "body"),
        ("campaign_plan", remove_input, "plan.input"),
        ("campaign_plan", empty_plan, "plan"),
        ("campaign_over", remove_status, "detail.status"),
    ],
)
def test_error_names_the_missing_field(name: str, spoil: Callable[[dict[str, Any]], None], lacks: str) -> None:
    event = read_sample(name)
    spoil(event)
    with pytest.raises(LocalCloudError, match=f"^the event lacks {lacks}. See events/"):
        find_function(event)


def test_campaign_accepts_any_input() -> None:
    event = read_sample("campaign_plan")
    event["plan"]["input"] = "spring"
    assert find_function(event) == "campaign"


def test_missing_event_shows_the_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([])
    assert (ended.value.code, capsys.readouterr().err.splitlines()) == (
        1,
        ["error: name an event: make invoke EVENT=events/request.json"],
    )


@pytest.mark.parametrize("text", ["[1]", "no JSON"])
def test_file_without_an_object_is_reported_on_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "event.json").write_text(text)
    with pytest.raises(LocalCloudError, match="cannot be read as an event"):
        read_event(tmp_path / "event.json")
