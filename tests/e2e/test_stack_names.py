"""The names that users, scripts and tools rely on: what the stack gives out and what it can be told."""

from backdrop_local.home import STACK
from tests.e2e.shop import LANES, Shop
from tests.golden.golden import agreed


def test_the_stack_gives_out_the_names_that_others_rely_on(shop: Shop) -> None:
    assert set(shop.outputs) == set(agreed("outputs")["with all providers on"])
    for name, value in shop.outputs.items():
        if name.endswith("Url"):
            assert shop.queue_arn(name).endswith(value.rpartition("/")[2])
    shop.clients.s3.head_bucket(Bucket=shop.photos)
    shop.clients.s3.head_bucket(Bucket=shop.pictures)
    table = shop.clients.dynamodb.describe_table(TableName=shop.outputs["LedgerTableName"])["Table"]
    assert [(key["AttributeName"], key["KeyType"]) for key in table.get("KeySchema", [])] == [
        ("pk", "HASH"),
        ("sk", "RANGE"),
    ]
    shop.clients.events.describe_event_bus(Name=shop.outputs["EventBusName"])


def test_all_parameters_stand_in_the_template_from_the_start(shop: Shop) -> None:
    found = shop.clients.cloudformation.describe_stacks(StackName=STACK)["Stacks"][0].get("Parameters", [])
    assert {one.get("ParameterKey") for one in found} == set(agreed("parameters"))


def test_both_buckets_keep_every_version(shop: Shop) -> None:
    for bucket in (shop.photos, shop.pictures):
        assert shop.clients.s3.get_bucket_versioning(Bucket=bucket).get("Status") == "Enabled"


def test_a_key_lies_in_the_providers_secret_and_in_no_functions_environment(shop: Shop) -> None:
    names = [f"{STACK}/{provider}/api-key" for provider in LANES]
    secrets = {shop.clients.secrets.get_secret_value(SecretId=name)["SecretString"] for name in names}
    for function in shop.clients.functions.list_functions()["Functions"]:
        variables = function.get("Environment", {}).get("Variables", {})
        assert not secrets & {*variables.values()}
        assert not [name for name in variables if "API_KEY" in name]
