"""Some photos, some edits, and everything that can go wrong at once, seed by seed; then the weather clears."""

from random import Random

import pytest

from backdrop.core.answer import Class
from backdrop.core.codes import Code
from proof.world.pictures import photo
from proof.world.provider import Reaction, charges_and_hangs_up, hangs_up, refuses
from proof.world.stack import INPUT, World
from proof.world.wire import Call, die, lose_answer, throttle
from tests.unit.simulation import assert_at_rest, assert_books

KEYS = [f"shoes/{n}.jpg" for n in range(4)]
WISHES = ({"operation": "remove"}, {"prompt": "on a marble table"}, {"prompt": "at sea", "num_images": 2})
REACTIONS = (
    *[Reaction()] * 6,
    *[refuses(Class.QUOTA, Code.PROVIDER_THROTTLED)] * 3,
    refuses(Class.BACKOFF, Code.PROVIDER_UNAVAILABLE),
    refuses(Class.PAUSE, Code.PROVIDER_KEY_REFUSED),
    refuses(Class.PERM, Code.UNSAFE_REQUEST),
    charges_and_hangs_up(),
    hangs_up(),
    Reaction(unsafe=1),
    Reaction(dies=True),
)


class Weather:
    """Strikes now and then; counts how often, since a storm that never struck proves nothing."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.struck = 0

    def before(self, call: Call) -> None:
        if call.service in ("dynamodb", "s3", "sqs") and self.random.random() < 0.02:
            self.struck += 1
            throttle(call)

    def after(self, call: Call) -> None:
        chance = self.random.random()
        if chance < 0.02:
            self.struck += 1
            die(call)
        if chance < 0.04 and call.service not in ("provider", "downloads"):
            self.struck += 1
            lose_answer(call)


def somebody_does_something(world: World, random: Random) -> None:
    """Uploads, edits, deletions and repeated events."""
    key = random.choice(KEYS)
    act = random.choice(["photo", "photo", "sidecar", "sidecar", "delete", "repeat"])
    if act == "photo":
        world.drop(key, photo(random.choice("ab")))
    elif act == "sidecar":
        world.sidecar(key, **random.choice(WISHES))
    elif act == "delete" and world.input.current(key):
        world.remove(key)
    elif act == "repeat" and world.lines["intake"].messages:
        world.sqs.post(world.lines["intake"], random.choice(world.lines["intake"].messages).body)


@pytest.mark.parametrize("seed", range(30))
def test_after_a_storm_every_photo_is_at_its_end_and_nothing_was_paid_twice(seed: int) -> None:
    world, random = World(seed, shuffled=True), Random(seed)
    weather = Weather(random)
    for line in world.lines.values():
        line.twice = 0.1
    world.provider.script.extend(random.choices(REACTIONS, k=40))
    world.wire.before.append(weather.before)
    world.wire.after.append(weather.after)
    for _ in range(25):
        somebody_does_something(world, random)
        world.run_for(random.choice([0, 1, 5, 30]))
        assert_books(world)
    world.run_for(1800)
    world.wire.calm()
    world.run(most_turns=5000)
    assert weather.struck
    assert_at_rest(world)
    paid = {job.job_id: sum(attempt.charged > 0 for attempt in job.attempts) for job in world.jobs()}
    assert max(paid.values(), default=0) <= 1
    assert all(world.provider.bill.jobs().count(sold) == 1 for sold in world.provider.bill.jobs())
    assert not world.provider.bill.duplicates()
    for call in world.wire.calls:
        assert call.operation != "call" or call.sent["sha256"] == call.sent["job"].sha256
    for key in KEYS:
        source = world.source(key)
        assert source is None or world.input.current(key) is None or source.jobs or source.problems, key
    assert not [name for name in world.s3.buckets[INPUT].objects if name.startswith("_backdrop")]
