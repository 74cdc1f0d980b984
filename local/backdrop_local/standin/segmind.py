"""The stand-in's version of Segmind: a call that returns bytes (v1), and submit and poll (v2)."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from types import MappingProxyType
from typing import cast, override
from urllib.parse import urlsplit

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from backdrop_local.standin import cdn, segmind_results, segmind_rules
from backdrop_local.standin.api_call import ApiCall, ErrorFormat, FreeCall, RejectedCallError
from backdrop_local.standin.bill import derive_uuid
from backdrop_local.standin.corruption import build_html_error
from backdrop_local.standin.faults import FaultHit, Phase
from backdrop_local.standin.generation_request import GenerationRequest
from backdrop_local.standin.generations import Generation, GenerationFailure
from backdrop_local.standin.image_inputs import check_image, decode_base64, fetch, is_link
from backdrop_local.standin.json_body import InvalidFieldError
from backdrop_local.standin.multipart_form import InvalidInputError
from backdrop_local.standin.paid_call import PaidCall
from backdrop_local.standin.segmind_results import (
    REAL_ORIGIN,
    SAFETY,
    build_status_response,
    build_ticket,
    build_v1_response,
)
from backdrop_local.standin.segmind_uploads import PUBLIC_ACCOUNT, serve_asset, upload_asset
from backdrop_local.standin.state import read_state

PROVIDER = "segmind"
MODEL = "ideogram-3-replace-background"
RECORD_LIFETIME_SECONDS = 3_600
FILE_LIFETIME_SECONDS = 7 * 86_400


class SegmindErrorFormat(ErrorFormat):
    """The format of Segmind's errors. A balance that is too low causes a 406."""

    out_of_money_status = 406
    unsafe_forms = MappingProxyType({"error": False, "detail": False, "no_output": True})

    @override
    def build_error_body(self, call: ApiCall, status: int) -> JsonValue:
        """Returns `{"error": …}` with Segmind's message for this status."""
        if status == 401:
            missing = "x-api-key" not in call.request.headers
            invalid = "Unauthorized. API key is invalid or may have expired..."
            return {"error": "Missing Authorization or x-api-key in header" if missing else invalid}
        return {"error": ERRORS.get(status, "Internal server error")}

    @override
    def build_error_headers(self, call: ApiCall, status: int) -> dict[str, str]:
        """Returns the header that says when a throttled caller may send the next request."""
        if status != 429:
            return {}
        moment = datetime.fromtimestamp(call.next_request_at(), UTC)
        forms = {
            "iso": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "plain": moment.strftime("%Y-%m-%d %H:%M:%S"),
            "epoch": str(int(moment.timestamp()) + 1),
        }
        form = forms.get(call.state.settings.segmind_reset_form)
        return {"x-rate-limit-reset-at-utc": form} if form else {}

    @override
    def build_error_response(self, call: ApiCall, status: int) -> Response:
        """Returns JSON, except for a 406, for which a setting selects the format."""
        return _build_406(call, ERRORS[406]) if status == 406 else super().build_error_response(call, status)

    @override
    def build_error_in_200(self, call: ApiCall, status: int) -> JsonValue:
        """Returns a failed job with status 200."""
        return {"status": "FAILED", "error": "Internal server error", "metrics": {}}


ERRORS = {
    400: "Missing required field: image",
    403: "Forbidden",
    404: "Model not found",
    406: "Insufficient credits. Balance 0.01, required 0.075",
    410: "Model has been deprecated",
    422: "Prompt is Mandatory and must be string",
    429: "rate_limit_exceeded",
    502: "Bad gateway",
    503: "Service unavailable",
    504: "Gateway timeout",
}
ERROR_FORMAT = SegmindErrorFormat()


