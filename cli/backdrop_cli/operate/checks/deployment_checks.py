"""Checks the stack itself: release, last deployment, the account's concurrency, and alarm subscriptions."""

from collections.abc import Iterator
from importlib.metadata import version
from platform import python_version
from typing import Any

from backdrop_cli.operate.checks import CheckResult, CheckState
from backdrop_cli.operate.set_key import require_clients
from backdrop_cli.stack import Stack

# Concurrency for the functions that are not lanes.
SPARE_CONCURRENCY = 20
ALARM_TOPIC_LOGICAL_ID, PENDING_CONFIRMATION = "AlarmTopic", "PendingConfirmation"


def check_versions(stack: Stack) -> Iterator[CheckResult]:
    release, stack_release = version("backdrop"), stack.outputs.get("Version")
    local_versions = f"backdrop {release}, Python {python_version()}, boto3 {version('boto3')}"
    if stack_release == release:
        yield CheckResult("versions", CheckState.GOOD, f"{local_versions}; the stack has the same release")
    else:
        fix = "Deploy this release (`make build && sam deploy`), or use the command of the stack's release."
        yield CheckResult(
            "versions",
            CheckState.WRONG,
            f"{local_versions}; the stack has {stack_release or 'an older release'}",
            fix,
        )


def check_deployment(stack: Stack) -> Iterator[CheckResult]:
    cloudformation, check_name = require_clients(stack).cloudformation, "the last deployment"
    status = cloudformation.describe_stacks(StackName=stack.name)["Stacks"][0]["StackStatus"]
    if status.endswith("_IN_PROGRESS"):
        yield CheckResult(
            check_name,
            CheckState.UNKNOWN,
            f"is in progress ({status}); photos are still processed",
            "Check again when it is done.",
        )
    elif status.endswith("_FAILED"):
        fix = f"Run `aws cloudformation continue-update-rollback --stack-name {stack.name}`, then deploy again."
        yield CheckResult(check_name, CheckState.WRONG, f"is stuck ({status}){_find_failure_reason(stack)}", fix)
    elif "ROLLBACK" in status:
        fix = "Fix the cause and deploy again. Until then, the previous deployment runs."
        yield CheckResult(check_name, CheckState.WRONG, f"was rolled back ({status}){_find_failure_reason(stack)}", fix)
    else:
        yield CheckResult(check_name, CheckState.GOOD, f"succeeded ({status})")


def _find_failure_reason(stack: Stack) -> str:
    """Returns the first failure of the last deployment, as CloudFormation reports it."""
    events: Any = require_clients(stack).cloudformation.describe_stack_events(StackName=stack.name)["StackEvents"]
    reason = ""
    for event in events:
        status = event.get("ResourceStatus", "")
        if event["LogicalResourceId"] == stack.name and status in ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS"):
            break
        if status.endswith("_FAILED") and event["LogicalResourceId"] != stack.name:
            reason = f": {event['LogicalResourceId']}: {event.get('ResourceStatusReason', '')}"
    return reason


def check_concurrency(stack: Stack) -> Iterator[CheckResult]:
    needed = sum(stack.max_in_flight.values()) + SPARE_CONCURRENCY
    limits = require_clients(stack).functions.get_account_settings().get("AccountLimit", {})
    limit = limits.get("ConcurrentExecutions")
    if limit is None:
        yield CheckResult("Lambda's concurrency", CheckState.UNKNOWN, f"cannot be read here; {needed} are needed")
    elif limit < needed:
        fix = "Ask for more in the Service Quotas console (Lambda, concurrent executions), or lower MaxInFlight."
        yield CheckResult(
            "Lambda's concurrency", CheckState.WRONG, f"the account has {limit:,}; {needed:,} are needed", fix
        )
    else:
        yield CheckResult("Lambda's concurrency", CheckState.GOOD, f"the account has {limit:,}; {needed:,} are needed")


def check_alarms(stack: Stack) -> Iterator[CheckResult]:
    check_name, clients, address = "alarms", require_clients(stack), stack.parameters.get("AlarmEmail", "")
    if not address:
        yield CheckResult(
            check_name,
            CheckState.UNKNOWN,
            "are not sent by email",
            "To receive them, deploy with AlarmEmail=<an address>.",
        )
        return
    topic = clients.cloudformation.describe_stack_resource(
        StackName=stack.name, LogicalResourceId=ALARM_TOPIC_LOGICAL_ID
    )
    arn = topic["StackResourceDetail"].get("PhysicalResourceId", "")
    subscriptions: Any = clients.sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]
    if any(one["Endpoint"] == address and one["SubscriptionArn"] != PENDING_CONFIRMATION for one in subscriptions):
        yield CheckResult(check_name, CheckState.GOOD, f"are sent to {address}")
    elif any(one["Endpoint"] == address for one in subscriptions):
        fix = "Follow the link in the email `AWS Notification - Subscription Confirmation`; check the spam folder."
        yield CheckResult(
            check_name, CheckState.WRONG, f"are not delivered: {address} has not confirmed the subscription", fix
        )
    else:
        fix = f"Run `aws sns subscribe --protocol email --notification-endpoint {address} --topic-arn {arn}`."
        yield CheckResult(check_name, CheckState.WRONG, f"are not delivered: {address} is not subscribed", fix)
