"""One call on its way through the stand-in: whose key it is, what faults strike it, how it is refused."""

import asyncio
from collections.abc import Mapping
from typing import override

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
    """The call ends here with this answer; nothing was accepted. `why` goes to the journal."""

    def __init__(self, response: Response, reason: str = "") -> None:
        super().__init__(reason)
        self.response = response
        self.reason = reason


class ErrorFormat:
    """How one provider says no; each says for itself what differs.

    `unsafe_forms`: the ways in which it shows an unsafe result, and whether that is billed unless a rule says.
    """

    out_of_money_status = 402
    unsafe_forms: Mapping[str, bool] = {}

    def build_error_body(self, call: "ApiCall", status: int) -> JsonValue:
        """The usual body under an error status."""
        raise NotImplementedError

    def build_error_headers(self, call: "ApiCall", status: int) -> dict[str, str]:
        """The usual headers under an error status: none."""
        return {}

    def build_error_response(self, call: "ApiCall", status: int) -> Response:
        """The usual refusal under an error status."""
        return JSONResponse(self.build_error_body(call, status), status, self.build_error_headers(call, status))

    def build_error_in_200(self, call: "ApiCall", status: int) -> JsonValue:
        """The body of an error that came too late for its status."""
        return self.build_error_body(call, status)


class ApiCall:
    """What every route of every provider does in the same way; `prompt` is set once it is known.

    `asking`: the call buys nothing (a poll, an upload).
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
        """Whose key it is; only after `arrive`."""
        if self._owner is None:
            raise RuntimeError("the call has not arrived with a valid key")
        return self._owner

    @property
    def account(self) -> tuple[str, str]:
        """Provider and account."""
        return self.provider, self.owner.account

    def build_rejection(self, status: int, reason: str) -> RejectedCallError:
        """The provider's usual refusal under this status."""
        return RejectedCallError(self.error_format.build_error_response(self, status), reason)

    async def authenticate(self, *, counts_requests: bool = True) -> None:
        """Refuse a key that is not valid or asks too often, and do the faults that strike before the body."""
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
        """The Unix second from which on the provider takes another request of this key."""
        per_minute = self.state.settings.requests_per_minute.get(self.provider)
        bucket, now = (self.provider, self.owner.key), self.state.clock.now()
        if per_minute is None:
            return now + UNLIMITED_RETRY_SECONDS
        return self.state.rate_limiter.find_next_time(bucket, per_minute=per_minute, at=now)

    def find_fault(self, phase: Phase) -> FaultHit | None:
        """The fault that strikes this call now."""
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
        """Do the fault, if any, that refuses a call whose body has been read."""
        hit = self.find_fault(Phase.GATE)
        if hit is not None:
            await asyncio.sleep(hit.rule.number_arg("ms", 0) / 1000)
            raise RejectedCallError(self._build_error_response(hit))

    async def delay(self, hit: FaultHit | None) -> None:
        """Keep the answer back for as long as the fault says."""
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
        """The right answer as the fault lets it through."""
        if hit is None:
            return response
        if hit.rule.fault in ("status", "html_error"):
            return self._build_error_response(hit)
        status = hit.rule.number_arg("status_code", 500)
        return corrupt_response(response, hit, error_in_200=self.error_format.build_error_in_200(self, status))

    def link_expiry(self, lifetime_seconds: float, hit: FaultHit | None) -> int:
        """The Unix second until which a link made now is good."""
        if hit is not None and hit.rule.fault == "expired_url":
            lifetime_seconds = -hit.rule.number_arg("seconds", 60)
        return int(self.state.clock.now() + lifetime_seconds)

    def build_link(self, real_origin: str, tail: str, hit: FaultHit | None, *, store: str = "") -> str:
        """A link to a result (`tail` is its path and query), or what a fault makes of it.

        `store`: the provider whose content server keeps it, if it is another's.
        """
        if hit is not None and hit.rule.fault == "foreign_url":
            return hit.rule.text_arg("url", _foreign_url(hit, real_origin, tail))
        if self.state.settings.url_mode == "real":
            return real_origin + tail
        return f"http://{self.request.url.netloc}/cdn/{store or self.provider}{tail}"

    def api_url(self, real_api: str) -> str:
        """The address of the provider's API, which is ours where our links are."""
        real = self.state.settings.url_mode == "real"
        return real_api if real else f"http://{self.request.url.netloc}/{self.provider}"


class FreeCall(ApiCall):
    """A call that buys nothing: a poll, a look-up, an upload. What strikes its answer is known after `pass_gate`."""

    is_gone = False
    is_stuck = False
    is_partial = False

    def __init__(
        self, request: Request, provider: str, route: str, *, key: str | None, error_format: ErrorFormat
    ) -> None:
        super().__init__(request, provider, route, key=key, error_format=error_format, is_free=True)

    @override
    async def apply_gate_faults(self) -> None:
        """Do the faults that refuse a question, and note those that make it find nothing, or no end."""
        await super().apply_gate_faults()
        hit = self.find_fault(Phase.LOOKUP)
        if hit is not None and hit.rule.fault == "poll_5xx":
            raise RejectedCallError(self._build_error_response(hit))
        self.is_gone = hit is not None and hit.rule.fault == "poll_404"
        self.is_stuck = hit is not None and hit.rule.fault == "poll_stuck"
        self.is_partial = hit is not None and hit.rule.fault == "poll_partial"

    async def respond(self, response: Response) -> Response:
        """The answer as it goes out."""
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
