"""The content servers behind result links. Each provider defines which downloads it allows."""

import asyncio
import io
from collections.abc import AsyncIterator, Callable

from PIL import Image
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from backdrop_local.standin.bill import BilledJob
from backdrop_local.standin.connection import Connection, NoResponse, SlowResponse, TruncatedResponse, read_connection
from backdrop_local.standin.corruption import build_error_response, build_html_error, change_success_status
from backdrop_local.standin.faults import FaultHit, FaultTarget, Phase
from backdrop_local.standin.state import StandinState, read_entry, read_state

CHUNK = b"\0" * 65_536
MEGABYTE = 1_000_000
FOREIGN_PAGE = "https://evil.test/picture.png"
PNG = "image/png"


type CheckDownload = Callable[[Request, str], Response | None]
"""Returns the response with which a content server rejects a download, or None if it allows it."""


def build_result_route(
    provider: str, path: str, check_download: CheckDownload, build_expired: Callable[[], Response]
) -> Route:
    """Returns the route GET /cdn/… of one provider. The path contains the picture's `ident`; 404 if it is not kept."""

    async def result(request: Request) -> Response:
        state, ident = read_state(request.scope), str(request.path_params["ident"])
        job = state.bill.find_job_of_result(ident)
        refusal = check_download(request, ident)
        if refusal is not None:
            return refusal
        hit = _find_fault(request, state, job)
        if hit is not None and hit.rule.fault == "expired_url":
            return build_expired()
        content = await state.picture_store.read_content(ident)
        if job is None or content is None:
            return JSONResponse({"error": "no such picture"}, 404)
        answer = Download(content, state.picture_store.find_media_type(ident), job, ident)
        return answer if hit is None else await _corrupt(answer, hit, read_connection(request.scope))

    return Route(f"/cdn/{provider}{path}", result, methods=["GET"])


async def respond_with_picture(request: Request, job: BilledJob, ident: str) -> Response:
    """Returns a result's bytes as the response itself. Download faults apply to it as well."""
    state = read_state(request.scope)
    content = await state.picture_store.read_content(ident) or b""
    answer = Download(content, state.picture_store.find_media_type(ident), job, ident)
    hit = _find_fault(request, state, job)
    return answer if hit is None else await _corrupt(answer, hit, read_connection(request.scope))


class Download(Response):
    """The picture. The bill records when it was downloaded completely."""

    def __init__(self, content: bytes, media_type: str, job: BilledJob, ident: str) -> None:
        super().__init__(content, media_type=media_type)
        self._job = job
        self._ident = ident

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the bytes."""
        wire = read_connection(scope)

        async def note_and_send(message: Message) -> None:
            if message["type"] == "http.response.body" and scope["method"] != "HEAD":
                self._job.downloaded |= set() if wire.is_gone else {self._ident}
            await send(message)

        await super().__call__(scope, receive, note_and_send)


def _find_fault(request: Request, state: StandinState, job: BilledJob | None) -> FaultHit | None:
    order = job.order if job else None
    call = FaultTarget(
        provider=order.provider if order else "",
        routes=("cdn", order.route) if order else ("cdn",),
        key=order.key if order else "",
        prompt=order.prompt if order else "",
    )
    hit = state.faults.find_hit(call, Phase.DOWNLOAD)
    if hit is not None:
        read_entry(request.scope).fault = hit.rule.fault
    return hit


async def _corrupt(response: Response, hit: FaultHit, wire: Connection) -> Response:
    rule = hit.rule
    match rule.fault:
        case "slow":
            await asyncio.sleep(rule.number_arg("ms", 0) / 1000)
            return response
        case "trickle":
            return SlowResponse(response, rule.number_arg("bytes_per_s", 1_000))
        case "accept_then_drop":
            return NoResponse()
        case "reset_mid_body":
            return TruncatedResponse(response, reset=True)
        case "success_status" | "interim":
            return change_success_status(response, hit)
        case "truncated":
            return _truncate(response, hit)
        case "redirect":
            return RedirectResponse(rule.text_arg("url", FOREIGN_PAGE), rule.number_arg("code", 302))
        case "wrong_type":
            return _change_type(response, hit)
        case "huge":
            return _build_huge_response(rule.number_arg("mb", 0), wire)
        case "cdn_5xx":
            return build_html_error(rule.number_arg("code", 503))
        case _:
            status = rule.number_arg("code", 500)
            return build_error_response(hit, status, {"error": "Service unavailable"})


def _truncate(response: Response, hit: FaultHit) -> Response:
    """Returns half of the bytes, with the full length and a closed connection, or in chunks with a valid last chunk."""
    if not hit.rule.flag_arg("chunked", default=False):
        return TruncatedResponse(response, reset=False)
    half = bytes(response.body)[: len(response.body) // 2]
    return StreamingResponse(_stream_once(half), media_type=response.media_type)


def _change_type(response: Response, hit: FaultHit) -> Response:
    """Returns the right bytes with the wrong type or, with `bytes_as`, the wrong bytes with the right type."""
    other_format = hit.rule.args.get("bytes_as")
    if not isinstance(other_format, str):
        kind = hit.rule.text_arg("type", hit.next_choice("text/html", "application/octet-stream"))
        return Response(bytes(response.body), media_type=kind)
    encoded = io.BytesIO()
    with Image.open(io.BytesIO(bytes(response.body))) as image:
        image.convert("RGB").save(encoded, other_format)
    return Response(encoded.getvalue(), media_type=response.media_type)


def _build_huge_response(megabytes: int, wire: Connection) -> Response:
    """Returns a body of this many megabytes (0: endless), which stops when the client disconnects."""
    return StreamingResponse(_stream_zeros(megabytes * MEGABYTE, wire), media_type=PNG)


async def _stream_once(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def _stream_zeros(size: int, wire: Connection) -> AsyncIterator[bytes]:
    sent = 0
    while not wire.is_gone and (not size or sent < size):
        piece = CHUNK[: size - sent] if size else CHUNK
        sent += len(piece)
        yield piece
