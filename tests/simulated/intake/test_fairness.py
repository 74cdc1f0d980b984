"""Fairness: every message about a photo, from any sender and for any reason, has the group of its top folder."""

import json
from collections.abc import Callable

import pytest

from backdrop.model.codes import Code
from backdrop.model.ids import derive_message_group
from backdrop.model.provider_result import RetryClass
from backdrop.operate.redrive import FailureFilter
from simulation.world.sample_images import build_photo
from simulation.world.simulated_provider import CallBehavior, build_refusal
from simulation.world.simulated_stack import World
from simulation.world.transport import ServiceCall
from tests.simulated.simulated_days import DAY, cancel_jobs, pass_time

KEYS = ("hats/1.jpg", "hats/new/2.jpg", "shoes/1.jpg", "top.jpg")


def upload_photos(world: World) -> None:
    """Uploads photos to several folders."""
    for key in KEYS:
        world.upload_photo(key, build_photo(key), operation="remove")


def complete(world: World) -> None:
    """Buys and delivers everything."""
    upload_photos(world)
    world.run_until_empty()


def wait_for_instructions(world: World) -> None:
    """No photo has instructions, so intake sends itself settle timeouts."""
    for key in KEYS:
        world.upload_photo(key, build_photo(key))
    world.run_until_empty()


def fail_and_redrive(world: World) -> None:
    """The provider rejects each photo, and a person redrives them."""
    world.provider.default_behavior = build_refusal(RetryClass.PERM, Code.REQUEST_REJECTED)
    complete(world)
    world.provider.default_behavior = CallBehavior()
    orders = world.steps.redrive()
    for failure in list(orders.list_failures(FailureFilter())):
        assert orders.redrive(orders.plan(failure, pay_again=False))
    world.run_until_empty()


def replace_photos(world: World) -> None:
    """The photos are replaced before their jobs run, so render returns them to intake."""
    upload_photos(world)
    world.run_until_empty("intake")
    for key in KEYS:
        world.upload_photo(key, build_photo(f"another {key}"), operation="remove")
    world.run_until_empty("ideogram", "deliver")
    world.run_until_empty()


def lose_messages(world: World) -> None:
    """No event arrives and messages are lost, so reconcile sends new ones."""
    upload_photos(world)
    world.queues["intake"].messages.clear()
    world.clock.sleep(1000)
    pass_time(world, 300)
    for line in world.queues.values():
        line.messages.clear()
    pass_time(world, 4 * DAY, every=DAY / 4)


def cancel_all(world: World) -> None:
    """A person cancels every photo."""
    upload_photos(world)
    world.run_until_empty("intake")
    assert cancel_jobs(world)[0]
    world.run_until_empty()


def list_groups(world: World) -> list[tuple[str, str]]:
    """Returns the group of each message, and the group that the message should have according to its photo."""
    keys = {source.source_id: source.key for key in KEYS if (source := world.read_source(key))}
    return [(call.request["MessageGroupId"], derive_message_group(_find_key(call, keys))) for call in _list_sent(world)]


def _list_sent(world: World) -> list[ServiceCall]:
    return [
        call
        for call in world.transport.calls
        if call.operation == "send_message" and '"kind": "lane"' not in str(call.request)
    ]


def _find_key(call: ServiceCall, keys: dict[str, str]) -> str:
    body = json.loads(call.request["MessageBody"])
    return body.get("key") or keys[body["source_id"]]


@pytest.mark.parametrize(
    "story", [complete, wait_for_instructions, fail_and_redrive, replace_photos, lose_messages, cancel_all]
)
def test_every_message_has_the_group_of_its_photo(story: Callable[[World], None]) -> None:
    world = World()
    story(world)
    found = list_groups(world)
    assert len(found) > len(KEYS)
    assert [(sent, due) for sent, due in found if sent != due] == []
    assert len({group for group, _ in found}) == 3
