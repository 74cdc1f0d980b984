"""1min.ai as the stand-in speaks it: an upload, then a feature call, and a look-up of its record."""

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
from backdrop_local.standin.bill import uuid_of
from backdrop_local.standin.calls import ApiCall, Manner, Question, RefusedError
from backdrop_local.standin.faults import Hit, Phase
from backdrop_local.standin.forms import InvalidInputError
from backdrop_local.standin.inputs import checked
from backdrop_local.standin.mischief import html_page
from backdrop_local.standin.multipart import BrokenFormError, FormTooLargeError, NotMultipartError, Part, read_parts
from backdrop_local.standin.onemin_bucket import BUCKET, RESULTS, key_of, signed_link
from backdrop_local.standin.paid import PaidCall
from backdrop_local.standin.runs import Failure, Run, Status
from backdrop_local.standin.wishes import Made, Wish

PROVIDER = "onemin"
MAX_REQUEST_BYTES = 50_000_000
SAFETY = "Prompt or provided image failed the safety checks"

__all__ = ["PROVIDER", "RESULTS", "ROUTES", "plain_error"]

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


class _Manner(Manner):
    """1min.ai's refusals."""

    unsafe_forms = MappingProxyType({"flag": True, "no_result": True, "failure": True})

    @override
    def error_body(self, call: ApiCall, status: int) -> JsonValue:
        """`{"message": …}`, here and there with a code."""
        return ERRORS.get(status, {"message": "Internal server error"})

    @override
    def error_in_200(self, call: ApiCall, status: int) -> JsonValue:
        """A record that failed."""
        ident = uuid_of(f"{PROVIDER}/{call.entry.n}")
        detail: JsonValue = {"resultObject": ["Generation failed."]}
        return {"aiRecord": {"uuid": ident, "status": "FAILURE", "aiRecordDetail": detail}}


MANNER = _Manner()


async def upload(request: Request) -> Response:
    """POST /api/assets: multipart part `asset`; its path is good for the same account only."""
    question = Question(request, PROVIDER, "assets", key=_key(request), manner=MANNER)
    await question.arrive()
    part = await _asset(question)
    await question.pass_gate()
    uploads, name = question.state.uploads, part.filename or "file"
    path = f"images/{_stamp(question)}_{uploads.name(PROVIDER)[:8]}_{name}"
    uploads.keep(PROVIDER, question.owner.account, path, part.data)
    return await question.answered(JSONResponse(_asset_answer(path, part)))


async def feature(request: Request) -> Response:
    """POST /api/features: the record when it is done, or with `async` its id at once."""
    call = PaidCall(request, PROVIDER, "features", key=_key(request), manner=MANNER)
    await call.arrive()
    content = await _read(call)
    wish = await _wish(call, content)
    hit = call.meet(Phase.RUN)
    run = call.begin(wish, hit, failure=_failure(call, hit), terms=content)
    if content.get("async") is not True:
        await run.done.wait()
    await call.delay(hit)
    waits = content.get("async") is True
    answer = {"aiRecord": _unfinished(run)} if waits else _finished(call, run)
    return call.finish(JSONResponse(answer), run.job, hit)


async def look_up(request: Request) -> Response:
    """GET /api/results/{uuid}: the record; for an unknown one `{"aiRecord": null}`."""
    question = Question(request, PROVIDER, "results", key=_key(request), manner=MANNER)
    await question.arrive()
    run = question.state.runs.find(PROVIDER, str(request.path_params["uuid"]), question.owner.account)
    question.prompt = run.prompt if run else ""
    await question.pass_gate()
    if run is None or question.gone:
        return await question.answered(JSONResponse({"aiRecord": None}))
    waits = question.stuck or run.status is not Status.DONE
    answer = {"aiRecord": _unfinished(run)} if waits else _finished(question, run)
    return await question.answered(JSONResponse(answer))


ROUTES = [
    Route("/api/assets", upload, methods=["POST"]),
    Route("/api/features", feature, methods=["POST"]),
    Route("/api/results/{uuid}", look_up, methods=["GET"]),
]


def plain_error(status: int) -> Response:
    """A path or verb that is not there."""
    return JSONResponse(ERRORS[status], status)


def _key(request: Request) -> str | None:
    """The key of the header API-KEY, or of the bearer form that the vendor's introduction shows."""
    bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
    return request.headers.get("api-key") or bearer or None


async def _asset(question: Question) -> Part:
    try:
        parts = await read_parts(question.request, max_bytes=MAX_REQUEST_BYTES)
    except FormTooLargeError:
        raise RefusedError(html_page(413), "the upload is too large") from None
    except (NotMultipartError, BrokenFormError):
        raise question.refused(400, "the body is no form") from None
    question.entry.note_parts(parts)
    files = [part for part in parts if part.name == "asset" and part.filename]
    if len(files) != 1 or len(parts) != 1:
        raise question.refused(400, "the form must have one file, named asset")
    return files[0]


def _asset_answer(path: str, part: Part) -> JsonValue:
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
            "uuid": uuid_of(path),
            "path": path,
            "type": name.rpartition(".")[2],
            "name": name,
        },
    }


