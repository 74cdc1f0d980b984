"""HTTP to a paid API: one request, no retries, and the exact knowledge of whether it can have been taken."""

import base64
import http.client
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, override

import requests
import urllib3.exceptions
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.fields import RequestField
from urllib3.filepost import encode_multipart_formdata

from backdrop.model.codes import Code
from backdrop.model.provider_result import ProviderResult, RetryClass

CONNECT_TIMEOUT_SECONDS = 5.0
MIN_TIMEOUT_SECONDS = 0.001
MAX_RESPONSE_BYTES = 2_000_000
# A JSON response may carry the pictures themselves, a third longer as base64.
MAX_JSON_BYTES = 25_000_000
MAX_RETRY_AFTER_SECONDS = 3600
MAX_INTERIM_RESPONSES = 100
CHUNK_BYTES = 262_144
MEDIA_TYPES = {
    b"\xff\xd8\xff": ("jpg", "image/jpeg"),
    b"\x89PNG": ("png", "image/png"),
    b"RIFF": ("webp", "image/webp"),
}
MAY_BE_CHARGED = "it may have been charged"


@dataclass(frozen=True)
class HttpResponse:
    """What came back: `latency_seconds` is seconds between the last byte of the request and the first of the answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    latency_seconds: float

    @property
    def is_success(self) -> bool:
        """Whether the provider reports success and the body is whole; the body alone tells what it is worth."""
        return 200 <= self.status < 300 and has_whole_body(self.status, self.headers)


class ResponseTooLargeError(Exception):
    """More bytes came than any honest answer has."""


class DeadlineExceededError(Exception):
    """The bytes did not come within the time that was given."""


class RequestBody:
    """A request body that knows whether its last byte was handed to the network, and when (monotonic seconds)."""

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
        if not chunk:  # the sender asks for more only when all before is with the kernel
            self.sent_at = time.monotonic()
        return chunk


def encode_multipart(fields: list[RequestField]) -> tuple[bytes, str]:
    """The body and the Content-Type of a multipart/form-data request."""
    return encode_multipart_formdata(fields)


def build_form_field(
    name: str, data: bytes | str, *, filename: str | None = None, content_type: str | None = None
) -> RequestField:
    """One part of a form; a text part has neither filename nor type."""
    field = RequestField(name, data, filename=filename)
    field.make_multipart(content_type=content_type)
    return field


def detect_media_type(picture: bytes) -> tuple[str, str]:
    """The extension and the media type of a picture of the kinds that intake lets through."""
    return next((found for magic, found in MEDIA_TYPES.items() if picture.startswith(magic)))


def has_image_content_type(headers: Mapping[str, str]) -> bool:
    """Whether a response's Content-Type is an image."""
    return headers.get("Content-Type", "").lower().startswith("image/")


def is_picture(body: bytes) -> bool:
    """Whether bytes begin as a picture of these kinds does, whatever they are called."""
    return body.startswith(tuple(MEDIA_TYPES))


def to_data_uri(picture: bytes) -> str:
    """A picture inside JSON."""
    return f"data:{detect_media_type(picture)[1]};base64,{base64.b64encode(picture).decode()}"


