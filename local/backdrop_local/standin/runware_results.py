"""Runware's results of a task: the items of `data`, and the errors with their codes."""

import asyncio
import base64
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import override

from pydantic import JsonValue
from starlette.responses import JSONResponse

from backdrop_local.standin.api_call import ApiCall, ErrorFormat, RejectedCallError
from backdrop_local.standin.bill import derive_uuid, format_dollars
from backdrop_local.standin.faults import FaultHit
from backdrop_local.standin.generations import Generation, GenerationFailure, GenerationStatus
from backdrop_local.standin.json_body import InvalidFieldError

type Task = dict[str, JsonValue]

INFERENCE, REMOVAL = "imageInference", "removeBackground"
# The examples on Runware's page of BiRefNet Matting have this older name in the results of removeBackground.
RESULT_TYPES = {REMOVAL: "imageBackgroundRemoval"}
REAL_ORIGIN = "https://im.runware.ai"
RESULT_PATH = "/image/os/a18d05/ws/2/ii"
DOCUMENTATION = "https://runware.ai/docs/en/getting-started/errors"
SUFFIXES = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp"}

CODES = {
    400: ("validationFailed", "The request is not valid."),
    401: ("invalidApiKey", "Invalid API key. Get one at https://runware.ai/signup"),
    402: ("insufficientCredits", "Insufficient credits."),
    403: ("forbidden", "Forbidden."),
    404: ("notFound", "Not found."),
    405: ("methodNotAllowed", "Method not allowed."),
    408: ("timeoutProvider", "The external provider did not respond"),
    409: ("conflictTaskUUID", "The taskUUID is already used."),
    422: ("validationFailed", "The request is not valid."),
    429: ("rateLimitExceeded", "Too many requests, slow down."),
    503: ("noAvailableServer", "No server is available, try again later."),
    504: ("noAvailableServer", "No server is available, try again later."),
}
OTHER_ERROR = ("internalServerError", "Internal server error.")
STATUS_OF_FAILURE = {"timeoutProvider": 408, "providerContentPolicyViolation": 400}
PREFIXES = {"missing": "missing", "invalid": "invalid", "too_long": "invalid"}
FIXED_CODES = {
    "unknown": "unknownParameter",
    "incompatible": "incompatibleParameters",
    "mismatch": "mismatchProviderSettingsProvider",
}


class RunwareErrorFormat(ErrorFormat):
    """The format of Runware's errors: an element of `errors` that names the task."""

    unsafe_forms = MappingProxyType({"code": False, "nsfw": True, "no_link": True})

    def __init__(self, task: dict[str, JsonValue]) -> None:
        self._task = task

    @override
    def build_error_body(self, call: ApiCall, status: int) -> JsonValue:
        """Returns the default error for this status."""
        code, message = CODES.get(status, OTHER_ERROR)
        return self.build_errors(code, message, "apiKey" if status == 401 else None)

    def build_errors(self, code: str, message: str, parameter: str | None = None) -> dict[str, JsonValue]:
        """Returns `{"errors": [error]}`."""
        named: dict[str, JsonValue] = {"parameter": parameter} if parameter else {}
        task: dict[str, JsonValue] = {
            name: value for name, value in self._task.items() if name in ("taskType", "taskUUID")
        }
        kind: dict[str, JsonValue] = {"taskType": "authentication"} if parameter == "apiKey" else {}
        one: dict[str, JsonValue] = {"code": code, "message": message, **named, **task, **kind}
        return {"errors": [{**one, "documentation": DOCUMENTATION}]}


def find_code(invalid: InvalidFieldError) -> str:
    """Returns the error code of a field that violates a rule."""
    if invalid.kind in FIXED_CODES:
        return FIXED_CODES[invalid.kind]
    length = "Length" if invalid.kind == "too_long" else ""
    return PREFIXES[invalid.kind] + invalid.name[:1].upper() + invalid.name[1:] + length


@dataclass
class TaskOutcome:
    """The result of one task. `call` and `hit` are set if a fault may still change the response."""

    data: list[JsonValue] = field(default_factory=list[JsonValue])
    errors: list[JsonValue] = field(default_factory=list[JsonValue])
    status: int = 200
    call: ApiCall | None = None
    hit: FaultHit | None = None
    generation: Generation | None = None
    response_sent: asyncio.Event | None = None
    is_object_data: bool = False


def build_rejection(
    task: Task, status: int, code: str, message: str, parameter: str | None = None
) -> RejectedCallError:
    """Returns an error that rejects one task."""
    return RejectedCallError(
        JSONResponse(RunwareErrorFormat(task).build_errors(code, message, parameter), status), message
    )


