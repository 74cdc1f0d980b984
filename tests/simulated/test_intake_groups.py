"""Fairness: every message of a photo, whoever sends it and why, carries the group of the photo's top folder."""

import json
from collections.abc import Callable

import pytest

from backdrop.model.codes import Code
from backdrop.model.ids import derive_message_group
from backdrop.model.provider_result import RetryClass
from backdrop.operate.redrive import FailureFilter
from proof.world.pictures import photo
from proof.world.provider import Reaction, refuses
from proof.world.stack import World
from proof.world.wire import Call
from tests.simulated.days import DAY, cancelled, pass_time

KEYS = ("hats/1.jpg", "hats/new/2.jpg", "shoes/1.jpg", "top.jpg")


def upload(world: World) -> None:
    """Photos in several folders."""
    for key in KEYS:
        world.drop(key, photo(key), operation="remove")


def go_well(world: World) -> None:
    """All are bought and handed over."""
    upload(world)
    world.run()


def wait_for_instructions(world: World) -> None:
    """None says what is wanted, so that intake reminds itself."""
    for key in KEYS:
        world.drop(key, photo(key))
    world.run()


def end_badly(world: World) -> None:
    """The provider rejects each, and a person redrives them."""
    world.provider.otherwise = refuses(RetryClass.PERM, Code.REQUEST_REJECTED)
    go_well(world)
    world.provider.otherwise = Reaction()
    orders = world.steps.orders()
    for failure in list(orders.list_failures(FailureFilter())):
        assert orders.redrive(orders.plan(failure, pay_again=False))
    world.run()


def are_replaced(world: World) -> None:
    """Others lie there when the jobs' turn comes, so that render sends them back to intake."""
    upload(world)
    world.run("intake")
    for key in KEYS:
        world.drop(key, photo(f"another {key}"), operation="remove")
    world.run("ideogram", "deliver")
    world.run()


def are_forgotten(world: World) -> None:
    """No event comes and messages vanish, so that reconcile sends new ones."""
    upload(world)
    world.lines["intake"].messages.clear()
    world.clock.sleep(1000)
    pass_time(world, 300)
    for line in world.lines.values():
        line.messages.clear()
    pass_time(world, 4 * DAY, every=DAY / 4)


def are_cancelled(world: World) -> None:
    """A person wants none of them."""
    upload(world)
    world.run("intake")
    assert cancelled(world)[0]
    world.run()


def groups(world: World) -> list[tuple[str, str]]:
    """The group that each message has, and the one that it should have by the photo that it names."""
    keys = {source.source_id: source.key for key in KEYS if (source := world.source(key))}
    return [(call.sent["MessageGroupId"], derive_message_group(_key(call, keys))) for call in _sent(world)]


def _sent(world: World) -> list[Call]:
    return [
        call for call in world.wire.calls if call.operation == "send_message" and '"kind": "lane"' not in str(call.sent)
    ]


def _key(call: Call, keys: dict[str, str]) -> str:
    body = json.loads(call.sent["MessageBody"])
    return body.get("key") or keys[body["source_id"]]


@pytest.mark.parametrize(
    "story", [go_well, wait_for_instructions, end_badly, are_replaced, are_forgotten, are_cancelled]
)
def test_every_message_is_in_its_photos_group(story: Callable[[World], None]) -> None:
    world = World()
    story(world)
    found = groups(world)
    assert len(found) > len(KEYS)
    assert [(sent, due) for sent, due in found if sent != due] == []
    assert len({group for group, _ in found}) == 3
