"""One call through the stand-in: its key, the faults that strike it, and its rejection."""

import asyncio
from collections.abc import Mapping
from typing import cast, override

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from backdrop_local.standin.connection import NoResponse
from backdrop_local.standin.corruption import build_error_response, corrupt_response
from backdrop_local.standin.faults import FaultHit, FaultTarget, Phase
from backdrop_local.standin.keys import KeyOwner, find_owner
from backdrop_local.standin.state import read_entry, read_state

DEFAULT_HOLD_MS = 60_000
FOREIGN_HOST = "evil.test"
UNLIMITED_RETRY_SECONDS = 1.0


class RejectedCallError(Exception):
    """Ends the call with this response. Nothing was accepted. `reason` goes to the journal."""

    def __init__(self, response: Response, reason: str = "") -> None:
        super().__init__(reason)
        self.response = response
        self.reason = reason


class ErrorFormat:
    """The format of one provider's errors. Each provider overrides what differs.

    `unsafe_forms`: the ways in which it reports an unsafe result, and whether that result is billed by default.
    """

    out_of_money_status = 402
    unsafe_forms: Mapping[str, bool] = {}

    def build_error_body(self, call: "ApiCall", status: int) -> JsonValue:
        """Returns the default body for an error status."""
        raise NotImplementedError

    def build_error_headers(self, call: "ApiCall", status: int) -> dict[str, str]:
        """Returns the default headers for an error status: none."""
        return {}

    def build_error_response(self, call: "ApiCall", status: int) -> Response:
        """Returns the default response for an error status."""
        return JSONResponse(self.build_error_body(call, status), status, self.build_error_headers(call, status))

    def build_error_in_200(self, call: "ApiCall", status: int) -> JsonValue:
        """Returns the body of an error that occurred after status 200 had been sent."""
        return self.build_error_body(call, status)


