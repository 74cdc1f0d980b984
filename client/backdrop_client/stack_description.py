"""What CloudFormation says about a stack: its outputs, its parameters, and whether it can be used."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from backdrop.aws.clock import SystemClock
from backdrop.aws.settings import ProviderSettings, Settings
from backdrop.ports import Clock
from backdrop_client.aws_clock import AwsClock, measure_clock_offset
from backdrop_client.stack_status import describe_unusable_stack

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

QUEUE_URL_OUTPUTS = {
    "ideogram": "IdeogramQueueUrl",
    "segmind": "SegmindQueueUrl",
    "1min": "OneMinQueueUrl",
    "runware": "RunwareQueueUrl",
}
# The template's prefix for each provider's parameters.
PARAMETER_PREFIXES = {"ideogram": "Ideogram", "segmind": "Segmind", "1min": "OneMin", "runware": "Runware"}
# Every stack of this release has these.
REQUIRED_OUTPUTS = frozenset(
    {
        "InputBucketName",
        "OutputBucketName",
        "IntakeQueueUrl",
        "DeliverQueueUrl",
        "DeadLetterQueueUrl",
        "LedgerTableName",
        "CampaignStateMachineArn",
    }
)
REQUIRED_PARAMETERS = frozenset({"DailyBudgetUSD", "DefaultProvider", "MaxImageMegapixels"})


class StackError(Exception):
    """The stack cannot be used. The message says why, and what to do."""


@dataclass(frozen=True)
class StackDescription:
    """A stack of this release. `clock` shows AWS's time."""

    arn: str
    outputs: Mapping[str, str]
    parameters: Mapping[str, str]
    settings: Settings
    clock: Clock


def describe_stack(name: str, cloudformation: "CloudFormationClient") -> StackDescription:
    """Raises StackError if the stack cannot be used. AWS's own errors propagate."""
    local_clock = SystemClock()
    sent_at, response = local_clock.now(), cloudformation.describe_stacks(StackName=name)
    clock, description = AwsClock(measure_clock_offset(response, sent_at, local_clock.now())), response["Stacks"][0]
    outputs = {one.get("OutputKey", ""): one.get("OutputValue", "") for one in description.get("Outputs", [])}
    parameters = {
        one.get("ParameterKey", ""): one.get("ParameterValue", "") for one in description.get("Parameters", [])
    }
    status = description["StackStatus"]
    if message := describe_unusable_stack(name, status):
        raise StackError(message)
    if REQUIRED_OUTPUTS.isdisjoint(outputs) or "DailyBudgetUSD" not in parameters:
        raise StackError(
            f"the stack {name} is not a Backdrop stack, or is incomplete ({status}); check `sam list outputs`"
        )
    missing = sorted((REQUIRED_OUTPUTS - outputs.keys()) | (REQUIRED_PARAMETERS - parameters.keys()))
    if missing:
        raise StackError(
            f"the stack {name} ({status}) is of a different release than this package: it has no {missing[0]}; deploy "
            "this release (`make build && sam deploy`), or install the package of the stack's release"
        )
    settings = _build_settings(name, outputs, parameters)
    return StackDescription(description.get("StackId", ""), outputs, parameters, settings, clock)


def _build_settings(name: str, outputs: Mapping[str, str], parameters: Mapping[str, str]) -> Settings:
    """Returns the settings that the template gives to the stack's functions, as far as its users need them."""
    usd_per_image = parameters.get("OneMinUsdPerImage", "")
    return Settings(
        stack_name=name,
        render_function_name=f"{name}-render",
        input_bucket=outputs["InputBucketName"],
        readable_buckets=parameters.get("ReadableBuckets", ""),
        output_bucket=outputs["OutputBucketName"],
        ledger_table=outputs["LedgerTableName"],
        intake_queue_url=outputs["IntakeQueueUrl"],
        deliver_queue_url=outputs["DeliverQueueUrl"],
        dead_letter_queue_url=outputs["DeadLetterQueueUrl"],
        default_provider=parameters["DefaultProvider"],
        daily_budget_usd=Decimal(parameters["DailyBudgetUSD"]),
        ledger_retention_days=int(parameters.get("LedgerRetentionDays", "0")),
        settle_seconds=int(parameters.get("SettleSeconds", "20")),
        max_image_megapixels=int(parameters["MaxImageMegapixels"]),
        one_min_usd_per_image=Decimal(usd_per_image) if usd_per_image else None,
        providers={
            provider: ProviderSettings(
                queue_url=outputs[output],
                max_in_flight=int(parameters.get(f"{PARAMETER_PREFIXES[provider]}MaxInFlight", "0")),
            )
            for provider, output in QUEUE_URL_OUTPUTS.items()
            if output in outputs
        },
    )
