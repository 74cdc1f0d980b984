"""A large world keeps its items in little memory, and notices what is wrong with a photo."""

from random import Random

import pytest

from bench.extrapolation.aws_timing import LARGE_FOLDER
from bench.extrapolation.large_world import LargeWorld
from bench.extrapolation.packed_items import PackedItems
from simulation.world.dynamodb_expressions import Item


def draw_item(random: Random) -> Item:
    return {"pk": {"S": random.choice("abc")}, "sk": {"S": random.choice("xyz")}, "n": {"N": str(random.random())}}


def test_packed_items_are_those_that_were_stored() -> None:
    random, plain, packed = Random(1), dict[tuple[str, str], Item](), PackedItems(max_recent=2)
    for _ in range(500):
        item = draw_item(random)
        key = item["pk"]["S"], item["sk"]["S"]
        if key in plain and random.random() < 0.3:
            del plain[key], packed[key]
        elif random.random() < 0.6:
            plain[key] = packed[key] = item
        assert (packed.get(key), key in packed, len(packed)) == (plain.get(key), key in plain, len(plain))
        assert dict(packed) == plain
    with pytest.raises(KeyError):
        del packed["no", "item"]


def run_world() -> LargeWorld:
    world = LargeWorld(1, in_flight=10, seconds=15.0, account=10, discards_data=True)
    world.start()
    for n in range(20):
        world.upload(f"{LARGE_FOLDER}{n}.jpg")
    world.run_until_ended(20, 3600)
    return world


def test_every_photo_is_checked_after_it_has_ended() -> None:
    world = run_world()
    world.pass_time(100)
    world.checks.check_money(is_at_rest=True)
    assert (world.checks.checked_count, world.checks.problems) == (20, [])
    assert not any(version.data for versions in world.output_bucket.objects.values() for version in versions)


@pytest.mark.parametrize("damage", ["picture", "call", "bill"])
def test_damage_is_noticed(damage: str) -> None:
    world = run_world()
    key = f"{LARGE_FOLDER}3.jpg"
    if damage == "picture":
        [name] = [name for name in world.output_bucket.objects if name.startswith(f"{key}/")]
        del world.output_bucket.objects[name]
    elif damage == "call":
        [job] = world.list_jobs(key)
        world.checks.call_counts[job.job_id] += 1
    else:
        world.provider.account.bill.jobs()[3].micro_usd += 1
    world.pass_time(100)
    world.checks.check_money(is_at_rest=True)
    assert len(world.checks.problems) == 1
