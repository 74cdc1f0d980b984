"""Every metric, declared once. docs/settings.md is generated from this list, and metrics.py emits nothing else."""

from enum import StrEnum
from typing import Self

from aws_lambda_powertools.metrics import MetricUnit

COUNT, SECONDS, MILLISECONDS = MetricUnit.Count, MetricUnit.Seconds, MetricUnit.Milliseconds
# CloudWatch has no unit for money.
USD, PERCENT = MetricUnit.NoUnit, MetricUnit.Percent
STACK_DIMENSIONS, CALL_DIMENSIONS, FAILURE_DIMENSIONS, DEAD_LETTER_DIMENSIONS = (
    "",
    "provider operation",
    "provider operation code",
    "provider code",
)


class Metric(StrEnum):
    """A metric's name, its unit, its dimensions in addition to `service` (the stack's name), and what it measures."""

    unit: MetricUnit
    dimensions: tuple[str, ...]
    description: str

    def __new__(cls, name: str, unit: MetricUnit, dimensions: str, description: str) -> Self:
        metric = str.__new__(cls, name)
        metric._value_, metric.unit, metric.dimensions, metric.description = (
            name,
            unit,
            tuple(dimensions.split()),
            description,
        )
        return metric

    # -- jobs ----------------------------------------------------------------------------------------------
    ACCEPTED = "Accepted", COUNT, CALL_DIMENSIONS, "A job was put into its lane."
    COMPLETED = "Completed", COUNT, CALL_DIMENSIONS, "A job was stored."
    PICTURES = "Pictures", COUNT, CALL_DIMENSIONS, "Pictures of stored jobs, not counting the additional files of each."
    SAME_PRODUCTS = "SameProducts", COUNT, CALL_DIMENSIONS, "Pictures whose product is the same as the photo's."
    CHANGED_PRODUCTS = "ChangedProducts", COUNT, CALL_DIMENSIONS, "Pictures whose product differs from the photo's."
    UNCOMPARED_PRODUCTS = (
        "UncomparedProducts",
        COUNT,
        CALL_DIMENSIONS,
        "Pictures that could not be compared, not counting those of photos without a mask.",
    )
    AWAITING_APPROVAL = (
        "AwaitingApproval",
        COUNT,
        CALL_DIMENSIONS,
        "Pictures that began to wait for a person's approval.",
    )
    APPROVED = "Approved", COUNT, CALL_DIMENSIONS, "Pictures that people approved, counted when they are delivered."
    REJECTED = (
        "Rejected",
        COUNT,
        CALL_DIMENSIONS,
        "Pictures that people rejected, counted when their job is stored or rejected.",
    )
    FAILED = (
        "Failed",
        COUNT,
        FAILURE_DIMENSIONS,
        "A job failed, or a photo failed before it had a job (then provider and operation are `none`).",
    )
    DEAD_LETTERED = (
        "DeadLettered",
        COUNT,
        DEAD_LETTER_DIMENSIONS,
        "A dead job, or a malformed message (then the provider is `none`), needs an operator.",
    )
    # -- providers -----------------------------------------------------------------------------------------
    PROVIDER_LATENCY = (
        "ProviderLatency",
        MILLISECONDS,
        CALL_DIMENSIONS,
        "How long a call took, unless it was throttled.",
    )
    THROTTLED = "Throttled", COUNT, CALL_DIMENSIONS, "The provider rejected a call because of its rate limit."
    THROTTLED_SECONDS = "ThrottledSeconds", SECONDS, CALL_DIMENSIONS, "How long a job waited for the rate limit."
    LOST_ANSWERS = "LostAnswers", COUNT, CALL_DIMENSIONS, "A call was sent and its answer was lost."
    SLOT_SECONDS = "SlotSeconds", SECONDS, CALL_DIMENSIONS, "How long a message occupied one of the lane's slots."
    CALL_SECONDS = "CallSeconds", SECONDS, CALL_DIMENSIONS, "How much of that time its calls were in flight."
    # -- money ---------------------------------------------------------------------------------------------
    SPENT_USD = "SpentUSD", USD, CALL_DIMENSIONS, "The confirmed charge of a call, emitted when the ledger records it."
    UNKNOWN_USD = (
        "UnknownUSD",
        USD,
        CALL_DIMENSIONS,
        "The possible charge of a call whose answer was lost; negative once the charge becomes known.",
    )
    POSSIBLE_DOUBLE_CHARGES = (
        "PossibleDoubleCharges",
        COUNT,
        CALL_DIMENSIONS,
        "A call was (possibly) charged although an earlier call of the same job was already (possibly) charged.",
    )
    PAID_WITHOUT_RESULT = (
        "PaidWithoutResult",
        COUNT,
        STACK_DIMENSIONS,
        "A job failed after money was, or may have been, spent; has an alarm.",
    )
    PRICE_CHECK_FINDINGS = (
        "PriceCheckFindings",
        COUNT,
        STACK_DIMENSIONS,
        "Ideogram's quotes that differ from the price list, and 1 more while the check is stopped; has an alarm.",
    )
    SETTLEMENTS_REOPENED = (
        "SettlementsReopened",
        COUNT,
        STACK_DIMENSIONS,
        "A charge is unknown again, because Ideogram changed the usage records that had settled it; has an alarm.",
    )
    USAGE_RECORDS_READ = (
        "UsageRecordsRead",
        COUNT,
        STACK_DIMENSIONS,
        "A run of reconcile-bill read Ideogram's usage records, or has no admin key; 0 if it could not read them; has "
        "an alarm.",
    )
    # -- duration of a job ---------------------------------------------------------------------------------
    INTAKE_SECONDS = (
        "IntakeSeconds",
        SECONDS,
        CALL_DIMENSIONS,
        "From the message that created the job to the job's arrival in its lane.",
    )
    QUEUE_SECONDS = "QueueSeconds", SECONDS, CALL_DIMENSIONS, "From the job's arrival in its lane to its first call."
    RENDER_SECONDS = (
        "RenderSeconds",
        SECONDS,
        CALL_DIMENSIONS,
        "From the job's first call to the answer with its pictures.",
    )
    DELIVER_SECONDS = (
        "DeliverSeconds",
        SECONDS,
        CALL_DIMENSIONS,
        "From that answer until the pictures are in the output bucket.",
    )
    TOTAL_SECONDS = (
        "TotalSeconds",
        SECONDS,
        CALL_DIMENSIONS,
        "From the job's arrival in its lane until the pictures are in the output bucket.",
    )
    # -- the code itself -----------------------------------------------------------------------------------
    RETURNED_TO_QUEUE = (
        "ReturnedToQueue",
        COUNT,
        "code",
        "A message was returned to its queue, to be delivered again later.",
    )
    STUCK_MESSAGE_SECONDS = (
        "StuckMessageSeconds",
        SECONDS,
        STACK_DIMENSIONS,
        "Time since a message was sent that is returned because a bucket, a queue, the ledger, a file, or the signing "
        "key cannot be used; has an alarm.",
    )
    RECONCILED = "Reconciled", COUNT, "part", "Items that a run of reconcile checked or repaired."
    UNEXPECTED_ERROR = (
        "UnexpectedError",
        COUNT,
        STACK_DIMENSIONS,
        "A bug. The log has the traceback, and the message is delivered again.",
    )
    COLD_START = (
        "ColdStart",
        COUNT,
        "function_name",
        "A function started a new execution environment (not counted for reconcile).",
    )
    # -- state of the stack: emitted by reconcile every five minutes, unless it is 0 ------------------------
    OPEN_JOBS = "OpenJobs", COUNT, STACK_DIMENSIONS, "Jobs that have not ended, counted up to 20,000."
    OLDEST_OPEN_JOB_SECONDS = (
        "OldestOpenJobSeconds",
        SECONDS,
        STACK_DIMENSIONS,
        "Time since the oldest open job was accepted.",
    )
    OLDEST_UNDELIVERED_SECONDS = (
        "OldestUndeliveredSeconds",
        SECONDS,
        STACK_DIMENSIONS,
        "Time since the oldest picture that is not delivered was paid for; has an alarm.",
    )
    OLDEST_UNKNOWN_SECONDS = (
        "OldestUnknownSeconds",
        SECONDS,
        STACK_DIMENSIONS,
        "Time since the oldest call with a lost answer was sent.",
    )
    CALLS_IN_FLIGHT = "CallsInFlight", COUNT, STACK_DIMENSIONS, "Calls to providers that are in flight."
    PROVIDERS_PAUSED = "ProvidersPaused", COUNT, STACK_DIMENSIONS, "Providers whose lane is paused."
    SPENT_TODAY_USD = (
        "SpentTodayUSD",
        USD,
        STACK_DIMENSIONS,
        "What today (UTC) has cost so far, including possible charges.",
    )
    BUDGET_LEFT_USD = (
        "BudgetLeftUSD",
        USD,
        STACK_DIMENSIONS,
        "What is left of today's budget, emitted on days with charges.",
    )
    BUDGET_USED_PERCENT = "BudgetUsedPercent", PERCENT, STACK_DIMENSIONS, "How much of today's budget is spent."
