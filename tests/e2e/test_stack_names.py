"""The names that users, scripts, and tools rely on: the stack's outputs and parameters, and what is behind them."""

from backdrop_local.home import STACK
from tests.e2e.deployed_stack import LANES, DeployedStack
from tests.golden.golden import read_golden


def test_stack_has_the_agreed_names_and_resources(stack: DeployedStack) -> None:
    assert set(stack.outputs) == set(read_golden("outputs")["with all providers on"])
    deployed = stack.clients.cloudformation.describe_stacks(StackName=STACK)["Stacks"][0].get("Parameters", [])
    assert {parameter.get("ParameterKey") for parameter in deployed} == set(read_golden("parameters"))
    for name, value in stack.outputs.items():
        if name.endswith("Url"):
            assert stack.queue_arn(name).endswith(value.rpartition("/")[2])
    for bucket in (stack.input_bucket, stack.output_bucket):
        assert stack.clients.s3.get_bucket_versioning(Bucket=bucket).get("Status") == "Enabled"
    table = stack.clients.dynamodb.describe_table(TableName=stack.outputs["LedgerTableName"])["Table"]
    assert [(key["AttributeName"], key["KeyType"]) for key in table.get("KeySchema", [])] == [
        ("pk", "HASH"),
        ("sk", "RANGE"),
    ]
    stack.clients.events.describe_event_bus(Name=stack.outputs["EventBusName"])
    check_functions(stack)


def check_functions(stack: DeployedStack) -> None:
    """Checks that no function has a key in its environment. The price check belongs to Ideogram v2."""
    names = [f"{STACK}/{provider}/api-key" for provider in LANES]
    secrets = {stack.clients.secrets.get_secret_value(SecretId=name)["SecretString"] for name in names}
    functions = stack.clients.functions.list_functions()["Functions"]
    assert f"{STACK}-price-check" not in {function.get("FunctionName") for function in functions}
    for function in functions:
        variables = function.get("Environment", {}).get("Variables", {})
        assert not secrets & {*variables.values()}
        assert not [name for name in variables if "API_KEY" in name]
