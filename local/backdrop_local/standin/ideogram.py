"""The stand-in's version of Ideogram v1: two paid routes, in the order in which a call is handled. v2 reuses it."""

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
from backdrop_local.standin.api_call import ApiCall, ErrorFormat, RejectedCallError
from backdrop_local.standin.corruption import build_html_error
from backdrop_local.standin.faults import FaultHit, Phase
from backdrop_local.standin.generation_request import GeneratedImage, GenerationRequest
from backdrop_local.standin.ideogram_usage import report_usage
from backdrop_local.standin.journal import KEY_HEADERS
from backdrop_local.standin.multipart import (
    FormPart,
    FormTooLargeError,
    MalformedFormError,
    NotMultipartError,
    read_parts,
)
from backdrop_local.standin.multipart_form import InvalidInputError
from backdrop_local.standin.paid_call import PaidCall
from backdrop_local.standin.settings import StandinSettings
from backdrop_local.standin.state import read_state

PROVIDER = "ideogram"
MAX_REQUEST_BYTES = 50_000_000
RESULT_PATH = "/api/images/ephemeral"
REAL_ORIGIN = "https://ideogram.ai"
MAGIC_SUFFIX = ", in soft natural light, finely detailed"


@dataclass(frozen=True)
class IdeogramOperation(ErrorFormat):
    """One of the two paid routes."""

    path: str
    parse: Callable[[list[FormPart], StandinSettings], Awaitable[GenerationRequest]]
    unauthorized_message: str
    unsafe_message: str
    max_request_bytes: int = MAX_REQUEST_BYTES

    @property
    def name(self) -> str:
        """The last part of the path, which names the route in faults and in the bill."""
        return PurePosixPath(self.path).name

    unsafe_forms = MappingProxyType({"null": True, "empty": True, "missing": True})

    @override
    def build_error_body(self, call: ApiCall, status: int) -> JsonValue:
        """Returns Ideogram's body for an error status."""
        if status == 429:
            return _build_429_body(call)
        return self.fixed_bodies().get(status, {"error": "Internal server error"})

    def fixed_bodies(self) -> dict[int, JsonValue]:
        """Returns the bodies that do not depend on the call, by status."""
        return {
            400: {"error": "Invalid input provided."},
            401: {"error": self.unauthorized_message},
            402: {"error": "Payment required.", "reject_reason": "insufficient_funds"},
            403: {"message": "Forbidden"},
            404: {"detail": "Not Found"},
            405: {"detail": "Method Not Allowed"},
            413: {"error": "Request Entity Too Large"},
            415: {"error": "Unsupported media type"},
            422: {"error": self.unsafe_message},
        }

    @override
    def build_error_in_200(self, call: ApiCall, status: int) -> JsonValue:
        """Returns the body of a response that was already streaming when the call failed."""
        return {"error": "Internal server error", "status_code": status}


def _build_429_body(call: ApiCall) -> JsonValue:
    bodies: dict[str, JsonValue] = {
        "error": {"error": "Too many requests."},
        "empty": {},
        "reject_reason": {
            "error": "Too many requests.",
            "reject_reason": "inflight_limit",
            "max_inflight_requests": call.state.settings.find_in_flight_limit(PROVIDER, call.owner.account),
        },
    }
    return bodies[call.state.settings.too_many_body]


REPLACE = IdeogramOperation(
    "/v1/ideogram-v3/replace-background",
    ideogram_rules.parse_replace,
    "Not authorized to generate an image.",
    "Prompt provided failed safety check due to the inclusion of prohibited content.",
)
REMOVE = IdeogramOperation(
    "/v1/remove-background",
    ideogram_rules.parse_remove,
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
    Route("/v2/account/usage", report_usage, methods=["GET"]),
]


async def _serve(operation: IdeogramOperation, request: Request) -> Response:
    """Checks the key (401), the slot (429), and the form (400), in this order."""
    key = request.headers.get("api-key")
    call = PaidCall(request, PROVIDER, operation.name, key=key, error_format=operation)
    await call.authenticate()
    async with call.hold_slot():
        generation_request = await parse_request(operation, call)
        # The limit counts images, and their number is known only now.
        if generation_request.image_count > 1:
            call.take_slots(generation_request.image_count - 1)
        hit = call.find_fault(Phase.RUN)
        job = call.accept(call.build_order(generation_request, uuids=False), hit)
        images = await call.generate(generation_request, job, hit, started_at=call.entry.read)
    return call.build_response(JSONResponse(_build_body(call, generation_request, images, hit)), job, hit)


