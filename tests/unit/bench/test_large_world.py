"""A large world keeps its items in little memory, and notices what is wrong with a photo."""

from dataclasses import replace
from random import Random

import pytest

from bench.extrapolation import packed_mapping
from bench.extrapolation.aws_timing import LARGE_FOLDER
from bench.extrapolation.faulty_folder import run_with_faults
from bench.extrapolation.large_world import LargeWorld
from bench.extrapolation.packed_mapping import PackedMapping, PackedObjects
from simulation.invariants.violations import Invariant
from simulation.world.dynamodb_expressions import Item
from simulation.world.simulated_dynamodb import Key
from simulation.world.simulated_s3 import ObjectVersion
from simulation.world.world_clock import WORLD_START


def draw_item(random: Random) -> Item:
    return {"pk": {"S": random.choice("abc")}, "sk": {"S": random.choice("xyz")}, "n": {"N": str(random.random())}}


def test_packed_values_are_those_that_were_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed_mapping, "PACKED_PER_DICTIONARY", 3)
    random, plain, packed = Random(1), dict[Key, Item](), PackedMapping[Key, Item](max_recent=2)
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


def test_packed_objects_are_listed_in_order() -> None:
    packed = PackedObjects(max_recent=2)
    for key in "dbeac":
        packed[key] = [ObjectVersion(key, key.encode(), WORLD_START)]
    packed["b"] = [*packed["b"], ObjectVersion("b2", None, WORLD_START)]
    del packed["d"]
    assert [*packed.irange("b", inclusive=(True, True))] == ["b", "c", "e"]
    assert [*packed.irange("b", inclusive=(False, True))] == ["c", "e"]
    assert [version.id for version in packed["b"]] == ["b", "b2"]


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
    world.checks.check_everything()
    assert (world.checks.checked_count, world.checks.violations) == (20, [])
    assert not any(version.data for versions in world.output_bucket.objects.values() for version in versions)


@pytest.mark.parametrize(
    ("damage", "invariant"),
    [
        ("picture", Invariant.PICTURES_MATCH_JOBS),
        ("charge", Invariant.BILL_RECONCILED),
        ("call of no photo", Invariant.PAID_ONCE),
        ("day", Invariant.WITHIN_BUDGET),
    ],
)
def test_damage_is_noticed(damage: str, invariant: Invariant) -> None:
    world = run_world()
    if damage == "picture":
        [name] = [name for name in world.output_bucket.objects if name.startswith(f"{LARGE_FOLDER}3.jpg/")]
        del world.output_bucket.objects[name]
    elif damage == "charge":
        world.provider.bill.jobs()[3].micro_usd += 1
    elif damage == "call of no photo":
        order = replace(world.provider.bill.jobs()[0].order, fingerprint="unknown")
        world.provider.bill.accept(order, produced=1, unsafe=0, billed_images=1, at=0)
    else:
        [day] = [key for key in world.table.items if key[0].startswith("budget#")]
        world.table.items.data[day] = {**world.table.items[day], "confirmed": {"N": "1"}}
    world.pass_time(100)
    world.checks.check_everything()
    assert {violation.invariant for violation in world.checks.violations} >= {invariant}


def test_folder_with_faults_ends_and_agrees() -> None:
    run = run_with_faults(40)
    assert (sum(run.statuses.values()), run.violations) == (40, [])
    assert run.calls >= run.statuses["stored"]
    assert run.strikes["killed_in_paid_call"]
    assert run.strikes["duplicate_message"]
