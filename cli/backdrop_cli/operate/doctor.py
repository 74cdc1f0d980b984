"""The `doctor` command: checks everything that a stack needs to work, and shows how to fix problems."""

from collections.abc import Sequence
from dataclasses import asdict

from botocore.exceptions import BotoCoreError, ClientError

from backdrop.aws.aws_errors import read_aws_error_code
from backdrop.model.errors import RetryLaterError
from backdrop_cli.errors import EXIT_FAILURE, EXIT_OK
from backdrop_cli.formatting import format_count
from backdrop_cli.operate.checks import (
    CheckResult,
    CheckState,
    NamedCheck,
    bill_check,
    bucket_checks,
    credentials_check,
    deployment_checks,
    encryption_checks,
    notification_checks,
    price_list_check,
    purchase_checks,
    queue_checks,
    reconcile_check,
)
from backdrop_cli.screen import Screen
from backdrop_cli.stack import Stack

STATE_MARKS = {CheckState.GOOD: ("✓", "green"), CheckState.WRONG: ("✗", "red"), CheckState.UNKNOWN: ("?", "dim")}
CHECKS = (
    NamedCheck("Versions", deployment_checks.check_versions),
    NamedCheck("The last deployment", deployment_checks.check_deployment),
    NamedCheck("Keys", purchase_checks.check_keys),
    NamedCheck("Lanes", purchase_checks.check_lanes),
    NamedCheck("Prices", purchase_checks.check_prices),
    NamedCheck("Content Credentials", credentials_check.check_credentials),
    NamedCheck("Today's budget", purchase_checks.check_budget),
    NamedCheck("The triggers of intake and deliver", queue_checks.check_triggers),
    NamedCheck("The queues of intake and deliver", queue_checks.check_queues),
    NamedCheck("Reconcile", reconcile_check.check_reconcile),
    NamedCheck("Usage records", bill_check.check_bill),
    NamedCheck("Ideogram's prices", price_list_check.check_prices),
    NamedCheck("Dead letters", queue_checks.check_dead_letters),
    NamedCheck("Lambda's concurrency", deployment_checks.check_concurrency),
    NamedCheck("Who receives the alarms", deployment_checks.check_alarms),
    NamedCheck("Buckets", bucket_checks.check_buckets),
    NamedCheck("The encryption of existing buckets", encryption_checks.check_encryption),
    NamedCheck("The bucket's notifications", notification_checks.check_notifications),
    NamedCheck("Sidecars without a photo", bucket_checks.check_sidecars),
)


def run_doctor(stack: Stack, screen: Screen) -> int:
    """Runs every check. Returns 1 if one finds a problem; what cannot be checked does not count as one."""
    with screen.spinner("checking the stack, its keys, quotas, and triggers"):
        results = [result for check in CHECKS for result in _run_check(check, stack)]
    screen.print_json({"stack": stack.name, "checks": [asdict(result) for result in results]})
    screen.print(f"Stack {stack.name}", "bold")
    for result in results:
        mark, style = STATE_MARKS[result.state]
        screen.print_bullet(mark, f"{result.name}: {result.words}", style)
        if result.fix:
            screen.print_bullet(" ", result.fix)
    problem_count = sum(result.state is CheckState.WRONG for result in results)
    screen.print(
        f"✗ {format_count(problem_count, 'problem')} found." if problem_count else "✓ No problems found.",
        "red" if problem_count else "green",
    )
    return EXIT_FAILURE if problem_count else EXIT_OK


def _run_check(check: NamedCheck, stack: Stack) -> Sequence[CheckResult]:
    """Returns what the check found; if an error ends it, also that the rest cannot be checked."""
    results: list[CheckResult] = []
    try:
        for result in check.run(stack):
            results.append(result)
        return results
    except (ClientError, BotoCoreError) as error:
        cause = f"AWS returned {read_aws_error_code(error) or type(error).__name__}"
    except RetryLaterError as error:
        cause = str(error)
    return [*results, CheckResult(check.name, CheckState.UNKNOWN, f"cannot be checked: {cause}")]
