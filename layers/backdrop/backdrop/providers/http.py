"""HTTP requests to paid APIs: sent once, never retried, and with exact knowledge of whether each can have arrived."""

import base64
import http.client
import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from io import BytesIO
from threading import Thread
from typing import Any, override

import requests
import urllib3.exceptions
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.fields import RequestField
from urllib3.filepost import encode_multipart_formdata

from backdrop.model.capabilities import MAX_RESULT_BYTES
from backdrop.model.codes import Code
from backdrop.model.provider_result import ProviderResult, RetryClass

CONNECT_TIMEOUT_SECONDS = 5.0
MIN_TIMEOUT_SECONDS = 0.001
MAX_RESPONSE_BYTES = 2_000_000
# The answer to a paid call, and to a query of its result, may contain the pictures. Base64 makes them a third longer.
# Render has the memory for it next to a request with references (bench/render_memory.py).
MAX_ANSWER_BYTES = 52_000_000
# How much of a longer one is kept.
MAX_BEGINNING_BYTES = 1_000_000
MAX_RETRY_AFTER_SECONDS = 3600
MAX_INTERIM_RESPONSES = 100
MAX_LENGTH_DIGITS = 15
CHUNK_BYTES = 262_144
MEDIA_TYPES = {
    b"\xff\xd8\xff": ("jpg", "image/jpeg"),
    b"\x89PNG": ("png", "image/png"),
    b"RIFF": ("webp", "image/webp"),
}


