"""What Runware says of a task: its errors with their codes, and the items of its results."""

import asyncio
import base64
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import override

from pydantic import JsonValue
from starlette.responses import JSONResponse

from backdrop_local.standin.bill import dollars
from backdrop_local.standin.bodies import InvalidFieldError
from backdrop_local.standin.calls import ApiCall, Manner, RefusedError
from backdrop_local.standin.faults import Hit
from backdrop_local.standin.runs import Failure, Run, Status

type Task = dict[str, JsonValue]

INFERENCE = "imageInference"
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
OTHER = ("internalServerError", "Internal server error.")
STATUS_OF_FAILURE = {"timeoutProvider": 408, "providerContentPolicyViolation": 400}
PREFIXES = {"missing": "missing", "invalid": "invalid"}
FIXED_CODES = {
    "unknown": "unknownParameter",
    "incompatible": "incompatibleParameters",
    "mismatch": "mismatchProviderSettingsProvider",
}


class TaskManner(Manner):
    """Runware's refusals of one task: every one is an element of `errors` that names it."""

    unsafe_forms = MappingProxyType({"code": False, "nsfw": True, "no_link": True})

    def __init__(self, task: dict[str, JsonValue]) -> None:
        self._task = task

    @override
    def error_body(self, call: ApiCall, status: int) -> JsonValue:
        """The usual code under this status."""
        code, message = CODES.get(status, OTHER)
        return self.errors(code, message, "apiKey" if status == 401 else None)

    def errors(self, code: str, message: str, parameter: str | None = None) -> dict[str, JsonValue]:
        """`{"errors": [one]}`."""
        named: dict[str, JsonValue] = {"parameter": parameter} if parameter else {}
        task: dict[str, JsonValue] = {
            name: value for name, value in self._task.items() if name in ("taskType", "taskUUID")
        }
        kind: dict[str, JsonValue] = {"taskType": "authentication"} if parameter == "apiKey" else {}
        one: dict[str, JsonValue] = {"code": code, "message": message, **named, **task, **kind}
        return {"errors": [{**one, "documentation": DOCUMENTATION}]}


def code_of(invalid: InvalidFieldError) -> str:
    """The error code of a field that breaks a rule."""
    if invalid.kind in FIXED_CODES:
        return FIXED_CODES[invalid.kind]
    length = "Length" if "characters" in str(invalid) else ""
    return PREFIXES[invalid.kind] + invalid.name[:1].upper() + invalid.name[1:] + length


@dataclass
class Outcome:
    """What came of one task; `call` and `hit` where it was a job or a question that a fault may still spoil."""

    data: list[JsonValue] = field(default_factory=list[JsonValue])
    errors: list[JsonValue] = field(default_factory=list[JsonValue])
    status: int = 200
    call: ApiCall | None = None
    hit: Hit | None = None
    run: Run | None = None
    gone_out: asyncio.Event | None = None
    object_data: bool = False


def refusal(task: Task, status: int, code: str, message: str, parameter: str | None = None) -> RefusedError:
    """A refusal of one task."""
    return RefusedError(JSONResponse(TaskManner(task).errors(code, message, parameter), status), message)


def failed(run: Run, failure: Failure) -> dict[str, JsonValue]:
    """A run's end as an element of `errors`."""
    code: dict[str, JsonValue] = {"code": failure.code} if failure.code else {}
    return {**code, "status": "error", "message": failure.message, "taskType": INFERENCE, "taskUUID": run.id}


def progress(call: ApiCall, run: Run) -> dict[str, JsonValue]:
    """A run that is not done."""
    share = 0 if run.status is Status.QUEUED else 40
    word = call.state.settings.runware_running
    return {"taskType": INFERENCE, "taskUUID": run.id, "status": word, "progress": share}


async def told(call: ApiCall, run: Run) -> Outcome:
    """The end of a run."""
    if run.failure is not None:
        return Outcome(errors=[failed(run, run.failure)], status=STATUS_OF_FAILURE.get(run.failure.code, 500))
    return Outcome(data=await items(call, run))


async def items(call: ApiCall, run: Run) -> list[JsonValue]:
    """Every result of a run, each an element of `data`."""
    form = _unsafe_form(run)
    return [
        await _item(call, run, place, form if place in _unsafe_places(run) else "") for place in range(len(run.made))
    ]


async def _item(call: ApiCall, run: Run, place: int, unsafe: str) -> JsonValue:
    one = run.made[place]
    item: dict[str, JsonValue] = {"taskType": INFERENCE, "taskUUID": run.id, "imageUUID": one.ident, "seed": one.seed}
    if unsafe != "no_link":
        item |= await _picture(call, run, one.ident)
    if run.terms.get("includeCost") is True and run.job is not None:
        item["cost"] = call.state.settings.told_cost(float(dollars(run.job.order.unit_micro_usd)))
    if unsafe == "nsfw" or _checks_content(run):
        item["NSFWContent"] = unsafe == "nsfw"
    return item


async def _picture(call: ApiCall, run: Run, ident: str) -> dict[str, JsonValue]:
    """The picture as the caller wants it: a link, base64 or a data URI."""
    kind = _inline_form(run) or run.terms.get("outputType", "URL")
    suffix = SUFFIXES[run.wish.format] if run.wish else "jpg"
    if kind == "URL":
        return {"imageURL": call.link(REAL_ORIGIN, f"{RESULT_PATH}/{ident}.{suffix}", run.hit)}
    gallery = call.state.gallery
    encoded = base64.b64encode(await gallery.content(ident) or b"").decode()
    if kind == "base64Data":
        return {"imageBase64Data": encoded}
    return {"imageURL" if kind == "link" else "imageDataURI": f"data:{gallery.media_type(ident)};base64,{encoded}"}


def _inline_form(run: Run) -> str:
    """Which form a fault gives to the picture, instead of a link; empty where none struck."""
    if run.hit is None or run.hit.rule.fault != "inline_picture":
        return ""
    return {"base64": "base64Data", "data_uri": "dataURI", "link": "link"}[run.hit.rule.text("form", "base64")]


def _checks_content(run: Run) -> bool:
    """Whether the caller wants to hear of unsafe content; `mode` beats `checkContent`."""
    safety = run.terms.get("safety")
    if not isinstance(safety, dict):
        return False
    return safety["mode"] != "none" if "mode" in safety else safety.get("checkContent") is True


def _unsafe_places(run: Run) -> set[int]:
    which = run.hit.rule.args.get("which", [0]) if run.hit is not None and run.hit.rule.fault == "unsafe" else []
    return {place for place in which if isinstance(place, int)} if isinstance(which, list) else set()


def _unsafe_form(run: Run) -> str:
    return run.hit.rule.text("form", run.hit.pick(*TaskManner.unsafe_forms)) if run.hit is not None else ""
