"""Campaigns in the template: the state machine, and what happens when an execution is stopped."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from backdrop.model.errors import RetryLaterError
from backdrop_local import emulator_patches
from tests.unit.template_document import ALL_ON, Deployed

ROOT = Path(__file__).parents[3]
MACHINE = ROOT / "statemachines" / "campaign.asl.json"


def read_state_machine() -> Any:
    return Deployed(**ALL_ON).of_type("AWS::Serverless::StateMachine")["CampaignMachine"]


@pytest.fixture
def states() -> dict[str, Any]:
    return json.loads(MACHINE.read_text())["States"]


def test_definition_substitutions_match_the_placeholders() -> None:
    assert read_state_machine()["DefinitionUri"] == str(MACHINE.relative_to(ROOT))
    assert set(re.findall(r"\$\{(\w+)\}", MACHINE.read_text())) == set(read_state_machine()["DefinitionSubstitutions"])


def test_no_request_is_sent_before_the_plan_allows_it(states: dict[str, Any]) -> None:
    definition = json.loads(MACHINE.read_text())
    assert definition["StartAt"] == "Plan"
    assert states["Plan"]["Next"] == "MayBegin"
    assert states["MayBegin"]["Choices"][0] == {
        "Variable": "$.planned.plan.refused",
        "IsPresent": True,
        "Next": "Refused",
    }
    assert states["Refused"]["Type"] == "Fail"


def test_each_item_waits_for_its_token_with_a_timeout(states: dict[str, Any]) -> None:
    ask = states["AskForEach"]["ItemProcessor"]["States"]["Ask"]
    assert ask["Resource"].endswith(":sqs:sendMessage.waitForTaskToken")
    body = ask["Parameters"]["MessageBody"]
    assert body["task_token.$"] == "$$.Task.Token"
    assert {name.removesuffix(".$") for name in body} == {
        "bucket",
        "key",
        "instructions",
        "task_token",
        "execution",
        "campaign",
        "named_by",
    }
    assert ask["TimeoutSeconds"] == 7 * 24 * 3600


def test_item_names_the_execution_of_the_campaign(states: dict[str, Any]) -> None:
    selector = states["AskForEach"]["ItemSelector"]
    assert (selector["execution.$"], selector["campaign.$"]) == ("$$.Execution.Id", "$$.Execution.Name")


def test_failed_item_does_not_fail_the_other_items(states: dict[str, Any]) -> None:
    asking = states["AskForEach"]
    assert asking["ToleratedFailurePercentage"] == 100
    assert asking["ItemProcessor"]["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    assert asking["ResultPath"] is None
    assert asking["ResultWriter"]["Parameters"]["Prefix"].startswith("_backdrop/work/campaigns")


def test_report_is_written_whatever_happens_to_the_items(states: dict[str, Any]) -> None:
    asking = states["AskForEach"]
    assert asking["Next"] == "Report"
    assert [(one["ErrorEquals"], one["Next"]) for one in asking["Catch"]] == [(["States.ALL"], "Report")]


def test_message_that_sqs_rejects_is_sent_again(states: dict[str, Any]) -> None:
    [retry] = states["AskForEach"]["ItemProcessor"]["States"]["Ask"]["Retry"]
    assert retry["ErrorEquals"] == ["SQS.SdkClientException", "SQS.AmazonSQSException"]
    assert retry["MaxAttempts"] >= 5
    assert retry["JitterStrategy"] == "FULL"


def test_plan_is_retried_for_every_transient_error(states: dict[str, Any]) -> None:
    """Lambda reports the name of an exception's class, and Step Functions compares it with these."""
    (retry,) = states["Plan"]["Retry"]
    own_errors = [name for name in retry["ErrorEquals"] if not name.startswith("Lambda.")]
    assert own_errors == [error.__name__ for error in (RetryLaterError, *RetryLaterError.__subclasses__())]


def test_report_gets_the_input_once_and_the_map_failure(states: dict[str, Any]) -> None:
    payload = states["Report"]["Parameters"]["Payload"]["report"]
    assert payload == {"execution.$": "$$.Execution", "failure.$": "$.planned.failure"}
    assert states["Plan"]["ResultSelector"]["failure"] == {}
    assert states["AskForEach"]["Catch"][0]["ResultPath"] == "$.planned.failure"


def test_plan_sets_concurrency_and_the_local_cloud_a_fixed_number(
    states: dict[str, Any],
) -> None:
    assert states["AskForEach"]["MaxConcurrencyPath"] == "$.planned.plan.at_once"

    class Emulator:
        """The emulator's Step Functions, which do not support a path here."""

        definition = ""
        stepfunctions: Any

        def describe_state_machine(self, **_: str) -> dict[str, str]:
            return {"definition": MACHINE.read_text()}

        def update_state_machine(self, **sent: str) -> None:
            self.definition = sent["definition"]

    emulator: Any = Emulator()
    emulator.stepfunctions = emulator
    limits = {"IdeogramMaxInFlight": "10", "SegmindMaxInFlight": "4", "OneMinMaxInFlight": "0"}
    given = {**limits, "RunwareMaxInFlight": "7", "DefaultProvider": "runware"}
    emulator_patches.set_map_concurrency(emulator, "arn", given)
    payload = json.loads(emulator.definition)["States"]["AskForEach"]
    assert payload["MaxConcurrency"] == 14
    assert "MaxConcurrencyPath" not in payload


def test_stopped_or_failed_execution_invokes_the_campaign_function() -> None:
    stack = Deployed(**ALL_ON)
    rule = stack.of_type("AWS::Events::Rule")["CampaignOverRule"]
    assert rule["EventPattern"]["source"] == ["aws.states"]
    assert rule["EventPattern"]["detail"] == {
        "stateMachineArn": ["CampaignMachine"],
        "status": ["FAILED", "TIMED_OUT", "ABORTED"],
    }
    assert "EventBusName" not in rule
    [permission] = stack.of_type("AWS::Lambda::Permission").values()
    assert permission["SourceArn"] == "CampaignOverRule.Arn"
    assert [target["Arn"] for target in rule["Targets"]] == ["CampaignFunction.Arn"]
    kept = {"Type": "SQS", "TargetArn": "DeadLetterQueue.Arn"}
    assert stack.of_type("AWS::Serverless::Function")["CampaignFunction"]["DeadLetterQueue"] == kept
