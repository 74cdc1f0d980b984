"""Ideogram's quotes in tests of the price check: the answers of a script, and then the price list."""

from collections.abc import Callable
from dataclasses import dataclass, field

from backdrop.model.codes import Code
from backdrop.model.price_check import PricedProduct, QuoteAnswer, QuoteOutcome
from backdrop.model.sentence import Sentence

TEXT = Sentence("an answer")
SALE = QuoteAnswer(QuoteOutcome.NOT_A_QUOTE, TEXT, code=Code.CHARGE_UNKNOWN, provider_id="g1")
LOST = QuoteAnswer(QuoteOutcome.LOST, TEXT, code=Code.CHARGE_UNKNOWN)
THROTTLED = QuoteAnswer(QuoteOutcome.NOT_QUOTED, TEXT, code=Code.PROVIDER_THROTTLED, concerns_account=True)
ESTIMATE = QuoteAnswer(QuoteOutcome.NOT_QUOTED, TEXT)
NO_KEY = QuoteAnswer(QuoteOutcome.NOT_QUOTED, TEXT, code=Code.PROVIDER_KEY_MISSING)


@dataclass
class ScriptedQuotes:
    """Answers with the script, and then with the price list. `sent`: what was requested."""

    script: list[QuoteAnswer | Callable[[], QuoteAnswer]] = field(
        default_factory=list[QuoteAnswer | Callable[[], QuoteAnswer]]
    )
    key: str | QuoteAnswer = "key"
    sent: list[PricedProduct] = field(default_factory=list[PricedProduct])

    def require_key(self) -> str | QuoteAnswer:
        return self.key

    def find_endpoint(self, product: PricedProduct) -> str:
        return f"/v2/{product.operation}"

    def request_quote(self, product: PricedProduct, key: str) -> QuoteAnswer:
        assert key == self.key
        self.sent.append(product)
        scripted = self.script.pop(0) if self.script else None
        if scripted is None:
            return QuoteAnswer(QuoteOutcome.QUOTED, TEXT, price=product.list_price)
        return scripted if isinstance(scripted, QuoteAnswer) else scripted()
