"""How many requests to AWS one photo makes on its whole way, by service, on the simulated world that notes every call.

The product's own steps and adapters: `.venv/bin/python -m bench.aws_requests`. The photo and its sidecar come, one
picture goes. What Lambda, SQS and S3 do by themselves (a queue that is polled, a notification) is not among them.
"""

import json
from collections import Counter

from proof.world.pictures import photo
from proof.world.sight import INPUT
from proof.world.stack import World

SERVICES = ("s3", "dynamodb", "sqs", "events")


def dropped(world: World, name: str) -> None:
    """A photo and what is wanted of it, and all that follows."""
    world.s3.drop(INPUT, f"{name}.json", json.dumps({"prompt": f"on a beach, {name}"}).encode())
    world.s3.drop(INPUT, name, photo(name))
    world.run()


def requests() -> Counter[tuple[str, str]]:
    """What the second photo of a warm stack asks of each service."""
    world = World()
    dropped(world, "shoes/red.jpg")
    before = len(world.wire.calls)
    dropped(world, "shoes/blue.jpg")
    return Counter((call.service, call.operation) for call in world.wire.calls[before:] if call.service in SERVICES)


if __name__ == "__main__":
    found = requests()
    for (service, operation), times in sorted(found.items()):
        print(f"{times:4} {service}.{operation}")
    print(f"{found.total():4} in all")
