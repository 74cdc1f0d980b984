"""Tasks in the simulated Step Functions that wait for the result of a request."""

import json
from typing import Any

from backdrop.model.codec import from_json
from backdrop.model.image_request import ImageRequest
from simulation.world.simulated_stack import INPUT_BUCKET, World
from simulation.world.simulated_step_functions import TaskResponse
from simulation.world.transport import ServiceCall, TargetedFault
from tests.simulated.stage_worlds import KEY
from tests.simulated.uploads_and_requests import upload_unique_photo

TOKEN = "AAAA-token-1"


def send_task_request(
    world: World, key: str = KEY, token: str = TOKEN, *, arn: str = "", run: str = "", **instructions: Any
) -> str:
    """Sends a request with a token, from an execution (`arn`), a campaign (`run`), or neither. Returns its body."""
    world.step_functions.issue_token(token)
    about = {name: text for name, text in {"task_token": token, "execution": arn, "campaign": run}.items() if text}
    return send_to_intake(world, {"bucket": INPUT_BUCKET, "key": key, "instructions": instructions} | about)


def send_to_intake(world: World, message: dict[str, Any]) -> str:
    """Sends any message to the intake queue. Returns its body."""
    body = json.dumps(message)
    world.sqs.send_externally(world.queues["intake"], body)
    return body


def read_task_response(world: World, token: str = TOKEN) -> TaskResponse:
    """Returns a task's answer."""
    answer = world.step_functions.responses[token]
    assert answer
    return answer


def is_waiting(world: World, token: str = TOKEN) -> bool:
    """Whether a task has not been answered yet."""
    return world.step_functions.responses[token] is None


def count_answer_attempts(world: World) -> int:
    """Returns how many answers were sent for a task, including rejected ones."""
    return sum(call.operation.startswith("send_task") for call in world.transport.calls)


def list_image_requests(world: World) -> list[ImageRequest]:
    """Returns the requests with a token in the ledger, in the order in which they were sent."""
    bodies = [item["body"]["S"] for (_, kind), item in world.table.items.items() if kind.startswith("asked#")]
    return sorted((from_json(ImageRequest, body) for body in bodies), key=lambda one: one.requested_at)


def world_with_waiting_task(**instructions: Any) -> World:
    """Returns a world with a photo for which a task waits."""
    world = World()
    upload_unique_photo(world, KEY)
    world.run_until_empty("intake")
    send_task_request(world, **instructions)
    return world


def request_after_status_read(world: World, **instructions: Any) -> TargetedFault:
    """Makes another execution request the same as soon as the first one is found stopped. Its token is `another`."""

    def send_another(_: ServiceCall) -> None:
        world.transport.faults_after.clear()
        send_task_request(world, token="another", arn=world.step_functions.start_execution("two"), **instructions)
        world.run_until_empty("intake")

    late = TargetedFault(send_another, "describe_execution")
    world.transport.faults_after.append(late)
    return late