def name_task(generation: Generation) -> dict[str, JsonValue]:
    """Returns the fields that name a generation's task."""
    return {"taskType": generation.response_options["taskType"], "taskUUID": generation.id}


def build_failure(generation: Generation, failure: GenerationFailure) -> dict[str, JsonValue]:
    """Returns a failed generation as an element of `errors`."""
    code: dict[str, JsonValue] = {"code": failure.code} if failure.code else {}
    return {**code, "status": "error", "message": failure.message, **name_task(generation)}


def build_progress(call: ApiCall, generation: Generation) -> dict[str, JsonValue]:
    """Returns the progress of a generation that has not ended."""
    percent = 0 if generation.status is GenerationStatus.QUEUED else 40
    status = call.state.settings.runware_running
    return {**name_task(generation), "status": status, "progress": percent}


async def build_outcome(call: ApiCall, generation: Generation) -> TaskOutcome:
    """Returns the result of a generation that has ended."""
    if generation.failure is not None:
        return TaskOutcome(
            errors=[build_failure(generation, generation.failure)],
            status=STATUS_OF_FAILURE.get(generation.failure.code, 500),
        )
    return TaskOutcome(data=await build_items(call, generation))


async def build_items(call: ApiCall, generation: Generation) -> list[JsonValue]:
    """Returns the results of a generation as elements of `data`."""
    form = _find_unsafe_form(generation)
    return [
        await _build_item(call, generation, position, form if position in _find_unsafe_positions(generation) else "")
        for position in range(len(generation.images))
    ]


async def _build_item(call: ApiCall, generation: Generation, position: int, unsafe_form: str) -> JsonValue:
    image = generation.images[position]
    item: dict[str, JsonValue] = {**name_task(generation), "imageUUID": image.ident}
    if item["taskType"] == INFERENCE:
        item["seed"] = image.seed
    else:
        item["taskType"] = RESULT_TYPES[REMOVAL]
        item["inputImageUUID"] = derive_uuid(f"input of {generation.id}")
    if unsafe_form != "no_link":
        item |= await _build_picture_field(call, generation, image.ident)
    if generation.response_options.get("includeCost") is True and generation.job is not None:
        item["cost"] = call.state.settings.report_cost(float(format_dollars(generation.job.order.unit_micro_usd)))
    if unsafe_form == "nsfw" or _checks_content(generation):
        item["NSFWContent"] = unsafe_form == "nsfw"
    return item


async def _build_picture_field(call: ApiCall, generation: Generation, ident: str) -> dict[str, JsonValue]:
    """Returns the picture in the requested form: a link, base64, or a data URI."""
    kind = _find_inline_form(generation) or generation.response_options.get("outputType", "URL")
    suffix = SUFFIXES[generation.generation_request.format] if generation.generation_request else "jpg"
    if kind == "URL":
        return {"imageURL": call.build_link(REAL_ORIGIN, f"{RESULT_PATH}/{ident}.{suffix}", generation.hit)}
    gallery = call.state.picture_store
    encoded = base64.b64encode(await gallery.read_content(ident) or b"").decode()
    if kind == "base64Data":
        return {"imageBase64Data": encoded}
    return {"imageURL" if kind == "link" else "imageDataURI": f"data:{gallery.find_media_type(ident)};base64,{encoded}"}


def _find_inline_form(generation: Generation) -> str:
    """Returns the form in which a fault sends the picture instead of a link. Empty if no such fault struck."""
    if generation.hit is None or generation.hit.rule.fault != "inline_picture":
        return ""
    return {"base64": "base64Data", "data_uri": "dataURI", "link": "link"}[
        generation.hit.rule.text_arg("form", "base64")
    ]


def _checks_content(generation: Generation) -> bool:
    """Returns whether the caller requests a content check. `mode` takes precedence over `checkContent`."""
    safety = generation.response_options.get("safety")
    if not isinstance(safety, dict):
        return False
    return safety["mode"] != "none" if "mode" in safety else safety.get("checkContent") is True


def _find_unsafe_positions(generation: Generation) -> set[int]:
    which = (
        generation.hit.rule.args.get("which", [0])
        if generation.hit is not None and generation.hit.rule.fault == "unsafe"
        else []
    )
    return {place for place in which if isinstance(place, int)} if isinstance(which, list) else set()


def _find_unsafe_form(generation: Generation) -> str:
    return (
        generation.hit.rule.text_arg("form", generation.hit.next_choice(*RunwareErrorFormat.unsafe_forms))
        if generation.hit is not None
        else ""
    )