async def _read(call: PaidCall) -> dict[str, JsonValue]:
    """The body, and the faults that strike before it is judged."""
    try:
        content = cast("JsonValue", json.loads(await call.request.body()))
    except ValueError:
        content = None
    wanted = content.get("promptObject") if isinstance(content, dict) else None
    call.prompt = str(wanted.get("prompt", "")) if isinstance(wanted, dict) else ""
    await call.pass_gate()
    if not isinstance(content, dict) or "json" not in call.request.headers.get("content-type", ""):
        raise call.refused(400, "the body is no JSON object")
    return content


async def _wish(call: PaidCall, content: dict[str, JsonValue]) -> Wish:
    kind, model = content.get("type"), content.get("model")
    if kind == onemin_rules.FEATURE and model != onemin_rules.MODEL:
        text = f"Invalid model {model} for AI feature {kind}!"
        raise _bad_request("UNSUPPORTED_MODEL", text)
    if kind != onemin_rules.FEATURE:
        raise _bad_request("UNSUPPORTED_FEATURE", f"Invalid AI feature {kind}!")

    async def fetch(path: str) -> bytes:
        kept = call.state.uploads.find(PROVIDER, call.owner.account, path)
        if kept is None:
            raise InvalidInputError(f"there is no asset {path!r} of this account")
        return await checked(kept, max_bytes=call.state.settings.max_image_bytes)

    try:
        return await onemin_rules.read(content, call.state.settings, fetch)
    except InvalidInputError as invalid:
        raise _bad_request("BAD_REQUEST", str(invalid)) from None


def _bad_request(code: str, message: str) -> RefusedError:
    return RefusedError(JSONResponse({"errorCode": code, "message": message, "details": None}, 400), message)


def _failure(call: PaidCall, hit: Hit | None) -> Failure | None:
    """Why the record will fail, where a fault says so."""
    if hit is not None and hit.rule.fault == "job_fails":
        return Failure(hit.rule.text("message", "Generation failed."))
    if hit is not None and hit.rule.fault == "unsafe" and call.unsafe_form(hit) == "failure":
        return Failure(SAFETY)
    return None


def _record(run: Run, status: str, detail: dict[str, JsonValue]) -> dict[str, JsonValue]:
    kind: dict[str, JsonValue] = {"model": onemin_rules.MODEL, "type": onemin_rules.FEATURE}
    return {"uuid": run.id, **kind, "status": status, "aiRecordDetail": detail}


def _unfinished(run: Run) -> dict[str, JsonValue]:
    return _record(run, "PROCESSING", {"resultObject": []})


def _finished(call: ApiCall, run: Run) -> dict[str, JsonValue]:
    """The record as it stays; its link is made anew for each who asks."""
    if run.failure is not None:
        return {"aiRecord": _record(run, "FAILURE", {"resultObject": [run.failure.message]})}
    unsafe = run.hit is not None and run.hit.rule.fault == "unsafe"
    kept = [] if unsafe else run.made
    detail: dict[str, JsonValue] = {
        "promptObject": run.terms.get("promptObject"),
        "resultObject": _result(call, run, kept),
        "responseObject": _passed_through(call, run, unsafe=unsafe),
    }
    record = _record(run, "SUCCESS", detail)
    if not kept:
        return {"aiRecord": record}
    link = signed_link(call, run, kept[0])
    places: dict[str, dict[str, JsonValue]] = {
        "record": {"aiRecord": {**record, "temporaryUrl": link}},
        "top": {"aiRecord": record, "temporaryUrl": link},
        "list": {"aiRecord": {**record, "temporaryUrls": [link]}},
        "detail": {"aiRecord": {**record, "aiRecordDetail": {**detail, "temporaryUrl": link}}},
        "none": {"aiRecord": record},
    }
    return places[call.state.settings.onemin_link_place]


def _result(call: ApiCall, run: Run, kept: Sequence[Made]) -> JsonValue:
    """Where the pictures are in the bucket, as a setting has it."""
    forms: dict[str, JsonValue] = {
        "path": [key_of(one) for one in kept],
        "empty": [],
        "null": None,
        "object": [{"url": signed_link(call, run, one)} for one in kept],
        "link": [signed_link(call, run, one) for one in kept],
    }
    return forms[call.state.settings.onemin_result]


def _passed_through(call: ApiCall, run: Run, *, unsafe: bool) -> JsonValue:
    """Ideogram's own answer."""
    flagged = unsafe and run.hit is not None and not _says_nothing(run.hit)
    made = [] if unsafe and not flagged else run.made
    created = datetime.fromtimestamp(run.ended_at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return {"created": created, "data": [_entry(call, run, one, safe=not flagged) for one in made]}


def _says_nothing(hit: Hit) -> bool:
    forms = tuple(MANNER.unsafe_forms)
    return hit.rule.text("form", hit.pick(*forms)) == "no_result"


def _entry(call: ApiCall, run: Run, one: Made, *, safe: bool) -> JsonValue:
    return {
        "url": ideogram.result_link(call, one.ident, run.hit) if safe else None,
        "prompt": run.prompt,
        "resolution": f"{one.width}x{one.height}",
        "is_image_safe": safe,
        "seed": one.seed,
        "style_type": "AUTO",
    }


def _stamp(call: ApiCall) -> str:
    return datetime.fromtimestamp(call.state.clock.now(), UTC).strftime("%Y_%m_%d_%H_%M_%S")
