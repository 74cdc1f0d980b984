"""The requests to S3 and DynamoDB that intake makes to check one photo, by name: `python -m bench.intake_requests`.

Runs the product's own stage and adapters on the simulated world, which records every call. A folder's defaults are
read once per batch, and its names listed once, regardless of the number of photos; these are counted separately.
"""

import json
import sys

from backdrop.model.object_keys import DEFAULTS_NAME
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from simulation.world.transport import ServiceCall
from simulation.world.world_inspector import INPUT_BUCKET

MAX_REQUESTS = 7
KEY = "shoes/red.jpg"
SERVICES = ("s3", "dynamodb")


def write_json(world: World, key: str, content: dict[str, object]) -> None:
    """Uploads a JSON file."""
    world.s3.upload(INPUT_BUCKET, key, json.dumps(content).encode())


def handle_next_message(world: World) -> list[ServiceCall]:
    """Handles the next message of the intake queue, and returns its calls."""
    moment = world.sqs.find_next_visible_at([world.queues["intake"]])
    if moment:
        world.clock.advance_to(moment)
    before = len(world.transport.history)
    world.deliver_next("intake")
    calls = (one for one in list(world.transport.history)[before:] if isinstance(one, ServiceCall))
    return [call for call in calls if call.service in SERVICES]


def with_sidecar(world: World) -> list[ServiceCall]:
    """The photo arrives after its sidecar."""
    write_json(world, f"{KEY}.json", {"operation": "remove"})
    world.run_until_empty("intake")
    world.upload_photo(KEY, build_photo())
    return handle_next_message(world)


def with_shared_sidecar(world: World) -> list[ServiceCall]:
    """The same, with `red.json`."""
    write_json(world, "shoes/red.json", {"operation": "remove"})
    world.run_until_empty("intake")
    world.upload_photo(KEY, build_photo())
    return handle_next_message(world)


def with_tags(world: World) -> list[ServiceCall]:
    """The photo arrives with tags."""
    world.upload_photo(KEY, build_photo(), operation="remove")
    return handle_next_message(world)


def without_instructions(world: World) -> list[ServiceCall]:
    """The photo arrives without instructions. Intake records that it waits."""
    world.upload_photo(KEY, build_photo())
    return handle_next_message(world)


def settle_time_over(world: World) -> list[ServiceCall]:
    """The settle time is over, and the folder has defaults."""
    write_json(world, f"shoes/{DEFAULTS_NAME}", {"operation": "remove"})
    world.run_until_empty("intake")
    without_instructions(world)
    return handle_next_message(world)


def settle_time_over_without_instructions(world: World) -> list[ServiceCall]:
    """The settle time is over, and there are no instructions. Intake looks for similar names."""
    without_instructions(world)
    return handle_next_message(world)


def sidecar_after_photo(world: World) -> list[ServiceCall]:
    """The sidecar arrives while the photo waits."""
    without_instructions(world)
    write_json(world, f"{KEY}.json", {"operation": "remove"})
    return handle_next_message(world)


def repeated_event(world: World) -> list[ServiceCall]:
    """The photo's event arrives a second time."""
    with_sidecar(world)
    world.upload_photo(KEY, build_photo())
    return handle_next_message(world)


def twenty_variants(world: World) -> list[ServiceCall]:
    """Twenty pictures of one photo."""
    variants = {f"v{n}": {"prompt": f"a beach, {n} palms"} for n in range(20)}
    write_json(world, f"{KEY}.json", {"variants": variants})
    world.run_until_empty("intake")
    world.upload_photo(KEY, build_photo())
    return handle_next_message(world)


def reused_picture(world: World) -> list[ServiceCall]:
    """The same bytes with the same instructions exist under another key. The job waits for that picture."""
    with_sidecar(world)
    write_json(world, "bags/red.jpg.json", {"operation": "remove"})
    world.run_until_empty("intake")
    world.upload_photo("bags/red.jpg", build_photo())
    return handle_next_message(world)


CASES = (
    with_sidecar,
    with_shared_sidecar,
    with_tags,
    without_instructions,
    settle_time_over,
    settle_time_over_without_instructions,
    sidecar_after_photo,
    repeated_event,
    twenty_variants,
    reused_picture,
)


def is_defaults_read(call: ServiceCall) -> bool:
    """Returns whether the call reads a folder's defaults."""
    return str(call.request.get("Key", "")).endswith(DEFAULTS_NAME)


def is_folder_read(call: ServiceCall) -> bool:
    """Returns whether the call reads a folder's defaults, or lists its names, and so serves all photos of a batch."""
    return is_defaults_read(call) or str(call.request.get("Prefix", "")).endswith("/")


def main() -> int:
    """Prints the table. Returns 1 if a photo takes more requests than the limit."""
    most = 0
    print(f"{'':22}{'requests':>9}{'folder':>9}  which")
    for case in CASES:
        calls = case(World(1))
        own = [call for call in calls if not is_folder_read(call)]
        names = ", ".join(f"{call.service}.{call.operation}" for call in own)
        print(f"{case.__name__:22}{len(own):9}{len(calls) - len(own):9}  {names}")
        most = max(most, len(own))
    return int(most > MAX_REQUESTS)


if __name__ == "__main__":
    sys.exit(main())
