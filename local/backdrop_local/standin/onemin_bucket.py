"""1min.ai's private bucket, as S3 guards it: links that are signed and expire, refusals in XML."""

from datetime import UTC, datetime

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from backdrop_local.standin import cdn
from backdrop_local.standin.calls import ApiCall
from backdrop_local.standin.links import Refusal
from backdrop_local.standin.runs import Run
from backdrop_local.standin.state import state_of
from backdrop_local.standin.wishes import Made

BUCKET = "asset.1min.ai"
REAL_ORIGIN = "https://s3.us-east-1.amazonaws.com"
LINK_SECONDS = 604_800
ALGORITHM = "AWS4-HMAC-SHA256"
DATE_FORM = "%Y%m%dT%H%M%SZ"


def key_of(one: Made) -> str:
    """Where a result lies in the bucket."""
    return f"images/bg_replace_result_{one.ident}.png"


def signed_link(call: ApiCall, run: Run, one: Made) -> str:
    """A fresh link to a result, good for seven days."""
    end = call.link_end(LINK_SECONDS, run.hit)
    date = datetime.fromtimestamp(end - LINK_SECONDS, UTC).strftime(DATE_FORM)
    query = (
        f"X-Amz-Algorithm={ALGORITHM}&X-Amz-Date={date}&X-Amz-Expires={LINK_SECONDS}"
        f"&X-Amz-SignedHeaders=host&X-Amz-Signature={call.state.signer.sign(one.ident, end)}"
    )
    return call.link(REAL_ORIGIN, f"/{BUCKET}/{key_of(one)}?{query}", run.hit)


def _refused_download(request: Request, ident: str) -> Response | None:
    """403 without a signature or after its time, and 400 with a key."""
    if "authorization" in request.headers or "api-key" in request.headers:
        return _refusal(400, "InvalidArgument", "Only one auth mechanism allowed")
    state, query = state_of(request.scope), request.query_params
    end = _end_of(query)
    why = state.signer.verify(ident, str(end), query.get("X-Amz-Signature", ""), now=state.clock.now())
    if why is None:
        return None
    return _expired() if why is Refusal.EXPIRED else _refusal(403, "AccessDenied", "Access Denied")


def _end_of(query: QueryParams) -> int:
    """The Unix second in which the link ends; 0 where it does not say, or is signed in another way."""
    if query.get("X-Amz-Algorithm") != ALGORITHM or query.get("X-Amz-SignedHeaders") != "host":
        return 0
    try:
        date = datetime.strptime(query["X-Amz-Date"], DATE_FORM).replace(tzinfo=UTC)
        return int(date.timestamp()) + int(query["X-Amz-Expires"])
    except (KeyError, ValueError):
        return 0


def _expired() -> Response:
    return _refusal(403, "AccessDenied", "Request has expired")


def _refusal(status: int, code: str, message: str) -> Response:
    page = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return Response(page, status, media_type="application/xml")


RESULTS = [cdn.results("onemin", f"/{BUCKET}/images/{{stamp}}_{{ident}}.{{ext}}", _refused_download, _expired)]