@dataclass(frozen=True)
class HttpResponse:
    """A response. `latency_seconds` is the time from the request's last byte to the response's headers.

    `is_cut`: `body` is only the beginning, because the response is longer than any genuine one.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    latency_seconds: float
    is_cut: bool = False

    @property
    def is_success(self) -> bool:
        """True if the status is a success and the body is complete. Only the body shows whether there is a picture."""
        return 200 <= self.status < 300 and has_whole_body(self.status, self.headers)

    @property
    def is_long_result(self) -> bool:
        """True if a success is JSON that is too long to be read. Only pictures make it so long, so it is charged."""
        return self.is_success and self.is_cut and self.body.lstrip().startswith(b"{")


class ResponseTooLargeError(Exception):
    """The response has more bytes than any genuine one."""

    def __init__(self, beginning: bytes) -> None:
        super().__init__()
        self.beginning = beginning


class DeadlineExceededError(Exception):
    """The bytes were not sent or received in time."""


TRANSFER_ERRORS = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    OSError,
    DeadlineExceededError,
    ValueError,  # from parsing an invalid response
)


class RequestBody:
    """A request body that records in `sent_at` (monotonic seconds) when its last byte was passed to the network."""

    def __init__(self, data: bytes, deadline: float) -> None:
        self.deadline = deadline
        self._data = memoryview(data)
        self._at = 0
        self.sent_at: float | None = None

    def __len__(self) -> int:
        return len(self._data)

    def read(self, size: int = -1) -> bytes:
        if time.monotonic() > self.deadline and self._at < len(self._data):
            raise DeadlineExceededError
        chunk = bytes(self._data[self._at :] if size < 0 else self._data[self._at : self._at + size])
        self._at += len(chunk)
        if not chunk:  # The sender reads more only after it has passed all previous bytes to the kernel.
            self.sent_at = time.monotonic()
        return chunk


def encode_multipart(fields: list[RequestField]) -> tuple[bytes, str]:
    """Returns the body and the Content-Type of a multipart/form-data request."""
    return encode_multipart_formdata(fields)


def build_form_field(
    name: str, data: bytes | str, *, filename: str | None = None, content_type: str | None = None
) -> RequestField:
    """Builds one part of a form. A text part has neither filename nor content type."""
    field = RequestField(name, data, filename=filename)
    field.make_multipart(content_type=content_type)
    return field


def detect_media_type(picture: bytes) -> tuple[str, str]:
    """Returns the extension and the media type of a JPEG, PNG, or WebP, which are the formats that intake sends."""
    return next(media_type for magic, media_type in MEDIA_TYPES.items() if picture.startswith(magic))


def has_image_content_type(headers: Mapping[str, str]) -> bool:
    return headers.get("Content-Type", "").lower().startswith("image/")


def is_picture(body: bytes) -> bool:
    """True if the bytes begin like a JPEG, PNG, or WebP, regardless of their declared type."""
    return body.startswith(tuple(MEDIA_TYPES))


def to_data_uri(picture: bytes) -> str:
    """Encodes a picture for use inside JSON."""
    return f"data:{detect_media_type(picture)[1]};base64,{base64.b64encode(picture).decode()}"


def build_file_field(name: str, file_stem: str, picture: bytes) -> RequestField:
    """Builds the part of a form that contains a picture."""
    extension, media_type = detect_media_type(picture)
    return build_form_field(name, picture, filename=f"{file_stem}.{extension}", content_type=media_type)


def post(url: str, body: bytes, headers: Mapping[str, str], *, timeout_seconds: float) -> HttpResponse | ProviderResult:
    """Sends a paid call once, over a new connection, within `timeout_seconds`.

    A reused connection can break between two calls in a way that looks like a lost response, and a lost response may
    cost money. Returns the response, or a result that states how the call failed: NOW if the provider cannot have
    received the whole body, else AMBIG. A response may have MAX_ANSWER_BYTES, and a picture MAX_RESULT_BYTES.
    """
    request_body = RequestBody(body, deadline=time.monotonic() + timeout_seconds)
    limits = MAX_ANSWER_BYTES, MAX_RESULT_BYTES
    response = run_with_timeout(
        timeout_seconds, lambda: _send("POST", url, headers, request_body, request_body.deadline, limits)
    )
    if response is None:
        return ProviderResult(
            RetryClass.AMBIG,
            Code.CHARGE_UNKNOWN,
            f"The provider did not answer within {timeout_seconds:.0f} s. The call may have been charged.",
        )
    return response if isinstance(response, HttpResponse) else _build_transport_failure(response, request_body)


def send_free_request(
    url: str,
    headers: Mapping[str, str],
    *,
    timeout_seconds: float,
    body: bytes | None = None,
    max_bytes: int = MAX_RESPONSE_BYTES,
) -> HttpResponse | Exception | None:
    """Sends a request that costs nothing: GET, or POST if there is a body.

    Returns the exception if the request fails, and None if it takes too long.
    """
    deadline = time.monotonic() + timeout_seconds
    request_body = None if body is None else RequestBody(body, deadline)
    method = "GET" if request_body is None else "POST"
    return run_with_timeout(
        timeout_seconds, lambda: _send(method, url, headers, request_body, deadline, (max_bytes, max_bytes))
    )


class _FinalResponse(http.client.HTTPResponse):
    """Skips interim responses: of the 1xx statuses (RFC 9110, 15.2), http.client skips only 100."""

    @override
    def begin(self) -> None:
        super().begin()
        for _ in range(MAX_INTERIM_RESPONSES):
            if not 100 <= self.status < 200 or self.status == http.client.SWITCHING_PROTOCOLS:
                return
            self.headers = self.msg = None  # pyrefly: ignore[bad-assignment]  # begin() reads the next response only without
            super().begin()
        raise http.client.HTTPException(f"over {MAX_INTERIM_RESPONSES} interim responses")


class _Connection(HTTPConnection):
    response_class = _FinalResponse


class _TlsConnection(HTTPSConnection):
    response_class = _FinalResponse


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection  # pyrefly: ignore[bad-assignment]  # urllib3's own class does not fit the protocol either


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection  # pyrefly: ignore[bad-assignment]  # as above


class _Adapter(HTTPAdapter):
    @override
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}


class _Session(requests.Session):
    @override
    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Requests parses a Location also if redirects are not followed, and one that is invalid would hide the status.

        It would also read the whole body, of any size.
        """
        return None


def new_session() -> requests.Session:
    """Returns a session that ignores the environment's proxies, redirects, and interim responses, and never retries."""
    session = _Session()
    session.trust_env = False
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter())
    return session


