"""Segmind as the stand-in speaks it: a call answered with bytes (v1), and submit and poll (v2)."""

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

from backdrop_local.standin import cdn, segmind_answers, segmind_rules
from backdrop_local.standin.bill import uuid_of
from backdrop_local.standin.bodies import InvalidFieldError
from backdrop_local.standin.calls import ApiCall, Manner, Question, RefusedError
from backdrop_local.standin.faults import Hit, Phase
from backdrop_local.standin.forms import InvalidInputError
from backdrop_local.standin.inputs import checked, fetched, from_base64, is_link
from backdrop_local.standin.mischief import html_page
from backdrop_local.standin.paid import PaidCall
from backdrop_local.standin.runs import Failure, Run
from backdrop_local.standin.segmind_answers import REAL_ORIGIN, SAFETY, bytes_or_link, standing, ticket
from backdrop_local.standin.segmind_uploads import PUBLIC, asset, upload_asset
from backdrop_local.standin.state import state_of
from backdrop_local.standin.wishes import Wish

PROVIDER = "segmind"
MODEL = "ideogram-3-replace-background"
RECORD_SECONDS = 3_600
FILE_SECONDS = 7 * 86_400


class _Manner(Manner):
    """Segmind's refusals; out of money is 406 here."""

    out_of_money = 406
    unsafe_forms = MappingProxyType({"error": False, "detail": False, "no_output": True})

    @override
    def error_body(self, call: ApiCall, status: int) -> JsonValue:
        """`{"error": …}` with the words that Segmind uses for this status."""
        if status == 401:
            missing = "x-api-key" not in call.request.headers
            invalid = "Unauthorized. API key is invalid or may have expired..."
            return {"error": "Missing Authorization or x-api-key in header" if missing else invalid}
        return {"error": ERRORS.get(status, "Internal server error")}

    @override
    def error_headers(self, call: ApiCall, status: int) -> dict[str, str]:
        """When a refused caller may come again."""
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
    def error_answer(self, call: ApiCall, status: int) -> Response:
        """JSON, but 406 in the form that a setting names."""
        return _not_acceptable(call, ERRORS[406]) if status == 406 else super().error_answer(call, status)

    @override
    def error_in_200(self, call: ApiCall, status: int) -> JsonValue:
        """A failed job under a good status."""
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
MANNER = _Manner()


async def call_v1(request: Request) -> Response:
    """POST /v1/ideogram-3-replace-background: the answer is the picture itself."""
    call = PaidCall(request, PROVIDER, f"v1/{MODEL}", key=request.headers.get("x-api-key"), manner=MANNER)
    content = await _read(call)
    try:
        wish = await _wish(call, content)
    except InvalidFieldError as invalid:
        missing = invalid.kind == "missing"
        text = f"Missing required field: {invalid.name}" if missing else f"Invalid value for {invalid.name}"
        refusal = JSONResponse({"error": text}, 400) if missing else _not_acceptable(call, text)
        raise RefusedError(refusal, str(invalid)) from None
    except InvalidInputError as unseen:
        raise call.refused(500, str(unseen)) from None
    hit = call.meet(Phase.RUN)
    run = call.begin(wish, hit, failure=_failure(call, hit))
    await run.done.wait()
    await call.delay(hit)
    return call.finish(await bytes_or_link(call, run), run.job, hit)


async def submit_v2(request: Request) -> Response:
    """POST /v2/ideogram-3-replace-background: an id at once, also for a body that cannot work."""
    call = PaidCall(request, PROVIDER, f"v2/{MODEL}", key=request.headers.get("x-api-key"), manner=MANNER)
    content = await _read(call)
    try:
        wish = await _wish(call, content)
    except InvalidInputError as invalid:
        run = _stillborn(call, _late_words(invalid))
        return JSONResponse(ticket(call, run.id, "QUEUED"))
    hit = call.meet(Phase.RUN)
    run = call.begin(wish, hit, failure=_failure(call, hit))
    await call.delay(hit)
    return call.finish(JSONResponse(ticket(call, run.id, "QUEUED")), run.job, hit)


async def status_v2(request: Request) -> Response:
    """GET /v2/requests/{id}/status: how far it is, without the result."""
    question, run = await _asked(request, "v2/requests/status")
    return await question.answered(standing(question, run, with_output=False))


async def result_of(request: Request) -> Response:
    """GET /v2/requests/{id} and /v1/requests/{id}: the result, once there is one."""
    version = "v1" if "/v1/" in request.url.path else "v2"
    question, run = await _asked(request, f"{version}/requests/result")
    return await question.answered(standing(question, run, with_output=True))


async def credits_left(request: Request) -> Response:
    """GET /v1/get-user-credits."""
    question = Question(request, PROVIDER, "v1/get-user-credits", key=request.headers.get("x-api-key"), manner=MANNER)
    await question.arrive()
    await question.pass_gate()
    return await question.answered(JSONResponse({"credits": segmind_answers.credits_left(question)}))


async def _upload(request: Request) -> Response:
    question = Question(request, PROVIDER, "upload-asset", key=request.headers.get("x-api-key"), manner=MANNER)
    return await upload_asset(question, REAL_ORIGIN)


