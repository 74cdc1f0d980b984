"""The stand-in's version of 1min.ai: an upload, a feature call, and a lookup of its record."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import cast, override

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from backdrop_local.standin import ideogram, onemin_rules
from backdrop_local.standin.api_call import ApiCall, ErrorFormat, FreeCall, RejectedCallError
from backdrop_local.standin.bill import derive_uuid
from backdrop_local.standin.corruption import build_html_error
from backdrop_local.standin.faults import FaultHit, Phase
from backdrop_local.standin.generation_request import GeneratedImage, GenerationRequest
from backdrop_local.standin.generations import Generation, GenerationFailure, GenerationStatus
from backdrop_local.standin.image_inputs import check_image
from backdrop_local.standin.multipart import (
    FormPart,
    FormTooLargeError,
    MalformedFormError,
    NotMultipartError,
    read_parts,
)
from backdrop_local.standin.multipart_form import InvalidInputError
from backdrop_local.standin.onemin_bucket import BUCKET, RESULTS, build_signed_link, object_key
from backdrop_local.standin.paid_call import PaidCall

PROVIDER = "onemin"
MAX_REQUEST_BYTES = 50_000_000
SAFETY = "Prompt or provided image failed the safety checks"

__all__ = ["PROVIDER", "RESULTS", "ROUTES", "build_routing_error"]

ERRORS: dict[int, JsonValue] = {
    400: {"errorCode": "BAD_REQUEST", "message": "Bad request", "details": None},
    401: {"message": "Invalid API Key"},
    402: {"errorCode": "INSUFFICIENT_CREDITS", "message": "Not enough credits", "details": None},
    403: {"errorCode": "INSUFFICIENT_CREDITS", "message": "Not enough credits", "details": None},
    404: {"message": "Not Found"},
    405: {"message": "Method Not Allowed"},
    406: {"message": "Not acceptable"},
    413: {"message": "Request entity too large"},
    422: {"message": "Unprocessable entity"},
    429: {"message": "Too many requests"},
}


class OneMinErrorFormat(ErrorFormat):
    """The format of 1min.ai's errors."""

    unsafe_forms = MappingProxyType({"flag": True, "no_result": True, "failure": True})

    @override
    def build_error_body(self, call: ApiCall, status: int) -> JsonValue:
        """Returns `{"message": …}`, for some statuses with a code."""
        return ERRORS.get(status, {"message": "Internal server error"})

    @override
    def build_error_in_200(self, call: ApiCall, status: int) -> JsonValue:
        """Returns a failed record."""
        ident = derive_uuid(f"{PROVIDER}/{call.entry.n}")
        detail: JsonValue = {"resultObject": ["Generation failed."]}
        return {"aiRecord": {"uuid": ident, "status": "FAILURE", "aiRecordDetail": detail}}


ERROR_FORMAT = OneMinErrorFormat()


async def upload_asset(request: Request) -> Response:
    """POST /api/assets: multipart part `asset`. Its path is valid only for the same account."""
    call = FreeCall(request, PROVIDER, "assets", key=_read_key(request), error_format=ERROR_FORMAT)
    await call.authenticate()
    part = await _read_asset(call)
    await call.apply_gate_faults()
    uploads, name = call.state.uploads, part.filename or "file"
    path = f"images/{_format_timestamp(call)}_{uploads.create_name(PROVIDER)[:8]}_{name}"
    uploads.keep(PROVIDER, call.owner.account, path, part.data)
    return await call.respond(JSONResponse(_build_asset_body(path, part)))


async def run_feature(request: Request) -> Response:
    """POST /api/features: returns the finished record, or, with `async`, its ID immediately."""
    call = PaidCall(request, PROVIDER, "features", key=_read_key(request), error_format=ERROR_FORMAT)
    await call.authenticate()
    content = await _read_body(call)
    generation_request = await _parse_request(call, content)
    hit = call.find_fault(Phase.RUN)
    generation = call.begin_generation(generation_request, hit, failure=_choose_failure(call, hit), terms=content)
    if content.get("async") is not True:
        await generation.done.wait()
    await call.delay(hit)
    is_async = content.get("async") is True
    body = {"aiRecord": _build_unfinished(generation)} if is_async else _build_finished(call, generation)
    return call.build_response(JSONResponse(body), generation.job, hit)


