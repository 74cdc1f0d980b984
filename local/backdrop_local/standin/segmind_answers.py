"""What Segmind says of a run: how far it is, where its picture lies, and what it cost."""

import base64

from pydantic import JsonValue
from starlette.responses import JSONResponse, Response

from backdrop_local.standin import cdn
from backdrop_local.standin.bill import dollars, micro_dollars
from backdrop_local.standin.calls import ApiCall, Question
from backdrop_local.standin.paid import PaidCall
from backdrop_local.standin.runs import Failure, Run, Status

REAL_API = "https://api.segmind.com"
REAL_ORIGIN = "https://images.segmind.com"
SAFETY = "The content was blocked by the safety system: content policy violation"


def standing(question: Question, run: Run, *, with_output: bool) -> Response:
    """Status and, `with_output`, result; a failed job is 422 unless its failure says otherwise."""
    if question.stuck or run.status is not Status.DONE:
        waits = run.status is Status.QUEUED and not question.stuck
        return JSONResponse(ticket(question, run.id, "QUEUED" if waits else "PROCESSING") | {"metrics": {}})
    if run.failure is not None:
        return JSONResponse(_failed(run, run.failure), 200 if run.failure.in_200 else 422)
    done: dict[str, JsonValue] = {"status": "COMPLETED", "request_id": run.id, "metrics": _times(run)}
    if with_output:
        done |= _output(question, run)
        done["metrics"] = {**_times(run), **_costs(question, run)}
    return JSONResponse(done)


def ticket(call: ApiCall, ident: str, status: str) -> dict[str, JsonValue]:
    """What a submit is answered with; its addresses are those of whoever answers."""
    api = call.api(REAL_API)
    v1, v2 = f"{api}/v1/requests/{ident}", f"{api}/v2/requests/{ident}"
    return {"request_id": ident, "status": status, "poll_url": v1, "status_url": f"{v2}/status", "response_url": v2}


def _failed(run: Run, failure: Failure) -> JsonValue:
    detail: list[JsonValue] = [{"type": "content_policy_violation", "msg": failure.message}]
    said: dict[str, JsonValue] = {"detail": detail} if failure.as_detail else {"error": failure.message}
    return {"status": "FAILED", **said, "metrics": _times(run)}


def _times(run: Run) -> dict[str, JsonValue]:
    started, total = run.started_at - run.accepted_at, run.ended_at - run.accepted_at
    return {
        "inference_time": round(total - started, 3),
        "queue_time": round(started, 3),
        "total_time": round(total, 3),
    }


def _costs(call: ApiCall, run: Run) -> dict[str, JsonValue]:
    cost = run.job.micro_usd if run.job else 0
    return {
        "cost": call.state.settings.told_cost(float(dollars(cost))),
        "remaining_credits": credits_left(call),
        "retry_count": 0,
    }


def credits_left(call: ApiCall) -> float:
    """The key's balance in dollars: what a fault set, else a round sum less what has been spent."""
    balance = call.state.bill.balance(call.provider, call.owner.key)
    if balance is None:
        first = micro_dollars(call.state.settings.segmind_credits_usd)
        balance = max(0, first - call.state.bill.spent(call.owner.key, call.provider))
    return float(dollars(balance))


def _output(call: ApiCall, run: Run) -> dict[str, JsonValue]:
    unsafe = run.hit is not None and run.hit.rule.fault == "unsafe"
    if unsafe or not run.made:
        return {"output": ""}
    link = _link(call, run)
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


async def _in_json(call: ApiCall, run: Run, output: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """What v1 says in JSON: a link, or the picture itself as base64 or as a data URI."""
    form = call.state.settings.segmind_inline
    if form == "link" or not run.made:
        return output
    gallery, ident = call.state.gallery, run.made[0].ident
    encoded = base64.b64encode(await gallery.content(ident) or b"").decode()
    return {"image": f"data:{gallery.media_type(ident)};base64,{encoded}" if form == "data_uri" else encoded}


def _link(call: ApiCall, run: Run) -> str:
    suffix = run.wish.format.lower() if run.wish else "png"
    return call.link(REAL_ORIGIN, f"/generations/{run.made[0].ident}.{suffix}", run.hit)


async def bytes_or_link(call: PaidCall, run: Run) -> Response:
    """The picture with what it cost in its headers, or as a setting wants it, a link to it."""
    if run.failure is not None:
        return JSONResponse({"error": run.failure.message}, 400 if run.failure.by_safety else 500)
    costs, output = _costs(call, run), _output(call, run)
    if call.state.settings.segmind_json:
        return JSONResponse(await _in_json(call, run, output), headers=_accounts(run, costs))
    if run.job is None or output == {"output": ""}:
        return Response(b"", media_type="image/jpeg", headers=_accounts(run, costs))
    answer = await cdn.direct(call.request, run.job, run.made[0].ident)
    answer.headers.update(_accounts(run, costs))
    return answer


def _accounts(run: Run, costs: dict[str, JsonValue]) -> dict[str, str]:
    return {
        "x-request-id": run.id,
        "x-cost": str(costs["cost"]),
        "x-remaining-credits": str(costs["remaining_credits"]),
        "x-generation-time": str(_times(run)["inference_time"]),
        "x-seed-value": str(run.made[0].seed if run.made else 0),
    }
