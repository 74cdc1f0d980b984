"""Ideogram's quotes: the provider answers the requests of the price check, free, or sells a picture instead."""

from backdrop.model.codes import Code
from backdrop.model.price_check import PRICE_CHECK_ID, PricedProduct, QuoteAnswer, QuoteOutcome
from backdrop.model.sentence import Sentence
from backdrop_local.standin.bill import BilledJob, PurchaseOrder, hash_content
from simulation.world.simulated_provider import SimulatedProvider
from simulation.world.transport import Transport
from simulation.world.world_clock import WorldClock

QUOTE_FINGERPRINT = hash_content({"job": PRICE_CHECK_ID, "photo": "", "asked": {}})
"""What the bill says was made for the price check."""
ANSWER_TEXT = Sentence("The answer of the simulated provider.")


class SimulatedQuotes:
    """`outcome`: how each request ends. A request is charged unless it is quoted or refused."""

    def __init__(self, transport: Transport, clock: WorldClock, provider: SimulatedProvider) -> None:
        self.outcome = QuoteOutcome.QUOTED
        self._transport, self._clock, self._provider = transport, clock, provider

    def require_key(self) -> str | QuoteAnswer:
        return "key"

    def find_endpoint(self, product: PricedProduct) -> str:
        return f"/v2/image/{product.operation}-background"

    def request_quote(self, product: PricedProduct, key: str) -> QuoteAnswer:
        return self._transport.execute("provider", "quote", {"product": product.label}, lambda: self._answer(product))

    def _answer(self, product: PricedProduct) -> QuoteAnswer:
        if self.outcome is QuoteOutcome.QUOTED:
            return QuoteAnswer(self.outcome, ANSWER_TEXT, price=product.list_price)
        if self.outcome is QuoteOutcome.NOT_QUOTED:
            return QuoteAnswer(self.outcome, ANSWER_TEXT, code=Code.PROVIDER_THROTTLED, concerns_account=True)
        billed_job = self._sell(product)
        provider_id = billed_job.id if self.outcome is QuoteOutcome.NOT_A_QUOTE else None
        return QuoteAnswer(self.outcome, ANSWER_TEXT, code=Code.CHARGE_UNKNOWN, provider_id=provider_id)

    def _sell(self, product: PricedProduct) -> BilledJob:
        order = PurchaseOrder(
            key="key",
            label="key",
            account="account",
            provider=self._provider.name,
            route=product.operation,
            fingerprint=QUOTE_FINGERPRINT,
            prompt="",
            client_hint=PRICE_CHECK_ID,
            speed=product.rendering_speed or "DEFAULT",
            image_count=1,
            unit_micro_usd=product.list_price,
        )
        return self._provider.bill.accept(
            order, produced=1, unsafe=0, billed_images=1, at=self._clock.to_unix_seconds()
        )
