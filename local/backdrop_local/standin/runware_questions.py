"""The tasks of Runware's that buy nothing: look-ups of a task, uploads, and those of a connection."""

import io
import json
from collections.abc import Awaitable, Callable
from typing import cast

from PIL import Image
from pydantic import JsonValue

from backdrop_local.standin import runware_rules
from backdrop_local.standin.bill import uuid_of
from backdrop_local.standin.calls import ApiCall, Question
from backdrop_local.standin.forms import InvalidInputError
from backdrop_local.standin.inputs import checked, fetched, from_base64, from_data_uri, is_link
from backdrop_local.standin.runs import Run, Status
from backdrop_local.standin.runware_answers import Outcome, Task, progress, refusal, told

LARGEST_SIDE = 2_048
MEMORY = "request/"
"""Under which an inference task is kept as it came, for whoever looks it up."""


async def image_of(call: ApiCall, image: str) -> bytes:
    """The picture that an image input stands for: an upload's UUID, a data URI, a link, or base64."""
    limit = call.state.settings.max_image_bytes
    content = call.state.uploads.find(call.provider, call.owner.account, image) or from_data_uri(image)
    if content is None and runware_rules.UUID4.fullmatch(image):
        raise InvalidInputError(f"there is no image {image}")
    if content is None:
        content = await fetched(image, max_bytes=limit) if is_link(image) else from_base64(image)
    return await checked(content, max_bytes=limit)


async def _get_response(question: Question, task: Task, run: Run | None) -> Outcome:
    """getResponse: of a task that was sent async; a failed one lies in `errors`, under a good status."""
    if run is None or run.terms.get("deliveryMethod") != "async":
        return _nothing(question, task)
    if question.stuck or run.status is not Status.DONE:
        return Outcome(data=[progress(question, run)])
    outcome = await told(question, run)
    outcome.status = 200
    word = question.state.settings.runware_done
    state: Task = {} if word == "missing" else {"status": word}
    outcome.data = [cast("Task", item) | state for item in outcome.data]
    if question.partial:
        outcome.data = outcome.data[:1]
    return outcome


async def _get_task_details(question: Question, task: Task, run: Run | None) -> Outcome:
    """getTaskDetails: of any task that has come to its end, sync ones too; by a setting, of one under way as well."""
    if run is None:
        return _nothing(question, task)
    under_way = question.stuck or question.partial or run.status is not Status.DONE
    if under_way and question.state.settings.runware_details == "finished":
        return _nothing(question, task)
    kept = question.state.uploads.find(question.provider, question.owner.account, MEMORY + run.id)
    asked = cast("JsonValue", json.loads(kept or b"[]"))
    end = Outcome() if under_way else await told(question, run)
    response: JsonValue = [] if under_way else {"errors": end.errors} if end.errors else {"data": end.data}
    return Outcome(data=[{"taskType": "getTaskDetails", "taskUUID": run.id, "request": asked, "response": response}])


def _nothing(question: Question, task: Task) -> Outcome:
    if question.state.settings.runware_unknown == "empty":
        return Outcome()
    raise refusal(task, 404, "taskFailedOrNotFound", "The task failed or was not found.", "taskUUID")


async def _upload(question: Question, task: Task, run: Run | None) -> Outcome:
    """imageUpload: kept under an id, at no more than 2,048 pixels a side."""
    try:
        content = await image_of(question, str(task.get("image", "")))
    except InvalidInputError as invalid:
        raise refusal(task, 400, "invalidImage", str(invalid), "image") from None
    ident = question.state.uploads.name(question.provider)
    question.state.uploads.keep(question.provider, question.owner.account, ident, _shrunk(content))
    item: Task = {"taskType": "imageUpload", "taskUUID": task.get("taskUUID"), "imageUUID": ident}
    return Outcome(data=[item], object_data=question.state.settings.runware_upload_answer == "object")


def _shrunk(content: bytes) -> bytes:
    with Image.open(io.BytesIO(content)) as image:
        if max(image.size) <= LARGEST_SIDE:
            return content
        kind, out = image.format, io.BytesIO()
        image.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
        image.save(out, kind)
    return out.getvalue()


async def _ping(question: Question, task: Task, run: Run | None) -> Outcome:
    return Outcome(data=[{"taskType": "ping", "pong": True}])


async def _authenticate(question: Question, task: Task, run: Run | None) -> Outcome:
    session = uuid_of(f"{question.provider}/session/{question.entry.n}")
    return Outcome(data=[{"taskType": "authentication", "connectionSessionUUID": session}])


TASKS: dict[str, Callable[[Question, Task, Run | None], Awaitable[Outcome]]] = {
    "getResponse": _get_response,
    "getTaskDetails": _get_task_details,
    "imageUpload": _upload,
    "ping": _ping,
    "authentication": _authenticate,
}
