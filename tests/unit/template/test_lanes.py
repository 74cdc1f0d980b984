"""Queues, lanes, and functions in the template."""

import json

import pytest

from backdrop.model.schedule import MESSAGE_LIFETIME
from backdrop_cli.operate.redrive import DEAD_LETTER_RETENTION
from tests.unit.template_document import ALL_ON, PROVIDERS, Deployed, Node, read_template

LANES = {f"{provider}Queue" for provider in PROVIDERS}
DAY = 86_400


def list_queues() -> dict[str, Node]:
    return Deployed(**ALL_ON).of_type("AWS::SQS::Queue")


def list_mappings() -> dict[str, Node]:
    return Deployed(**ALL_ON).of_type("AWS::Lambda::EventSourceMapping")


def list_functions() -> dict[str, Node]:
    return Deployed(**ALL_ON).of_type("AWS::Serverless::Function")


def find_dependencies(name: str, resources: dict[str, Node]) -> set[str]:
    """Returns every resource on which this one depends, directly or through others."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        text = json.dumps(resources[waiting.pop()])
        new = {n for n in resources if f'"{n}"' in text or f'"{n}.' in text} - found
        found |= new
        waiting += sorted(new)
    return found


def test_message_that_cannot_be_processed_becomes_a_dead_letter() -> None:
    redrives = {n: q["RedrivePolicy"] for n, q in list_queues().items() if n != "DeadLetterQueue"}
    assert {r["deadLetterTargetArn"] for r in redrives.values()} == {"DeadLetterQueue.Arn"}
    assert {r["maxReceiveCount"] for r in redrives.values()} == {1000}, "a backstop that waiting must not use up"


def test_dead_letters_are_kept_longer_than_any_message_waits() -> None:
    kept = {name: queue["MessageRetentionPeriod"] for name, queue in list_queues().items()}
    dead = kept.pop("DeadLetterQueue")
    assert dead == 14 * DAY == DEAD_LETTER_RETENTION.total_seconds()
    assert {kept.pop(name) for name in LANES} == {4 * DAY}
    assert kept == {"IntakeQueue": 14 * DAY, "DeliverQueue": 14 * DAY}


def measure_receive_seconds(queue: Node) -> int:
    """Returns how long a message can be received before the redrive policy moves it, if every invocation fails."""
    return queue["RedrivePolicy"]["maxReceiveCount"] * int(queue["VisibilityTimeout"])


@pytest.mark.parametrize("name", ["IntakeQueue", "DeliverQueue"])
def test_message_becomes_a_dead_letter_before_its_queue_deletes_it(name: str) -> None:
    queue = list_queues()[name]
    assert queue["MessageRetentionPeriod"] > measure_receive_seconds(queue)


@pytest.mark.parametrize("name", sorted(LANES))
def test_lane_may_delete_messages_because_reconcile_resends_jobs(name: str) -> None:
    lane = list_queues()[name]
    assert lane["MessageRetentionPeriod"] < measure_receive_seconds(lane), "its redrive policy alone loses messages"
    assert lane["MessageRetentionPeriod"] - MESSAGE_LIFETIME.total_seconds() >= DAY


def test_only_functions_that_end_their_own_chains_may_recurse() -> None:
    """Intake wakes a folder in steps. Intake, render, and deliver try copies of a refused photo in turn."""
    allowed = {name for name, function in list_functions().items() if function.get("RecursiveLoop") == "Allow"}
    assert allowed == {"IntakeFunction", "RenderFunction", "DeliverFunction"}


def test_job_gets_a_new_message_long_before_the_old_one_expires() -> None:
    kept = min(queue["MessageRetentionPeriod"] for queue in list_queues().values())
    assert MESSAGE_LIFETIME.total_seconds() + DAY <= kept


def test_every_queue_is_a_standard_queue_for_fairness() -> None:
    kinds = {"FifoQueue", "ContentBasedDeduplication", "FifoThroughputLimit", "QueueName"}
    assert [name for name, queue in list_queues().items() if kinds & set(queue)] == []


def test_message_is_invisible_for_longer_than_its_invocation_takes() -> None:
    times = {name: function["Timeout"] for name, function in list_functions().items()}
    assert list_queues()["IntakeQueue"]["VisibilityTimeout"] == 6 * times["IntakeFunction"]
    assert list_queues()["DeliverQueue"]["VisibilityTimeout"] == 6 * times["DeliverFunction"]
    lanes = read_template()["Resources"]
    for lane in LANES:
        hidden = lanes[lane]["Properties"]["VisibilityTimeout"]
        assert hidden == {"Ref": "LaneVisibilitySeconds"}


def test_every_mapping_reports_single_failures_and_can_stay_paused() -> None:
    assert len(list_mappings()) == 6
    for mapping in list_mappings().values():
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert "Enabled" not in mapping


@pytest.mark.parametrize("provider", PROVIDERS)
def test_lane_has_batch_size_one_and_its_parameter_as_limit(provider: str) -> None:
    mapping = read_template()["Resources"][f"{provider}Mapping"]["Properties"]
    assert mapping["EventSourceArn"] == {"Fn::GetAtt": f"{provider}Queue.Arn"}
    assert mapping["FunctionName"] == {"Ref": "RenderFunction"}
    assert mapping["BatchSize"] == 1
    limit = {"Ref": f"{provider}MaxInFlight"}
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": limit}


def test_deployment_check_runs_before_lanes_and_buckets_are_created() -> None:
    resources = Deployed(**ALL_ON).resources
    guarded = {f"{p}Mapping" for p in PROVIDERS} | LANES
    guarded |= {"RenderFunction", "ReconcileFunction", "PhotoBucket", "PictureBucket"}
    assert [n for n in sorted(guarded) if "DeploymentCheck" not in find_dependencies(n, resources)] == []


def test_deployment_check_does_not_depend_on_the_product() -> None:
    needed = find_dependencies("DeploymentCheck", Deployed(**ALL_ON).resources)
    parts = {"DeploymentCheckFunction", "DeploymentCheckRole", "DeploymentCheckLogGroup"}
    assert needed == parts


def test_every_function_has_its_own_log_for_thirty_days() -> None:
    groups = Deployed(**ALL_ON).of_type("AWS::Logs::LogGroup")
    assert {group["RetentionInDays"] for group in groups.values()} == {30}
    for name, function in list_functions().items():
        own = f"{name.removesuffix('Function')}LogGroup"
        assert function["LoggingConfig"] == {"LogFormat": "JSON", "LogGroup": own}
        assert groups[own]["LogGroupName"] == f"/aws/lambda/{function['FunctionName']}"


def test_handlers_have_both_layers_and_the_check_has_none() -> None:
    layers = {name: function.get("Layers", []) for name, function in list_functions().items()}
    assert layers.pop("DeploymentCheckFunction") == []
    names = ("Intake", "Render", "Deliver", "Reconcile", "ReconcileBill", "PriceCheck", "Campaign")
    assert set(layers) == {f"{name}Function" for name in names}
    assert all(own == ["DependenciesLayer", "BackdropLayer"] for own in layers.values())