async def call_v1(request: Request) -> Response:
    """POST /v1/ideogram-3-replace-background: returns the picture itself."""
    call = PaidCall(request, PROVIDER, f"v1/{MODEL}", key=request.headers.get("x-api-key"), error_format=ERROR_FORMAT)
    content = await _read_body(call)
    try:
        generation_request = await _parse_request(call, content)
    except InvalidFieldError as invalid:
        is_missing = invalid.kind == "missing"
        text = f"Missing required field: {invalid.name}" if is_missing else f"Invalid value for {invalid.name}"
        response = JSONResponse({"error": text}, 400) if is_missing else _build_406(call, text)
        raise RejectedCallError(response, str(invalid)) from None
    except InvalidInputError as unseen:
        raise call.build_rejection(500, str(unseen)) from None
    hit = call.find_fault(Phase.RUN)
    generation = call.begin_generation(generation_request, hit, failure=_choose_failure(call, hit))
    await generation.done.wait()
    await call.delay(hit)
    return call.build_response(await build_v1_response(call, generation), generation.job, hit)


async def submit_v2(request: Request) -> Response:
    """POST /v2/ideogram-3-replace-background: returns an ID immediately, even for an invalid body."""
    call = PaidCall(request, PROVIDER, f"v2/{MODEL}", key=request.headers.get("x-api-key"), error_format=ERROR_FORMAT)
    content = await _read_body(call)
    try:
        generation_request = await _parse_request(call, content)
    except InvalidInputError as invalid:
        generation = _record_failed_generation(call, _format_late_error(invalid))
        return JSONResponse(build_ticket(call, generation.id, "QUEUED"))
    hit = call.find_fault(Phase.RUN)
    generation = call.begin_generation(generation_request, hit, failure=_choose_failure(call, hit))
    await call.delay(hit)
    return call.build_response(JSONResponse(build_ticket(call, generation.id, "QUEUED")), generation.job, hit)


async def read_status_v2(request: Request) -> Response:
    """GET /v2/requests/{id}/status: returns the progress, without the result."""
    call, generation = await _find_generation(request, "v2/requests/status")
    return await call.respond(build_status_response(call, generation, with_output=False))


async def read_result(request: Request) -> Response:
    """GET /v2/requests/{id} and /v1/requests/{id}: returns the result, once there is one."""
    version = "v1" if "/v1/" in request.url.path else "v2"
    call, generation = await _find_generation(request, f"{version}/requests/result")
    return await call.respond(build_status_response(call, generation, with_output=True))


async def read_credits(request: Request) -> Response:
    """GET /v1/get-user-credits."""
    call = FreeCall(
        request, PROVIDER, "v1/get-user-credits", key=request.headers.get("x-api-key"), error_format=ERROR_FORMAT
    )
    await call.authenticate()
    await call.apply_gate_faults()
    return await call.respond(JSONResponse({"credits": segmind_results.compute_credits_left(call)}))


async def _upload(request: Request) -> Response:
    call = FreeCall(request, PROVIDER, "upload-asset", key=request.headers.get("x-api-key"), error_format=ERROR_FORMAT)
    return await upload_asset(call, REAL_ORIGIN)


ROUTES = [
    Route(f"/v1/{MODEL}", call_v1, methods=["POST"]),
    Route(f"/v2/{MODEL}", submit_v2, methods=["POST"]),
    Route("/v2/requests/{id}/status", read_status_v2, methods=["GET"]),
    Route("/v2/requests/{id}", read_result, methods=["GET"]),
    Route("/v1/requests/{id}", read_result, methods=["GET"]),
    Route("/v1/get-user-credits", read_credits, methods=["GET"]),
    Route("/upload-asset", _upload, methods=["POST"]),
]


def build_routing_error(status: int) -> Response:
    """Returns the response for an unknown model (JSON) or a wrong method (an HTML page)."""
    return build_html_error(405) if status == 405 else JSONResponse({"error": ERRORS[404]}, status)


def _build_406(call: ApiCall, text: str) -> Response:
    """Returns 406: low credits, a wrong content type, or an invalid value. The published bodies are plain text."""
    forms: dict[str, Callable[[], Response]] = {
        "json": lambda: JSONResponse({"error": text}, 406),
        "text": lambda: Response(text, 406, media_type="text/plain"),
        "html": lambda: build_html_error(406),
        "empty": lambda: Response(b"", 406),
    }
    return forms[call.state.settings.segmind_406]()


