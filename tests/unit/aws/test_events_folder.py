"""The samples under events/ are what the code actually accepts and sends."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from backdrop.aws.batch import ReceivedMessage, parse_batch
from backdrop.aws.event_bus import EVENT_SOURCE
from backdrop.aws.events import parse_decision, parse_intake_message
from backdrop.campaigns.report import CampaignStatus, FinishedExecution
from backdrop.instructions.sources import parse_request
from backdrop.model.circuit import PauseReason, ProviderHealth, pause, resume
from backdrop.model.codes import Code
from backdrop.model.errors import MalformedMessageError
from backdrop.model.ids import derive_message_group, derive_source_id
from backdrop.model.intake_event import IntakeEvent
from backdrop.model.queue_messages import DeliverMessage, JobMessage, LaneMessage, parse_message
from backdrop.model.receipt import build_job_event, list_approval_events, list_provider_events
from backdrop.model.review import DecisionChannel, PictureDecision, ReviewDecision
from functions.campaign import app as campaign
from tests.unit.ledger_items import build_dead_job, build_job_in_review, build_source, build_stored_job

EVENTS = Path(__file__).parents[3] / "events"
BUCKET = "backdrop-input"
KEY = "shoes/red.jpg"
NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
ODD_KEY = "sub folder/ünïcode +(1) & 100%.jpg"


def read_sample(name: str) -> dict[str, Any]:
    return json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))


def read_only_message(name: str) -> ReceivedMessage:
    (message,) = parse_batch(read_sample(name))
    return message


def read_message_group(name: str) -> str:
    (record,) = read_sample(name)["Records"]
    return record["attributes"]["MessageGroupId"]


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("s3_put", [ODD_KEY]),
        ("s3_copy", [KEY]),
        ("s3_multipart", ["shoes/blue.png"]),
        ("s3_sidecar_put", [f"{KEY}.json"]),
        ("s3_removed", [KEY]),
        ("s3_tagging", [KEY]),
        ("s3_defaults_put", ["shoes/_backdrop.json"]),
        ("s3_test_event", []),
        ("s3_event_created", [ODD_KEY]),
        ("s3_event_deleted", [KEY]),
        ("s3_event_tags_added", [KEY]),
        ("s3_event_tags_deleted", [KEY]),
        ("look", [KEY]),
    ],
)
def test_intake_parses_every_sample_of_an_s3_event(name: str, keys: list[str]) -> None:
    message = read_only_message(name)
    assert parse_intake_message(message.body, input_bucket=BUCKET, is_repeated=False) == [
        IntakeEvent(BUCKET, key) for key in keys
    ]
    assert (message.queue_name, message.receive_count) == ("backdrop-intake", 1)


def test_intake_parses_a_request_and_a_rerun() -> None:
    (request,) = parse_intake_message(
        read_only_message("request").body, input_bucket=BUCKET, is_repeated=False, message_id="m-1"
    )
    assert (request.bucket, request.key) == (BUCKET, KEY)
    assert request.request
    assert (request.request.request_id, parse_request(request.request.instructions).errors) == ("m-1", ())
    assert parse_intake_message(read_only_message("rerun").body, input_bucket=BUCKET, is_repeated=False) == [
        IntakeEvent(BUCKET, KEY, is_rerun=True)
    ]


def test_intake_parses_a_request_event_and_a_request_with_a_token() -> None:
    (event,) = parse_intake_message(
        json.dumps(read_sample("image_requested")), input_bucket=BUCKET, is_repeated=False, message_id="m-1"
    )
    (waited,) = parse_intake_message(
        read_only_message("request_with_token").body, input_bucket=BUCKET, is_repeated=False, message_id="m-1"
    )
    assert (event.key, waited.key) == (ODD_KEY, KEY)
    assert event.request
    assert waited.request
    assert event.request.invalid_reason is waited.request.invalid_reason is None
    assert event.request.task_token == ""
    assert event.request.request_id == read_sample("image_requested")["id"]
    assert (waited.request.request_id, waited.request.campaign) == ("m-1", "spring_26")
    assert waited.request.task_token.startswith("AQC")
    assert waited.request.execution_arn.startswith("arn:aws:states:")


def test_internal_messages_have_ids_and_the_message_group() -> None:
    lane, deliver = read_only_message("lane"), read_only_message("deliver")
    job, end = parse_message(lane.body, JobMessage), parse_message(deliver.body, DeliverMessage)
    assert job.source_id == end.source_id == derive_source_id(BUCKET, KEY)
    assert job.job_id == end.job_id
    for name in ("lane", "deliver", "look"):
        assert read_message_group(name) == derive_message_group(KEY)


@pytest.mark.parametrize(("name", "make"), [("image_completed", build_stored_job), ("image_failed", build_dead_job)])
def test_sample_job_events_match_those_built_from_the_ledger(name: str, make: Any) -> None:
    event = read_sample(name)
    location = {"source_id": derive_source_id(BUCKET, KEY), "bucket": BUCKET}
    job = make(job_id=event["detail"]["job"]["job_id"], **location)
    built = build_job_event(build_source(jobs={"": job.job_id}, **location), job)
    assert (event["detail-type"], event["detail"]) == built
    assert event["source"] == EVENT_SOURCE


def test_sample_of_a_waiting_picture_matches_the_one_built_from_the_ledger() -> None:
    event = read_sample("image_awaiting_approval")
    location = {"source_id": derive_source_id(BUCKET, KEY), "bucket": BUCKET}
    job = build_job_in_review(job_id=event["detail"]["job"]["job_id"], **location)
    assert list_approval_events(build_source(jobs={"": job.job_id}, **location), job) == [
        (event["detail-type"], event["detail"])
    ]
    assert event["source"] == EVENT_SOURCE


@pytest.mark.parametrize(
    ("name", "decision", "sha256"),
    [
        ("image_approved", ReviewDecision.APPROVED, "cd" * 32),
        ("image_rejected", ReviewDecision.REJECTED, ""),
    ],
)
def test_intake_parses_a_decision_and_finds_no_object_in_it(name: str, decision: ReviewDecision, sha256: str) -> None:
    event = read_sample(name)
    assert parse_intake_message(json.dumps(event), input_bucket=BUCKET, is_repeated=False) == []
    assert parse_decision(json.dumps(event)) == PictureDecision(
        job_id=event["detail"]["job_id"],
        n=1,
        decision=decision,
        by="ann@example.com",
        via=DecisionChannel.EVENT,
        event_source="shop.review",
        sha256=sha256,
        seen_at=datetime.fromisoformat(event["time"]),
    )


@pytest.mark.parametrize("body", ["", "[]", "7", "{", '{"detail-type": "Image Requested"}', '{"detail-type": ["x"]}'])
def test_other_messages_contain_no_decision(body: str) -> None:
    assert parse_decision(body) is None


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"job_id": "8c2f"}, "The field job_id of the decision must be the ID of a job"),
        ({"job_id": None}, "The field job_id "),
        ({"n": "1"}, "The field n of the decision must be the number of the picture"),
        ({"n": 0}, "The field n "),
        ({"n": True}, "The field n "),
        ({"by": " "}, "The field by of the decision must be the name of who decided"),
        ({"by": "ann\n"}, "The field by "),
        ({"sha256": "CD" * 32}, "The field sha256 of the decision must be the SHA-256"),
        ({"decision": "approved"}, "A decision has job_id, n, by, sha256, but no field 'decision'."),
    ],
)
def test_refused_decision_names_the_wrong_field(change: dict[str, Any], named: str) -> None:
    event = read_sample("image_approved")
    with pytest.raises(MalformedMessageError) as raised:
        parse_decision(json.dumps(event | {"detail": event["detail"] | change}))
    assert str(raised.value.message).startswith(named)


@pytest.mark.parametrize("name", ["job_id", "n", "by"])
def test_refused_decision_names_the_missing_field(name: str) -> None:
    event = read_sample("image_approved")
    del event["detail"][name]
    with pytest.raises(MalformedMessageError) as raised:
        parse_decision(json.dumps(event))
    assert str(raised.value.message).startswith(f"The decision has no field {name}, which must be ")


def build_pause_problem(reason: PauseReason, code: Code, errors: list[dict[str, Any]]) -> ProviderHealth:
    return pause(ProviderHealth(provider="ideogram"), reason, code, errors[0]["message"], NOW)


@pytest.mark.parametrize(
    ("name", "reason", "code"),
    [
        ("provider_paused", PauseReason.KEY, Code.PROVIDER_KEY_REFUSED),
        ("budget_reached", PauseReason.BUDGET, Code.BUDGET_REACHED),
    ],
)
def test_sample_pause_events_match_those_built_from_the_ledger(name: str, reason: PauseReason, code: Code) -> None:
    event = read_sample(name)
    lane = build_pause_problem(reason, code, event["detail"]["errors"])
    assert (event["detail-type"], event["detail"]) in list_provider_events(lane)
    assert event["source"] == EVENT_SOURCE


def test_sample_resume_event_matches_the_one_built_from_the_ledger() -> None:
    event = read_sample("provider_resumed")
    lane = build_pause_problem(PauseReason.KEY, Code.PROVIDER_KEY_REFUSED, [{"message": "401"}])
    resumed = resume(lane, frozenset(PauseReason), NOW + timedelta(minutes=5))
    assert list_provider_events(resumed)[-1] == (event["detail-type"], event["detail"])


def test_deliver_parses_a_lane_message() -> None:
    assert parse_message(read_only_message("deliver_lane").body, LaneMessage) == LaneMessage(provider="ideogram")
    assert read_message_group("deliver_lane") == derive_message_group("ideogram")


@dataclass
class RecordingServices:
    """Records the calls of the campaign function's services."""

    planned: list[tuple[object, str]] = field(default_factory=list[tuple[object, str]])
    ended: list[FinishedExecution] = field(default_factory=list[FinishedExecution])

    def plan(self, given: object, execution: str, _deadline: datetime) -> dict[str, Any]:
        self.planned.append((given, execution))
        return {"items": 1}

    def report(self, ended: FinishedExecution, _deadline: datetime) -> None:
        self.ended.append(ended)


