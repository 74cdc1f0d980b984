"""Changes a response according to the fault that struck its call. The same for all providers."""

import json
import re
from collections.abc import Mapping
from typing import cast

from pydantic import JsonValue
from starlette.responses import JSONResponse, Response

from backdrop_local.standin.connection import InterimThenResponse, NoResponse, SlowResponse, TruncatedResponse
from backdrop_local.standin.faults import FaultHit

PAYLOAD_FIELDS = ("data", "aiRecord", "output", "request_id", "generation_id", "fileContent")
"""The field that contains a response's result: the first of these names that is present."""

LINK_FIELDS = re.compile(rb'"(url|output|image|images|temporaryUrl|temporaryUrls|imageURL)":')
"""The fields that contain a response's pictures. A new version of the API might use others."""

ID_FIELDS = re.compile(rb'"(taskUUID|request_id|generation_id|uuid)": ?"[^"]*"')
"""The fields that identify a call."""

HTML_TITLES = {
    405: "Method Not Allowed",
    406: "Not Acceptable",
    413: "Request Entity Too Large",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Time-out",
}


def build_html_error(status: int) -> Response:
    """Returns an HTML error page like that of a load balancer."""
    title = f"{status} {HTML_TITLES.get(status, 'Error')}"
    page = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n"
    return Response(page, status, media_type="text/html")


def build_error_response(
    hit: FaultHit, status: int, default_body: JsonValue, default_headers: Mapping[str, str] | None = None
) -> Response:
    """Returns the response of `status`, `html_error`, and `refuse_429`: from the rule, or else the default."""
    rule = hit.rule
    if rule.fault == "html_error":
        return build_html_error(rule.number_arg("code", 502))
    if rule.flag_arg("html", default=False):
        response = build_html_error(status)
    else:
        response = _build_body_response(
            status, rule.args.get("body", default_body), rule.text_arg("type", "application/json")
        )
    headers = cast("dict[str, JsonValue]", rule.args.get("headers", {}))
    response.headers.update(default_headers or {})
    response.headers.update({name: str(value) for name, value in headers.items()})
    return response


def _build_body_response(status: int, body: JsonValue, text_type: str) -> Response:
    """Returns JSON for an object or a list. For a string, returns the plain text (it may be empty) with `text_type`."""
    if isinstance(body, str):
        return Response(body, status, media_type=text_type)
    return JSONResponse(body, status)


def corrupt_response(response: Response, hit: FaultHit, *, error_in_200: JsonValue) -> Response:
    """Returns the response of a completed job as the fault changes it."""
    match hit.rule.fault:
        case "accept_then_drop" | "late_conflict":
            return NoResponse()
        case "reset_mid_body":
            return TruncatedResponse(response, reset=True)
        case "trickle":
            return SlowResponse(response, hit.rule.number_arg("bytes_per_s", 100))
        case "error_in_200":
            keeps_result = hit.rule.flag_arg("beside", default=False)
            return _add_foreign_error(response, error_in_200) if keeps_result else JSONResponse(error_in_200)
        case "malformed_json":
            return _malform(response, hit.rule.text_arg("variant", "cut"))
        case "success_status" | "interim":
            return change_success_status(response, hit)
        case _:
            return response


def change_success_status(response: Response, hit: FaultHit) -> Response:
    """Returns the response with another 2xx status, or after interim responses (RFC 9110, 15.2 and 15.3)."""
    if hit.rule.fault == "success_status":
        response.status_code = hit.rule.number_arg("code", 202)
        return response
    codes = cast("list[int]", hit.rule.args.get("codes", [103]))
    return InterimThenResponse(response, codes)


def _malform(response: Response, variant: str) -> Response:
    """Returns half of the body, invalid JSON, or JSON without the result."""
    body = bytes(response.body)
    if variant == "cut":
        return Response(body[: len(body) // 2], media_type=response.headers["content-type"])
    if variant == "invalid":
        return Response(b'{"created": now, data: }', media_type="application/json")
    if variant == "renamed":
        return Response(LINK_FIELDS.sub(rb'"new_\1":', body), media_type="application/json")
    if variant == "other_id":
        return Response(_replace_ids(body), media_type="application/json")
    return JSONResponse(_remove_payload(body, variant))


def _add_foreign_error(response: Response, error: JsonValue) -> Response:
    """Returns the response together with an error about another task."""
    own = cast("dict[str, JsonValue]", json.loads(bytes(response.body)))
    foreign = cast("dict[str, JsonValue]", json.loads(_replace_ids(json.dumps(error).encode())))
    return JSONResponse(foreign | own)


def _replace_ids(body: bytes) -> bytes:
    return ID_FIELDS.sub(rb'"\1":"00000000-0000-4000-8000-000000000000"', body)


def _remove_payload(body: bytes, variant: str) -> dict[str, JsonValue]:
    content = cast("dict[str, JsonValue]", json.loads(body)) if body.startswith(b"{") else {}
    payload = next((name for name in PAYLOAD_FIELDS if name in content), PAYLOAD_FIELDS[0])
    kept = {name: value for name, value in content.items() if name != payload}
    forms: dict[str, dict[str, JsonValue]] = {"no_data": {}, "empty_data": {payload: []}}
    return kept | forms.get(variant, {payload: {"url": 7}})
