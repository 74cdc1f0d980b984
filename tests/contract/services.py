"""The emulator without a stack, a table in it, and helpers for tests that run on emulated and simulated services."""

from collections.abc import Generator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from backdrop_local import emulator, processes
from backdrop_local.cleanup import clean_up_on_exit
from backdrop_local.clients import LocalClients
from backdrop_local.home import CloudState, Home
from simulation.world.simulated_stack import World

SERVICES = "simulated", "emulator"
TABLE = "ledger"
_numbers = count(1)


@contextmanager
def emulator_alone(folder: Path) -> Generator[LocalClients]:
    """Runs an emulator, and returns its clients."""
    home = Home(folder)
    with clean_up_on_exit(home):
        process = emulator.start(home, processes.find_free_port())
        home.write_state(CloudState(emulator=process))
        emulator.wait_until_ready(home, process)
        yield LocalClients(process.url)


@contextmanager
def table_client(service: str, folder: Path) -> Generator[Any]:
    """Returns a client for a table with the keys and the index of template.yaml."""
    if service == "simulated":
        yield World().table
        return
    with emulator_alone(folder) as clients:
        names = ("pk", "sk", "watch", "due")
        index: Any = {
            "IndexName": "watch",
            "KeySchema": _key_schema("watch", "due"),
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        }
        clients.dynamodb.create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
            KeySchema=_key_schema("pk", "sk"),
            GlobalSecondaryIndexes=[index],
        )
        yield clients.dynamodb


def _key_schema(first: str, second: str) -> Any:
    return [{"AttributeName": first, "KeyType": "HASH"}, {"AttributeName": second, "KeyType": "RANGE"}]


def number() -> int:
    """Returns a number that is unique in this test run."""
    return next(_numbers)


def a_key() -> dict[str, Any]:
    """Returns the key of an item that no other test uses."""
    return {"pk": {"S": f"test#{number()}"}, "sk": {"S": "item"}}


def write(client: Any, kind: str, **parameters: Any) -> dict[str, Any]:
    """Writes to the table with `put_item`, `update_item`, or `delete_item`."""
    return getattr(client, f"{kind}_item")(TableName=TABLE, **parameters)


def read(client: Any, key: dict[str, Any]) -> dict[str, Any]:
    """Returns an item without its key, or an empty one if it does not exist."""
    item = client.get_item(TableName=TABLE, Key=key, ConsistentRead=True).get("Item", {})
    return {name: value for name, value in item.items() if name not in key}


def code_of(raised: pytest.ExceptionInfo[ClientError]) -> str:
    """Returns the AWS error code of an exception."""
    return raised.value.response.get("Error", {}).get("Code", "")
