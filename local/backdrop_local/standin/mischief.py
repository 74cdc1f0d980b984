"""Turns a fault that struck a paid call into what the client sees; the same for every provider."""

import json
from typing import cast

from pydantic import JsonValue
from starlette.responses import JSONResponse, Response

from backdrop_local.standin.faults import Hit
from backdrop_local.standin.wire import CutShort, Silence, Trickle

HTML_TITLES = {
    413: "Request Entity Too Large",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Time-out",
}


def is_billed(hit: Hit | None) -> bool:
    """Whether the accepted job is charged in spite of the fault: unless the rule says no."""
    return hit is None or hit.rule.flag("billed", default=True)


def html_page(status: int) -> Response:
    """The page of an edge server, as a load balancer writes it."""
    title = f"{status} {HTML_TITLES.get(status, 'Error')}"
    page = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n"
    return Response(page, status, media_type="text/html")


def error_answer(hit: Hit, status: int, usual_body: JsonValue) -> Response:
    """The answer of `status`, `html_error` and `refuse_429`: what the rule says, else as usual."""
    rule = hit.rule
    if rule.fault == "html_error":
        return html_page(rule.number("code", 502))
    if rule.flag("html", default=False):
        answer = html_page(status)
    else:
        answer = _body_answer(status, rule.args.get("body", usual_body))
    headers = cast("dict[str, JsonValue]", rule.args.get("headers", {}))
    answer.headers.update({name: str(value) for name, value in headers.items()})
    return answer


def _body_answer(status: int, body: JsonValue) -> Response:
    """JSON for an object or a list, the bare text (it may be empty) for a string."""
    if isinstance(body, str):
        return Response(body, status, media_type="application/json")
    return JSONResponse(body, status)


def spoil(answer: JSONResponse, hit: Hit) -> Response:
    """The right answer of a job that ran, as the fault lets it through."""
    match hit.rule.fault:
        case "accept_then_drop":
            return Silence()
        case "reset_mid_body":
            return CutShort(answer, reset=True)
        case "trickle":
            return Trickle(answer, hit.rule.number("bytes_per_s", 100))
        case "error_in_200":
            code = hit.rule.number("status_code", 500)
            return JSONResponse({"error": "Internal server error", "status_code": code})
        case "malformed_json":
            return _malformed(answer, hit)
        case _:
            return answer


def _malformed(answer: JSONResponse, hit: Hit) -> Response:
    whole = bytes(answer.body)
    content = cast("dict[str, JsonValue]", json.loads(whole))
    bodies = {
        "cut": whole[: len(whole) // 2],
        "invalid": b'{"created": now, data: }',
        "no_data": json.dumps({k: v for k, v in content.items() if k != "data"}).encode(),
        "empty_data": json.dumps({**content, "data": []}).encode(),
        "wrong_types": json.dumps({**content, "data": {"url": 7}}).encode(),
    }
    return Response(bodies[hit.rule.text("variant", "cut")], media_type="application/json")
