"""A provider's API key: loaded before each call, reloaded if the provider refuses it, and redacted in responses."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from backdrop.model.codes import Code
from backdrop.model.errors import RetryLaterError
from backdrop.model.provider_result import ProviderResult, RetryClass
from backdrop.ports import ApiKey
from backdrop.providers.http import HttpResponse
from backdrop.providers.redaction import redact_key

AUTH_FAILURE_STATUSES = (401, 403)


@dataclass(frozen=True)
class Credentials:
    """`provider_name` is the display name. `load_key` loads the key; `load_key(True)` bypasses any cache."""

    provider_name: str
    load_key: Callable[[bool], ApiKey]

    def require_key(self) -> str | ProviderResult:
        """Returns a key that a header can carry, or a PAUSE result if there is none."""
        key = self.load_key(False)
        if not is_valid_header_value(key.value):
            key = self.load_key(True)
        if not is_valid_header_value(key.value):
            why = key.missing_reason or "it contains characters that no header can carry"
            return ProviderResult(
                RetryClass.PAUSE, Code.PROVIDER_KEY_MISSING, f"There is no API key for {self.provider_name}: {why}."
            )
        return key.value

    def find_replacement_key(self, refused_key: str) -> str | None:
        """Loads the key, bypassing any cache. None if it is the refused key or cannot be loaded."""
        try:
            new_key = self.load_key(True).value
        except RetryLaterError:
            return None
        return new_key if new_key != refused_key and is_valid_header_value(new_key) else None

    def send_with_key[T](self, key: str, send: Callable[[str], HttpResponse | T], deadline: float) -> HttpResponse | T:
        """Sends a request, and sends it again with a new key if the key is refused and more than a second is left.

        In responses, the key is redacted, in case the provider echoes it.
        """
        response = send(key)
        if (
            isinstance(response, HttpResponse)
            and response.status in AUTH_FAILURE_STATUSES
            and time.monotonic() < deadline - 1
        ):
            new_key = self.find_replacement_key(key)
            if new_key:
                return _redact_key(send(new_key), new_key)
        return _redact_key(response, key)


def is_valid_header_value(key: str) -> bool:
    return bool(key) and key.isascii() and key.isprintable() and " " not in key


def _redact_key[T](response: HttpResponse | T, key: str) -> HttpResponse | T:
    # A picture does not echo the key, and must not be changed.
    if not isinstance(response, HttpResponse) or response.headers.get("Content-Type", "").startswith("image/"):
        return response
    return replace(response, body=redact_key(response.body, key))
