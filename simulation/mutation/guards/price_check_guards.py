"""Guards of the price check: what a request for a quote may have cost is never lost, and a sale ends the requests."""

from simulation.invariants.violations import Invariant
from simulation.mutation.mutant import build_mutant
from simulation.mutation.mutation_operators import force_false, remove

HARMLESS_FAULT = "reordered_message"
SALES = ("10 check_prices not_a_quote", "400 check_prices not_a_quote")

PRICE_CHECK_MUTANTS = (
    build_mutant(
        "forgets-charged-quote",
        "3.5: A request for a quote that Ideogram may have charged stays in the ledger as an unknown charge.",
        force_false("model.price_check:record_answer#3a8adb if 2"),
        invariant=Invariant.BILL_RECONCILED,
        faults=HARMLESS_FAULT,
        actions=SALES,
    ),
    build_mutant(
        "asks-again-after-sale",
        "3.5: After an answer that is no quote, the price check sends nothing until a person resumes it.",
        force_false("reconcile.price_checks:PriceChecks.run#89d27a if 4"),
        force_false("model.price_check:begin_call#eb2bb0 operand 2"),
        invariant=Invariant.PAID_ONCE,
        faults=HARMLESS_FAULT,
        actions=SALES,
    ),
    build_mutant(
        "asks-beyond-budget",
        "3.1: A request for a quote is sent only if the day's budget covers its price.",
        remove("model.price_check:begin_call#eb2bb0 keyword 16"),
        invariant=Invariant.WITHIN_BUDGET,
        faults=HARMLESS_FAULT,
        actions=("10 check_prices lost",),
        budget=5_000,
    ),
)
