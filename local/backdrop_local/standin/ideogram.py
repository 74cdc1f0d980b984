"""Ideogram v1 as the stand-in speaks it: two paid routes, read from top to bottom as it answers."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from backdrop_local.standin import bill, ideogram_rules
from backdrop_local.standin.calls import PaidCall, RefusedError
from backdrop_local.standin.faults import Hit, Phase
from backdrop_local.standin.forms import InvalidInputError
from backdrop_local.standin.gallery import Picture, Recipe
from backdrop_local.standin.ideogram_rules import Wish
from backdrop_local.standin.ideogram_usage import usage
from backdrop_local.standin.mischief import html_page
from backdrop_local.standin.multipart import (
    BrokenFormError,
    FormTooLargeError,
    NotMultipartError,
    Part,
    read_parts,
)
from backdrop_local.standin.settings import Settings

PROVIDER = "ideogram"
MAX_REQUEST_BYTES = 50_000_000
RESULT_PATH = "/api/images/ephemeral"
REAL_ORIGIN = "https://ideogram.ai"
MAGIC_SUFFIX = ", in soft natural light, finely detailed"


@dataclass(frozen=True)
class Operation:
    """One of the two paid routes."""

    path: str
    read: Callable[[list[Part], Settings], Awaitable[Wish]]
    not_authorized: str
    unsafe: str

    @property
    def name(self) -> str:
        """The path's last word, by which faults and the bill name the route."""
        return PurePosixPath(self.path).name

    def error_body(self, call: PaidCall, status: int) -> JsonValue:
        """What Ideogram says under an error status."""
        if status == 429:
            return _too_many(call)
        bodies: dict[int, JsonValue] = {
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
        return bodies.get(status, {"error": "Internal server error"})


def _too_many(call: PaidCall) -> JsonValue:
    bodies: dict[str, JsonValue] = {
        "error": {"error": "Too many requests."},
        "empty": {},
        "reject_reason": {
            "error": "Too many requests.",
            "reject_reason": "inflight_limit",
            "max_inflight_requests": call.limit,
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
    call = PaidCall(request, PROVIDER, operation.name, key=key, errors=operation.error_body)
    await call.arrive()
    async with call.slot():
        wish = await _read(operation, call)
        hit = call.meet(Phase.RUN)
        job = call.accept(_order(operation, call, wish), hit)
        pictures = await _generate(call, wish, job, hit)
    return call.finish(JSONResponse(_answer(call, wish, job, pictures, hit)), job, hit)


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


def _order(operation: Operation, call: PaidCall, wish: Wish) -> bill.Order:
    work = {"route": operation.name, "image": wish.photo_sha, **wish.options}
    return bill.Order(
        key=call.owner.key,
        label=call.owner.label,
        account=call.owner.account,
        provider=PROVIDER,
        route=operation.name,
        fingerprint=bill.fingerprint(work),
        prompt=wish.prompt,
        client_hint=call.request.headers.get("user-agent", ""),
        speed=wish.speed,
        n=wish.n,
        unit_micro_usd=ideogram_rules.UNIT_MICRO_USD[wish.speed],
    )


async def _generate(call: PaidCall, wish: Wish, job: bill.Job, hit: Hit | None) -> list[tuple[int, Picture]]:
    """The simulated generation; it runs to its end whether or not the client still waits.

    Gives the seed and the picture of each result.
    """
    seeds = [_seed(job, wish, place) for place in range(len(job.results))]
    recipes = [_recipe(call, wish, ident, seed) for ident, seed in zip(job.results, seeds, strict=True)]
    pictures, _ = await asyncio.gather(
        call.state.gallery.paint_all(recipes, wish.photo), call.run_time(wish.speed, hit)
    )
    return list(zip(seeds, pictures, strict=True))


def _seed(job: bill.Job, wish: Wish, place: int) -> int:
    drawn = int(hashlib.sha256(job.id.encode()).hexdigest(), 16) if wish.seed is None else wish.seed
    return (drawn + place) % (ideogram_rules.MAX_SEED + 1)


def _recipe(call: PaidCall, wish: Wish, ident: str, seed: int) -> Recipe:
    return Recipe(
        ident=ident,
        photo_sha=wish.photo_sha,
        prompt=wish.prompt or None,
        style=wish.style,
        seed=seed,
        prepared=call.state.settings.pictures == "prepared",
        cut_out_pixels=call.state.settings.cut_out_pixels,
    )


def _answer(
    call: PaidCall,
    wish: Wish,
    job: bill.Job,
    pictures: list[tuple[int, Picture]],
    hit: Hit | None,
) -> dict[str, JsonValue]:
    unsafe = call.unsafe_places(hit, len(pictures))
    entries: list[JsonValue] = []
    for place, (ident, (seed, picture)) in enumerate(zip(job.results, pictures, strict=True)):
        link = _no_link(hit) if place in unsafe else _link(call, ident, hit)
        details = {} if wish.speed == "REMOVE" else _details(wish, seed, picture)
        entries.append({**details, "is_image_safe": place not in unsafe, **link})
    return {"created": _created(call), "data": entries}


def _details(wish: Wish, seed: int, picture: Picture) -> dict[str, JsonValue]:
    magic = wish.options["magic_prompt"] == "ON"
    return {
        "prompt": wish.prompt + MAGIC_SUFFIX if magic else wish.prompt,
        "resolution": f"{picture.width}x{picture.height}",
        "seed": seed,
        "style_type": "GENERAL",
    }


def _link(call: PaidCall, ident: str, hit: Hit | None) -> dict[str, JsonValue]:
    return {"url": call.link(REAL_ORIGIN, f"{RESULT_PATH}/{ident}.png", ident, hit)}


def _no_link(hit: Hit | None) -> dict[str, JsonValue]:
    """The three ways in which an unsafe result has no link, in turn."""
    forms: dict[str, dict[str, JsonValue]] = {"null": {"url": None}, "empty": {"url": ""}}
    forms["missing"] = {}
    return forms[hit.rule.text("form", hit.pick(*forms)) if hit else "null"]


def _created(call: PaidCall) -> str:
    now = datetime.fromtimestamp(call.state.clock.now(), UTC)
    separator = " " if call.state.settings.created_form == "blank" else "T"
    return now.isoformat(separator, "seconds")
