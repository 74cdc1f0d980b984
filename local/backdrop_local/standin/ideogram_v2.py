"""The stand-in's version of Ideogram v2: submit and poll, and quotes without a charge (`?dry_run=true`)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import override

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from backdrop_local.standin import ideogram_rules
from backdrop_local.standin.api_call import ApiCall, FreeCall, RejectedCallError
from backdrop_local.standin.faults import FaultHit, Phase
from backdrop_local.standin.generation_request import GenerationRequest
from backdrop_local.standin.generations import Generation, GenerationFailure, GenerationStatus
from backdrop_local.standin.ideogram import (
    PROVIDER,
    REMOVE,
    REPLACE,
    IdeogramOperation,
    build_image_entries,
    format_created,
    parse_request,
)
from backdrop_local.standin.paid_call import PaidCall
from backdrop_local.standin.state import read_state

MAX_REQUEST_BYTES = 60_000_000
CONTENT_POLICY_VIOLATION = "content_policy_violation"
POLL_RETRY_AFTER_SECONDS = 1
GENERATION_ROUTE, QUOTE_ROUTE = "v2/generations", "v2/quotes"


@dataclass(frozen=True)
class IdeogramV2Operation(IdeogramOperation):
    """One of the two paid routes, or the route of a poll. A 402 and a 429 name the reason in their body."""

    route: str = ""

    @property
    @override
    def name(self) -> str:
        return self.route

    @override
    def build_error_body(self, call: ApiCall, status: int) -> JsonValue:
        reasons = {402: "insufficient_funds", 429: "inflight_limit"}
        if status in reasons:
            return _build_reject_body(call, reasons[status])
        return self.fixed_bodies().get(status, {"error": "Internal server error"})

    @override
    def build_error_headers(self, call: ApiCall, status: int) -> dict[str, str]:
        is_throttled_poll = status == 429 and self.route == GENERATION_ROUTE
        return {"Retry-After": str(POLL_RETRY_AFTER_SECONDS)} if is_throttled_poll else {}


def _build_reject_body(call: ApiCall, reason: str) -> JsonValue:
    """Returns the body that a 402 and a 429 share."""
    return {
        "error": f"The request was rejected: {reason}.",
        "reject_reason": reason,
        "max_inflight_requests": call.state.settings.find_in_flight_limit(PROVIDER, call.owner.account),
        "task_completion_speed": "fast",
    }


REPLACE_V2 = IdeogramV2Operation(
    "/v2/image/replace-background/ideogram-3",
    ideogram_rules.parse_replace_v2,
    REPLACE.unauthorized_message,
    REPLACE.unsafe_message,
    MAX_REQUEST_BYTES,
    "v2/replace-background",
)
REMOVE_V2 = IdeogramV2Operation(
    "/v2/image/remove-background/ideogram-1",
    ideogram_rules.parse_remove_v2,
    REMOVE.unauthorized_message,
    REMOVE.unsafe_message,
    MAX_REQUEST_BYTES,
    "v2/remove-background",
)
GENERATION = IdeogramV2Operation(
    "/v2/generations", ideogram_rules.parse_remove_v2, REPLACE.unauthorized_message, "", route=GENERATION_ROUTE
)


def _serve_operation(operation: IdeogramV2Operation) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        is_dry_run = request.query_params.get("dry_run") == "true"
        ignores_dry_run = read_state(request.scope).settings.ideogram_dry_run == "generates"
        return await (_quote if is_dry_run and not ignores_dry_run else _submit)(operation, request)

    return serve


async def _submit(operation: IdeogramV2Operation, request: Request) -> Response:
    """Checks the key (401), the form (400), the plan (402), and the slot (429), in this order.

    An asynchronous call returns an ID at once.
    """
    key = request.headers.get("api-key")
    call = PaidCall(request, PROVIDER, operation.name, key=key, error_format=operation)
    await call.authenticate()
    generation_request = await parse_request(operation, call)
    _check_plan(call, generation_request)
    hit = call.find_fault(Phase.RUN)
    # The limit counts images.
    generation = call.begin_generation(
        generation_request, hit, failure=_choose_failure(call, hit), slot_count=generation_request.image_count
    )
    if not generation_request.options["is_async"]:
        await generation.done.wait()
        return call.build_response(JSONResponse(_build_completed(call, generation)), generation.job, hit)
    await call.delay(hit)
    return call.build_response(JSONResponse({"generation_id": generation.id}), generation.job, hit)


def _check_plan(call: ApiCall, generation_request: GenerationRequest) -> None:
    """Raises RejectedCallError (402) if the plan does not include a private generation that is requested."""
    if generation_request.options["private"] and not call.state.settings.ideogram_private_plan:
        body = _build_reject_body(call, "subscription_required")
        raise RejectedCallError(JSONResponse(body, 402), "the plan does not include private generations")


def _choose_failure(call: PaidCall, hit: FaultHit | None) -> GenerationFailure | None:
    if hit is None or hit.rule.fault != "job_fails":
        return None
    return GenerationFailure(hit.rule.text_arg("message", CONTENT_POLICY_VIOLATION))


async def _quote(operation: IdeogramV2Operation, request: Request) -> Response:
    """Checks the form and the plan, and returns the price of the generation that it would start."""
    key = request.headers.get("api-key")
    call = FreeCall(request, PROVIDER, QUOTE_ROUTE, key=key, error_format=operation)
    await call.authenticate()
    generation_request = await parse_request(operation, call)
    _check_plan(call, generation_request)
    settings = call.state.settings
    unit = settings.ideogram_quotes.get(generation_request.speed, generation_request.unit_micro_usd)
    total = unit * generation_request.image_count
    body: dict[str, JsonValue] = {
        "object": "price_quote",
        "billing_identifier": operation.path.strip("/").replace("/", "_"),
        "quantity": generation_request.image_count,
        "usd_micros": float(total) if settings.ideogram_dry_run == "float" else total,
        "credit_millis": total // 10,
        "qualifier": "estimate" if settings.ideogram_dry_run == "estimate" else "exact",
        "upper_bound_usd_micros": total,
    }
    return await call.respond(JSONResponse(body))


async def read_generation(request: Request) -> Response:
    """GET /v2/generations/{id}: the status and, once it has ended, the result. 404 for another account's."""
    key = request.headers.get("api-key")
    call = FreeCall(request, PROVIDER, GENERATION_ROUTE, key=key, error_format=GENERATION)
    await call.authenticate()
    generation = call.state.generations.find(PROVIDER, str(request.path_params["id"]), call.owner.account)
    call.prompt = generation.prompt if generation else ""
    await call.apply_gate_faults()
    if generation is None or call.is_gone:
        raise RejectedCallError(JSONResponse({"error": "not found"}, 404), "no such generation")
    if call.is_stuck or generation.status is not GenerationStatus.DONE:
        return await call.respond(JSONResponse(_build_progress(call, generation, "pending")))
    return await call.respond(JSONResponse(_build_completed(call, generation)))


def _build_progress(call: ApiCall, generation: Generation, status: str) -> dict[str, JsonValue]:
    return {"generation_id": generation.id, "status": status, "created": format_created(call)}


def _build_completed(call: ApiCall, generation: Generation) -> dict[str, JsonValue]:
    """Returns a generation that has ended: its results and its cost, or why it failed."""
    if generation.failure is not None or generation.generation_request is None:
        reason = generation.failure.message if generation.failure else ""
        return {**_build_progress(call, generation, "failed"), "failure_reason": reason}
    charged = generation.job.micro_usd if generation.job else 0
    costs: dict[str, JsonValue] = {"true": charged, "null": None, "zero": 0}
    return {
        **_build_progress(call, generation, "completed"),
        "response_type": "image",
        "data": build_image_entries(call, generation.generation_request, generation.images, generation.hit),
        "usage_cost_usd_micros": costs[call.state.settings.reported_cost],
    }


ROUTES = [
    Route(REPLACE_V2.path, _serve_operation(REPLACE_V2), methods=["POST"]),
    Route(REMOVE_V2.path, _serve_operation(REMOVE_V2), methods=["POST"]),
    Route(f"{GENERATION.path}/{{id}}", read_generation, methods=["GET"]),
]
