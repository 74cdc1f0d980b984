"""Segmind's reports of a generation: its progress, its picture, and its cost."""

import base64

from pydantic import JsonValue
from starlette.responses import JSONResponse, Response

from backdrop_local.standin import cdn
from backdrop_local.standin.api_call import ApiCall, FreeCall
from backdrop_local.standin.bill import format_dollars, parse_micro_dollars
from backdrop_local.standin.generations import Generation, GenerationFailure, GenerationStatus
from backdrop_local.standin.paid_call import PaidCall

REAL_API = "https://api.segmind.com"
REAL_ORIGIN = "https://images.segmind.com"
SAFETY = "The content was blocked by the safety system: content policy violation"


def build_status_response(call: FreeCall, generation: Generation, *, with_output: bool) -> Response:
    """Returns the status and, if `with_output`, the result. A failed job is 422 unless its failure says otherwise."""
    if call.is_stuck or generation.status is not GenerationStatus.DONE:
        is_queued = generation.status is GenerationStatus.QUEUED and not call.is_stuck
        return JSONResponse(
            build_ticket(call, generation.id, "QUEUED" if is_queued else "PROCESSING") | {"metrics": {}}
        )
    if generation.failure is not None:
        return JSONResponse(
            _build_failure(generation, generation.failure), 200 if generation.failure.answers_200 else 422
        )
    body: dict[str, JsonValue] = {
        "status": "COMPLETED",
        "request_id": generation.id,
        "metrics": _build_times(generation),
    }
    if with_output:
        body |= _build_output(call, generation)
        body["metrics"] = {**_build_times(generation), **_build_costs(call, generation)}
    return JSONResponse(body)


def build_ticket(call: ApiCall, ident: str, status: str) -> dict[str, JsonValue]:
    """Returns the response to a submission. Its addresses are those of the server that answers."""
    api = call.api_url(REAL_API)
    v1, v2 = f"{api}/v1/requests/{ident}", f"{api}/v2/requests/{ident}"
    return {"request_id": ident, "status": status, "poll_url": v1, "status_url": f"{v2}/status", "response_url": v2}


def _build_failure(generation: Generation, failure: GenerationFailure) -> JsonValue:
    detail: list[JsonValue] = [{"type": "content_policy_violation", "msg": failure.message}]
    error_field: dict[str, JsonValue] = {"detail": detail} if failure.uses_detail else {"error": failure.message}
    return {"status": "FAILED", **error_field, "metrics": _build_times(generation)}


def _build_times(generation: Generation) -> dict[str, JsonValue]:
    started, total = generation.started_at - generation.accepted_at, generation.ended_at - generation.accepted_at
    return {
        "inference_time": round(total - started, 3),
        "queue_time": round(started, 3),
        "total_time": round(total, 3),
    }


def _build_costs(call: ApiCall, generation: Generation) -> dict[str, JsonValue]:
    cost = generation.job.micro_usd if generation.job else 0
    return {
        "cost": call.state.settings.report_cost(float(format_dollars(cost))),
        "remaining_credits": compute_credits_left(call),
        "retry_count": 0,
    }


def compute_credits_left(call: ApiCall) -> float:
    """Returns the key's balance in dollars: what a fault set, or else the initial credits minus what was charged."""
    balance = call.state.bill.balance(call.provider, call.owner.key)
    if balance is None:
        initial = parse_micro_dollars(call.state.settings.segmind_credits_usd)
        balance = max(0, initial - call.state.bill.total_charged(call.owner.key, call.provider))
    return float(format_dollars(balance))


def _build_output(call: ApiCall, generation: Generation) -> dict[str, JsonValue]:
    is_unsafe = generation.hit is not None and generation.hit.rule.fault == "unsafe"
    if is_unsafe or not generation.images:
        return {"output": ""}
    link = _build_link(call, generation)
    forms: dict[str, dict[str, JsonValue]] = {
        "text": {"output": link},
        "list": {"output": [link]},
        "images": {"images": [{"url": link}]},
        "image": {"image": {"url": link}},
        "image_url": {"output": None, "image_url": link},
        "output_images": {"output": {"images": [{"url": link}]}},
        "output_image": {"output": {"image": {"url": link}}},
        "elsewhere": {"output": {"assets": [{"href": link}]}},
    }
    return forms[call.state.settings.segmind_output]


async def _build_v1_json(call: ApiCall, generation: Generation, output: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Returns v1's JSON: a link, or the picture itself as base64 or as a data URI."""
    form = call.state.settings.segmind_inline
    if form == "link" or not generation.images:
        return output
    gallery, ident = call.state.picture_store, generation.images[0].ident
    encoded = base64.b64encode(await gallery.read_content(ident) or b"").decode()
    return {"image": f"data:{gallery.find_media_type(ident)};base64,{encoded}" if form == "data_uri" else encoded}


def _build_link(call: ApiCall, generation: Generation) -> str:
    suffix = generation.generation_request.format.lower() if generation.generation_request else "png"
    return call.build_link(REAL_ORIGIN, f"/generations/{generation.images[0].ident}.{suffix}", generation.hit)


async def build_v1_response(call: PaidCall, generation: Generation) -> Response:
    """Returns the picture with its cost in the headers, or, if a setting selects it, a link."""
    if generation.failure is not None:
        return JSONResponse({"error": generation.failure.message}, 400 if generation.failure.is_safety_block else 500)
    costs, output = _build_costs(call, generation), _build_output(call, generation)
    if call.state.settings.segmind_json:
        return JSONResponse(await _build_v1_json(call, generation, output), headers=_build_headers(generation, costs))
    if generation.job is None or output == {"output": ""}:
        return Response(b"", media_type="image/jpeg", headers=_build_headers(generation, costs))
    response = await cdn.respond_with_picture(call.request, generation.job, generation.images[0].ident)
    response.headers.update(_build_headers(generation, costs))
    return response


def _build_headers(generation: Generation, costs: dict[str, JsonValue]) -> dict[str, str]:
    return {
        "x-request-id": generation.id,
        "x-cost": str(costs["cost"]),
        "x-remaining-credits": str(costs["remaining_credits"]),
        "x-generation-time": str(_build_times(generation)["inference_time"]),
        "x-seed-value": str(generation.images[0].seed if generation.images else 0),
    }
