"""What a look costs: at most 7 requests to S3 and DynamoDB for each photo, and folder defaults once a batch."""

from collections.abc import Callable

import pytest

from backdrop.model.intake_event import IntakeEvent
from bench.intake_requests import CASES, LIMIT, is_default, looked
from proof.world.pictures import photo
from proof.world.stack import INPUT, World
from proof.world.wire import Call
from tests.simulated.simulation import KEY
from tests.simulated.wishes import BEACH, FOREST, REMOVE, again, ask, bought, defaults, said

Case = Callable[[World], list[Call]]
SERVICES = ("s3", "dynamodb")


def stored(world: World, **tags: str) -> None:
    """A photo is bought and handed over."""
    world.drop(KEY, photo(), **(tags or REMOVE))
    world.run()


def edited_sidecar(world: World) -> list[Call]:
    stored(world)
    world.sidecar(KEY, **BEACH)
    return looked(world)


def other_bytes(world: World) -> list[Call]:
    stored(world)
    world.drop(KEY, photo("another"), operation="remove")
    return looked(world)


def same_bytes_again(world: World) -> list[Call]:
    stored(world)
    world.drop(KEY, photo(), operation="remove")
    return looked(world)


def deleted_while_it_waits(world: World) -> list[Call]:
    world.drop(KEY, photo(), operation="remove")
    world.turn("intake")
    world.remove(KEY)
    return looked(world)


def tags_set_later(world: World) -> list[Call]:
    world.drop(KEY, photo())
    world.run()
    world.s3.tag(INPUT, KEY, REMOVE)
    return looked(world)


def request(world: World) -> list[Call]:
    said(world, KEY)
    world.run()
    ask(world, KEY, **BEACH)
    return looked(world)


def request_for_nothing(world: World) -> list[Call]:
    ask(world, KEY, **BEACH)
    return looked(world)


def rerun(world: World) -> list[Call]:
    stored(world)
    again(world, KEY)
    return looked(world)


def woken_by_defaults(world: World) -> list[Call]:
    said(world, KEY)
    world.run()
    defaults(world, "shoes/", REMOVE)
    world.turn("intake")
    return looked(world)


def no_photo(world: World) -> list[Call]:
    world.drop(KEY, b"this is no photo", operation="remove")
    return looked(world)


def broken_sidecar(world: World) -> list[Call]:
    world.sidecar(KEY, promt="x")
    world.run("intake")
    world.drop(KEY, photo())
    return looked(world)


def the_same_photo_elsewhere(world: World) -> list[Call]:
    stored(world)
    world.drop("shoes/copy.jpg", photo(), operation="remove")
    return looked(world)


OTHERS: tuple[Case, ...] = (
    edited_sidecar,
    other_bytes,
    same_bytes_again,
    deleted_while_it_waits,
    tags_set_later,
    request,
    request_for_nothing,
    rerun,
    woken_by_defaults,
    no_photo,
    broken_sidecar,
)


@pytest.mark.parametrize("case", [*CASES, *OTHERS])
def test_a_look_takes_at_most_seven_requests(case: Case) -> None:
    calls = [str(call) for call in case(World(1)) if not is_default(call)]
    assert LIMIT == 7
    assert 0 < len(calls) <= LIMIT, calls


def test_a_photo_that_is_bought_elsewhere_takes_no_second_look() -> None:
    """The refused claim, its reason and the owner's job come on top, once."""
    calls = [str(call) for call in the_same_photo_elsewhere(World(1)) if not is_default(call)]
    assert len(calls) <= 10, calls
    assert len([call for call in calls if "tagging" in call]) == 1


def batch(world: World, *looks: IntakeEvent) -> list[Call]:
    """What one invocation with these looks asks of S3 and DynamoDB."""
    world.lines["intake"].messages.clear()
    before = len(world.wire.calls)
    world.steps.intake.start_batch()
    for look in looks:
        world.intake.handle(look)
    return [call for call in world.wire.calls[before:] if call.service in SERVICES]


def test_folder_defaults_are_read_once_a_batch() -> None:
    world = World()
    defaults(world, "", {"seed": 1})
    defaults(world, "shop/", REMOVE)
    keys = [f"shop/shoes/{n}.jpg" for n in range(10)]
    for key in keys:
        world.sidecar(key, seed=2)
        said(world, key)
    calls = batch(world, *(IntakeEvent(INPUT, key) for key in keys))
    read = [call.sent["Key"] for call in calls if is_default(call)]
    assert sorted(read) == ["_backdrop.json", "shop/_backdrop.json", "shop/shoes/_backdrop.json"]
    assert len(calls) - len(read) <= LIMIT * len(keys)
    world.run()
    assert bought(world) == 10


def test_the_next_batch_reads_them_anew() -> None:
    world = World()
    for content in (BEACH, FOREST):
        defaults(world, "shoes/", content)
        key = f"shoes/{content['prompt'][-5:]}.jpg"
        world.sidecar(key, seed=1)
        said(world, key)
        batch(world, IntakeEvent(INPUT, key))
    assert [job.instructions["prompt"] for job in world.jobs()] == ["on a beach", "in a forest"]


def test_all_events_of_a_photo_in_one_batch_are_one_look() -> None:
    world = World()
    world.sidecar(KEY, **REMOVE)
    world.drop(KEY, photo())
    once = batch(world, IntakeEvent(INPUT, KEY))
    world = World()
    world.sidecar(KEY, **REMOVE)
    world.drop(KEY, photo())
    look, sidecar = IntakeEvent(INPUT, KEY), IntakeEvent(INPUT, f"{KEY}.json")
    calls = batch(world, look, sidecar, look, sidecar, look)
    assert len(calls) == len(once) + 2
    assert [call.operation for call in calls[len(once) :]] == ["list_objects_v2"] * 2


@pytest.mark.parametrize(
    "other",
    [
        IntakeEvent(INPUT, KEY, is_repeated=True),
        IntakeEvent(INPUT, KEY, is_rerun=True),
        IntakeEvent(INPUT, KEY, is_settle_timeout=True),
    ],
    ids=str,
)
def test_a_look_with_a_reason_of_its_own_is_never_passed_over(other: IntakeEvent) -> None:
    first, both = World(), World()
    for world in (first, both):
        world.drop(KEY, photo())
    assert len(batch(both, IntakeEvent(INPUT, KEY), other)) > len(batch(first, IntakeEvent(INPUT, KEY)))


def test_a_reminder_that_is_out_of_date_stands_for_no_event_of_its_batch() -> None:
    world = World()
    stored(world)
    world.drop(KEY, photo("another"), operation="remove")
    batch(world, IntakeEvent(INPUT, KEY, is_settle_timeout=True), IntakeEvent(INPUT, KEY))
    assert len(world.jobs()) == 2


def test_a_look_that_failed_is_not_taken_for_done() -> None:
    world = World()
    world.drop(KEY, photo(), operation="remove")
    world.steps.intake.start_batch()
    world.wire.before.append(lambda call: (_ for _ in ()).throw(OSError) if call.operation == "get_object" else None)
    for _ in range(2):
        before = len(world.wire.calls)
        with pytest.raises(Exception, match="S3"):
            world.intake.handle(IntakeEvent(INPUT, KEY))
        assert len(world.wire.calls) > before