async def look_up_record(request: Request) -> Response:
    """GET /api/results/{uuid}: returns the record. `{"aiRecord": null}` if it is unknown."""
    call = FreeCall(request, PROVIDER, "results", key=_read_key(request), error_format=ERROR_FORMAT)
    await call.authenticate()
    generation = call.state.generations.find(PROVIDER, str(request.path_params["uuid"]), call.owner.account)
    call.prompt = generation.prompt if generation else ""
    await call.apply_gate_faults()
    if generation is None or call.is_gone:
        return await call.respond(JSONResponse({"aiRecord": None}))
    is_unfinished = call.is_stuck or generation.status is not GenerationStatus.DONE
    body = {"aiRecord": _build_unfinished(generation)} if is_unfinished else _build_finished(call, generation)
    return await call.respond(JSONResponse(body))


ROUTES = [
    Route("/api/assets", upload_asset, methods=["POST"]),
    Route("/api/features", run_feature, methods=["POST"]),
    Route("/api/results/{uuid}", look_up_record, methods=["GET"]),
]


def build_routing_error(status: int) -> Response:
    """Returns the response for an unknown path or method."""
    return JSONResponse(ERRORS[status], status)


def _read_key(request: Request) -> str | None:
    """Returns the key of the API-KEY header, or of the bearer form that the vendor's introduction shows."""
    bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
    return request.headers.get("api-key") or bearer or None


async def _read_asset(call: FreeCall) -> FormPart:
    try:
        parts = await read_parts(call.request, max_bytes=MAX_REQUEST_BYTES)
    except FormTooLargeError:
        raise RejectedCallError(build_html_error(413), "the upload is too large") from None
    except (NotMultipartError, MalformedFormError):
        raise call.build_rejection(400, "the body is not a form") from None
    call.entry.note_parts(parts)
    files = [part for part in parts if part.name == "asset" and part.filename]
    if len(files) != 1 or len(parts) != 1:
        raise call.build_rejection(400, "the form must have one file, named asset")
    return files[0]


def _build_asset_body(path: str, part: FormPart) -> JsonValue:
    name, kind = path.rpartition("/")[2], part.content_type or "application/octet-stream"
    return {
        "asset": {
            "fieldname": "asset",
            "originalname": part.filename,
            "encoding": "7bit",
            "mimetype": kind,
            "size": len(part.data),
            "bucket": BUCKET,
            "key": path,
            "acl": "private",
            "contentType": "application/octet-stream",
            "storageClass": "STANDARD",
            "metadata": {"mimetype": kind},
            "location": f"https://{BUCKET}.s3.us-east-1.amazonaws.com/{path}",
        },
        "fileContent": {
            "uuid": derive_uuid(path),
            "path": path,
            "type": name.rpartition(".")[2],
            "name": name,
        },
    }


async def _read_body(call: PaidCall) -> dict[str, JsonValue]:
    """Reads the body, and applies the faults that strike before it is checked."""
    try:
        content = cast("JsonValue", json.loads(await call.request.body()))
    except ValueError:
        content = None
    prompt_object = content.get("promptObject") if isinstance(content, dict) else None
    call.prompt = str(prompt_object.get("prompt", "")) if isinstance(prompt_object, dict) else ""
    await call.apply_gate_faults()
    if not isinstance(content, dict) or "json" not in call.request.headers.get("content-type", ""):
        raise call.build_rejection(400, "the body is not a JSON object")
    return content


async def _parse_request(call: PaidCall, content: dict[str, JsonValue]) -> GenerationRequest:
    kind, model = content.get("type"), content.get("model")
    if kind == onemin_rules.FEATURE and model != onemin_rules.MODEL:
        text = f"Invalid model {model} for AI feature {kind}!"
        raise _build_rejection("UNSUPPORTED_MODEL", text)
    if kind != onemin_rules.FEATURE:
        raise _build_rejection("UNSUPPORTED_FEATURE", f"Invalid AI feature {kind}!")

    async def fetch(path: str) -> bytes:
        content = call.state.uploads.find(PROVIDER, call.owner.account, path)
        if content is None:
            raise InvalidInputError(f"there is no asset {path!r} of this account")
        return await check_image(content, max_bytes=call.state.settings.max_image_bytes)

    try:
        return await onemin_rules.parse_body(content, call.state.settings, fetch)
    except InvalidInputError as invalid:
        raise _build_rejection("BAD_REQUEST", str(invalid)) from None


