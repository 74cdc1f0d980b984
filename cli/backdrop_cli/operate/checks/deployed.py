"""Looks at the stack itself: its release, its last deployment, the account's concurrency, who hears its alarms."""

from collections.abc import Iterator
from importlib.metadata import version
from platform import python_version
from typing import Any

from backdrop_cli.operate.checks import Check, State
from backdrop_cli.operate.keys import clients_of
from backdrop_cli.stack import Stack

# What the other functions need beside the lanes.
SPARE_CONCURRENCY = 20
TOPIC, UNCONFIRMED = "AlarmTopic", "PendingConfirmation"


def versions(stack: Stack) -> Iterator[Check]:
    """Versions."""
    release, theirs = version("backdrop"), stack.outputs.get("Version")
    ours = f"backdrop {release}, Python {python_version()}, boto3 {version('boto3')}"
    if theirs == release:
        yield Check("versions", State.GOOD, f"{ours}; the stack is of the same release")
    else:
        fix = "Deploy the stack again from here (`make build && sam deploy`), or use the command of its own release."
        yield Check("versions", State.WRONG, f"{ours}; the stack is of {theirs or 'an older release'}", fix)


def deployment(stack: Stack) -> Iterator[Check]:
    """The last deployment."""
    cloudformation, what = clients_of(stack).cloudformation, "the last deployment"
    status = cloudformation.describe_stacks(StackName=stack.name)["Stacks"][0]["StackStatus"]
    if status.endswith("_IN_PROGRESS"):
        yield Check(
            what, State.UNKNOWN, f"is under way ({status}); photos go on meanwhile", "Look again when it is done."
        )
    elif status.endswith("_FAILED"):
        fix = f"`aws cloudformation continue-update-rollback --stack-name {stack.name}`, then deploy again."
        yield Check(what, State.WRONG, f"is stuck ({status}){_reason(stack)}", fix)
    elif "ROLLBACK" in status:
        fix = "Mend it and deploy again; until then, all runs as before."
        yield Check(what, State.WRONG, f"was rolled back ({status}){_reason(stack)}", fix)
    else:
        yield Check(what, State.GOOD, f"went well ({status})")


def _reason(stack: Stack) -> str:
    """What the last deployment failed for first, in CloudFormation's words."""
    events: Any = clients_of(stack).cloudformation.describe_stack_events(StackName=stack.name)["StackEvents"]
    failed = ""
    for event in events:
        status = event.get("ResourceStatus", "")
        if event["LogicalResourceId"] == stack.name and status in ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS"):
            break
        if status.endswith("_FAILED") and event["LogicalResourceId"] != stack.name:
            failed = f": {event['LogicalResourceId']}: {event.get('ResourceStatusReason', '')}"
    return failed


def concurrency(stack: Stack) -> Iterator[Check]:
    """Lambda's concurrency."""
    needed = sum(stack.limits.values()) + SPARE_CONCURRENCY
    limits = clients_of(stack).functions.get_account_settings().get("AccountLimit", {})
    have = limits.get("ConcurrentExecutions")
    if have is None:
        yield Check("Lambda's concurrency", State.UNKNOWN, f"cannot be known here; {needed} are needed")
    elif have < needed:
        fix = "Ask for more in the Service Quotas console (Lambda, concurrent executions), or lower MaxInFlight."
        yield Check("Lambda's concurrency", State.WRONG, f"the account has {have:,}, {needed:,} are needed", fix)
    else:
        yield Check("Lambda's concurrency", State.GOOD, f"the account has {have:,}, {needed:,} are needed")


def alarms(stack: Stack) -> Iterator[Check]:
    """Who hears the alarms."""
    what, clients, mail = "alarms", clients_of(stack), stack.parameters.get("AlarmEmail", "")
    if not mail:
        yield Check(what, State.UNKNOWN, "are mailed to nobody", "Deploy with AlarmEmail=<an address> to be mailed.")
        return
    topic = clients.cloudformation.describe_stack_resource(StackName=stack.name, LogicalResourceId=TOPIC)
    arn = topic["StackResourceDetail"].get("PhysicalResourceId", "")
    heard: Any = clients.sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]
    if any(one["Endpoint"] == mail and one["SubscriptionArn"] != UNCONFIRMED for one in heard):
        yield Check(what, State.GOOD, f"are mailed to {mail}")
    elif any(one["Endpoint"] == mail for one in heard):
        fix = "Follow the link in the mail `AWS Notification - Subscription Confirmation`; look for it among the spam."
        yield Check(what, State.WRONG, f"reach nobody: {mail} has not yet agreed to be mailed", fix)
    else:
        fix = f"`aws sns subscribe --protocol email --notification-endpoint {mail} --topic-arn {arn}`"
        yield Check(what, State.WRONG, f"reach nobody: {mail} is not subscribed, or no longer", fix)
