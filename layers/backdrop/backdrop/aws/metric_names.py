"""Every metric, declared once: docs/settings.md is made of this list, and meter.py writes nothing that is not in it."""

from enum import StrEnum
from typing import Self

from aws_lambda_powertools.metrics import MetricUnit

COUNT, SECONDS, MILLISECONDS = MetricUnit.Count, MetricUnit.Seconds, MetricUnit.Milliseconds
# CloudWatch knows no unit of money.
USD, PERCENT = MetricUnit.NoUnit, MetricUnit.Percent
STACK_DIMENSIONS, CALL_DIMENSIONS, FAILURE_DIMENSIONS, DEAD_LETTER_DIMENSIONS = (
    "",
    "provider operation",
    "provider operation code",
    "provider code",
)


class Metric(StrEnum):
    """Every metric: its name, its unit, its dimensions beside `service` (the stack's name), and what it counts."""

    unit: MetricUnit
    dimensions: tuple[str, ...]
    description: str

    def __new__(cls, name: str, unit: MetricUnit, dimensions: str, description: str) -> Self:
        """One entry of the list below."""
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
    PICTURES = "Pictures", COUNT, CALL_DIMENSIONS, "How many pictures it brought, however many files were made of each."
    FAILED = (
        "Failed",
        COUNT,
        FAILURE_DIMENSIONS,
        "A job ended badly; `none` and `none` for a photo that never had a job.",
    )
    DEAD_LETTERED = (
        "DeadLettered",
        COUNT,
        DEAD_LETTER_DIMENSIONS,
        "An operator must look: a dead job; `none`: a damaged message.",
    )
    # -- the provider --------------------------------------------------------------------------------------
    PROVIDER_LATENCY = (
        "ProviderLatency",
        MILLISECONDS,
        CALL_DIMENSIONS,
        "How long a call took that was not turned away.",
    )
    THROTTLED = "Throttled", COUNT, CALL_DIMENSIONS, "The provider's rate limit turned a call away."
    THROTTLED_SECONDS = "ThrottledSeconds", SECONDS, CALL_DIMENSIONS, "How long a job waited for that limit."
    LOST_ANSWERS = "LostAnswers", COUNT, CALL_DIMENSIONS, "A call was sent and its answer was lost."
    SLOT_SECONDS = "SlotSeconds", SECONDS, CALL_DIMENSIONS, "How long a message held one of the lane's places."
    CALL_SECONDS = "CallSeconds", SECONDS, CALL_DIMENSIONS, "How long of that its calls were out."
    # -- money ---------------------------------------------------------------------------------------------
    SPENT_USD = "SpentUSD", USD, CALL_DIMENSIONS, "What a call is certain to have cost, when the ledger knows it."
    UNKNOWN_USD = (
        "UnknownUSD",
        USD,
        CALL_DIMENSIONS,
        "What a lost call may have cost; less than 0 when that is known after all.",
    )
    POSSIBLE_DOUBLE_CHARGES = (
        "PossibleDoubleCharges",
        COUNT,
        CALL_DIMENSIONS,
        "A call was charged, or may have been, and so was an earlier one of the same job.",
    )
    PAID_WITHOUT_RESULT = (
        "PaidWithoutResult",
        COUNT,
        STACK_DIMENSIONS,
        "Money was spent, or may have been, and no picture came of it; has an alarm.",
    )
    # -- how long a job took -------------------------------------------------------------------------------
    INTAKE_SECONDS = (
        "IntakeSeconds",
        SECONDS,
        CALL_DIMENSIONS,
        "From the message that asked for a job to the job in its lane.",
    )
    QUEUE_SECONDS = "QueueSeconds", SECONDS, CALL_DIMENSIONS, "From there to its first call."
    RENDER_SECONDS = (
        "RenderSeconds",
        SECONDS,
        CALL_DIMENSIONS,
        "From its first call to the answer that brought its pictures.",
    )
    DELIVER_SECONDS = (
        "DeliverSeconds",
        SECONDS,
        CALL_DIMENSIONS,
        "From that answer to the pictures in the output bucket.",
    )
    TOTAL_SECONDS = (
        "TotalSeconds",
        SECONDS,
        CALL_DIMENSIONS,
        "From the job in its lane to the pictures in the output bucket.",
    )
    # -- the code itself -----------------------------------------------------------------------------------
    RETURNED_TO_QUEUE = "HandedBack", COUNT, "code", "A message went back into its queue, to come again later."
    RECONCILED = "SetRight", COUNT, "part", "What a run of reconcile looked at or brought on its way again."
    UNEXPECTED_ERROR = "UnexpectedError", COUNT, STACK_DIMENSIONS, "A bug; the log has it, and the message comes again."
    COLD_START = "ColdStart", COUNT, "function_name", "A new worker of a function began; not counted of reconcile."
    # -- how the stack stands, seen by reconcile every five minutes; told only of what is above 0 ---------
    OPEN_JOBS = "OpenJobs", COUNT, STACK_DIMENSIONS, "Jobs that have not ended; at most 20,000 are counted."
    OLDEST_OPEN_JOB = "OldestOpenJobSeconds", SECONDS, STACK_DIMENSIONS, "How long ago the oldest of them was accepted."
    OLDEST_UNKNOWN = (
        "OldestUnknownSeconds",
        SECONDS,
        STACK_DIMENSIONS,
        "How long ago the oldest lost call was sent.",
    )
    CALLS_IN_FLIGHT = "CallsInFlight", COUNT, STACK_DIMENSIONS, "Calls that are out at the providers."
    PROVIDERS_PAUSED = "ProvidersPaused", COUNT, STACK_DIMENSIONS, "Providers at which nothing is bought just now."
    SPENT_TODAY = "SpentTodayUSD", USD, STACK_DIMENSIONS, "What this day (UTC) has cost so far, lost calls included."
    BUDGET_LEFT = (
        "BudgetLeftUSD",
        USD,
        STACK_DIMENSIONS,
        "What is left of the day's budget; told on days that cost something.",
    )
    BUDGET_USED = "BudgetUsedPercent", PERCENT, STACK_DIMENSIONS, "How much of the day's budget is used up."
