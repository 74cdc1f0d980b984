"""Downloads results: only from listed hosts, without redirects, up to limits of size and time, and without our key."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from socket import inet_aton
from typing import Final
from urllib.parse import unquote, urlsplit

import requests
import urllib3.exceptions

from backdrop.model.capabilities import MAX_RESULT_BYTES
from backdrop.model.codes import Code
from backdrop.model.errors import ResultError, RetryLaterError
from backdrop.providers.http import (
    CONNECT_TIMEOUT_SECONDS,
    TRANSFER_ERRORS,
    ResponseTooLargeError,
    has_whole_body,
    new_session,
    parse_length,
    parse_retry_after,
    read_body,
    run_with_timeout,
)

READ_TIMEOUT_SECONDS = 30.0
# For everything: the connection, the headers, and the body.
MAX_DOWNLOAD_SECONDS = 90.0
RETRY_LATER_SECONDS = 5.0
# What answers with these statuses say about the file. All others, except redirects, are no picture.
CODE_BY_STATUS = {403: Code.LINK_EXPIRED, 410: Code.LINK_EXPIRED, 404: Code.RESULT_GONE}
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})

# Each host with its required path prefix, from the providers' pages and responses.
RESULT_HOSTS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "ideogram": (("ideogram.ai", "/api/images/"),),
    "segmind": (("images.segmind.com", "/"), ("api.segmind.com", "/v1/requests/")),
    # The three forms of 1min.ai's private bucket, its own host, and Ideogram's links, which 1min.ai passes on.
    "1min": (
        ("s3.us-east-1.amazonaws.com", "/asset.1min.ai/"),
        ("asset.1min.ai.s3.us-east-1.amazonaws.com", "/"),
        ("asset.1min.ai", "/"),
        ("storage.1min.ai", "/"),
        ("ideogram.ai", "/api/images/"),
    ),
    "runware": (("im.runware.ai", "/"),),
}


@dataclass(frozen=True)
class ResultDownloads:
    """Fetches results. `base_urls` are the providers' addresses, and `extra_hosts` the operator's additions."""

    base_urls: Mapping[str, str]
    extra_hosts: Sequence[str] = ()

    def fetch(self, provider: str, url: str) -> bytes:
        """Downloads a result, once.

        Raises ResultError for a link that may not be followed, and for any other answer than a complete file; the code
        says what it was. Raises RetryLaterError if the host did not answer, or asks to try again.
        """
        self._check_url(provider, url)
        fetched = run_with_timeout(MAX_DOWNLOAD_SECONDS, lambda: _fetch(url))
        if fetched is None:
            raise _build_unreachable_error(f"The download took longer than {MAX_DOWNLOAD_SECONDS:.0f} s.")
        return fetched

    def _check_url(self, provider: str, url: str) -> None:
        """Raises ResultError for a link to anywhere but this provider's results."""
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").rstrip("."), parts.port
        except ValueError as error:
            raise ResultError(Code.RESULT_FOREIGN_HOST, "The provider's link is not a valid URL.") from error
        if parts.username is None and parts.password is None and ".." not in unquote(parts.path):
            if self._is_provider_loopback(provider, parts.scheme, parts.netloc, host):
                return
            if parts.scheme == "https" and port in (None, 443) and self._is_allowed_host(provider, host, parts.path):
                return
        raise ResultError(
            Code.RESULT_FOREIGN_HOST,
            f"The provider's link leads to {parts.scheme}://{host[:100]}, which is not a listed host of {provider}.",
        )

    def _is_provider_loopback(self, provider: str, scheme: str, netloc: str, host: str) -> bool:
        provider_url = urlsplit(self.base_urls.get(provider, ""))
        return (
            host in LOOPBACK
            and scheme in ("http", "https")
            and provider_url.hostname in LOOPBACK
            and netloc == provider_url.netloc
        )

    def _is_allowed_host(self, provider: str, host: str, path: str) -> bool:
        if _is_internal_host(host):
            return False
        listed = any(host == name and path.startswith(prefix) for name, prefix in RESULT_HOSTS.get(provider, ()))
        return listed or host in {extra.lower().rstrip(".") for extra in self.extra_hosts}


def _is_internal_host(host: str) -> bool:
    """True if a host is this machine or an address outside the public internet, in any notation.

    A name that resolves to such an address fails at its TLS certificate, before any request is sent.
    """
    try:
        address = ip_address(host)
    except ValueError:
        try:
            address = ip_address(inet_aton(host))
        except (OSError, ValueError):
            return host in LOOPBACK or host.endswith(".localhost")
    return not address.is_global


def _check_status(response: requests.Response) -> None:
    status, message = response.status_code, f"The provider's link returned HTTP {response.status_code}"
    if 200 <= status < 300:
        if not has_whole_body(status, response.headers):
            raise ResultError(Code.RESULT_TRUNCATED, f"{message}, with a part of the file.")
        return
    if 300 <= status < 400:
        raise ResultError(Code.RESULT_REDIRECTED, f"{message}, a redirect.")
    if status in (408, 425, 429) or status >= 500:
        raise _build_unreachable_error(f"{message}.", parse_retry_after(response.headers))
    raise ResultError(CODE_BY_STATUS.get(status, Code.RESULT_NOT_AN_IMAGE), f"{message}.")


def _fetch(url: str) -> bytes:
    deadline = time.monotonic() + MAX_DOWNLOAD_SECONDS
    try:
        with (
            new_session() as session,
            session.get(
                url, timeout=(CONNECT_TIMEOUT_SECONDS, READ_TIMEOUT_SECONDS), allow_redirects=False, stream=True
            ) as response,
        ):
            _check_status(response)
            _check_length(parse_length(response.headers.get("Content-Length", "")))
            return read_body(response, max_bytes=MAX_RESULT_BYTES, deadline=deadline)
    except ResponseTooLargeError as error:
        message = f"The provider's file is larger than {MAX_RESULT_BYTES:,} bytes."
        raise ResultError(Code.RESULT_TOO_LARGE, message) from error
    except TRANSFER_ERRORS as error:
        if isinstance(error.__cause__, urllib3.exceptions.IncompleteRead):
            raise ResultError(Code.RESULT_TRUNCATED, "The provider's file ended before its declared length.") from error
        raise _build_unreachable_error(f"The download was interrupted ({type(error).__name__}).") from error


def _build_unreachable_error(message: str, delay_seconds: float | None = None) -> RetryLaterError:
    return RetryLaterError(Code.RESULT_UNREACHABLE, message, max(delay_seconds or 0, RETRY_LATER_SECONDS))


def _check_length(length: int | None) -> None:
    if length is not None and length > MAX_RESULT_BYTES:
        message = f"The provider's file is {length:,} bytes; the limit is {MAX_RESULT_BYTES:,}."
        raise ResultError(Code.RESULT_TOO_LARGE, message)
