"""Checks whether a provider accepts a key, with a free call if the provider has one."""

import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import override
from urllib.parse import urlencode

TIMEOUT_SECONDS = 10.0
# Account usage at Ideogram: 404 if the key is valid, but not an administrator's (OpenAPI description of its API, v2).
IDEOGRAM_USAGE_PATH = "/v2/account/usage"
ACCEPTED_STATUSES, REJECTED_STATUSES = (200, 404), (401, 403)


def check_key_accepted(provider: str, base_url: str, key: str) -> tuple[bool | None, str]:
    """Returns whether the key is accepted (None if that cannot be checked), and a message."""
    if provider != "ideogram":
        return None, "is set; cannot be checked without a paid call, so the first job shows whether it is accepted"
    url = f"{base_url.rstrip('/')}{IDEOGRAM_USAGE_PATH}?{_build_usage_query()}"
    request = urllib.request.Request(url, headers={"Api-Key": key})  # noqa: S310
    try:
        with _build_opener(base_url).open(request, timeout=TIMEOUT_SECONDS) as response:
            status = response.status
    except urllib.error.HTTPError as error:
        status = error.code
    except (OSError, ValueError) as error:
        return None, f"is set; cannot be checked: {base_url} does not respond ({error})"
    if status in REJECTED_STATUSES:
        return False, f"is set, but the provider rejects it ({status})"
    if status in ACCEPTED_STATUSES:
        return True, "is set, and the provider accepts it"
    return None, f"is set; cannot be checked: the provider returned {status}"


def _build_usage_query() -> str:
    """Requests the usage of the last day, in buckets of one day."""
    end = datetime.now(UTC).replace(microsecond=0, tzinfo=None)
    start = end - timedelta(days=1)
    return urlencode({"start_time": f"{start.isoformat()}Z", "end_time": f"{end.isoformat()}Z", "bucket_width": "1d"})


def _build_opener(base_url: str) -> urllib.request.OpenerDirector:
    """Follows no redirect, because the new address would receive the key.

    Uses no proxy for addresses of this machine.
    """
    is_local = base_url.startswith(("http://127.", "http://localhost"))
    handlers: list[urllib.request.BaseHandler] = [_NoRedirectHandler()]
    return urllib.request.build_opener(*handlers, *([urllib.request.ProxyHandler({})] if is_local else []))


class _NoRedirectHandler(urllib.request.HTTPRedirectHandler):
    @override
    def redirect_request(self, *_: object, **__: object) -> None:
        return None
