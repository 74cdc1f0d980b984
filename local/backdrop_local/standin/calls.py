"""One call on its way through the stand-in: whose key it is, what faults strike it, how it is refused."""

import asyncio
from collections.abc import Mapping
from typing import override

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from backdrop_local.standin.faults import Call, Hit, Phase
from backdrop_local.standin.keys import Owner, owner_of
from backdrop_local.standin.mischief import error_answer, spoil
from backdrop_local.standin.state import entry_of, state_of
from backdrop_local.standin.wire import Silence

HOLD_MS = 60_000
FOREIGN_HOST = "evil.test"
EVENLY_SECONDS = 1.0


class RefusedError(Exception):
    """The call ends here with this answer; nothing was accepted. `why` goes to the journal."""

    def __init__(self, answer: Response, why: str = "") -> None:
        super().__init__(why)
        self.answer = answer
        self.why = why


class Manner:
    """How one provider says no; each says for itself what differs.

    `unsafe_forms`: the ways in which it shows an unsafe result, and whether that is billed unless a rule says.
    """

    out_of_money = 402
    unsafe_forms: Mapping[str, bool] = {}

    def error_body(self, call: "ApiCall", status: int) -> JsonValue:
        """The usual body under an error status."""
        raise NotImplementedError

    def error_headers(self, call: "ApiCall", status: int) -> dict[str, str]:
        """The usual headers under an error status: none."""
        return {}

    def error_answer(self, call: "ApiCall", status: int) -> Response:
        """The usual refusal under an error status."""
        return JSONResponse(self.error_body(call, status), status, self.error_headers(call, status))

    def error_in_200(self, call: "ApiCall", status: int) -> JsonValue:
        """The body of an error that came too late for its status."""
        return self.error_body(call, status)