async def _read_body(call: PaidCall) -> dict[str, JsonValue]:
    """Checks the key (401), the rate (429), the content type (406), and the JSON syntax (400)."""
    await call.authenticate()
    raw = await call.request.body()
    if call.request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
        raise RejectedCallError(_build_406(call, "Invalid content type"), "the content type is not JSON")
    try:
        content = cast("JsonValue", json.loads(raw))
    except ValueError:
        content = None
    if isinstance(content, dict):
        call.prompt = str(content.get("prompt", ""))
    await call.apply_gate_faults()
    if not isinstance(content, dict):
        raise RejectedCallError(JSONResponse({"error": "Invalid JSON body"}, 400), "the body is not a JSON object")
    return content


async def _parse_request(call: PaidCall, content: dict[str, JsonValue]) -> GenerationRequest:
    settings = call.state.settings

    async def fetch_image(image: str) -> bytes:
        path = urlsplit(image).path
        kept = call.state.uploads.find(PROVIDER, PUBLIC_ACCOUNT, path.rpartition("/assets/")[2])
        if kept is not None:
            return kept
        limit = settings.max_image_bytes
        content = await fetch(image, max_bytes=limit) if is_link(image) else decode_base64(image)
        return await check_image(content, max_bytes=limit)

    return await segmind_rules.parse_body(content, settings, fetch_image)


def _choose_failure(call: PaidCall, hit: FaultHit | None) -> GenerationFailure | None:
    """Returns the failure that a fault specifies for the job, or None."""
    if hit is not None and hit.rule.fault == "job_fails":
        text = hit.rule.text_arg("message", "The model provider did not answer in time: timeout")
        return GenerationFailure(text, answers_200=hit.rule.flag_arg("in_200", default=False))
    if hit is not None and hit.rule.fault == "unsafe" and call.choose_unsafe_form(hit) != "no_output":
        return GenerationFailure(SAFETY, is_safety_block=True, uses_detail=call.choose_unsafe_form(hit) == "detail")
    return None


def _format_late_error(invalid: InvalidInputError) -> str:
    if isinstance(invalid, InvalidFieldError) and invalid.name == "prompt":
        return ERRORS[422]
    return str(invalid)


def _record_failed_generation(call: PaidCall, message: str) -> Generation:
    """Records a job with an invalid body: it is accepted, never charged, and reported as failed when looked up."""
    state, now = call.state, call.state.clock.now()
    ident = derive_uuid(f"{PROVIDER}/{call.entry.n}/{message}")
    generation = Generation(ident, *call.account, call.prompt, now, failure=GenerationFailure(message))
    generation.end(now)
    state.generations.add(generation)
    return generation


async def _find_generation(request: Request, route: str) -> tuple[FreeCall, Generation]:
    """Returns the generation that is looked up. 404 for another account's, and an hour after its submission."""
    call = FreeCall(request, PROVIDER, route, key=request.headers.get("x-api-key"), error_format=ERROR_FORMAT)
    await call.authenticate(counts_requests=call.state.settings.segmind_polls_count)
    ident = str(request.path_params["id"])
    generation = call.state.generations.find(PROVIDER, ident, call.owner.account)
    call.prompt = generation.prompt if generation else ""
    await call.apply_gate_faults()
    if generation is None or call.is_gone or call.state.clock.now() > generation.accepted_at + RECORD_LIFETIME_SECONDS:
        raise RejectedCallError(JSONResponse({"error": f"Request {ident} not found"}, 404), "no record")
    return call, generation


def _check_download(request: Request, ident: str) -> Response | None:
    """Returns 403 for a request with a key, and 404 after seven days."""
    state = read_state(request.scope)
    if "x-api-key" in request.headers:
        return JSONResponse({"error": "Forbidden"}, 403)
    job = state.bill.find_job_of_result(ident)
    generation = state.generations.find_by_job(job.id) if job else None
    is_expired = generation is not None and not generation.is_available(FILE_LIFETIME_SECONDS, state.clock.now())
    return _build_expired() if is_expired else None


def _build_expired() -> Response:
    return Response("Not Found", 404, media_type="text/plain")


RESULTS = [
    cdn.build_result_route(PROVIDER, "/generations/{ident}.{ext}", _check_download, _build_expired),
    Route(f"/cdn/{PROVIDER}/assets/{{name}}", serve_asset, methods=["GET"]),
]
