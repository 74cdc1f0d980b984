"""Ideogram v1 as the stand-in speaks it: two paid routes, read from top to bottom as it answers."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import override

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from backdrop_local.standin import cdn, ideogram_rules
from backdrop_local.standin.calls import ApiCall, Manner, RefusedError
from backdrop_local.standin.faults import Hit, Phase
from backdrop_local.standin.forms import InvalidInputError
from backdrop_local.standin.ideogram_usage import usage
from backdrop_local.standin.journal import KEY_HEADERS
from backdrop_local.standin.mischief import html_page
from backdrop_local.standin.multipart import (
    BrokenFormError,
    FormTooLargeError,
    NotMultipartError,
    Part,
    read_parts,
)
from backdrop_local.standin.paid import PaidCall
from backdrop_local.standin.settings import Settings
from backdrop_local.standin.state import state_of
from backdrop_local.standin.wishes import Made, Wish

PROVIDER = "ideogram"
MAX_REQUEST_BYTES = 50_000_000
RESULT_PATH = "/api/images/ephemeral"
REAL_ORIGIN = "https://ideogram.ai"
MAGIC_SUFFIX = ", in soft natural light, finely detailed"


@dataclass(frozen=True)
class Operation(Manner):
    """One of the two paid routes."""

    path: str
    read: Callable[[list[Part], Settings], Awaitable[Wish]]
    not_authorized: str
    unsafe: str

    @property
    def name(self) -> str:
        """The path's last word, by which faults and the bill name the route."""
        return PurePosixPath(self.path).name

    unsafe_forms = MappingProxyType({"null": True, "empty": True, "missing": True})

    @override
    def error_body(self, call: ApiCall, status: int) -> JsonValue:
        """What Ideogram says under an error status."""
        if status == 429:
            return _too_many(call)
        return self.plain_bodies().get(status, {"error": "Internal server error"})

    def plain_bodies(self) -> dict[int, JsonValue]:
        """Those that do not depend on the call."""
        return {
            400: {"error": "Invalid input provided."},
            401: {"error": self.not_authorized},
            402: {"error": "Payment required.", "reject_reason": "insufficient_funds"},
            403: {"message": "Forbidden"},
            404: {"detail": "Not Found"},
            405: {"detail": "Method Not Allowed"},
            413: {"error": "Request Entity Too Large"},
            415: {"error": "Unsupported media type"},
            422: {"error": self.unsafe},
        }

    @override
    def error_in_200(self, call: ApiCall, status: int) -> JsonValue:
        """An answer that had begun to stream when the call failed."""
        return {"error": "Internal server error", "status_code": status}


def _too_many(call: ApiCall) -> JsonValue:
    bodies: dict[str, JsonValue] = {
        "error": {"error": "Too many requests."},
        "empty": {},
        "reject_reason": {
            "error": "Too many requests.",
            "reject_reason": "inflight_limit",
            "max_inflight_requests": call.state.settings.limit(PROVIDER, call.owner.account),
        },
    }
    return bodies[call.state.settings.too_many_body]


REPLACE = Operation(
    "/v1/ideogram-v3/replace-background",
    ideogram_rules.read_replace,
    "Not authorized to generate an image.",
    "Prompt provided failed safety check due to the inclusion of prohibited content.",
)
REMOVE = Operation(
    "/v1/remove-background",
    ideogram_rules.read_remove,
    "Not authorized to remove background.",
    "Initial image failed the safety checks.",
)


async def replace_background(request: Request) -> Response:
    """POST /v1/ideogram-v3/replace-background."""
    return await _serve(REPLACE, request)


async def remove_background(request: Request) -> Response:
    """POST /v1/remove-background."""
    return await _serve(REMOVE, request)


ROUTES = [
    Route(REPLACE.path, replace_background, methods=["POST"]),
    Route(REMOVE.path, remove_background, methods=["POST"]),
    Route("/v2/account/usage", usage, methods=["GET"]),
]


