"""Runware's tasks that buy nothing: lookups of a task, uploads, ping, and authentication."""

import io
import json
from collections.abc import Awaitable, Callable
from typing import cast

from PIL import Image
from pydantic import JsonValue

from backdrop_local.standin import runware_rules
from backdrop_local.standin.api_call import ApiCall, FreeCall
from backdrop_local.standin.bill import derive_uuid
from backdrop_local.standin.generations import Generation, GenerationStatus
from backdrop_local.standin.image_inputs import check_image, decode_base64, decode_data_uri, fetch, is_link
from backdrop_local.standin.multipart_form import InvalidInputError
from backdrop_local.standin.runware_results import Task, TaskOutcome, build_outcome, build_progress, build_rejection

MAX_SIDE = 2_048
REQUEST_PREFIX = "request/"
"""The prefix of the names under which inference tasks are kept as received, for lookups."""


async def load_image(call: ApiCall, image: str) -> bytes:
    """Returns the image of an input: an upload's UUID, a data URI, a link, or base64."""
    limit = call.state.settings.max_image_bytes
    content = call.state.uploads.find(call.provider, call.owner.account, image) or decode_data_uri(image)
    if content is None and runware_rules.UUID4.fullmatch(image):
        raise InvalidInputError(f"there is no image {image}")
    if content is None:
        content = await fetch(image, max_bytes=limit) if is_link(image) else decode_base64(image)
    return await check_image(content, max_bytes=limit)


async def _get_response(call: FreeCall, task: Task, generation: Generation | None) -> TaskOutcome:
    """Handles getResponse, for async tasks. A failed task is in `errors`, with status 200."""
    if generation is None or generation.response_options.get("deliveryMethod") != "async":
        return _build_unknown(call, task)
    if call.is_stuck or generation.status is not GenerationStatus.DONE:
        return TaskOutcome(data=[build_progress(call, generation)])
    outcome = await build_outcome(call, generation)
    outcome.status = 200
    status = call.state.settings.runware_done
    status_field: Task = {} if status == "missing" else {"status": status}
    outcome.data = [cast("Task", item) | status_field for item in outcome.data]
    if call.is_partial:
        outcome.data = outcome.data[:1]
    return outcome


async def _get_task_details(call: FreeCall, task: Task, generation: Generation | None) -> TaskOutcome:
    """Handles getTaskDetails, for any task that has ended. With a setting, also includes tasks in progress."""
    if generation is None:
        return _build_unknown(call, task)
    is_running = call.is_stuck or call.is_partial or generation.status is not GenerationStatus.DONE
    if is_running and call.state.settings.runware_details == "finished":
        return _build_unknown(call, task)
    stored = call.state.uploads.find(call.provider, call.owner.account, REQUEST_PREFIX + generation.id)
    request = cast("JsonValue", json.loads(stored or b"[]"))
    outcome = TaskOutcome() if is_running else await build_outcome(call, generation)
    response: JsonValue = [] if is_running else {"errors": outcome.errors} if outcome.errors else {"data": outcome.data}
    return TaskOutcome(
        data=[{"taskType": "getTaskDetails", "taskUUID": generation.id, "request": request, "response": response}]
    )


def _build_unknown(call: FreeCall, task: Task) -> TaskOutcome:
    if call.state.settings.runware_unknown == "empty":
        return TaskOutcome()
    raise build_rejection(task, 404, "taskFailedOrNotFound", "The task failed or was not found.", "taskUUID")


async def _upload(call: FreeCall, task: Task, generation: Generation | None) -> TaskOutcome:
    """Handles imageUpload: keeps the image under an ID, with at most 2,048 pixels per side."""
    try:
        content = await load_image(call, str(task.get("image", "")))
    except InvalidInputError as invalid:
        raise build_rejection(task, 400, "invalidImage", str(invalid), "image") from None
    ident = call.state.uploads.create_name(call.provider)
    call.state.uploads.keep(call.provider, call.owner.account, ident, _shrink(content))
    item: Task = {"taskType": "imageUpload", "taskUUID": task.get("taskUUID"), "imageUUID": ident}
    return TaskOutcome(data=[item], is_object_data=call.state.settings.runware_upload_answer == "object")


def _shrink(content: bytes) -> bytes:
    with Image.open(io.BytesIO(content)) as image:
        if max(image.size) <= MAX_SIDE:
            return content
        kind, out = image.format, io.BytesIO()
        image.thumbnail((MAX_SIDE, MAX_SIDE))
        image.save(out, kind)
    return out.getvalue()


async def _ping(call: FreeCall, task: Task, generation: Generation | None) -> TaskOutcome:
    return TaskOutcome(data=[{"taskType": "ping", "pong": True}])


async def _authenticate(call: FreeCall, task: Task, generation: Generation | None) -> TaskOutcome:
    session = derive_uuid(f"{call.provider}/session/{call.entry.n}")
    return TaskOutcome(data=[{"taskType": "authentication", "connectionSessionUUID": session}])


FREE_TASKS: dict[str, Callable[[FreeCall, Task, Generation | None], Awaitable[TaskOutcome]]] = {
    "getResponse": _get_response,
    "getTaskDetails": _get_task_details,
    "imageUpload": _upload,
    "ping": _ping,
    "authentication": _authenticate,
}
