"""Checks the queues of intake and deliver, their triggers, and the dead-letter queue."""

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from backdrop.aws.lambda_mappings import ENABLED_BY_STATE
from backdrop.aws.sqs import MESSAGE_COUNT_ATTRIBUTES, queue_name_from_arn, queue_name_from_url
from backdrop_cli.formatting import format_count, format_rough_duration
from backdrop_cli.operate.checks import CheckResult, CheckState
from backdrop_cli.operate.set_key import require_clients
from backdrop_cli.stack import Stack

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

# Longer than intake delays a message (15 minutes, SQS's maximum), so what is older was not processed when it was due.
MAX_MESSAGE_AGE = timedelta(minutes=20)
# SQS sends its metrics every minute, and may be some minutes late (Amazon SQS Developer Guide, "CloudWatch metrics").
METRIC_PERIOD = timedelta(minutes=1)
METRIC_RANGE = timedelta(minutes=15)
QUEUE_URL_OUTPUTS = {"intake": "IntakeQueueUrl", "deliver": "DeliverQueueUrl"}


def check_triggers(stack: Stack) -> Iterator[CheckResult]:
    return (_check_trigger(stack, stage) for stage in QUEUE_URL_OUTPUTS)


def check_queues(stack: Stack) -> Iterator[CheckResult]:
    return (_check_age(stack, stage) for stage in QUEUE_URL_OUTPUTS)


def check_dead_letters(stack: Stack) -> Iterator[CheckResult]:
    """Reports dead letters as a note. Each failed job has one, so they are not necessarily a problem with the stack."""
    count = _count_messages(require_clients(stack).sqs, stack.outputs["DeadLetterQueueUrl"])
    if count:
        fix = "Run `backdrop failures` to see why, and then `backdrop redrive`."
        yield CheckResult("dead letters", CheckState.UNKNOWN, f"about {format_count(count, 'message')}", fix)
    else:
        yield CheckResult("dead letters", CheckState.GOOD, "there are none")


def _check_trigger(stack: Stack, stage: str) -> CheckResult:
    """Checks the event source mapping between a queue and its function."""
    check_name, function = f"trigger of {stage}", f"{stack.name}-{stage}"
    listed: Any = require_clients(stack).functions.list_event_source_mappings(FunctionName=function)
    queue = _find_queue_name(stack, stage)
    for mapping in listed["EventSourceMappings"]:
        if queue_name_from_arn(mapping.get("EventSourceArn", "")) == queue:
            state = mapping.get("State", "")
            if ENABLED_BY_STATE.get(state) is False:
                fix = f"Run `aws lambda update-event-source-mapping --uuid {mapping['UUID']} --enabled`."
                message = f"its event source mapping is disabled, so {function} receives no messages"
                return CheckResult(check_name, CheckState.WRONG, message, fix)
            return CheckResult(check_name, CheckState.GOOD, f"its event source mapping is {state.lower()}")
    message = f"{function} has no event source mapping for {queue}, so it receives no messages"
    return CheckResult(check_name, CheckState.WRONG, message, "Deploy the stack again to connect them.")


def _check_age(stack: Stack, stage: str) -> CheckResult:
    """Checks how long messages have waited in a queue.

    SQS leaves out of this age the messages that were received three times or more.
    """
    clients, check_name = require_clients(stack), f"queue of {stage}"
    count = _count_messages(clients.sqs, stack.outputs[QUEUE_URL_OUTPUTS[stage]])
    now = stack.clock.now()
    response: Any = clients.cloudwatch.get_metric_statistics(
        Namespace="AWS/SQS",
        MetricName="ApproximateAgeOfOldestMessage",
        Dimensions=[{"Name": "QueueName", "Value": _find_queue_name(stack, stage)}],
        StartTime=now - METRIC_RANGE,
        EndTime=now,
        Period=int(METRIC_PERIOD.total_seconds()),
        Statistics=["Maximum"],
    )
    newest = max(response["Datapoints"], key=lambda one: one["Timestamp"], default=None)
    age_seconds = newest["Maximum"] if newest and count else 0
    message = f"about {format_count(count, 'message')}"
    if age_seconds <= MAX_MESSAGE_AGE.total_seconds():
        return CheckResult(check_name, CheckState.GOOD, message)
    age = format_rough_duration(age_seconds)
    fix = (
        f"Unless its trigger or Lambda's concurrency is the reason, search the log of {stack.name}-{stage} for errors. "
        "docs/alarms.md (intake-delayed, deliver-delayed) says what to do."
    )
    return CheckResult(check_name, CheckState.WRONG, f"{message}; the oldest has waited for {age}", fix)


def _count_messages(sqs: "SQSClient", url: str) -> int:
    """Returns the approximate number of messages, including delayed ones and those in process."""
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=MESSAGE_COUNT_ATTRIBUTES).get("Attributes", {})
    return sum(int(found[name]) for name in MESSAGE_COUNT_ATTRIBUTES)


def _find_queue_name(stack: Stack, stage: str) -> str:
    return queue_name_from_url(stack.outputs[QUEUE_URL_OUTPUTS[stage]])
