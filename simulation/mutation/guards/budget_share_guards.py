"""Guards of the budget's shares: together they stay within the cap, and use it to the last picture (design, 3.1)."""

from simulation.invariants.violations import Invariant
from simulation.mutation.guards.mandate_guards import FOLDERS, HARMLESS_FAULT
from simulation.mutation.mutant import build_mutant
from simulation.mutation.mutation_operators import force_false, force_true, remove
from simulation.mutation.mutation_scene import list_uploads

SLOTS = {"in_flight": 10, "account_limit": 10}

BUDGET_SHARE_MUTANTS = (
    build_mutant(
        "overdraws-share",
        "3.1: A claim on a share succeeds only if the share has as much.",
        force_true("aws.ledger:Ledger._build_share_update#976c70 clause 1"),
        invariant=Invariant.WITHIN_BUDGET,
        faults=HARMLESS_FAULT,
        actions=list_uploads(5, 8),
        budget=100_000,
        budget_shares=3,
        **SLOTS,
    ),
    build_mutant(
        "grants-above-cap",
        "3.1: All grants and claims together stay within the cap.",
        force_true("model.budget_shares:find_money#d7a090 if 5"),
        force_true("aws.budget_shares:BudgetShares._build_day_grant#96aa6e clause 2"),
        invariant=Invariant.WITHIN_BUDGET,
        faults=HARMLESS_FAULT,
        actions=list_uploads(5, 20),
        budget=100_000,
        budget_shares=3,
        **SLOTS,
    ),
    build_mutant(
        "settles-on-day-item",
        "3.1: A reservation is settled on the share on which it was made.",
        remove("model.transitions.lifecycle:BudgetChange.of_attempt#4f046c keyword 1"),
        invariant=Invariant.WITHIN_BUDGET,
        faults=HARMLESS_FAULT,
        actions=list_uploads(5, 8),
        budget_shares=3,
    ),
    build_mutant(
        "settles-quote-on-day-item",
        "3.1: What a quote could have cost is settled on the share on which it was reserved.",
        remove("model.transitions.lifecycle:BudgetChange.of_attempt#4f046c keyword 1"),
        invariant=Invariant.WITHIN_BUDGET,
        faults=HARMLESS_FAULT,
        # After two pictures, neither the share nor the day's item alone has enough for a quote.
        actions=(*list_uploads(5, 2), "200 check_prices lost"),
        budget=35_000,
        budget_shares=1,
    ),
    build_mutant(
        "pauses-for-one-share",
        "3.1: The budget pauses a lane only if what all shares have spent leaves too little.",
        force_true("model.budget_shares:find_money#d7a090 conditional expression 1"),
        invariant=Invariant.LANE_STATE_RESPECTED,
        faults="slow_call",
        actions=list_uploads(5, 20),
        budget=100_000,
        budget_shares=3,
        **SLOTS,
    ),
    build_mutant(
        "leaves-remainders",
        "3.1: What several shares have left together buys the last affordable picture.",
        force_false("model.budget_shares:_gather#5eb393 if 1"),
        invariant=Invariant.DRAINED_IN_TIME,
        faults=HARMLESS_FAULT,
        # In half of the seeds, no share has enough for the last picture.
        actions=list_uploads(5, 31),
        budget=250_000,
        budget_shares=6,
    ),
    build_mutant(
        "keeps-grants-above-lowered-cap",
        "3.1: Shares return what exceeds a lowered cap.",
        force_false("aws.ledger_index:LedgerQueries.set_day_cap#0582ee if 1"),
        force_false("aws.ledger_index:LedgerQueries.recall_budget#0d301c if 1"),
        invariant=Invariant.WITHIN_BUDGET,
        faults=HARMLESS_FAULT,
        actions=(*list_uploads(5, 4), "300 set_budget 50000"),
        budget_shares=3,
    ),
    build_mutant(
        "misses-new-mandates-in-shares",
        "6: No claim on a share that does not know a new mandate is written after its creation.",
        force_true("aws.ledger:Ledger._build_share_update#976c70 clause 3"),
        invariant=Invariant.MANDATE_PAYS,
        faults="slow_table",
        actions=[
            *(f"{5 + n / 4} upload {folder}{n}.jpg photo{n} cut" for n in range(64) for folder in [FOLDERS[n % 8]]),
            *(f"{8 + 2 * n} create_mandate m{n} {folder} limit=900000" for n, folder in enumerate(FOLDERS)),
        ],
        budget_shares=2,
        **SLOTS,
    ),
)
