"""Segmind's storage for inputs: public files, uploaded as a form or as data URIs."""

import json
from typing import cast

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from backdrop_local.standin.calls import Question
from backdrop_local.standin.forms import InvalidInputError
from backdrop_local.standin.inputs import from_data_uri
from backdrop_local.standin.multipart import BrokenFormError, FormTooLargeError, NotMultipartError, read_parts
from backdrop_local.standin.state import state_of

PUBLIC = "public"
"""Nobody's in particular: whoever knows the link has the file."""

MAX_REQUEST_BYTES = 50_000_000


async def upload_asset(question: Question, real_origin: str) -> Response:
    """POST /upload-asset: multipart part `file`, or JSON `data_urls`."""
    await question.arrive()
    contents = await _contents(question)
    await question.pass_gate()
    if not contents:
        raise question.refused(400, "no file was sent")
    uploads, links = question.state.uploads, list[JsonValue]()
    for content in contents:
        name = uploads.name(question.provider)
        uploads.keep(question.provider, PUBLIC, name, content)
        links.append(question.link(real_origin, f"/assets/{name}", None))
    return await question.answered(JSONResponse({"file_urls": links, "message": "Files uploaded successfully"}))


async def _contents(question: Question) -> list[bytes]:
    try:
        if question.request.headers.get("content-type", "").startswith("application/json"):
            return _data_urls(await question.request.body())
        parts = await read_parts(question.request, max_bytes=MAX_REQUEST_BYTES)
    except (NotMultipartError, BrokenFormError, FormTooLargeError, InvalidInputError, ValueError) as broken:
        raise question.refused(400, str(broken)) from None
    question.entry.note_parts(parts)
    return [part.data for part in parts if part.name == "file"]


def _data_urls(raw: bytes) -> list[bytes]:
    content = cast("JsonValue", json.loads(raw))
    given = content.get("data_urls") if isinstance(content, dict) else None
    if not isinstance(given, list):
        raise InvalidInputError("data_urls is missing")
    found = [from_data_uri(str(entry)) for entry in given]
    return [content for content in found if content is not None]


async def asset(request: Request) -> Response:
    """GET /cdn/segmind/assets/{name}: the file, for anybody."""
    content = state_of(request.scope).uploads.find("segmind", PUBLIC, str(request.path_params["name"]))
    return Response("Not Found", 404) if content is None else Response(content, media_type="image/jpeg")
