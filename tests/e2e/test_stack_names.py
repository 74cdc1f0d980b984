"""The names that users, scripts, and tools rely on: the stack's outputs and parameters."""

from backdrop_local.home import STACK
from tests.e2e.deployed_stack import LANES, DeployedStack
from tests.golden.golden import read_golden


def test_stack_has_the_agreed_outputs_and_their_resources(stack: DeployedStack) -> None:
    assert set(stack.outputs) == set(read_golden("outputs")["with all providers on"])
    for name, value in stack.outputs.items():
        if name.endswith("Url"):
            assert stack.queue_arn(name).endswith(value.rpartition("/")[2])
    stack.clients.s3.head_bucket(Bucket=stack.input_bucket)
    stack.clients.s3.head_bucket(Bucket=stack.output_bucket)
    table = stack.clients.dynamodb.describe_table(TableName=stack.outputs["LedgerTableName"])["Table"]
    assert [(key["AttributeName"], key["KeyType"]) for key in table.get("KeySchema", [])] == [
        ("pk", "HASH"),
        ("sk", "RANGE"),
    ]
    stack.clients.events.describe_event_bus(Name=stack.outputs["EventBusName"])


def test_stack_has_the_agreed_parameters(stack: DeployedStack) -> None:
    deployed = stack.clients.cloudformation.describe_stacks(StackName=STACK)["Stacks"][0].get("Parameters", [])
    assert {parameter.get("ParameterKey") for parameter in deployed} == set(read_golden("parameters"))


def test_both_buckets_have_versioning_enabled(stack: DeployedStack) -> None:
    for bucket in (stack.input_bucket, stack.output_bucket):
        assert stack.clients.s3.get_bucket_versioning(Bucket=bucket).get("Status") == "Enabled"


def test_api_keys_are_in_secrets_and_not_in_environments(stack: DeployedStack) -> None:
    names = [f"{STACK}/{provider}/api-key" for provider in LANES]
    secrets = {stack.clients.secrets.get_secret_value(SecretId=name)["SecretString"] for name in names}
    for function in stack.clients.functions.list_functions()["Functions"]:
        variables = function.get("Environment", {}).get("Variables", {})
        assert not secrets & {*variables.values()}
        assert not [name for name in variables if "API_KEY" in name]