async def _serve(operation: Operation, request: Request) -> Response:
    """Key (401), then slot (429), then form (400): in this order."""
    key = request.headers.get("api-key")
    call = PaidCall(request, PROVIDER, operation.name, key=key, manner=operation)
    await call.arrive()
    async with call.slot():
        wish = await _read(operation, call)
        hit = call.meet(Phase.RUN)
        job = call.accept(call.order(wish, uuids=False), hit)
        made = await call.generate(wish, job, hit, since=call.entry.read)
    return call.finish(JSONResponse(_answer(call, wish, made, hit)), job, hit)


async def _read(operation: Operation, call: PaidCall) -> Wish:
    try:
        parts = await read_parts(call.request, max_bytes=MAX_REQUEST_BYTES)
        call.entry.note_parts(parts)
        prompts = (part.data.decode(errors="replace") for part in parts if part.name == "prompt")
        call.prompt = next(prompts, "")
        await call.pass_gate()
        return await operation.read(parts, call.state.settings)
    except NotMultipartError:
        raise call.refused(415, "the body is no multipart form") from None
    except FormTooLargeError:
        raise RefusedError(html_page(413), "the request is too large") from None
    except BrokenFormError:
        raise call.refused(400, "the form cannot be parsed") from None
    except InvalidInputError as invalid:
        raise call.refused(400, str(invalid)) from None


def _answer(call: PaidCall, wish: Wish, made: list[Made], hit: Hit | None) -> dict[str, JsonValue]:
    unsafe = call.unsafe_places(hit, len(made))
    entries: list[JsonValue] = []
    for place, one in enumerate(made):
        link = _no_link(call, hit) if place in unsafe else _link(call, one.ident, hit)
        details = {} if wish.speed == "REMOVE" else _details(wish, one)
        entries.append({**details, "is_image_safe": place not in unsafe, **link})
    return {"created": _created(call), "data": entries}


def _details(wish: Wish, one: Made) -> dict[str, JsonValue]:
    magic = wish.options["magic_prompt"] == "ON"
    return {
        "prompt": wish.prompt + MAGIC_SUFFIX if magic else wish.prompt,
        "resolution": f"{one.width}x{one.height}",
        "seed": one.seed,
        "style_type": "GENERAL",
    }


def _link(call: PaidCall, ident: str, hit: Hit | None) -> dict[str, JsonValue]:
    return {"url": result_link(call, ident, hit)}


def result_link(call: ApiCall, ident: str, hit: Hit | None) -> str:
    """A signed link to a result; others hand Ideogram's links through."""
    end = call.link_end(call.state.settings.link_life_seconds, hit)
    tail = f"{RESULT_PATH}/{ident}.png?{call.state.signer.query(ident, end)}"
    return call.link(REAL_ORIGIN, tail, hit, store=PROVIDER)


def _no_link(call: PaidCall, hit: Hit | None) -> dict[str, JsonValue]:
    """The three ways in which an unsafe result has no link, in turn."""
    forms: dict[str, dict[str, JsonValue]] = {"null": {"url": None}, "empty": {"url": ""}}
    return forms.get(call.unsafe_form(hit), {}) if hit else {}


def _created(call: PaidCall) -> str:
    now = datetime.fromtimestamp(call.state.clock.now(), UTC)
    separator = " " if call.state.settings.created_form == "blank" else "T"
    return now.isoformat(separator, "seconds")


def _refused_download(request: Request, ident: str) -> Response | None:
    """400 with a key, 403 after `exp` or with a wrong `sig`."""
    state, query = state_of(request.scope), request.query_params
    if not KEY_HEADERS.isdisjoint(request.headers.keys()):
        return JSONResponse({"error": "an API key has no business here"}, 400)
    why = state.signer.verify(ident, query.get("exp", ""), query.get("sig", ""), now=state.clock.now())
    return JSONResponse({"error": why}, 403) if why else None


def _expired() -> Response:
    return JSONResponse({"error": "link expired"}, 403)


RESULTS = [cdn.results(PROVIDER, f"{RESULT_PATH}/{{ident}}.{{ext}}", _refused_download, _expired)]


def plain_error(status: int) -> Response:
    """A path or verb that is not there."""
    return JSONResponse(REPLACE.plain_bodies()[status], status)
