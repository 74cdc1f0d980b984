"""A paid call: its slot, its charge, the generation, and the answer that the bill hears of."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import cast

from pydantic import JsonValue
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from backdrop_local.standin import bill
from backdrop_local.standin.calls import ApiCall
from backdrop_local.standin.faults import Hit
from backdrop_local.standin.runs import Failure, Run
from backdrop_local.standin.wire import wire_of
from backdrop_local.standin.wishes import Made, Wish, made

type Afterwards = Callable[[Run], Awaitable[None]]
"""What is still to be done with the results of a run before anybody hears that it is done."""


class PaidCall(ApiCall):
    """What every provider's paid route does in the same way."""

    @property
    def limit(self) -> int | None:
        """How many calls the account may have in flight; None is no limit."""
        return self.state.settings.limit(self.provider, self.owner.account)

    @asynccontextmanager
    async def slot(self) -> AsyncGenerator[None]:
        """Hold one of the account's slots, or refuse; the client's leaving frees none."""
        self.take_slot()
        try:
            yield
        finally:
            self.leave_slot()

    def take_slot(self) -> None:
        """Take one of the account's slots, or refuse: 429, and where nobody listens to that, 503."""
        slots = self.state.slots
        if not slots.take(self.account, limit=self.limit, at=self.state.clock.now()):
            patience = self.state.settings.refusals_before_503(self.provider)
            tired = patience is not None and slots.lane(self.account).refused_in_a_row > patience
            raise self.refused(503 if tired else 429, "all slots are taken")

    def leave_slot(self) -> None:
        """Give the slot back."""
        self.state.slots.release(self.account, at=self.state.clock.now())

    def order(self, wish: Wish, *, provider_id: str = "", uuids: bool = True) -> bill.Order:
        """What goes on the bill."""
        work = {"route": self.route.rpartition("/")[2], "image": wish.photo_sha, **wish.options}
        return bill.Order(
            key=self.owner.key,
            label=self.owner.label,
            account=self.owner.account,
            provider=self.provider,
            route=self.route,
            fingerprint=bill.fingerprint(work),
            prompt=wish.prompt,
            client_hint=self.request.headers.get("user-agent", ""),
            speed=wish.speed,
            n=wish.n,
            unit_micro_usd=wish.unit_micro_usd,
            provider_id=provider_id,
            credits_each=wish.credits_each,
            uuids=uuids,
        )

    def accept(self, order: bill.Order, hit: Hit | None, *, fails: bool = False) -> bill.Job:
        """Charge the job and tell those who wait; raises RefusedError if the money is gone.

        `fails`: it will come to nothing, which is free unless the fault says otherwise.
        """
        produced = order.n - 1 if _is(hit, "fewer_results") else order.n
        unsafe = len(self.unsafe_places(hit, produced))
        billed = produced if self._is_billed(hit) else produced - unsafe if _is(hit, "unsafe") else 0
        if not self.state.bill.covers(order.provider, order.key, billed * order.unit_micro_usd):
            raise self.refused(self.out_of_money, "the balance is used up")
        job = self.state.bill.accept(
            order,
            produced=0 if fails else produced,
            unsafe=unsafe,
            billed_images=billed,
            at=self.state.clock.now(),
        )
        self.state.journal.accept(job.id, self.entry)
        return job

    @property
    def out_of_money(self) -> int:
        """The status of a call that the balance does not reach for."""
        return self.state.out_of_money_status or self.manner.out_of_money

    def _is_billed(self, hit: Hit | None) -> bool:
        """Whether the accepted job is charged in spite of the fault: unless rule or provider says no."""
        if hit is None:
            return True
        default = hit.rule.fault != "job_fails"
        if hit.rule.fault == "unsafe":
            default = self.manner.unsafe_forms[self.unsafe_form(hit)]
        return hit.rule.flag("billed", default=default)

    def unsafe_form(self, hit: Hit) -> str:
        """How an unsafe result shows: as the rule says, else the provider's ways in turn."""
        form = hit.rule.text("form", hit.pick(*self.manner.unsafe_forms))
        return form if form in self.manner.unsafe_forms else next(iter(self.manner.unsafe_forms))

    def unsafe_places(self, hit: Hit | None, produced: int) -> set[int]:
        """Which of the results the fault makes unsafe."""
        if hit is None or hit.rule.fault != "unsafe":
            return set()
        which = cast("list[int]", hit.rule.args.get("which", [0]))
        return {place for place in which if 0 <= place < produced}

    async def generate(
        self, wish: Wish, job: bill.Job, hit: Hit | None = None, *, since: float | None = None
    ) -> list[Made]:
        """Paint what was paid for, for as long as the generation takes and the fault adds to it.

        `since`: when it began (Unix seconds), if not now.
        """
        seeds = [wish.seed_of(job.id, place) for place in range(len(job.results))]
        prepared = self.state.settings.pictures == "prepared"
        named = list(zip(job.results, seeds, strict=True))
        pixels, latency = self.state.settings.cut_out_pixels, self.state.settings.latency(wish.speed)
        self.entry.latency_seconds = latency
        recipes = [wish.recipe(ident, seed, prepared=prepared, cut_out_pixels=pixels) for ident, seed in named]
        pictures, _, _ = await asyncio.gather(
            self.state.gallery.paint_all(recipes, wish.photo),
            asyncio.sleep(latency - (time.time() - since if since else 0)),
            self.delay(hit),
        )
        return [made(ident, seed, picture) for (ident, seed), picture in zip(named, pictures, strict=True)]

    def begin(
        self,
        wish: Wish,
        hit: Hit | None,
        *,
        provider_id: str = "",
        failure: Failure | None = None,
        terms: Mapping[str, JsonValue] | None = None,
        afterwards: Afterwards | None = None,
    ) -> Run:
        """Accept and charge the job, and let it run by itself; raises RefusedError."""
        self.take_slot()
        try:
            job = self.accept(self.order(wish, provider_id=provider_id), hit, fails=failure is not None)
        except BaseException:
            self.leave_slot()
            raise
        now, kept = self.state.clock.now(), wish.without_photo()
        ident = provider_id or job.id
        run = Run(ident, *self.account, wish.prompt, now, job=job, wish=kept, hit=hit, failure=failure)
        run.terms = terms or {}
        self.state.runs.start(run, self._carry_out(run, wish, job, afterwards))
        return run

    async def _carry_out(self, run: Run, wish: Wish, job: bill.Job, afterwards: Afterwards | None) -> None:
        workers, settings = self.state.runs.workers, self.state.settings
        await workers.take(self.account, lambda: settings.workers(self.provider))
        try:
            await asyncio.sleep(settings.queue_seconds)
            run.begin(self.state.clock.now())
            run.made = await self.generate(wish, job)
            if afterwards is not None:
                await afterwards(run)
        finally:
            await workers.leave(self.account)
            self.leave_slot()
            run.end(self.state.clock.now())

    def finish(self, answer: Response, job: bill.Job | None, hit: Hit | None) -> Response:
        """The answer as it goes out, which notes in the bill whether it arrived."""
        spoiled = self.spoiled(answer, hit)
        return spoiled if job is None else Noted(spoiled, job)


class Noted(Response):
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
