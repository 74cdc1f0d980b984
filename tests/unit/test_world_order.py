"""What the simulated services keep in order is what a look at everything would find."""

from random import Random

from simulation.world.dynamodb_expressions import Item
from simulation.world.simulated_dynamodb import ItemStore, find_position
from simulation.world.simulated_s3 import ObjectVersion, SimulatedBucket
from simulation.world.world_clock import WORLD_START


def drawn(random: Random) -> Item:
    item = {"pk": {"S": random.choice("ab")}, "sk": {"S": random.choice("mnopq")}}
    if random.random() < 0.7:
        item |= {"watch": {"S": random.choice("xy")}, "due": {"S": random.choice("123")}}
    return item


def test_partitions_and_indexes_follow_every_write() -> None:
    random, items = Random(1), ItemStore()
    for _ in range(300):
        item = drawn(random)
        key = item["pk"]["S"], item["sk"]["S"]
        if key in items and random.random() < 0.3:
            del items[key]
        else:
            items[key] = item
        found = list(items.query("", "a", "n", "p", ("n", "a", "n")))
        expected = [one for one in items.values() if one["pk"]["S"] == "a" and "n" < one["sk"]["S"] <= "p"]
        assert found == sorted(expected, key=lambda one: one["sk"]["S"])
        due = list(items.query("watch", "x", "1", "2", ()))
        expected = [
            one
            for one in items.values()
            if "watch" in one and (one["watch"]["S"], one["due"]["S"] < "3") == ("x", True)
        ]
        assert due == sorted(expected, key=lambda one: find_position(one, ("watch", "due")))
    items.clear()
    assert list(items.query("", "a", "", None, ())) == []


def test_a_listing_shows_what_there_is_behind_a_key_and_below_a_prefix() -> None:
    random, bucket = Random(1), SimulatedBucket("photos")
    for n in range(200):
        key = f"{random.choice('ab')}/{random.randrange(50)}"
        data = None if random.random() < 0.3 else b"x"
        bucket.objects.setdefault(key, []).append(ObjectVersion(f"v{n}", data, WORLD_START))
        there = sorted(key for key in bucket.objects if bucket.find_current(key))
        assert bucket.list_keys() == there
        assert list(bucket.iterate_keys("a/", "a/3")) == [key for key in there if key.startswith("a/") and key > "a/3"]
