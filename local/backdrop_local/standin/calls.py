"""One paid call on its way through the stand-in: key, slot, faults, charge, answer."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import cast

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Message, Receive, Scope, Send

from backdrop_local.standin import bill
from backdrop_local.standin.faults import Call, Hit, Phase
from backdrop_local.standin.keys import Owner, owner_of
from backdrop_local.standin.mischief import error_answer, is_billed, spoil
from backdrop_local.standin.state import entry_of, state_of
from backdrop_local.standin.wire import Silence, wire_of

HOLD_MS = 60_000
FOREIGN_HOST = "evil.test"


class RefusedError(Exception):
    """The call ends here with this answer; nothing was accepted. `why` goes to the journal."""

    def __init__(self, answer: Response, why: str = "") -> None:
        super().__init__(why)
        self.answer = answer
        self.why = why


type ErrorBody = Callable[["PaidCall", int], JsonValue]
"""A provider's usual body under an error status."""


class PaidCall:
    """What every provider's paid route does in the same way; `prompt` is set once it is known."""

    def __init__(self, request: Request, provider: str, route: str, *, key: str | None, errors: ErrorBody) -> None:
        self.request = request
        self.state = state_of(request.scope)
        self.entry = entry_of(request.scope)
        self.prompt = ""
        self._provider = provider
        self._route = route
        self._errors = errors
        self._owner: Owner | None = owner_of(key, self.state.settings)

    @property
    def owner(self) -> Owner:
        """Whose key it is; only after `arrive`."""
        if self._owner is None:
            raise RuntimeError("the call has not arrived with a valid key")
        return self._owner

    @property
    def limit(self) -> int:
        """How many calls the account may have in flight."""
        return self.state.settings.limit(self.owner.account)

    def refused(self, status: int, why: str) -> RefusedError:
        """The provider's usual refusal under this status."""
        return RefusedError(JSONResponse(self._errors(self, status), status), why)

    async def arrive(self) -> None:
        """Refuse a key that is not valid, and do the faults that strike before the body."""
        if self._owner is None:
            raise self.refused(401, "no valid key")
        hit = self.meet(Phase.ARRIVAL)
        if hit is not None and hit.rule.fault == "key_paused":
            raise self.refused(hit.rule.number("status", 401), "the key is paused")
        if hit is not None:
            raise RefusedError(Silence(reset=True))

    @asynccontextmanager
    async def slot(self) -> AsyncGenerator[None]:
        """Hold one of the account's slots, or refuse with 429; the client's leaving frees none."""
        account, clock = (self._provider, self.owner.account), self.state.clock
        if not self.state.slots.take(account, limit=self.limit, at=clock.now()):
            raise self.refused(429, "all slots are taken")
        try:
            yield
        finally:
            self.state.slots.release(account, at=clock.now())

    def meet(self, phase: Phase) -> Hit | None:
        """The fault that strikes this call now."""
        hit = self.state.faults.meet(
            Call(
                provider=self._provider,
                routes=(self._route,),
                key=self.owner.key,
                prompt=self.prompt,
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

    def _error_answer(self, hit: Hit) -> Response:
        status = 429 if hit.rule.fault == "refuse_429" else hit.rule.number("code", 500)
        return error_answer(hit, status, self._errors(self, status))

    def accept(self, order: bill.Order, hit: Hit | None) -> bill.Job:
        """Charge the job and tell those who wait; raises RefusedError if the money is gone."""
        produced = order.n - 1 if _is(hit, "fewer_results") else order.n
        unsafe = len(self.unsafe_places(hit, produced))
        free = 0 if is_billed(hit) else unsafe if _is(hit, "unsafe") else produced
        billed = produced - free
        if not self.state.bill.covers(order.key, billed * order.unit_micro_usd):
            raise self.refused(self.state.out_of_money_status, "the balance is used up")
        job = self.state.bill.accept(
            order,
            produced=produced,
            unsafe=unsafe,
            billed_images=billed,
            at=self.state.clock.now(),
        )
        self.state.journal.accept(job.id, self.entry)
        return job

    def unsafe_places(self, hit: Hit | None, produced: int) -> set[int]:
        """Which of the results the fault makes unsafe."""
        if hit is None or hit.rule.fault != "unsafe":
            return set()
        which = cast("list[int]", hit.rule.args.get("which", [0]))
        return {place for place in which if 0 <= place < produced}

    async def run_time(self, speed: str, hit: Hit | None) -> None:
        """As long as the generation takes, with what a fault adds to it."""
        await asyncio.sleep(self.state.settings.latency(speed))
        if hit is not None and hit.rule.fault == "accept_then_wait":
            await self.state.journal.hold(hit.rule.number("ms", HOLD_MS) / 1000)
        elif hit is not None and hit.rule.fault in ("slow", "status"):
            await asyncio.sleep(hit.rule.number("ms", 0) / 1000)

    def link(self, real_origin: str, path: str, ident: str, hit: Hit | None) -> str:
        """A signed link to a result, or what a fault makes of it."""
        settings, netloc = self.state.settings, self.request.url.netloc
        life = settings.link_life_seconds
        if hit is not None and hit.rule.fault == "expired_url":
            life = -hit.rule.number("seconds", 60)
        exp = int(self.state.clock.now()) + life
        tail = f"{path}?{self.state.signer.query(ident, exp)}"
        if hit is not None and hit.rule.fault == "foreign_url":
            return hit.rule.text("url", _foreign(hit, real_origin, tail))
        real = settings.url_mode == "real"
        return f"{real_origin if real else f'http://{netloc}/cdn/{self._provider}'}{tail}"

    def finish(self, answer: JSONResponse, job: bill.Job, hit: Hit | None) -> Response:
        """The answer as it goes out, which notes in the bill whether it arrived."""
        if hit is None:
            return _Noted(answer, job)
        fails = hit.rule.fault in ("status", "html_error")
        return _Noted(self._error_answer(hit) if fails else spoil(answer, hit), job)


class _Noted(Response):
    """An answer that tells the bill how it ended."""

    def __init__(self, answer: Response, job: bill.Job) -> None:
        super().__init__()
        self._answer = answer
        self._job = job

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer; it counts as answered if its last byte found the connection open."""
        wire = wire_of(scope)

        async def note_and_send(message: Message) -> None:
            last = message["type"] == "http.response.body" and not message.get("more_body")
            self._job.answered = last and not wire.gone
            await send(message)

        await self._answer(scope, receive, note_and_send)
        self._job.dropped = not self._job.answered


def _is(hit: Hit | None, fault: str) -> bool:
    return hit is not None and hit.rule.fault == fault


def _foreign(hit: Hit, real_origin: str, tail: str) -> str:
    real_host = real_origin.removeprefix("https://")
    origins = {
        "host": f"https://{FOREIGN_HOST}",
        "http": f"http://{real_host}",
        "loopback": "http://127.0.0.1:9",
        "userinfo": f"https://{real_host}@{FOREIGN_HOST}",
    }
    return origins[hit.rule.text("kind", hit.pick(*origins))] + tail
