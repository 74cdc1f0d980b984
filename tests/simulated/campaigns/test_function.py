"""The campaign function: a step that Step Functions repeats has the same outcome as before."""

import importlib.util
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from simulation.world.sample_images import build_photo
from tests.simulated.campaigns.test_end import ENDED, CampaignRun

APP = Path(__file__).parents[3] / "functions" / "campaign" / "app.py"
CONTEXT = SimpleNamespace(
    function_name="campaign",
    memory_limit_in_mb=1769,
    invoked_function_arn="arn",
    aws_request_id="id",
    get_remaining_time_in_millis=lambda: 900_000,
)


@pytest.fixture
def campaign() -> CampaignRun:
    """A campaign in which half of the photos do not exist."""
    found = CampaignRun()
    found.upload("shoes/a.jpg", build_photo("a"))
    found.request("shoes/a.jpg", "shoes/gone.jpg")
    found.world.run_until_empty()
    return found


def handle_report(campaign: CampaignRun, monkeypatch: pytest.MonkeyPatch) -> Any:
    spec = importlib.util.spec_from_file_location("campaign_app", APP)
    assert spec
    assert spec.loader
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "campaign_planner", campaign.planner)
    monkeypatch.setattr(module, "campaign_reporter", campaign.reporter)
    return module.lambda_handler


def build_report_event(tolerated: float, **failure: str) -> dict[str, Any]:
    given = {**ENDED.campaign_input, "tolerated_failure_percent": tolerated}
    execution = {"Id": ENDED.execution, "Input": given, "StartTime": ENDED.started_at_text}
    return {"report": {"execution": execution, "failure": failure}}


def test_repeated_failing_report_fails_the_campaign_again(
    campaign: CampaignRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = handle_report(campaign, monkeypatch)
    first, second = (handle(build_report_event(40), CONTEXT) for _ in range(2))
    assert first["failed"]["error"] == "too_many_failures"
    assert second == first
    assert len(campaign.notifier.mails) == 1


def test_repeated_report_that_succeeded_succeeds_again(campaign: CampaignRun, monkeypatch: pytest.MonkeyPatch) -> None:
    handle = handle_report(campaign, monkeypatch)
    assert [handle(build_report_event(50), CONTEXT) for _ in range(2)] == [{"status": "succeeded"}] * 2


def test_error_that_ended_the_map_fails_the_campaign(campaign: CampaignRun, monkeypatch: pytest.MonkeyPatch) -> None:
    handle = handle_report(campaign, monkeypatch)
    result = handle(build_report_event(100, Error="States.ItemReaderFailed", Cause="no list"), CONTEXT)
    assert result == {"failed": {"error": "States.ItemReaderFailed", "cause": "no list"}}
    assert campaign.report()["status"] == "failed"


def test_failure_caused_by_the_report_is_not_announced_again(
    campaign: CampaignRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = handle_report(campaign, monkeypatch)
    handle(build_report_event(40), CONTEXT)
    detail = {"executionArn": ENDED.execution, "status": "FAILED", "input": json.dumps(ENDED.campaign_input)}
    began = round(ENDED.started_at.timestamp() * 1000)
    over = {"detail": {**detail, "startDate": began, "error": "too_many_failures", "redriveCount": 0}}
    handle(over, CONTEXT)
    assert len(campaign.notifier.events) == 1
    handle({"detail": {**over["detail"], "status": "ABORTED", "redriveCount": 1}}, CONTEXT)
    assert [detail["status"] for _, detail in campaign.notifier.events] == ["failed", "stopped"]