def build_file_field(name: str, file_stem: str, picture: bytes) -> RequestField:
    """A picture as a part of a form."""
    extension, media_type = detect_media_type(picture)
    return build_form_field(name, picture, filename=f"{file_stem}.{extension}", content_type=media_type)


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    timeout_seconds: float,
    max_bytes: int = MAX_RESPONSE_BYTES,
    max_picture_bytes: int = 0,
) -> HttpResponse | ProviderResult:
    """Send a paid call once over a connection of its own, in `timeout_seconds` at the most.

    A reused connection can break between two calls in a way that looks like a lost answer, and a lost answer is money.
    Returns the Reply, or the Answer that tells how it failed: NOW where the body cannot have arrived whole, else AMBIG.
    An answer of more than `max_bytes` bytes is lost; one whose Content-Type is an image may have `max_picture_bytes`
    bytes.
    """
    request_body = RequestBody(body, deadline=time.monotonic() + timeout_seconds)
    limits = max_bytes, max(max_bytes, max_picture_bytes)
    response = _run_with_timeout(
        timeout_seconds, lambda: _send("POST", url, headers, request_body, request_body.deadline, limits)
    )
    if response is None:
        return ProviderResult(
            RetryClass.AMBIG, Code.CHARGE_UNKNOWN, f"No answer came within {timeout_seconds:.0f} s; {MAY_BE_CHARGED}."
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
    """Ask what costs nothing: GET, or POST where there is a body. No Reply where no whole answer came in time."""
    deadline = time.monotonic() + timeout_seconds
    request_body = None if body is None else RequestBody(body, deadline)
    method = "GET" if request_body is None else "POST"
    return _run_with_timeout(
        timeout_seconds, lambda: _send(method, url, headers, request_body, deadline, (max_bytes, max_bytes))
    )


class _FinalResponse(http.client.HTTPResponse):
    """A response that is read past interim ones: http.client skips only 100 of the 1xx (RFC 9110, 15.2)."""

    @override
    def begin(self) -> None:
        super().begin()
        for _ in range(MAX_INTERIM_RESPONSES):
            if not 100 <= self.status < 200 or self.status == http.client.SWITCHING_PROTOCOLS:
                return
            self.headers = self.msg = None  # pyrefly: ignore[bad-assignment]  # begin() reads on without
            super().begin()
        raise http.client.HTTPException(f"over {MAX_INTERIM_RESPONSES} interim responses")


class _Connection(HTTPConnection):
    response_class = _FinalResponse


class _TlsConnection(HTTPSConnection):
    response_class = _FinalResponse


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection  # pyrefly: ignore[bad-assignment]  # nor does urllib3's own fit its protocol


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection  # pyrefly: ignore[bad-assignment]  # the same


class _Adapter(HTTPAdapter):
    @override
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}


def new_session() -> requests.Session:
    """A session that ignores the machine's environment, retries nothing, and reads past interim responses."""
    session = requests.Session()
    session.trust_env = False
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter())
    return session


def _run_with_timeout[T](seconds: float, work: Callable[[], T]) -> T | None:
    """What the work comes to within its time, else None.

    Sockets' own time-outs count anew with every byte, so a thread does it, and is left behind when it drags on.
    """
    ended: SimpleQueue[T] = SimpleQueue()
    Thread(target=lambda: ended.put(work()), daemon=True).start()
    try:
        return ended.get(timeout=max(seconds, 0))
    except Empty:
        return None


def _send(
    method: str,
    url: str,
    headers: Mapping[str, str],
    request_body: RequestBody | None,
    deadline: float,
    max_bytes_by_kind: tuple[int, int],
) -> HttpResponse | Exception:
    """The Reply, or why there is none. `max_bytes_by_kind`: how many bytes it may have, and how many as an image."""
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
            body = read_body(
                response, max_bytes=max_bytes_by_kind[has_image_content_type(response.headers)], deadline=deadline
            )
            return HttpResponse(response.status_code, response.headers, body, latency)
    except (
        requests.RequestException,
        urllib3.exceptions.HTTPError,
        OSError,
        ResponseTooLargeError,
        DeadlineExceededError,
    ) as error:
        return error


def read_body(response: requests.Response, *, max_bytes: int, deadline: float) -> bytes:
    """A streamed body as it comes, up to `max_bytes` bytes and a monotonic `deadline` in seconds.

    Raises TooLongError, DeadlineExceededError, and what requests and urllib3 raise when the connection breaks.
    """
    received = bytearray()
    while chunk := response.raw.read1(CHUNK_BYTES, decode_content=True):
        received += chunk
        if len(received) > max_bytes:
            raise ResponseTooLargeError
        if time.monotonic() > deadline:
            raise DeadlineExceededError
    return bytes(received)


def _build_transport_failure(error: Exception, request_body: RequestBody) -> ProviderResult:
    error_name = type(error).__name__
    if request_body.sent_at is None:
        return ProviderResult(
            RetryClass.NOW, Code.PROVIDER_UNAVAILABLE, f"The provider cannot be reached ({error_name})."
        )
    return ProviderResult(
        RetryClass.AMBIG,
        Code.CHARGE_UNKNOWN,
        f"The call went out and no answer came back ({error_name}); {MAY_BE_CHARGED}.",
    )


def has_whole_body(status: int, headers: Mapping[str, str]) -> bool:
    """Whether a successful response carries the whole representation: a 206 may carry a part of it (RFC 9110, 15.3.7).

    A 206 without a readable Content-Range is taken as whole: what the body holds decides.
    """
    content_range = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", headers.get("Content-Range", "").strip())
    if status != 206 or content_range is None:
        return True
    first, last, size = map(int, content_range.groups())
    return first == 0 and last + 1 == size


def parse_retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds of a Retry-After header: a number, a fraction, or an HTTP date. None if over an hour or unreadable.

    A date counts from the response's own Date where it has one: clocks differ.
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
