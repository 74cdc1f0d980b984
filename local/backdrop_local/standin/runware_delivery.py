"""How Runware brings results to the caller's own addresses: the bytes by PUT, the news by POST."""

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
from backdrop_local.standin.calls import ApiCall
from backdrop_local.standin.runs import Run
from backdrop_local.standin.runware_answers import items

SECONDS = 5.0
DELAYS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)


async def put_results(call: ApiCall, run: Run) -> None:
    """PUT each picture to `uploadEndpoint`; nobody hears of a PUT that fails."""
    address = run.terms.get("uploadEndpoint")
    if not isinstance(address, str) or _fault(run) == "put_fail":
        return
    for one in run.made:
        content = await call.state.gallery.content(one.ident) or b""
        await _send("PUT", address, content, call.state.gallery.media_type(one.ident))


async def tell(call: ApiCall, run: Run, answered: asyncio.Event, told: asyncio.Event) -> None:
    """POST each result to `webhookURL`, after the call has been answered (or, by a fault, before)."""
    address = run.terms.get("webhookURL")
    if isinstance(address, str) and _fault(run) != "no_webhook":
        if _fault(run) != "early_webhook":
            await answered.wait()
        await run.done.wait()
        for item in await items(call, run):
            await _tell_of(cast("Mapping[str, JsonValue]", item), address, _fault(run))
    told.set()


async def _tell_of(item: Mapping[str, JsonValue], address: str, fault: str) -> None:
    if fault == "forged_webhook":
        await _deliver(item, _forged(address))
    for _ in range(2 if fault == "dup_webhook" else 1):
        await _deliver(item, address)


async def _deliver(item: Mapping[str, JsonValue], address: str) -> None:
    body = requests.Request("POST", address, json=dict(item)).prepare().body or b""
    for delay in DELAYS:
        await asyncio.sleep(delay)
        status = await _send("POST", address, body if isinstance(body, bytes) else body.encode(), "application/json")
        if status is not None and 200 <= status < 300:
            return


def _forged(address: str) -> str:
    """The address as one would write it who does not know its token."""
    parts = urlsplit(address)
    query = [(name, "forged") for name, _ in parse_qsl(parts.query)]
    return urlunsplit(parts._replace(query=urlencode(query)))


async def _send(method: str, address: str, content: bytes, kind: str) -> int | None:
    """The status of the answer; None if there was none, or the address is not on this machine."""
    if not is_loopback(address):
        return None
    return await to_thread.run_sync(_request, method, address, content, kind)


def _request(method: str, address: str, content: bytes, kind: str) -> int | None:
    try:
        with requests.Session() as session:
            session.trust_env = False
            return session.request(
                method, address, data=content, headers={"Content-Type": kind}, timeout=SECONDS, allow_redirects=False
            ).status_code
    except requests.RequestException:
        return None


def _fault(run: Run) -> str:
    return run.hit.rule.fault if run.hit is not None else ""


class Answering(Response):
    """An answer that tells when it has gone out."""

    def __init__(self, answer: Response, gone_out: asyncio.Event) -> None:
        super().__init__()
        self._answer = answer
        self._gone_out = gone_out

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await self._answer(scope, receive, send)
        finally:
            self._gone_out.set()
