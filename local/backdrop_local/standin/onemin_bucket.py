"""1min.ai's private S3 bucket: signed links that expire, and errors in XML."""

from datetime import UTC, datetime

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from backdrop_local.standin import cdn
from backdrop_local.standin.api_call import ApiCall
from backdrop_local.standin.generation_request import GeneratedImage
from backdrop_local.standin.generations import Generation
from backdrop_local.standin.signed_links import LinkRefusal
from backdrop_local.standin.state import read_state

BUCKET = "asset.1min.ai"
REAL_ORIGIN = "https://s3.us-east-1.amazonaws.com"
LINK_LIFETIME_SECONDS = 604_800
ALGORITHM = "AWS4-HMAC-SHA256"
DATE_FORMAT = "%Y%m%dT%H%M%SZ"


def object_key(image: GeneratedImage) -> str:
    """Returns a result's key in the bucket."""
    return f"images/bg_replace_result_{image.ident}.png"


def build_signed_link(call: ApiCall, generation: Generation, image: GeneratedImage) -> str:
    """Returns a new link to a result, valid for seven days."""
    expiry = call.link_expiry(LINK_LIFETIME_SECONDS, generation.hit)
    date = datetime.fromtimestamp(expiry - LINK_LIFETIME_SECONDS, UTC).strftime(DATE_FORMAT)
    query = (
        f"X-Amz-Algorithm={ALGORITHM}&X-Amz-Date={date}&X-Amz-Expires={LINK_LIFETIME_SECONDS}"
        f"&X-Amz-SignedHeaders=host&X-Amz-Signature={call.state.signer.sign(image.ident, expiry)}"
    )
    return call.build_link(REAL_ORIGIN, f"/{BUCKET}/{object_key(image)}?{query}", generation.hit)


def _check_download(request: Request, ident: str) -> Response | None:
    """Returns 403 for a missing or expired signature, and 400 for a request with a key."""
    if "authorization" in request.headers or "api-key" in request.headers:
        return _build_xml_error(400, "InvalidArgument", "Only one auth mechanism allowed")
    state, query = read_state(request.scope), request.query_params
    expiry = _parse_expiry(query)
    refusal = state.signer.verify(ident, str(expiry), query.get("X-Amz-Signature", ""), now=state.clock.now())
    if refusal is None:
        return None
    return (
        _build_expired() if refusal is LinkRefusal.EXPIRED else _build_xml_error(403, "AccessDenied", "Access Denied")
    )


def _parse_expiry(query: QueryParams) -> int:
    """Returns when the link expires, in Unix seconds. 0 if it states no expiry, or is signed in another way."""
    if query.get("X-Amz-Algorithm") != ALGORITHM or query.get("X-Amz-SignedHeaders") != "host":
        return 0
    try:
        date = datetime.strptime(query["X-Amz-Date"], DATE_FORMAT).replace(tzinfo=UTC)
        return int(date.timestamp()) + int(query["X-Amz-Expires"])
    except (KeyError, ValueError):
        return 0


def _build_expired() -> Response:
    return _build_xml_error(403, "AccessDenied", "Request has expired")


def _build_xml_error(status: int, code: str, message: str) -> Response:
    page = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return Response(page, status, media_type="application/xml")


RESULTS = [
    cdn.build_result_route("onemin", f"/{BUCKET}/images/{{stamp}}_{{ident}}.{{ext}}", _check_download, _build_expired)
]
