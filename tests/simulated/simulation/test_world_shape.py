"""The simulated stack has the settings of template.yaml."""

import pytest

from simulation.scenarios.actions import PRICE_CHECK_TIMEOUT_SECONDS
from simulation.world.simulated_dynamodb import INDEXES, TABLE_KEYS
from simulation.world.simulated_lambda import ASYNC_RETRY_DELAYS_SECONDS
from simulation.world.simulated_stack import (
    BATCH_SIZES,
    DEAD_LETTER_RETENTION_SECONDS,
    FUNCTION_NAMES,
    MAX_RECEIVE_COUNTS,
    RECONCILE_INTERVAL_SECONDS,
    RECONCILE_MAX_EVENT_AGE_SECONDS,
    RETENTION_SECONDS,
    TIMEOUTS_SECONDS,
    VISIBILITY_SECONDS,
    World,
    WorldSetup,
)
from tests.unit.template_document import Deployed

STACK = Deployed()
NAMES = {"intake": "Intake", "ideogram": "Ideogram", "deliver": "Deliver"}


@pytest.mark.parametrize("name", NAMES)
def test_simulated_queue_has_the_template_settings(name: str) -> None:
    queue = STACK.of_type("AWS::SQS::Queue")[f"{NAMES[name]}Queue"]
    assert int(queue["VisibilityTimeout"]) == VISIBILITY_SECONDS[name]
    assert int(queue["MessageRetentionPeriod"]) == RETENTION_SECONDS[name]
    assert queue["RedrivePolicy"]["maxReceiveCount"] == MAX_RECEIVE_COUNTS[name]


@pytest.mark.parametrize("name", NAMES)
def test_simulated_function_has_the_template_limits(name: str) -> None:
    mapping = STACK.of_type("AWS::Lambda::EventSourceMapping")[f"{NAMES[name]}Mapping"]
    function = STACK.of_type("AWS::Serverless::Function")[mapping["FunctionName"]]
    assert mapping["FunctionName"] == f"{FUNCTION_NAMES[name].capitalize()}Function"
    assert mapping["BatchSize"] == BATCH_SIZES[name]
    assert int(function["Timeout"]) == TIMEOUTS_SECONDS[name]


def test_simulated_lane_has_the_template_concurrency() -> None:
    mapping = STACK.of_type("AWS::Lambda::EventSourceMapping")["IdeogramMapping"]
    assert int(mapping["ScalingConfig"]["MaximumConcurrency"]) == WorldSetup().in_flight


def test_simulated_reconcile_has_the_template_schedule() -> None:
    function = STACK.of_type("AWS::Serverless::Function")["ReconcileFunction"]
    (event,) = function["Events"].values()
    assert event["Properties"]["Schedule"] == f"rate({RECONCILE_INTERVAL_SECONDS // 60} minutes)"
    assert int(function["Timeout"]) == TIMEOUTS_SECONDS["reconcile"]
    assert function["EventInvokeConfig"] == {
        "MaximumEventAgeInSeconds": RECONCILE_MAX_EVENT_AGE_SECONDS,
        "MaximumRetryAttempts": len(ASYNC_RETRY_DELAYS_SECONDS),
    }


def test_simulated_price_check_has_the_template_timeout() -> None:
    function = Deployed(IdeogramEndpoint="v2").of_type("AWS::Serverless::Function")["PriceCheckFunction"]
    assert int(function["Timeout"]) == PRICE_CHECK_TIMEOUT_SECONDS


@pytest.mark.parametrize("name", NAMES)
def test_same_functions_may_recurse_as_in_the_template(name: str) -> None:
    function = STACK.of_type("AWS::Serverless::Function")[f"{FUNCTION_NAMES[name].capitalize()}Function"]
    may_recurse = World().mappings[name].function.find_subject is not None
    assert may_recurse is (function.get("RecursiveLoop") == "Allow")


def test_dead_letters_have_the_template_retention() -> None:
    assert (
        STACK.of_type("AWS::SQS::Queue")["DeadLetterQueue"]["MessageRetentionPeriod"] == DEAD_LETTER_RETENTION_SECONDS
    )


def test_simulated_table_has_the_template_keys_and_indexes() -> None:
    table = STACK.of_type("AWS::DynamoDB::Table")["LedgerTable"]
    assert tuple(key["AttributeName"] for key in table["KeySchema"]) == TABLE_KEYS
    indexes = {index["IndexName"]: index for index in table["GlobalSecondaryIndexes"]}
    assert {
        name: tuple(key["AttributeName"] for key in index["KeySchema"]) for name, index in indexes.items()
    } == INDEXES
    assert all(index["Projection"] == {"ProjectionType": "KEYS_ONLY"} for index in indexes.values())
