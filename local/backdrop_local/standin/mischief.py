"""Turns a fault that struck a paid call into what the client sees; the same for every provider."""

import json
import re
from collections.abc import Mapping
from typing import cast

from pydantic import JsonValue
from starlette.responses import JSONResponse, Response

from backdrop_local.standin.faults import Hit
from backdrop_local.standin.wire import AfterInterim, CutShort, Silence, Trickle

PAYLOADS = ("data", "aiRecord", "output", "request_id", "fileContent")
"""What an answer is about: the first of these names that it has."""

LINK_FIELDS = re.compile(rb'"(url|output|image|images|temporaryUrl|temporaryUrls|imageURL)":')
"""Where an answer has its pictures; a new version of the API might have them elsewhere."""

IDS = re.compile(rb'"(taskUUID|request_id|uuid)": ?"[^"]*"')
"""By what a call is known again."""

HTML_TITLES = {
    405: "Method Not Allowed",
    406: "Not Acceptable",
    413: "Request Entity Too Large",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Time-out",
}


def html_page(status: int) -> Response:
    """The page of an edge server, as a load balancer writes it."""
    title = f"{status} {HTML_TITLES.get(status, 'Error')}"
    page = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n"
    return Response(page, status, media_type="text/html")


def error_answer(
    hit: Hit, status: int, usual_body: JsonValue, usual_headers: Mapping[str, str] | None = None
) -> Response:
    """The answer of `status`, `html_error` and `refuse_429`: what the rule says, else as usual."""
    rule = hit.rule
    if rule.fault == "html_error":
        return html_page(rule.number("code", 502))
    if rule.flag("html", default=False):
        answer = html_page(status)
    else:
        answer = _body_answer(status, rule.args.get("body", usual_body), rule.text("type", "application/json"))
    headers = cast("dict[str, JsonValue]", rule.args.get("headers", {}))
    answer.headers.update(usual_headers or {})
    answer.headers.update({name: str(value) for name, value in headers.items()})
    return answer


def _body_answer(status: int, body: JsonValue, text_type: str) -> Response:
    """JSON for an object or a list; for a string, the bare text (it may be empty) under `text_type`."""
    if isinstance(body, str):
        return Response(body, status, media_type=text_type)
    return JSONResponse(body, status)


def spoil(answer: Response, hit: Hit, *, error_in_200: JsonValue) -> Response:
    """The right answer of a job that ran, as the fault lets it through."""
    match hit.rule.fault:
        case "accept_then_drop" | "late_conflict":
            return Silence()
        case "reset_mid_body":
            return CutShort(answer, reset=True)
        case "trickle":
            return Trickle(answer, hit.rule.number("bytes_per_s", 100))
        case "error_in_200":
            beside = hit.rule.flag("beside", default=False)
            return _with_foreign_error(answer, error_in_200) if beside else JSONResponse(error_in_200)
        case "malformed_json":
            return _malformed(answer, hit.rule.text("variant", "cut"))
        case "success_status" | "interim":
            return unusual_success(answer, hit)
        case _:
            return answer


def unusual_success(answer: Response, hit: Hit) -> Response:
    """The right answer under another 2xx status, or behind interim responses (RFC 9110, 15.2 and 15.3)."""
    if hit.rule.fault == "success_status":
        answer.status_code = hit.rule.number("code", 202)
        return answer
    codes = cast("list[int]", hit.rule.args.get("codes", [103]))
    return AfterInterim(answer, codes)


def _malformed(answer: Response, variant: str) -> Response:
    """Half of the body, no JSON at all, or JSON without what the answer is about."""
    whole = bytes(answer.body)
    if variant == "cut":
        return Response(whole[: len(whole) // 2], media_type=answer.headers["content-type"])
    if variant == "invalid":
        return Response(b'{"created": now, data: }', media_type="application/json")
    if variant == "renamed":
        return Response(LINK_FIELDS.sub(rb'"new_\1":', whole), media_type="application/json")
    if variant == "other_id":
        return Response(_another_id(whole), media_type="application/json")
    return JSONResponse(_hollow(whole, variant))


def _with_foreign_error(answer: Response, error: JsonValue) -> Response:
    """The right answer, and beside it an error that speaks of somebody else's task."""
    right = cast("dict[str, JsonValue]", json.loads(bytes(answer.body)))
    foreign = cast("dict[str, JsonValue]", json.loads(_another_id(json.dumps(error).encode())))
    return JSONResponse(foreign | right)


def _another_id(body: bytes) -> bytes:
    return IDS.sub(rb'"\1":"00000000-0000-4000-8000-000000000000"', body)


def _hollow(whole: bytes, variant: str) -> dict[str, JsonValue]:
    content = cast("dict[str, JsonValue]", json.loads(whole)) if whole.startswith(b"{") else {}
    payload = next((name for name in PAYLOADS if name in content), PAYLOADS[0])
    kept = {name: value for name, value in content.items() if name != payload}
    forms: dict[str, dict[str, JsonValue]] = {"no_data": {}, "empty_data": {payload: []}}
    return kept | forms.get(variant, {payload: {"url": 7}})
