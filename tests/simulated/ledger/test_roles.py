"""The simulated DynamoDB refuses what the roles in template.yaml do not allow, in every simulated test and seed."""

from datetime import timedelta

import pytest

from backdrop.aws.items import budget_day_key, build_primary_key, mandate_key, to_key_attributes
from backdrop.model.mandate import MandateRegistry
from simulation.world.ledger_roles import ForbiddenWriteError
from simulation.world.simulated_stack import LEDGER_TABLE, World

LIMITS = (mandate_key("anna"), build_primary_key(MandateRegistry()), budget_day_key("2026-11-30"))


def write_as(world: World, worker: str, operation: str, key: tuple[str, str]) -> None:
    request = {"TableName": LEDGER_TABLE, "Item" if operation == "Put" else "Key": to_key_attributes(key)}
    entry = {operation: request}

    def write() -> None:
        world.table.transact_write_items(TransactItems=[entry], ClientRequestToken=key[0])

    world.event_loop.call_later(0, lambda: world.event_loop.spawn(f"{worker}-1", write, timeout_seconds=60))
    world.event_loop.run_until(world.clock.time + timedelta(seconds=30))


@pytest.mark.parametrize("function", ["intake", "deliver", "render", "reconcile", "reconcile-bill", "price-check"])
@pytest.mark.parametrize("key", LIMITS, ids=lambda key: key[0])
def test_function_that_replaces_a_limit_is_stopped(function: str, key: tuple[str, str]) -> None:
    with pytest.raises(ForbiddenWriteError):
        write_as(World(), function, "Put", key)


@pytest.mark.parametrize("function", ["intake", "deliver"])
def test_function_that_opens_pictures_adds_to_no_amount(function: str) -> None:
    with pytest.raises(ForbiddenWriteError):
        write_as(World(), function, "Update", budget_day_key("2026-11-30"))


def test_function_writes_what_its_role_allows() -> None:
    world = World()
    write_as(world, "deliver", "Put", ("source#1", "job#1"))
    write_as(world, "person", "Put", mandate_key("anna"))
    assert set(world.table.items) == {("source#1", "job#1"), mandate_key("anna")}
