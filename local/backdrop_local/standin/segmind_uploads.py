"""Segmind's storage for inputs: public files, uploaded as a form or as data URIs."""

import json
from typing import cast

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from backdrop_local.standin.api_call import FreeCall
from backdrop_local.standin.image_inputs import decode_data_uri
from backdrop_local.standin.multipart import FormTooLargeError, MalformedFormError, NotMultipartError, read_parts
from backdrop_local.standin.multipart_form import InvalidInputError
from backdrop_local.standin.state import read_state

PUBLIC_ACCOUNT = "public"
"""The account of public files: anyone who has the link can download them."""

MAX_REQUEST_BYTES = 50_000_000


async def upload_asset(call: FreeCall, real_origin: str) -> Response:
    """POST /upload-asset: multipart part `file`, or JSON `data_urls`."""
    await call.authenticate()
    contents = await _read_contents(call)
    await call.apply_gate_faults()
    if not contents:
        raise call.build_rejection(400, "no file was sent")
    uploads, links = call.state.uploads, list[JsonValue]()
    for content in contents:
        name = uploads.create_name(call.provider)
        uploads.keep(call.provider, PUBLIC_ACCOUNT, name, content)
        links.append(call.build_link(real_origin, f"/assets/{name}", None))
    return await call.respond(JSONResponse({"file_urls": links, "message": "Files uploaded successfully"}))


async def _read_contents(call: FreeCall) -> list[bytes]:
    try:
        if call.request.headers.get("content-type", "").startswith("application/json"):
            return _decode_data_urls(await call.request.body())
        parts = await read_parts(call.request, max_bytes=MAX_REQUEST_BYTES)
    except (NotMultipartError, MalformedFormError, FormTooLargeError, InvalidInputError, ValueError) as broken:
        raise call.build_rejection(400, str(broken)) from None
    call.entry.note_parts(parts)
    return [part.data for part in parts if part.name == "file"]


def _decode_data_urls(raw: bytes) -> list[bytes]:
    content = cast("JsonValue", json.loads(raw))
    given = content.get("data_urls") if isinstance(content, dict) else None
    if not isinstance(given, list):
        raise InvalidInputError("data_urls is missing")
    found = [decode_data_uri(str(entry)) for entry in given]
    return [content for content in found if content is not None]


async def serve_asset(request: Request) -> Response:
    """GET /cdn/segmind/assets/{name}: returns the file, without authentication."""
    content = read_state(request.scope).uploads.find("segmind", PUBLIC_ACCOUNT, str(request.path_params["name"]))
    return Response("Not Found", 404) if content is None else Response(content, media_type="image/jpeg")
