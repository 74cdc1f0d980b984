"""The deployment check rejects parameters with which no call could start, and always responds to CloudFormation."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from functions.deployment_check import app
from tests.unit.cloudformation_responses import ResponseReceiver, receive_responses
from tests.unit.template_document import ALL_ON, Deployed


@pytest.fixture(autouse=True)
def enough_concurrency(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("functions.deployment_check.app.read_account_concurrency", lambda: 1000)


@pytest.fixture
def inbox() -> Iterator[ResponseReceiver]:
    with receive_responses() as receiver:
        yield receiver


def build_parameters(**changes: str) -> dict[str, str]:
    """Returns what the template passes to the check when it is deployed with these parameters."""
    properties = Deployed(**changes).resources["DeploymentCheck"]["Properties"]
    return {name: str(value) for name, value in properties.items()}


def build_event(inbox: ResponseReceiver, kind: str = "Create", **changes: str) -> dict[str, Any]:
    return {
        "RequestType": kind,
        "RequestId": "request-1",
        "StackId": "arn:aws:cloudformation:eu-central-1:123456789012:stack/backdrop/1",
        "LogicalResourceId": "DeploymentCheck",
        "ResponseURL": inbox.url,
        "ResourceProperties": build_parameters(**changes),
    }


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="defaults"),
        pytest.param(ALL_ON, id="all-providers"),
        pytest.param(
            {
                "IdeogramTimeoutSeconds": "5",
                "RenderTimeoutSeconds": "20",
                "LaneVisibilitySeconds": "25",
            },
            id="small-test-stack",
        ),
        pytest.param({"IdeogramTimeoutSeconds": "285"}, id="call-just-fits"),
        pytest.param({"LaneVisibilitySeconds": "300"}, id="lane-just-fits"),
        pytest.param({"SegmindTimeoutSeconds": "890"}, id="long-calls-of-a-provider-that-is-off"),
        pytest.param({"InputBucket": "one", "OutputBucket": "other"}, id="existing-buckets"),
        pytest.param({"LedgerRetentionDays": "30"}, id="shortest-memory"),
        pytest.param({"DailyBudgetUSD": "0.5"}, id="half-a-dollar"),
    ],
)
def test_consistent_parameters_are_accepted(changes: dict[str, str]) -> None:
    assert app.find_parameter_problems(build_parameters(**changes)) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param(
            {"IdeogramTimeoutSeconds": "286"},
            ["IdeogramTimeoutSeconds=286", "RenderTimeoutSeconds to 301 or more", "285 or less"],
            id="call-longer-than-its-invocation",
        ),
        pytest.param(
            ALL_ON | {"RunwareTimeoutSeconds": "600"},
            ["RunwareTimeoutSeconds=600", "RenderTimeoutSeconds to 615"],
            id="call-of-another-provider",
        ),
        pytest.param(
            {"LaneVisibilitySeconds": "299"},
            ["LaneVisibilitySeconds=299", "Set LaneVisibilitySeconds to 300 or more"],
            id="lane-shorter-than-an-invocation",
        ),
        pytest.param(
            {"OutputBucket": "backdrop-input-123456789012-eu-central-1"},
            ["both input and output", "Set InputBucket and OutputBucket"],
            id="output-is-the-stacks-own-input",
        ),
        pytest.param(
            {"OutputBucket": "pictures", "ReadableBuckets": "shelf,pictures"},
            ["'pictures' is the output bucket", "from ReadableBuckets"],
            id="pictures-as-photos",
        ),
        pytest.param(
            {"LedgerRetentionDays": "29"},
            ["LedgerRetentionDays=29", "Set it to 30 or more, or to 0"],
            id="forgets-too-soon",
        ),
        *(
            pytest.param(
                {"DailyBudgetUSD": usd}, [f"DailyBudgetUSD={usd} is not a plain number"], id=f"a-budget-of-{usd}"
            )
            for usd in (".5", "01", "1e3", "nan", "+5", "٣")
        ),
        pytest.param(
            {"IdeogramMaxInFlight": "2.5"},
            ["IdeogramMaxInFlight=2.5 is not a whole number"],
            id="limit-that-is-not-whole",
        ),
        pytest.param(
            {"SegmindMaxInFlight": "00"},
            ["SegmindMaxInFlight=00 is not a whole number"],
            id="zero-in-disguise",
        ),
    ],
)
def test_inconsistent_parameters_are_rejected_with_a_fix(changes: dict[str, str], words: list[str]) -> None:
    [problem] = app.find_parameter_problems(build_parameters(**changes))
    assert [word for word in words if word not in problem] == []


@pytest.mark.parametrize("name", ["Backdrop-input-1-x", f"{'b' * 60}-input", "a_b"])
def test_stack_name_that_yields_no_valid_bucket_name_is_rejected(name: str) -> None:
    [problem] = app.find_parameter_problems(build_parameters() | {"InputBucketName": name})
    assert "Give the stack a shorter name in lowercase" in problem


def test_all_problems_are_reported_at_once() -> None:
    problems = app.find_parameter_problems(
        build_parameters(**ALL_ON, RenderTimeoutSeconds="100", LaneVisibilitySeconds="50")
    )
    assert len(problems) == 5


@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_cloudformation_receives_the_success_of_each_request(inbox: ResponseReceiver, kind: str) -> None:
    app.lambda_handler(build_event(inbox, kind), None)
    [answer] = inbox.answers
    assert answer["Status"] == "SUCCESS"
    assert answer["RequestId"] == "request-1"
    assert answer["LogicalResourceId"] == "DeploymentCheck"
    assert answer["Data"] == {"ConcurrencyNote": app.build_concurrency_note(app.DEFAULT_MAX_IN_FLIGHT, 1000).text}
    assert inbox.content_types == [""]


def test_cloudformation_receives_the_reason_of_a_rejection(inbox: ResponseReceiver) -> None:
    app.lambda_handler(build_event(inbox, LaneVisibilitySeconds="100"), None)
    [answer] = inbox.answers
    assert answer["Status"] == "FAILED"
    assert "Set LaneVisibilitySeconds to 300 or more" in answer["Reason"]


def test_stack_can_always_be_deleted(inbox: ResponseReceiver) -> None:
    app.lambda_handler(build_event(inbox, "Delete", LaneVisibilitySeconds="100"), None)
    assert [answer["Status"] for answer in inbox.answers] == ["SUCCESS"]


def test_failed_check_still_responds_and_raises_its_error(inbox: ResponseReceiver) -> None:
    broken = build_event(inbox)
    del broken["ResourceProperties"]["RenderTimeoutSeconds"]
    with pytest.raises(KeyError):
        app.lambda_handler(broken, None)
    [answer] = inbox.answers
    assert (answer["Status"], answer["Reason"]) == ("FAILED", app.CHECK_FAILED_REASON)


def test_response_never_causes_a_replacement_of_the_resource(inbox: ResponseReceiver) -> None:
    for kind in ("Create", "Update", "Delete"):
        app.lambda_handler(build_event(inbox, kind), None)
    assert {answer["PhysicalResourceId"] for answer in inbox.answers} == {"deployment-check"}


def test_response_never_exceeds_cloudformations_limit(inbox: ResponseReceiver) -> None:
    app.send_response(build_event(inbox), ["a reason " * 1000])
    assert len(json.dumps(inbox.answers[0])) < 4096


def test_undeliverable_response_is_an_error_for_lambda_to_retry(inbox: ResponseReceiver) -> None:
    lost = build_event(inbox) | {"ResponseURL": "http://127.0.0.1:9/nobody-listens"}
    with pytest.raises(OSError, match="refused"):
        app.lambda_handler(lost, None)


def test_signed_url_is_never_logged(inbox: ResponseReceiver, capfd: pytest.CaptureFixture[str]) -> None:
    app.lambda_handler(build_event(inbox), None)
    assert "made-up-signature" not in "".join(capfd.readouterr())