def test_campaign_function_handles_each_of_its_events(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = RecordingServices()
    monkeypatch.setattr(campaign, "campaign_planner", steps)
    monkeypatch.setattr(campaign, "campaign_reporter", steps)
    plan_input = read_sample("campaign_plan")["plan"]
    campaign.plan(plan_input, NOW)
    campaign.report(read_sample("campaign_report")["report"], NOW)
    campaign.report_interrupted(read_sample("campaign_over")["detail"], NOW)
    assert steps.planned == [(plan_input["input"], plan_input["execution"])]
    began = "2026-11-16T12:00:00"
    assert [(one.execution, one.campaign_input, one.status) for one in steps.ended] == [
        (plan_input["execution"], plan_input["input"], CampaignStatus.SUCCEEDED),
        (plan_input["execution"], plan_input["input"], CampaignStatus.STOPPED),
    ]
    assert all(one.started_at_text.startswith(began) for one in steps.ended)


def test_every_sample_is_used_by_a_test() -> None:
    from_s3 = {"s3_put", "s3_copy", "s3_multipart", "s3_sidecar_put", "s3_removed", "s3_test_event"}
    from_s3 |= {"s3_tagging", "s3_defaults_put"}
    from_s3 |= {f"s3_event_{what}" for what in ("created", "deleted", "tags_added", "tags_deleted")}
    own_events = {
        "request",
        "request_with_token",
        "image_requested",
        "image_approved",
        "image_rejected",
        "rerun",
        "look",
        "lane",
        "deliver",
        "deliver_lane",
        "reconcile",
        "campaign_plan",
        "campaign_report",
        "campaign_over",
    }
    event = {
        "image_completed",
        "image_failed",
        "image_awaiting_approval",
        "provider_paused",
        "provider_resumed",
        "budget_reached",
        "campaign_completed",
    }
    assert {path.stem for path in EVENTS.glob("*.json")} == from_s3 | own_events | event
