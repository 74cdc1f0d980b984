"""The sorted indexes of the simulated services return the same items as a full scan."""

from random import Random

from simulation.world.dynamodb_expressions import Item
from simulation.world.simulated_dynamodb import ItemStore, find_position
from simulation.world.simulated_s3 import ObjectVersion, SimulatedBucket
from simulation.world.world_clock import WORLD_START


def draw_item(random: Random) -> Item:
    item = {"pk": {"S": random.choice("ab")}, "sk": {"S": random.choice("mnopq")}}
    if random.random() < 0.7:
        item |= {"watch": {"S": random.choice("xy")}, "due": {"S": random.choice("123")}}
    return item


def test_partitions_and_indexes_follow_every_write() -> None:
    random, items = Random(1), ItemStore()
    for _ in range(300):
        item = draw_item(random)
        key = item["pk"]["S"], item["sk"]["S"]
        if key in items and random.random() < 0.3:
            del items[key]
        else:
            items[key] = item
        found = list(items.query("", "a", "n", "p", ("n", "a", "n")))
        expected = [stored for stored in items.values() if stored["pk"]["S"] == "a" and "n" < stored["sk"]["S"] <= "p"]
        assert found == sorted(expected, key=lambda stored: stored["sk"]["S"])
        due = list(items.query("watch", "x", "1", "2", ()))
        expected = [
            stored
            for stored in items.values()
            if "watch" in stored and (stored["watch"]["S"], stored["due"]["S"] < "3") == ("x", True)
        ]
        assert due == sorted(expected, key=lambda stored: find_position(stored, ("watch", "due")))
    items.clear()
    assert list(items.query("", "a", "", None, ())) == []


def test_listing_starts_after_a_key_and_keeps_to_a_prefix() -> None:
    random, bucket = Random(1), SimulatedBucket("photos")
    for n in range(200):
        key = f"{random.choice('ab')}/{random.randrange(50)}"
        data = None if random.random() < 0.3 else b"x"
        bucket.objects.setdefault(key, []).append(ObjectVersion(f"v{n}", data, WORLD_START))
        current_keys = sorted(key for key in bucket.objects if bucket.find_current(key))
        assert bucket.list_keys() == current_keys
        assert list(bucket.iterate_keys("a/", "a/3")) == [
            key for key in current_keys if key.startswith("a/") and key > "a/3"
        ]