class ApiCall:
    """The behavior that all routes of all providers share. `prompt` is set once the body is parsed.

    `is_free`: the call buys nothing (a poll or an upload).
    """

    def __init__(
        self,
        request: Request,
        provider: str,
        route: str,
        *,
        key: str | None,
        error_format: ErrorFormat,
        is_free: bool = False,
    ) -> None:
        self.request = request
        self.state = read_state(request.scope)
        self.entry = read_entry(request.scope)
        self.error_format = error_format
        self.prompt = ""
        self.provider = provider
        self.route = route
        self._is_free = is_free
        self._owner: KeyOwner | None = find_owner(key, self.state.settings)

    @property
    def owner(self) -> KeyOwner:
        """The owner of the key. Available only after `authenticate`."""
        if self._owner is None:
            raise RuntimeError("the call is not authenticated")
        return self._owner

    @property
    def account(self) -> tuple[str, str]:
        """The provider and the account."""
        return self.provider, self.owner.account

    def build_rejection(self, status: int, reason: str) -> RejectedCallError:
        """Returns an error with the provider's default response for this status."""
        return RejectedCallError(self.error_format.build_error_response(self, status), reason)

    async def authenticate(self, *, counts_requests: bool = True) -> None:
        """Rejects an invalid key or too many requests, and applies the faults that strike before the body is read."""
        if self._owner is None:
            raise self.build_rejection(401, "no valid key")
        hit = self.find_fault(Phase.ARRIVAL)
        if hit is not None and hit.rule.fault == "key_paused":
            raise self.build_rejection(hit.rule.number_arg("status", 401), "the key is paused")
        if hit is not None:
            raise RejectedCallError(NoResponse(reset=True))
        if counts_requests and not self._within_rate():
            raise self.build_rejection(429, "too many requests in this minute")

    def _within_rate(self) -> bool:
        per_minute = self.state.settings.requests_per_minute.get(self.provider)
        bucket, now = (self.provider, self.owner.key), self.state.clock.now()
        return per_minute is None or self.state.rate_limiter.take(bucket, per_minute=per_minute, at=now)

    def next_request_at(self) -> float:
        """Returns when the provider accepts the next request of this key, in Unix seconds."""
        per_minute = self.state.settings.requests_per_minute.get(self.provider)
        bucket, now = (self.provider, self.owner.key), self.state.clock.now()
        if per_minute is None:
            return now + UNLIMITED_RETRY_SECONDS
        return self.state.rate_limiter.find_next_time(bucket, per_minute=per_minute, at=now)

    def find_fault(self, phase: Phase) -> FaultHit | None:
        """Returns the fault that applies to this call in this phase, if any."""
        hit = self.state.faults.find_hit(
            FaultTarget(
                provider=self.provider,
                routes=(self.route,),
                key=self.owner.key,
                prompt=self.prompt,
                is_free=self._is_free,
            ),
            phase,
        )
        if hit is not None:
            self.entry.fault = hit.rule.fault
        return hit

    async def apply_gate_faults(self) -> None:
        """Applies the fault, if any, that rejects a call after its body was read."""
        hit = self.find_fault(Phase.GATE)
        if hit is not None:
            await asyncio.sleep(hit.rule.number_arg("ms", 0) / 1000)
            raise RejectedCallError(self._build_error_response(hit))

    async def delay(self, hit: FaultHit | None) -> None:
        """Delays the response for as long as the fault specifies."""
        if hit is not None and hit.rule.fault == "accept_then_wait":
            await self.state.journal.hold(hit.rule.number_arg("ms", DEFAULT_HOLD_MS) / 1000)
        elif hit is not None and hit.rule.fault in ("slow", "status"):
            await asyncio.sleep(hit.rule.number_arg("ms", 0) / 1000)

    def _build_error_response(self, hit: FaultHit) -> Response:
        status = 429 if hit.rule.fault == "refuse_429" else hit.rule.number_arg("code", 500)
        body, headers = (
            self.error_format.build_error_body(self, status),
            self.error_format.build_error_headers(self, status),
        )
        return build_error_response(hit, status, body, headers)

    def corrupt(self, response: Response, hit: FaultHit | None) -> Response:
        """Returns the response as the fault changes it."""
        if hit is None:
            return response
        if hit.rule.fault in ("status", "html_error"):
            return self._build_error_response(hit)
        status = hit.rule.number_arg("status_code", 500)
        return corrupt_response(response, hit, error_in_200=self.error_format.build_error_in_200(self, status))

    def choose_unsafe_form(self, hit: FaultHit) -> str:
        """Returns how an unsafe result is reported: as the rule specifies, or else in the provider's forms in turn."""
        form = hit.rule.text_arg("form", hit.next_choice(*self.error_format.unsafe_forms))
        return form if form in self.error_format.unsafe_forms else next(iter(self.error_format.unsafe_forms))

    def find_unsafe_positions(self, hit: FaultHit | None, produced: int) -> set[int]:
        """Returns the positions of the results that the fault makes unsafe."""
        if hit is None or hit.rule.fault != "unsafe":
            return set()
        which = cast("list[int]", hit.rule.args.get("which", [0]))
        return {place for place in which if 0 <= place < produced}

    def link_expiry(self, lifetime_seconds: float, hit: FaultHit | None) -> int:
        """Returns when a link created now expires, in Unix seconds."""
        if hit is not None and hit.rule.fault == "expired_url":
            lifetime_seconds = -hit.rule.number_arg("seconds", 60)
        return int(self.state.clock.now() + lifetime_seconds)

    def build_link(self, real_origin: str, tail: str, hit: FaultHit | None, *, store: str = "") -> str:
        """Returns a link to a result (`tail` is its path and query), or the link that a fault replaces it with.

        `store`: the provider whose content server has the result, if it is another provider.
        """
        if hit is not None and hit.rule.fault == "foreign_url":
            return hit.rule.text_arg("url", _foreign_url(hit, real_origin, tail))
        if self.state.settings.url_mode == "real":
            return real_origin + tail
        return f"http://{self.request.url.netloc}/cdn/{store or self.provider}{tail}"

    def api_url(self, real_api: str) -> str:
        """Returns the address of the provider's API: the stand-in's own, unless links use the real host names."""
        real = self.state.settings.url_mode == "real"
        return real_api if real else f"http://{self.request.url.netloc}/{self.provider}"


class FreeCall(ApiCall):
    """A call that buys nothing: a poll, a lookup, or an upload. Its faults are known after `apply_gate_faults`."""

    is_gone = False
    is_stuck = False
    is_partial = False

    def __init__(
        self, request: Request, provider: str, route: str, *, key: str | None, error_format: ErrorFormat
    ) -> None:
        super().__init__(request, provider, route, key=key, error_format=error_format, is_free=True)

    @override
    async def apply_gate_faults(self) -> None:
        """Applies the faults that reject the call, and records those that change what it finds."""
        await super().apply_gate_faults()
        hit = self.find_fault(Phase.LOOKUP)
        if hit is not None and hit.rule.fault == "poll_5xx":
            raise RejectedCallError(self._build_error_response(hit))
        self.is_gone = hit is not None and hit.rule.fault == "poll_404"
        self.is_stuck = hit is not None and hit.rule.fault == "poll_stuck"
        self.is_partial = hit is not None and hit.rule.fault == "poll_partial"

    async def respond(self, response: Response) -> Response:
        """Returns the response as the faults change it."""
        hit = self.find_fault(Phase.RUN)
        await self.delay(hit)
        return self.corrupt(response, hit)


def _foreign_url(hit: FaultHit, real_origin: str, tail: str) -> str:
    real_host = real_origin.removeprefix("https://")
    origins = {
        "host": f"https://{FOREIGN_HOST}",
        "http": f"http://{real_host}",
        "loopback": "http://127.0.0.1:9",
        "userinfo": f"https://{real_host}@{FOREIGN_HOST}",
    }
    return origins[hit.rule.text_arg("kind", hit.next_choice(*origins))] + tail