async def parse_request(operation: IdeogramOperation, call: ApiCall) -> GenerationRequest:
    """Reads the form and checks it. Raises RejectedCallError."""
    try:
        parts = await read_parts(call.request, max_bytes=operation.max_request_bytes)
        call.entry.note_parts(parts)
        prompts = (part.data.decode(errors="replace") for part in parts if part.name == "prompt")
        call.prompt = next(prompts, "")
        await call.apply_gate_faults()
        return await operation.parse(parts, call.state.settings)
    except NotMultipartError:
        raise call.build_rejection(415, "the body is not a multipart form") from None
    except FormTooLargeError:
        raise RejectedCallError(build_html_error(413), "the request is too large") from None
    except MalformedFormError:
        raise call.build_rejection(400, "the form cannot be parsed") from None
    except InvalidInputError as invalid:
        raise call.build_rejection(400, str(invalid)) from None


def _build_body(
    call: PaidCall, generation_request: GenerationRequest, images: list[GeneratedImage], hit: FaultHit | None
) -> dict[str, JsonValue]:
    return {"created": format_created(call), "data": build_image_entries(call, generation_request, images, hit)}


def build_image_entries(
    call: ApiCall, generation_request: GenerationRequest, images: list[GeneratedImage], hit: FaultHit | None
) -> list[JsonValue]:
    """Returns the results of a generation, each with its link unless it is unsafe."""
    unsafe_positions = call.find_unsafe_positions(hit, len(images))
    entries: list[JsonValue] = []
    for position, image in enumerate(images):
        link = (
            _build_missing_link(call, hit)
            if position in unsafe_positions
            else _build_link_field(call, image.ident, hit)
        )
        details = {} if generation_request.speed == "REMOVE" else _build_details(generation_request, image)
        entries.append({**details, "is_image_safe": position not in unsafe_positions, **link})
    return entries


def _build_details(generation_request: GenerationRequest, image: GeneratedImage) -> dict[str, JsonValue]:
    uses_magic_prompt = generation_request.options.get("magic_prompt") == "ON"
    return {
        "prompt": generation_request.prompt + MAGIC_SUFFIX if uses_magic_prompt else generation_request.prompt,
        "resolution": f"{image.width}x{image.height}",
        "seed": image.seed,
        "style_type": "GENERAL",
    }


def _build_link_field(call: ApiCall, ident: str, hit: FaultHit | None) -> dict[str, JsonValue]:
    return {"url": build_result_link(call, ident, hit)}


def build_result_link(call: ApiCall, ident: str, hit: FaultHit | None) -> str:
    """Returns a signed link to a result. Other providers pass Ideogram's links on."""
    expiry = call.link_expiry(call.state.settings.link_life_seconds, hit)
    tail = f"{RESULT_PATH}/{ident}.png?{call.state.signer.build_query(ident, expiry)}"
    return call.build_link(REAL_ORIGIN, tail, hit, store=PROVIDER)


def _build_missing_link(call: ApiCall, hit: FaultHit | None) -> dict[str, JsonValue]:
    """Returns the link field of an unsafe result, which has three forms in turn."""
    forms: dict[str, dict[str, JsonValue]] = {"null": {"url": None}, "empty": {"url": ""}}
    return forms.get(call.choose_unsafe_form(hit), {}) if hit else {}


def format_created(call: ApiCall) -> str:
    """Returns the present in the form that a setting selects."""
    now = datetime.fromtimestamp(call.state.clock.now(), UTC)
    separator = " " if call.state.settings.created_form == "blank" else "T"
    return now.isoformat(separator, "seconds")


def _check_download(request: Request, ident: str) -> Response | None:
    """Returns 400 for a request with a key, and 403 after `exp` or for a wrong `sig`."""
    state, query = read_state(request.scope), request.query_params
    if not KEY_HEADERS.isdisjoint(request.headers.keys()):
        return JSONResponse({"error": "do not send an API key to this address"}, 400)
    refusal = state.signer.verify(ident, query.get("exp", ""), query.get("sig", ""), now=state.clock.now())
    return JSONResponse({"error": refusal}, 403) if refusal else None


def _build_expired() -> Response:
    return JSONResponse({"error": "link expired"}, 403)


RESULTS = [cdn.build_result_route(PROVIDER, f"{RESULT_PATH}/{{ident}}.{{ext}}", _check_download, _build_expired)]


def build_routing_error(status: int) -> Response:
    """Returns the response for an unknown path or method."""
    return JSONResponse(REPLACE.fixed_bodies()[status], status)
