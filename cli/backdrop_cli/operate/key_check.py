"""Whether a provider accepts a key: asked by a call that costs nothing, where the provider has one."""

import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import override
from urllib.parse import urlencode

TIMEOUT_SECONDS = 10.0
# Ideogram's usage of the account: 404 where the key is good and no administrator's (its API's OpenAPI, v2).
IDEOGRAM_USAGE_PATH = "/v2/account/usage"
ACCEPTED_STATUSES, REJECTED_STATUSES = (200, 404), (401, 403)


def check_key_accepted(provider: str, base_url: str, key: str) -> tuple[bool | None, str]:
    """True, False, or None where that cannot be known; and why, in words."""
    if provider != "ideogram":
        return None, "is set; whether it is accepted shows the first job, since nothing is known to ask for free"
    url = f"{base_url.rstrip('/')}{IDEOGRAM_USAGE_PATH}?{_build_usage_query()}"
    request = urllib.request.Request(url, headers={"Api-Key": key})  # noqa: S310
    try:
        with _build_opener(base_url).open(request, timeout=TIMEOUT_SECONDS) as response:
            status = response.status
    except urllib.error.HTTPError as error:
        status = error.code
    except (OSError, ValueError) as error:
        return None, f"is set; whether it is accepted is not known: {base_url} does not answer ({error})"
    if status in REJECTED_STATUSES:
        return False, f"is set, and the provider refuses it ({status})"
    if status in ACCEPTED_STATUSES:
        return True, "is set, and the provider accepts it"
    return None, f"is set; whether it is accepted is not known: the provider answered {status}"


def _build_usage_query() -> str:
    """One bucket of a day."""
    end = datetime.now(UTC).replace(microsecond=0, tzinfo=None)
    start = end - timedelta(days=1)
    return urlencode({"start_time": f"{start.isoformat()}Z", "end_time": f"{end.isoformat()}Z", "bucket_width": "1d"})


def _build_opener(base_url: str) -> urllib.request.OpenerDirector:
    """Past a proxy where the address is this machine's own; never after a redirect, which would take the key along."""
    is_local = base_url.startswith(("http://127.", "http://localhost"))
    handlers: list[urllib.request.BaseHandler] = [_NoRedirectHandler()]
    return urllib.request.build_opener(*handlers, *([urllib.request.ProxyHandler({})] if is_local else []))


class _NoRedirectHandler(urllib.request.HTTPRedirectHandler):
    """Follows no redirect."""

    @override
    def redirect_request(self, *_: object, **__: object) -> None:
        return None
