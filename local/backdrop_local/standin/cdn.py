"""The content servers behind result links; each provider says whom it lets in."""

import asyncio
import io
from collections.abc import AsyncIterator, Callable

from PIL import Image
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from backdrop_local.standin.bill import Job
from backdrop_local.standin.faults import Call, Hit, Phase
from backdrop_local.standin.mischief import error_answer, html_page, unusual_success
from backdrop_local.standin.state import State, entry_of, state_of
from backdrop_local.standin.wire import CutShort, Silence, Trickle, Wire, wire_of

CHUNK = b"\0" * 65_536
MEGABYTE = 1_000_000
FOREIGN_PAGE = "https://evil.test/picture.png"
PNG = "image/png"


type Refusal = Callable[[Request, str], Response | None]
"""Why a content server refuses the download of this result, if it does."""


def results(provider: str, path: str, refused: Refusal, expired: Callable[[], Response]) -> Route:
    """GET /cdn/… of one provider; the path names the picture's `ident`. 404 for one that is not kept."""

    async def result(request: Request) -> Response:
        state, ident = state_of(request.scope), str(request.path_params["ident"])
        job = state.bill.job_of_result(ident)
        refusal = refused(request, ident)
        if refusal is not None:
            return refusal
        hit = _meet(request, state, job)
        if hit is not None and hit.rule.fault == "expired_url":
            return expired()
        content = await state.gallery.content(ident)
        if job is None or content is None:
            return JSONResponse({"error": "no such picture"}, 404)
        answer = Download(content, state.gallery.media_type(ident), job, ident)
        return answer if hit is None else await _spoil(answer, hit, wire_of(request.scope))

    return Route(f"/cdn/{provider}{path}", result, methods=["GET"])


async def direct(request: Request, job: Job, ident: str) -> Response:
    """A result's bytes as the answer itself; download faults strike them too."""
    state = state_of(request.scope)
    content = await state.gallery.content(ident) or b""
    answer = Download(content, state.gallery.media_type(ident), job, ident)
    hit = _meet(request, state, job)
    return answer if hit is None else await _spoil(answer, hit, wire_of(request.scope))


class Download(Response):
    """The picture; the bill notes when it was fetched whole."""

    def __init__(self, content: bytes, media_type: str, job: Job, ident: str) -> None:
        super().__init__(content, media_type=media_type)
        self._job = job
        self._ident = ident

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the bytes."""
        wire = wire_of(scope)

        async def note_and_send(message: Message) -> None:
            if message["type"] == "http.response.body" and scope["method"] != "HEAD":
                self._job.downloaded |= set() if wire.gone else {self._ident}
            await send(message)

        await super().__call__(scope, receive, note_and_send)


def _meet(request: Request, state: State, job: Job | None) -> Hit | None:
    order = job.order if job else None
    call = Call(
        provider=order.provider if order else "",
        routes=("cdn", order.route) if order else ("cdn",),
        key=order.key if order else "",
        prompt=order.prompt if order else "",
    )
    hit = state.faults.meet(call, Phase.DOWNLOAD)
    if hit is not None:
        entry_of(request.scope).fault = hit.rule.fault
    return hit


async def _spoil(answer: Response, hit: Hit, wire: Wire) -> Response:
    """The download as the fault lets it through."""
    rule = hit.rule
    match rule.fault:
        case "slow":
            await asyncio.sleep(rule.number("ms", 0) / 1000)
            return answer
        case "trickle":
            return Trickle(answer, rule.number("bytes_per_s", 1_000))
        case "accept_then_drop":
            return Silence()
        case "reset_mid_body":
            return CutShort(answer, reset=True)
        case "success_status" | "interim":
            return unusual_success(answer, hit)
        case "truncated":
            return _truncated(answer, hit)
        case "redirect":
            return RedirectResponse(rule.text("url", FOREIGN_PAGE), rule.number("code", 302))
        case "wrong_type":
            return _wrong_type(answer, hit)
        case "huge":
            return _huge(rule.number("mb", 0), wire)
        case "cdn_5xx":
            return html_page(rule.number("code", 503))
        case _:
            status = rule.number("code", 500)
            return error_answer(hit, status, {"error": "Service unavailable"})


def _truncated(answer: Response, hit: Hit) -> Response:
    """Half of the bytes: under the full length and a close, or in chunks with a proper end."""
    if not hit.rule.flag("chunked", default=False):
        return CutShort(answer, reset=False)
    half = bytes(answer.body)[: len(answer.body) // 2]
    return StreamingResponse(_once(half), media_type=answer.media_type)


def _wrong_type(answer: Response, hit: Hit) -> Response:
    """Another type over the right bytes, or with `bytes_as` other bytes under the right type."""
    other = hit.rule.args.get("bytes_as")
    if not isinstance(other, str):
        kind = hit.rule.text("type", hit.pick("text/html", "application/octet-stream"))
        return Response(bytes(answer.body), media_type=kind)
    encoded = io.BytesIO()
    with Image.open(io.BytesIO(bytes(answer.body))) as image:
        image.convert("RGB").save(encoded, other)
    return Response(encoded.getvalue(), media_type=answer.media_type)


def _huge(megabytes: int, wire: Wire) -> Response:
    """A body of so many megabytes, for 0 without an end; it stops when the client has gone."""
    return StreamingResponse(_zeros(megabytes * MEGABYTE, wire), media_type=PNG)


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def _zeros(size: int, wire: Wire) -> AsyncIterator[bytes]:
    sent = 0
    while not wire.gone and (not size or sent < size):
        piece = CHUNK[: size - sent] if size else CHUNK
        sent += len(piece)
        yield piece
