"""Runware's delivery to the caller's own addresses: pictures by PUT, notifications by POST."""

import asyncio
from collections.abc import Mapping
from typing import cast
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import requests
from anyio import to_thread
from pydantic import JsonValue
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from backdrop_local.providers import is_loopback
from backdrop_local.standin.api_call import ApiCall
from backdrop_local.standin.generations import Generation
from backdrop_local.standin.runware_results import build_items

TIMEOUT_SECONDS = 5.0
RETRY_DELAYS_SECONDS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)


async def put_results(call: ApiCall, generation: Generation) -> None:
    """Sends each picture to `uploadEndpoint` by PUT. A failed PUT is not reported."""
    address = generation.response_options.get("uploadEndpoint")
    if not isinstance(address, str) or _find_fault(generation) == "put_fail":
        return
    for image in generation.images:
        content = await call.state.picture_store.read_content(image.ident) or b""
        await _send("PUT", address, content, call.state.picture_store.find_media_type(image.ident))


async def call_webhook(
    call: ApiCall, generation: Generation, response_sent: asyncio.Event, webhook_done: asyncio.Event
) -> None:
    """Sends each result to `webhookURL` by POST, after the response was sent (or, with a fault, before)."""
    address = generation.response_options.get("webhookURL")
    if isinstance(address, str) and _find_fault(generation) != "no_webhook":
        if _find_fault(generation) != "early_webhook":
            await response_sent.wait()
        await generation.done.wait()
        for item in await build_items(call, generation):
            await _post_item(cast("Mapping[str, JsonValue]", item), address, _find_fault(generation))
    webhook_done.set()


async def _post_item(item: Mapping[str, JsonValue], address: str, fault: str) -> None:
    if fault == "forged_webhook":
        await _post_with_retries(item, _forge_token(address))
    for _ in range(2 if fault == "dup_webhook" else 1):
        await _post_with_retries(item, address)


async def _post_with_retries(item: Mapping[str, JsonValue], address: str) -> None:
    body = requests.Request("POST", address, json=dict(item)).prepare().body or b""
    for delay in RETRY_DELAYS_SECONDS:
        await asyncio.sleep(delay)
        status = await _send("POST", address, body if isinstance(body, bytes) else body.encode(), "application/json")
        if status is not None and 200 <= status < 300:
            return


def _forge_token(address: str) -> str:
    """Returns the address as a forger without its token would write it."""
    parts = urlsplit(address)
    query = [(name, "forged") for name, _ in parse_qsl(parts.query)]
    return urlunsplit(parts._replace(query=urlencode(query)))


async def _send(method: str, address: str, content: bytes, kind: str) -> int | None:
    """Returns the response's status. None if there was no response, or the address is not on this machine."""
    if not is_loopback(address):
        return None
    return await to_thread.run_sync(_request, method, address, content, kind)


def _request(method: str, address: str, content: bytes, kind: str) -> int | None:
    try:
        with requests.Session() as session:
            session.trust_env = False
            return session.request(
                method,
                address,
                data=content,
                headers={"Content-Type": kind},
                timeout=TIMEOUT_SECONDS,
                allow_redirects=False,
            ).status_code
    except requests.RequestException:
        return None


def _find_fault(generation: Generation) -> str:
    return generation.hit.rule.fault if generation.hit is not None else ""


class SignalingResponse(Response):
    """A response that sets an event when it has been sent."""

    def __init__(self, response: Response, response_sent: asyncio.Event) -> None:
        super().__init__()
        self._response = response
        self._response_sent = response_sent

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the response."""
        try:
            await self._response(scope, receive, send)
        finally:
            self._response_sent.set()
