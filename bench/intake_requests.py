"""How many requests to S3 and DynamoDB intake makes for one look at one photo, each by name.

The product's own step and adapters, on the simulated world, which notes every call: `python -m bench.intake_requests`.
A folder's defaults are read once a batch, whatever it holds, and stand apart.
"""

import json
import sys

from backdrop.model.object_keys import DEFAULTS_NAME
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from simulation.world.transport import ServiceCall
from simulation.world.world_inspector import INPUT_BUCKET

LIMIT = 7
KEY = "shoes/red.jpg"
SERVICES = ("s3", "dynamodb")


def put(world: World, key: str, said: dict[str, object]) -> None:
    """Somebody writes a JSON file."""
    world.s3.upload(INPUT_BUCKET, key, json.dumps(said).encode())


def looked(world: World) -> list[ServiceCall]:
    """What the next message of the intake queue costs."""
    moment = world.sqs.find_next_visible_at([world.queues["intake"]])
    if moment:
        world.clock.advance_to(moment)
    before = len(world.transport.history)
    world.deliver_next("intake")
    calls = (one for one in list(world.transport.history)[before:] if isinstance(one, ServiceCall))
    return [call for call in calls if call.service in SERVICES]


def with_sidecar(world: World) -> list[ServiceCall]:
    """The photo comes, its sidecar is there."""
    put(world, f"{KEY}.json", {"operation": "remove"})
    world.run_until_empty("intake")
    world.upload_photo(KEY, build_photo())
    return looked(world)


def with_shared_sidecar(world: World) -> list[ServiceCall]:
    """The same, with `red.json`."""
    put(world, "shoes/red.json", {"operation": "remove"})
    world.run_until_empty("intake")
    world.upload_photo(KEY, build_photo())
    return looked(world)


def with_tags(world: World) -> list[ServiceCall]:
    """The photo comes with tags."""
    world.upload_photo(KEY, build_photo(), operation="remove")
    return looked(world)


def without_a_word(world: World) -> list[ServiceCall]:
    """The photo comes alone: it is recorded that it waits."""
    world.upload_photo(KEY, build_photo())
    return looked(world)


def settled(world: World) -> list[ServiceCall]:
    """Its time is over: it runs on its folder's defaults."""
    put(world, f"shoes/{DEFAULTS_NAME}", {"operation": "remove"})
    world.run_until_empty("intake")
    without_a_word(world)
    return looked(world)


def settled_in_vain(world: World) -> list[ServiceCall]:
    """Its time is over, and nothing says what is wanted: near misses are looked for."""
    without_a_word(world)
    return looked(world)


def sidecar_afterwards(world: World) -> list[ServiceCall]:
    """The sidecar comes while the photo waits."""
    without_a_word(world)
    put(world, f"{KEY}.json", {"operation": "remove"})
    return looked(world)


def repeated(world: World) -> list[ServiceCall]:
    """The photo's event comes a second time."""
    with_sidecar(world)
    world.upload_photo(KEY, build_photo())
    return looked(world)


def twenty_variants(world: World) -> list[ServiceCall]:
    """Twenty pictures of one photo."""
    variants = {f"v{n}": {"prompt": f"a beach, {n} palms"} for n in range(20)}
    put(world, f"{KEY}.json", {"variants": variants})
    world.run_until_empty("intake")
    world.upload_photo(KEY, build_photo())
    return looked(world)


def reused(world: World) -> list[ServiceCall]:
    """The same bytes with the same wish lie there under another key: it waits for that one's picture."""
    with_sidecar(world)
    put(world, "bags/red.jpg.json", {"operation": "remove"})
    world.run_until_empty("intake")
    world.upload_photo("bags/red.jpg", build_photo())
    return looked(world)


CASES = (
    with_sidecar,
    with_shared_sidecar,
    with_tags,
    without_a_word,
    settled,
    settled_in_vain,
    sidecar_afterwards,
    repeated,
    twenty_variants,
    reused,
)


def is_default(call: ServiceCall) -> bool:
    """Whether a folder's defaults are read."""
    return str(call.request.get("Key", "")).endswith(DEFAULTS_NAME)


def main() -> int:
    """Print the table; 1 where a look takes more than its limit."""
    most = 0
    print(f"{'':22}{'requests':>9}{'defaults':>9}  which")
    for case in CASES:
        calls = case(World(1))
        own = [call for call in calls if not is_default(call)]
        names = ", ".join(f"{call.service}.{call.operation}" for call in own)
        print(f"{case.__name__:22}{len(own):9}{len(calls) - len(own):9}  {names}")
        most = max(most, len(own))
    return int(most > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