class ApiCall:
    """What every route of every provider does in the same way; `prompt` is set once it is known.

    `asking`: the call buys nothing (a poll, an upload).
    """

    def __init__(
        self, request: Request, provider: str, route: str, *, key: str | None, manner: Manner, asking: bool = False
    ) -> None:
        self.request = request
        self.state = state_of(request.scope)
        self.entry = entry_of(request.scope)
        self.manner = manner
        self.prompt = ""
        self.provider = provider
        self.route = route
        self._asking = asking
        self._owner: Owner | None = owner_of(key, self.state.settings)

    @property
    def owner(self) -> Owner:
        """Whose key it is; only after `arrive`."""
        if self._owner is None:
            raise RuntimeError("the call has not arrived with a valid key")
        return self._owner

    @property
    def account(self) -> tuple[str, str]:
        """Provider and account."""
        return self.provider, self.owner.account

    def refused(self, status: int, why: str) -> RefusedError:
        """The provider's usual refusal under this status."""
        return RefusedError(self.manner.error_answer(self, status), why)

    async def arrive(self, *, counted: bool = True) -> None:
        """Refuse a key that is not valid or asks too often, and do the faults that strike before the body."""
        if self._owner is None:
            raise self.refused(401, "no valid key")
        hit = self.meet(Phase.ARRIVAL)
        if hit is not None and hit.rule.fault == "key_paused":
            raise self.refused(hit.rule.number("status", 401), "the key is paused")
        if hit is not None:
            raise RefusedError(Silence(reset=True))
        if counted and not self._in_time():
            raise self.refused(429, "too many requests in this minute")

    def _in_time(self) -> bool:
        per_minute = self.state.settings.requests_per_minute.get(self.provider)
        bucket, now = (self.provider, self.owner.key), self.state.clock.now()
        return per_minute is None or self.state.rates.take(bucket, per_minute=per_minute, at=now)

    def next_request_at(self) -> float:
        """The Unix second from which on the provider takes another request of this key."""
        per_minute = self.state.settings.requests_per_minute.get(self.provider)
        bucket, now = (self.provider, self.owner.key), self.state.clock.now()
        if per_minute is None:
            return now + EVENLY_SECONDS
        return self.state.rates.next_at(bucket, per_minute=per_minute, at=now)

    def meet(self, phase: Phase) -> Hit | None:
        """The fault that strikes this call now."""
        hit = self.state.faults.meet(
            Call(
                provider=self.provider,
                routes=(self.route,),
                key=self.owner.key,
                prompt=self.prompt,
                asking=self._asking,
            ),
            phase,
        )
        if hit is not None:
            self.entry.fault = hit.rule.fault
        return hit

    async def pass_gate(self) -> None:
        """Do the fault, if any, that refuses a call whose body has been read."""
        hit = self.meet(Phase.GATE)
        if hit is not None:
            await asyncio.sleep(hit.rule.number("ms", 0) / 1000)
            raise RefusedError(self._error_answer(hit))

    async def delay(self, hit: Hit | None) -> None:
        """Keep the answer back for as long as the fault says."""
        if hit is not None and hit.rule.fault == "accept_then_wait":
            await self.state.journal.hold(hit.rule.number("ms", HOLD_MS) / 1000)
        elif hit is not None and hit.rule.fault in ("slow", "status"):
            await asyncio.sleep(hit.rule.number("ms", 0) / 1000)

    def _error_answer(self, hit: Hit) -> Response:
        status = 429 if hit.rule.fault == "refuse_429" else hit.rule.number("code", 500)
        body, headers = self.manner.error_body(self, status), self.manner.error_headers(self, status)
        return error_answer(hit, status, body, headers)

    def spoiled(self, answer: Response, hit: Hit | None) -> Response:
        """The right answer as the fault lets it through."""
        if hit is None:
            return answer
        if hit.rule.fault in ("status", "html_error"):
            return self._error_answer(hit)
        status = hit.rule.number("status_code", 500)
        return spoil(answer, hit, error_in_200=self.manner.error_in_200(self, status))

    def link_end(self, life_seconds: float, hit: Hit | None) -> int:
        """The Unix second until which a link made now is good."""
        if hit is not None and hit.rule.fault == "expired_url":
            life_seconds = -hit.rule.number("seconds", 60)
        return int(self.state.clock.now() + life_seconds)

    def link(self, real_origin: str, tail: str, hit: Hit | None, *, store: str = "") -> str:
        """A link to a result (`tail` is its path and query), or what a fault makes of it.

        `store`: the provider whose content server keeps it, if it is another's.
        """
        if hit is not None and hit.rule.fault == "foreign_url":
            return hit.rule.text("url", _foreign(hit, real_origin, tail))
        if self.state.settings.url_mode == "real":
            return real_origin + tail
        return f"http://{self.request.url.netloc}/cdn/{store or self.provider}{tail}"

    def api(self, real_api: str) -> str:
        """The address of the provider's API, which is ours where our links are."""
        real = self.state.settings.url_mode == "real"
        return real_api if real else f"http://{self.request.url.netloc}/{self.provider}"


class Question(ApiCall):
    """A call that buys nothing: a poll, a look-up, an upload. What strikes its answer is known after `pass_gate`."""

    gone = False
    stuck = False
    partial = False

    def __init__(self, request: Request, provider: str, route: str, *, key: str | None, manner: Manner) -> None:
        super().__init__(request, provider, route, key=key, manner=manner, asking=True)

    @override
    async def pass_gate(self) -> None:
        """Do the faults that refuse a question, and note those that make it find nothing, or no end."""
        await super().pass_gate()
        hit = self.meet(Phase.ASK)
        if hit is not None and hit.rule.fault == "poll_5xx":
            raise RefusedError(self._error_answer(hit))
        self.gone = hit is not None and hit.rule.fault == "poll_404"
        self.stuck = hit is not None and hit.rule.fault == "poll_stuck"
        self.partial = hit is not None and hit.rule.fault == "poll_partial"

    async def answered(self, answer: Response) -> Response:
        """The answer as it goes out."""
        hit = self.meet(Phase.RUN)
        await self.delay(hit)
        return self.spoiled(answer, hit)


def _foreign(hit: Hit, real_origin: str, tail: str) -> str:
    real_host = real_origin.removeprefix("https://")
    origins = {
        "host": f"https://{FOREIGN_HOST}",
        "http": f"http://{real_host}",
        "loopback": "http://127.0.0.1:9",
        "userinfo": f"https://{real_host}@{FOREIGN_HOST}",
    }
    return origins[hit.rule.text("kind", hit.pick(*origins))] + tail