def _build_rejection(code: str, message: str) -> RejectedCallError:
    return RejectedCallError(JSONResponse({"errorCode": code, "message": message, "details": None}, 400), message)


def _choose_failure(call: PaidCall, hit: FaultHit | None) -> GenerationFailure | None:
    """Returns the failure that a fault specifies for the record, or None."""
    if hit is not None and hit.rule.fault == "job_fails":
        return GenerationFailure(hit.rule.text_arg("message", "Generation failed."))
    if hit is not None and hit.rule.fault == "unsafe" and call.choose_unsafe_form(hit) == "failure":
        return GenerationFailure(SAFETY)
    return None


def _build_record(generation: Generation, status: str, detail: dict[str, JsonValue]) -> dict[str, JsonValue]:
    kind: dict[str, JsonValue] = {"model": onemin_rules.MODEL, "type": onemin_rules.FEATURE}
    return {"uuid": generation.id, **kind, "status": status, "aiRecordDetail": detail}


def _build_unfinished(generation: Generation) -> dict[str, JsonValue]:
    return _build_record(generation, "PROCESSING", {"resultObject": []})


def _build_finished(call: ApiCall, generation: Generation) -> dict[str, JsonValue]:
    """Returns the finished record. Each request gets a new link."""
    if generation.failure is not None:
        return {"aiRecord": _build_record(generation, "FAILURE", {"resultObject": [generation.failure.message]})}
    is_unsafe = generation.hit is not None and generation.hit.rule.fault == "unsafe"
    images = [] if is_unsafe else generation.images
    detail: dict[str, JsonValue] = {
        "promptObject": generation.response_options.get("promptObject"),
        "resultObject": _build_result_object(call, generation, images),
        "responseObject": _build_ideogram_body(call, generation, is_unsafe=is_unsafe),
    }
    record = _build_record(generation, "SUCCESS", detail)
    if not images:
        return {"aiRecord": record}
    links = [build_signed_link(call, generation, image) for image in images]
    link = links[0]
    bodies: dict[str, dict[str, JsonValue]] = {
        "record": {"aiRecord": {**record, "temporaryUrl": link}},
        "top": {"aiRecord": record, "temporaryUrl": link},
        "list": {"aiRecord": {**record, "temporaryUrls": [*links]}},
        "detail": {"aiRecord": {**record, "aiRecordDetail": {**detail, "temporaryUrl": link}}},
        "none": {"aiRecord": record},
    }
    return bodies[call.state.settings.onemin_link_place]


def _build_result_object(call: ApiCall, generation: Generation, images: Sequence[GeneratedImage]) -> JsonValue:
    """Returns the location of the pictures in the bucket, in the form that a setting selects."""
    forms: dict[str, JsonValue] = {
        "path": [object_key(one) for one in images],
        "empty": [],
        "null": None,
        "object": [{"url": build_signed_link(call, generation, one)} for one in images],
        "link": [build_signed_link(call, generation, one) for one in images],
    }
    return forms[call.state.settings.onemin_result]


def _build_ideogram_body(call: ApiCall, generation: Generation, *, is_unsafe: bool) -> JsonValue:
    """Returns Ideogram's own response, which 1min.ai passes on."""
    is_flagged = is_unsafe and generation.hit is not None and not _has_no_result(generation.hit)
    images = [] if is_unsafe and not is_flagged else generation.images
    created = datetime.fromtimestamp(generation.ended_at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return {
        "created": created,
        "data": [_build_ideogram_entry(call, generation, one, is_safe=not is_flagged) for one in images],
    }


def _has_no_result(hit: FaultHit) -> bool:
    forms = tuple(ERROR_FORMAT.unsafe_forms)
    return hit.rule.text_arg("form", hit.next_choice(*forms)) == "no_result"


def _build_ideogram_entry(call: ApiCall, generation: Generation, image: GeneratedImage, *, is_safe: bool) -> JsonValue:
    return {
        "url": ideogram.build_result_link(call, image.ident, generation.hit) if is_safe else None,
        "prompt": generation.prompt,
        "resolution": f"{image.width}x{image.height}",
        "is_image_safe": is_safe,
        "seed": image.seed,
        "style_type": "AUTO",
    }


def _format_timestamp(call: ApiCall) -> str:
    return datetime.fromtimestamp(call.state.clock.now(), UTC).strftime("%Y_%m_%d_%H_%M_%S")