def run_with_timeout[T](seconds: float, work: Callable[[], T]) -> T | None:
    """Returns the result of `work`, or None if it takes longer. Raises what `work` raises.

    A socket's timeout restarts with every byte. So a thread does the work, and is abandoned if it takes too long.
    """
    outcome: Future[T] = Future()

    def run() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:  # noqa: BLE001 - raised again by the caller
            outcome.set_exception(error)

    Thread(target=run, daemon=True).start()
    return outcome.result() if wait([outcome], max(seconds, 0)).done else None


def _send(
    method: str,
    url: str,
    headers: Mapping[str, str],
    request_body: RequestBody | None,
    deadline: float,
    max_bytes_by_kind: tuple[int, int],
) -> HttpResponse | Exception:
    """`max_bytes_by_kind`: the size limit of most responses, and that of responses whose Content-Type is an image."""
    seconds = max(deadline - time.monotonic(), MIN_TIMEOUT_SECONDS)
    try:
        with (
            new_session() as session,
            session.request(
                method,
                url,
                data=request_body,
                headers={**headers, "Connection": "close"},
                timeout=(min(CONNECT_TIMEOUT_SECONDS, seconds), seconds),
                allow_redirects=False,
                stream=True,
            ) as response,
        ):
            latency = time.monotonic() - ((request_body.sent_at if request_body else None) or time.monotonic())
            max_bytes = max_bytes_by_kind[has_image_content_type(response.headers)]
            try:
                body, is_cut = read_body(response, max_bytes=max_bytes, deadline=deadline), False
            except ResponseTooLargeError as error:
                body, is_cut = error.beginning, True
            return HttpResponse(response.status_code, response.headers, body, latency, is_cut)
    except TRANSFER_ERRORS as error:
        return error


def read_body(response: requests.Response, *, max_bytes: int, deadline: float) -> bytes:
    """Reads a streamed body of up to `max_bytes` until a monotonic `deadline` in seconds.

    Raises ResponseTooLargeError, DeadlineExceededError, and the errors of requests and urllib3 if the connection
    breaks.
    """
    received = BytesIO()  # its value, unlike a bytearray's, is not a second copy of a large picture
    while chunk := response.raw.read1(CHUNK_BYTES, decode_content=True):
        received.write(chunk)
        if received.tell() > max_bytes:
            raise ResponseTooLargeError(received.getvalue()[:MAX_BEGINNING_BYTES])
        if time.monotonic() > deadline:
            raise DeadlineExceededError
    return received.getvalue()


def _build_transport_failure(error: Exception, request_body: RequestBody) -> ProviderResult:
    error_name = type(error).__name__
    if request_body.sent_at is None:
        return ProviderResult(
            RetryClass.NOW, Code.PROVIDER_UNAVAILABLE, f"The provider cannot be reached ({error_name})."
        )
    return ProviderResult(
        RetryClass.AMBIG,
        Code.CHARGE_UNKNOWN,
        f"The call was sent, but no response arrived ({error_name}). It may have been charged.",
    )


def has_whole_body(status: int, headers: Mapping[str, str]) -> bool:
    """True if a successful response has the whole representation. A 206 may have only part of it (RFC 9110, 15.3.7).

    A 206 without a readable Content-Range counts as whole, so its body decides.
    """
    content_range = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", headers.get("Content-Range", "").strip())
    first, last, size = map(parse_length, content_range.groups()) if content_range else (None, None, None)
    if status != 206 or first is None or last is None or size is None:
        return True
    return first == 0 and last + 1 == size


def parse_length(text: str) -> int | None:
    """Returns a number of bytes that a header states. None if it is not a number, or more than any file can have.

    Python refuses to parse numbers with thousands of digits.
    """
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= MAX_LENGTH_DIGITS else None


def parse_retry_after(headers: Mapping[str, str]) -> float | None:
    """Returns the seconds of a Retry-After header: a number or an HTTP date. None if unreadable or over an hour.

    A date is compared with the response's own Date if it has one, because clocks differ.
    """
    text = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        seconds = float(text)
    else:
        moment = _parse_http_date(text)
        if moment is None:
            return None
        seconds = max((moment - (_parse_http_date(headers.get("Date", "")) or datetime.now(UTC))).total_seconds(), 0.0)
    return seconds if seconds <= MAX_RETRY_AFTER_SECONDS else None


def _parse_http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return moment.replace(tzinfo=moment.tzinfo or UTC)
