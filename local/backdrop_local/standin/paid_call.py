"""A paid call: its slot, its charge, its generation, and its response, which the bill records."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from pydantic import JsonValue
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from backdrop_local.standin import bill
from backdrop_local.standin.api_call import ApiCall
from backdrop_local.standin.connection import read_connection
from backdrop_local.standin.faults import FaultHit
from backdrop_local.standin.generation_request import GeneratedImage, GenerationRequest, describe_image
from backdrop_local.standin.generations import Generation, GenerationFailure
from backdrop_local.standin.slots import NO_FREE_SLOTS

type DeliverResults = Callable[[Generation], Awaitable[None]]
"""Delivers the results of a generation before it is reported as done."""


class PaidCall(ApiCall):
    """The behavior that all providers' paid routes share. `held_slots`: how many of the account's slots it holds."""

    held_slots = 0

    @property
    def limit(self) -> int | None:
        """How many calls, or images at Ideogram, the account may have in progress. None: unlimited."""
        return self.state.settings.find_in_flight_limit(self.provider, self.owner.account)

    @asynccontextmanager
    async def hold_slot(self) -> AsyncGenerator[None]:
        """Holds one of the account's slots, and those that are taken in addition, for the duration of the block.

        Rejects the call if none is free. A client that disconnects does not release its slots.
        """
        self.take_slots()
        try:
            yield
        finally:
            self.release_slots()

    def take_slots(self, count: int = 1) -> None:
        """Takes some of the account's slots, or rejects the call: 429, and 503 after too many 429s in a row."""
        slots = self.state.slots
        if not slots.take(self.account, limit=self.limit, at=self.state.clock.now(), count=count):
            refusals_allowed = self.state.settings.find_refusals_before_503(self.provider)
            answers_503 = (
                refusals_allowed is not None and slots.find_account(self.account).refused_in_a_row > refusals_allowed
            )
            raise self.build_rejection(503 if answers_503 else 429, NO_FREE_SLOTS)
        self.held_slots += count

    def release_slots(self) -> None:
        """Releases all slots that the call holds."""
        self.state.slots.release(self.account, at=self.state.clock.now(), count=self.held_slots)
        self.held_slots = 0

    def build_order(
        self, generation_request: GenerationRequest, *, provider_id: str = "", uuids: bool = True
    ) -> bill.PurchaseOrder:
        """Returns the order for the bill."""
        work = {
            "route": self.route.rpartition("/")[2],
            "image": generation_request.photo_sha,
            **generation_request.options,
        }
        return bill.PurchaseOrder(
            key=self.owner.key,
            label=self.owner.label,
            account=self.owner.account,
            provider=self.provider,
            route=self.route,
            fingerprint=bill.hash_content(work),
            prompt=generation_request.prompt,
            client_hint=self.request.headers.get("user-agent", ""),
            speed=generation_request.speed,
            image_count=generation_request.image_count,
            unit_micro_usd=generation_request.unit_micro_usd,
            provider_id=provider_id,
            credits_per_image=generation_request.credits_per_image,
            uses_uuids=uuids,
        )

    def accept(self, order: bill.PurchaseOrder, hit: FaultHit | None, *, will_fail: bool = False) -> bill.BilledJob:
        """Charges the job and notifies waiting requests. Raises RejectedCallError if the balance is too low.

        `will_fail`: the job will fail, which is free unless the fault specifies otherwise.
        """
        produced = order.image_count - 1 if _has_fault(hit, "fewer_results") else order.image_count
        unsafe = len(self.find_unsafe_positions(hit, produced))
        billed = produced if self._is_billed(hit) else produced - unsafe if _has_fault(hit, "unsafe") else 0
        if not self.state.bill.covers(order.provider, order.key, billed * order.unit_micro_usd):
            raise self.build_rejection(self.out_of_money_status, "the balance is exhausted")
        job = self.state.bill.accept(
            order,
            produced=0 if will_fail else produced,
            unsafe=unsafe,
            billed_images=billed,
            at=self.state.clock.now(),
        )
        self.state.journal.record_acceptance(job.id, self.entry)
        return job

    @property
    def out_of_money_status(self) -> int:
        """The status of a call that the balance does not cover."""
        return self.state.out_of_money_status or self.error_format.out_of_money_status

    def _is_billed(self, hit: FaultHit | None) -> bool:
        """Returns whether the accepted job is charged despite the fault. The rule or the provider can prevent that."""
        if hit is None:
            return True
        default = hit.rule.fault != "job_fails"
        if hit.rule.fault == "unsafe":
            default = self.error_format.unsafe_forms[self.choose_unsafe_form(hit)]
        return hit.rule.flag_arg("billed", default=default)

    async def generate(
        self,
        generation_request: GenerationRequest,
        job: bill.BilledJob,
        hit: FaultHit | None = None,
        *,
        started_at: float | None = None,
    ) -> list[GeneratedImage]:
        """Draws the paid pictures. Takes as long as the generation's latency and the fault's delay.

        `started_at`: when the generation began (Unix seconds), if not now.
        """
        seeds = [generation_request.derive_seed(job.id, place) for place in range(len(job.results))]
        prepared = self.state.settings.pictures == "prepared"
        ids_and_seeds = list(zip(job.results, seeds, strict=True))
        pixels, latency = (
            self.state.settings.cut_out_pixels,
            self.state.settings.compute_latency(generation_request.speed),
        )
        self.entry.latency_seconds = latency
        specs = [
            generation_request.build_spec(ident, seed, prepared=prepared, max_cut_out_pixels=pixels)
            for ident, seed in ids_and_seeds
        ]
        pictures, _, _ = await asyncio.gather(
            self.state.picture_store.draw_all(specs, generation_request.photo),
            asyncio.sleep(latency - (time.time() - started_at if started_at else 0)),
            self.delay(hit),
        )
        return [
            describe_image(ident, seed, picture) for (ident, seed), picture in zip(ids_and_seeds, pictures, strict=True)
        ]

    def begin_generation(
        self,
        generation_request: GenerationRequest,
        hit: FaultHit | None,
        *,
        provider_id: str = "",
        failure: GenerationFailure | None = None,
        terms: Mapping[str, JsonValue] | None = None,
        deliver_results: DeliverResults | None = None,
        slot_count: int = 1,
    ) -> Generation:
        """Accepts and charges the job, and starts it in the background. Raises RejectedCallError."""
        self.take_slots(slot_count)
        try:
            job = self.accept(
                self.build_order(generation_request, provider_id=provider_id), hit, will_fail=failure is not None
            )
        except BaseException:
            self.release_slots()
            raise
        now, request_without_photo = self.state.clock.now(), generation_request.without_photo()
        ident = provider_id or job.id
        generation = Generation(
            ident,
            *self.account,
            generation_request.prompt,
            now,
            job=job,
            generation_request=request_without_photo,
            hit=hit,
            failure=failure,
        )
        generation.response_options = terms or {}
        self.state.generations.start(
            generation, self._run_generation(generation, generation_request, job, deliver_results)
        )
        return generation

    async def _run_generation(
        self,
        generation: Generation,
        generation_request: GenerationRequest,
        job: bill.BilledJob,
        deliver_results: DeliverResults | None,
    ) -> None:
        workers, settings = self.state.generations.workers, self.state.settings
        await workers.take(self.account, lambda: settings.find_worker_limit(self.provider))
        try:
            await asyncio.sleep(settings.queue_seconds)
            generation.begin(self.state.clock.now())
            generation.images = await self.generate(generation_request, job)
            if deliver_results is not None:
                await deliver_results(generation)
        finally:
            await workers.release(self.account)
            self.release_slots()
            generation.end(self.state.clock.now())

    def build_response(self, response: Response, job: bill.BilledJob | None, hit: FaultHit | None) -> Response:
        """Returns the response as the fault changes it. The bill records whether it was delivered."""
        corrupted = self.corrupt(response, hit)
        return corrupted if job is None else BilledResponse(corrupted, job)


class BilledResponse(Response):
    """A response whose delivery the bill records."""

    def __init__(self, response: Response, job: bill.BilledJob) -> None:
        super().__init__()
        self._response = response
        self._job = job

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the response. It counts as answered if the connection was open for its last byte."""
        wire = read_connection(scope)

        async def note_and_send(message: Message) -> None:
            last = message["type"] == "http.response.body" and not message.get("more_body")
            self._job.answered = last and not wire.is_gone
            await send(message)

        await self._response(scope, receive, note_and_send)
        self._job.dropped = not self._job.answered


def _has_fault(hit: FaultHit | None, fault: str) -> bool:
    return hit is not None and hit.rule.fault == fault
