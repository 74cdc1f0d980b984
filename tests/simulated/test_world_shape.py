"""The simulated stack is shaped as template.yaml shapes the real one."""

import pytest

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
def test_a_simulated_queue_is_set_up_as_the_real_one(name: str) -> None:
    queue = STACK.of_type("AWS::SQS::Queue")[f"{NAMES[name]}Queue"]
    assert int(queue["VisibilityTimeout"]) == VISIBILITY_SECONDS[name]
    assert int(queue["MessageRetentionPeriod"]) == RETENTION_SECONDS[name]
    assert queue["RedrivePolicy"]["maxReceiveCount"] == MAX_RECEIVE_COUNTS[name]


@pytest.mark.parametrize("name", NAMES)
def test_a_simulated_function_may_run_as_long_and_take_as_many_messages_as_the_real_one(name: str) -> None:
    mapping = STACK.of_type("AWS::Lambda::EventSourceMapping")[f"{NAMES[name]}Mapping"]
    function = STACK.of_type("AWS::Serverless::Function")[mapping["FunctionName"]]
    assert mapping["FunctionName"] == f"{FUNCTION_NAMES[name].capitalize()}Function"
    assert mapping["BatchSize"] == BATCH_SIZES[name]
    assert int(function["Timeout"]) == TIMEOUTS_SECONDS[name]


def test_the_lane_is_as_wide_as_the_real_one() -> None:
    mapping = STACK.of_type("AWS::Lambda::EventSourceMapping")["IdeogramMapping"]
    assert int(mapping["ScalingConfig"]["MaximumConcurrency"]) == WorldSetup().in_flight


def test_reconcile_comes_as_often_and_runs_as_long_as_the_real_one() -> None:
    function = STACK.of_type("AWS::Serverless::Function")["ReconcileFunction"]
    (event,) = function["Events"].values()
    assert event["Properties"]["Schedule"] == f"rate({RECONCILE_INTERVAL_SECONDS // 60} minutes)"
    assert int(function["Timeout"]) == TIMEOUTS_SECONDS["reconcile"]
    assert function["EventInvokeConfig"] == {
        "MaximumEventAgeInSeconds": RECONCILE_MAX_EVENT_AGE_SECONDS,
        "MaximumRetryAttempts": len(ASYNC_RETRY_DELAYS_SECONDS),
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_simulated_chain_may_invoke_a_function_as_often_as_a_real_one(name: str) -> None:
    function = STACK.of_type("AWS::Serverless::Function")[f"{FUNCTION_NAMES[name].capitalize()}Function"]
    may_recurse = World().mappings[name].function.find_subject is not None
    assert may_recurse is (function.get("RecursiveLoop") == "Allow")


def test_dead_letters_are_kept_as_long_as_the_real_ones() -> None:
    assert (
        STACK.of_type("AWS::SQS::Queue")["DeadLetterQueue"]["MessageRetentionPeriod"] == DEAD_LETTER_RETENTION_SECONDS
    )


def test_the_table_has_the_keys_and_the_indexes_of_the_real_one() -> None:
    table = STACK.of_type("AWS::DynamoDB::Table")["LedgerTable"]
    assert tuple(key["AttributeName"] for key in table["KeySchema"]) == TABLE_KEYS
    indexes = {one["IndexName"]: one for one in table["GlobalSecondaryIndexes"]}
    assert {name: tuple(key["AttributeName"] for key in one["KeySchema"]) for name, one in indexes.items()} == INDEXES
    assert all(one["Projection"] == {"ProjectionType": "KEYS_ONLY"} for one in indexes.values())
