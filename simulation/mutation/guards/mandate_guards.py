"""Guards of mandates: each paid call below a prefix is charged to its mandate, which is never exceeded."""

from collections.abc import Sequence

from simulation.invariants.violations import Invariant
from simulation.mutation.mutant import build_mutant
from simulation.mutation.mutation_operators import force_false, force_true

HARMLESS_FAULT = "reordered_message"
FOLDERS = [f"agents/{n}/" for n in range(8)]


def list_mandate(terms: str, *changes: str, count: int = 30, interval_seconds: float = 0.0) -> Sequence[str]:
    """Lists a mandate with these terms, photos in its folder at $0.01 each, and changes of the mandate."""
    uploads = [f"{10 + n * interval_seconds} upload {FOLDERS[0]}{n}.jpg photo{n} cut" for n in range(count)]
    return f"1 create_mandate anna {FOLDERS[0]} {terms}", *uploads, *changes


def list_suspensions(until_seconds: int) -> Sequence[str]:
    """Lists a suspension in each second, which soon ends, so that some workers claim calls just after one."""
    return [
        f"{10 + n + delay} {change}_mandate anna"
        for n in range(until_seconds)
        for delay, change in ((0, "suspend"), (0.2, "resume"))
    ]


MANDATE_MUTANTS = (
    build_mutant(
        "exceeds-mandate",
        "6: Claims at the same moment do not exceed what is left of a mandate.",
        force_true("aws.ledger:Ledger._build_mandate_update#9e4f80 clause 5"),
        invariant=Invariant.WITHIN_MANDATE,
        faults=HARMLESS_FAULT,
        actions=list_mandate("limit=60000"),
        in_flight=10,
        account_limit=10,
    ),
    build_mutant(
        "exceeds-day-of-mandate",
        "6: Claims at the same moment do not exceed what is left of a mandate's day.",
        force_true("aws.ledger:Ledger._build_mandate_update#9e4f80 clause 7"),
        invariant=Invariant.WITHIN_MANDATE,
        faults=HARMLESS_FAULT,
        actions=list_mandate("limit=900000 per_day=60000"),
        in_flight=10,
        account_limit=10,
    ),
    build_mutant(
        "claims-by-outdated-terms",
        "6: A claim obeys the terms of the moment at which it is written.",
        force_true("aws.ledger:Ledger._build_mandate_update#9e4f80 clause 2"),
        invariant=Invariant.WITHIN_MANDATE,
        faults=HARMLESS_FAULT,
        actions=list_mandate("limit=900000", *list_suspensions(240), count=240),
        in_flight=10,
        account_limit=10,
    ),
    build_mutant(
        "ignores-terms-of-mandate",
        "6: A mandate that has ended pays for no call.",
        force_true("model.mandate:_find_end#beae15 if 1"),
        invariant=Invariant.WITHIN_MANDATE,
        faults=HARMLESS_FAULT,
        actions=list_mandate("limit=900000", "25 end_mandate anna"),
        in_flight=2,
        account_limit=2,
    ),
    build_mutant(
        "ignores-suspension-of-mandate",
        "6: A mandate that is suspended pays for no call.",
        force_false("model.mandate:MandateAccount.find_obstacle#583637 if 2"),
        invariant=Invariant.WITHIN_MANDATE,
        faults=HARMLESS_FAULT,
        actions=list_mandate("limit=900000", "25 suspend_mandate anna"),
        in_flight=2,
        account_limit=2,
    ),
    build_mutant(
        "accepts-surcharges",
        "6: A charge above the price list suspends the mandate that pays.",
        force_false("aws.ledger:Ledger._build_mandate_update#9e4f80 if 1"),
        invariant=Invariant.WITHIN_MANDATE,
        faults=HARMLESS_FAULT,
        actions=list_mandate("limit=900000", "5 charge_more 10000"),
    ),
    build_mutant(
        "misses-unreserved-charges",
        "6: A charge that no claim reserved suspends the mandate that pays.",
        force_false("model.transitions.lifecycle:BudgetChange.is_overcharged#44d5d7 return 1"),
        invariant=Invariant.WITHIN_MANDATE,
        faults=HARMLESS_FAULT,
        actions=list_mandate("limit=900000", "5 charge_more 10000"),
    ),
    build_mutant(
        "charges-no-mandate",
        "6: The mandate that owns a photo's folder pays for its calls.",
        force_false("pipeline.purchase:Purchases.claim_and_send#9162ea conditional expression 1"),
        invariant=Invariant.MANDATE_PAYS,
        faults=HARMLESS_FAULT,
        actions=list_mandate("limit=900000"),
    ),
    build_mutant(
        "buys-job-of-released-mandate",
        "6: No other money buys a job whose mandate was released.",
        force_false("pipeline.purchase:Purchases.claim_and_send#9162ea operand 1"),
        invariant=Invariant.MANDATE_PAYS,
        faults=HARMLESS_FAULT,
        actions=list_mandate("limit=60000 when_spent=wait", "200 end_mandate anna", "200.1 release_mandate anna"),
    ),
    build_mutant(
        "misses-new-mandates",
        "6: No claim that does not know a new mandate is written after its creation.",
        force_true("aws.ledger:Ledger._build_budget_update#6366d9 clause 6"),
        invariant=Invariant.MANDATE_PAYS,
        faults="slow_table",
        actions=[
            *(f"{5 + n / 4} upload {folder}{n}.jpg photo{n} cut" for n in range(64) for folder in [FOLDERS[n % 8]]),
            *(f"{8 + 2 * n} create_mandate m{n} {folder} limit=900000" for n, folder in enumerate(FOLDERS)),
        ],
        in_flight=10,
        account_limit=10,
    ),
    build_mutant(
        "forgets-waiting-jobs",
        "6: A job that waits for its mandate is bought after the mandate is raised.",
        force_true("pipeline.mandate_waiters:MandateWaiters.wake_jobs_of#baf3b4 if 3"),
        invariant=Invariant.DRAINED_IN_TIME,
        faults=HARMLESS_FAULT,
        actions=list_mandate("limit=60000 when_spent=wait", "200 raise_mandate anna limit=900000"),
    ),
    build_mutant(
        "refuses-jobs-that-may-wait",
        "6: Where photos may wait for their mandate, none is refused because it is spent.",
        force_false("pipeline.purchase:Purchases._handle_mandate_obstacle#eb3e3f if 2"),
        invariant=Invariant.ENDS_FOR_A_CAUSE,
        faults=HARMLESS_FAULT,
        actions=list_mandate("limit=60000 when_spent=wait"),
    ),
    build_mutant(
        "owns-no-content-under-new-mandate",
        "6: A job whose lost call a new mandate repeats owns the content that it buys.",
        force_false("model.transitions.payment:claim#478d33 conditional expression 3"),
        invariant=Invariant.CONTENT_PAID_ONCE,
        faults="message_gone_in_doubt",
        actions=(
            *(f"10 upload {FOLDERS[0]}{n}.jpg photo{n} cut" for n in range(20)),
            f"30 create_mandate anna {FOLDERS[0]} limit=900000 when_spent=wait",
            *(f"40 upload {FOLDERS[0]}copy-{n}.jpg photo{n} cut" for n in range(20)),
        ),
        on_lost_answer="retry_once",
    ),
)