ROUTES = [
    Route(f"/v1/{MODEL}", call_v1, methods=["POST"]),
    Route(f"/v2/{MODEL}", submit_v2, methods=["POST"]),
    Route("/v2/requests/{id}/status", status_v2, methods=["GET"]),
    Route("/v2/requests/{id}", result_of, methods=["GET"]),
    Route("/v1/requests/{id}", result_of, methods=["GET"]),
    Route("/v1/get-user-credits", credits_left, methods=["GET"]),
    Route("/upload-asset", _upload, methods=["POST"]),
]


def plain_error(status: int) -> Response:
    """An unknown model, or a wrong verb, which is a page here."""
    return html_page(405) if status == 405 else JSONResponse({"error": ERRORS[404]}, status)


def _not_acceptable(call: ApiCall, text: str) -> Response:
    """406: an empty account, a wrong content type or a rejected value. The published bodies are bare texts."""
    forms: dict[str, Callable[[], Response]] = {
        "json": lambda: JSONResponse({"error": text}, 406),
        "text": lambda: Response(text, 406, media_type="text/plain"),
        "html": lambda: html_page(406),
        "empty": lambda: Response(b"", 406),
    }
    return forms[call.state.settings.segmind_406]()


async def _read(call: PaidCall) -> dict[str, JsonValue]:
    """Key (401), rate (429), type (406), then what can be seen of the body (400)."""
    await call.arrive()
    raw = await call.request.body()
    if call.request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
        raise RefusedError(_not_acceptable(call, "Invalid content type"), "the content type is not JSON")
    try:
        content = cast("JsonValue", json.loads(raw))
    except ValueError:
        content = None
    if isinstance(content, dict):
        call.prompt = str(content.get("prompt", ""))
    await call.pass_gate()
    if not isinstance(content, dict):
        raise RefusedError(JSONResponse({"error": "Invalid JSON body"}, 400), "the body is no JSON object")
    return content


async def _wish(call: PaidCall, content: dict[str, JsonValue]) -> Wish:
    settings = call.state.settings

    async def fetch(image: str) -> bytes:
        path = urlsplit(image).path
        kept = call.state.uploads.find(PROVIDER, PUBLIC, path.rpartition("/assets/")[2])
        if kept is not None:
            return kept
        limit = settings.max_image_bytes
        content = await fetched(image, max_bytes=limit) if is_link(image) else from_base64(image)
        return await checked(content, max_bytes=limit)

    return await segmind_rules.read(content, settings, fetch)


def _failure(call: PaidCall, hit: Hit | None) -> Failure | None:
    """Why the job will fail, where a fault says so."""
    if hit is not None and hit.rule.fault == "job_fails":
        text = hit.rule.text("message", "The model provider did not answer in time: timeout")
        return Failure(text, in_200=hit.rule.flag("in_200", default=False))
    if hit is not None and hit.rule.fault == "unsafe" and call.unsafe_form(hit) != "no_output":
        return Failure(SAFETY, as_detail=call.unsafe_form(hit) == "detail")
    return None


def _late_words(invalid: InvalidInputError) -> str:
    if isinstance(invalid, InvalidFieldError) and invalid.name == "prompt":
        return ERRORS[422]
    return str(invalid)


def _stillborn(call: PaidCall, words: str) -> Run:
    """A job whose body cannot work: taken, never charged, failed when it is asked after."""
    state, now = call.state, call.state.clock.now()
    ident = uuid_of(f"{PROVIDER}/{call.entry.n}/{words}")
    run = Run(ident, *call.account, call.prompt, now, failure=Failure(words))
    run.end(now)
    state.runs.add(run)
    return run


async def _asked(request: Request, route: str) -> tuple[Question, Run]:
    """The run that is asked after: 404 for a stranger's, and an hour after its submission."""
    question = Question(request, PROVIDER, route, key=request.headers.get("x-api-key"), manner=MANNER)
    await question.arrive(counted=question.state.settings.segmind_polls_count)
    ident = str(request.path_params["id"])
    run = question.state.runs.find(PROVIDER, ident, question.owner.account)
    question.prompt = run.prompt if run else ""
    await question.pass_gate()
    if run is None or question.gone or question.state.clock.now() > run.accepted_at + RECORD_SECONDS:
        raise RefusedError(JSONResponse({"error": f"Request {ident} not found"}, 404), "no record")
    return question, run


def _refused_download(request: Request, ident: str) -> Response | None:
    """403 with a key, 404 after seven days."""
    state = state_of(request.scope)
    if "x-api-key" in request.headers:
        return JSONResponse({"error": "Forbidden"}, 403)
    job = state.bill.job_of_result(ident)
    run = state.runs.of_job(job.id) if job else None
    late = run is not None and not run.is_kept(FILE_SECONDS, state.clock.now())
    return _expired() if late else None


def _expired() -> Response:
    return Response("Not Found", 404, media_type="text/plain")


RESULTS = [
    cdn.results(PROVIDER, "/generations/{ident}.{ext}", _refused_download, _expired),
    Route(f"/cdn/{PROVIDER}/assets/{{name}}", asset, methods=["GET"]),
]
