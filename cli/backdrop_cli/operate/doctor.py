"""The verb `doctor`: looks at all that a stack needs to work, and says of each thing that is wrong how it is mended."""

from collections.abc import Sequence
from dataclasses import asdict

from botocore.exceptions import BotoCoreError, ClientError

from backdrop.aws.aws_errors import read_aws_error_code
from backdrop_cli.errors import EXIT_FAILURE, EXIT_OK
from backdrop_cli.operate.checks import (
    CheckFunction,
    CheckResult,
    CheckState,
    bucket_checks,
    deployment_checks,
    encryption_checks,
    purchase_checks,
)
from backdrop_cli.screen import Screen, format_count
from backdrop_cli.stack import Stack

STATE_MARKS = {CheckState.GOOD: ("✓", "green"), CheckState.WRONG: ("✗", "red"), CheckState.UNKNOWN: ("?", "dim")}
CHECKS: tuple[CheckFunction, ...] = (
    deployment_checks.check_versions,
    deployment_checks.check_deployment,
    purchase_checks.check_keys,
    purchase_checks.check_lanes,
    purchase_checks.check_prices,
    purchase_checks.check_budget,
    deployment_checks.check_concurrency,
    deployment_checks.check_alarms,
    bucket_checks.check_buckets,
    encryption_checks.check_encryption,
    bucket_checks.check_notifications,
    bucket_checks.check_sidecars,
)


def run_doctor(stack: Stack, screen: Screen) -> int:
    """Runs every check. Returns 1 if one finds something wrong; what cannot be checked is no failure."""
    with screen.spinner("looking at the stack, its keys, quotas and wiring"):
        checks = [check for check_function in CHECKS for check in _run_check(check_function, stack)]
    screen.print_json({"stack": stack.name, "checks": [asdict(one) for one in checks]})
    screen.print(f"Stack {stack.name}", "bold")
    for one in checks:
        mark, style = STATE_MARKS[one.state]
        screen.print_bullet(mark, f"{one.name}: {one.words}", style)
        if one.fix:
            screen.print_bullet(" ", one.fix)
    problem_count = sum(one.state is CheckState.WRONG for one in checks)
    screen.print(
        f"✗ {format_count(problem_count, 'thing')} to mend." if problem_count else "✓ Nothing to mend.",
        "red" if problem_count else "green",
    )
    return EXIT_FAILURE if problem_count else EXIT_OK


def _run_check(check_function: CheckFunction, stack: Stack) -> Sequence[CheckResult]:
    """What a look finds; where AWS does not let us look, that is said."""
    try:
        return list(check_function(stack))
    except (ClientError, BotoCoreError) as error:
        name = (check_function.__doc__ or "").rstrip(".")
        return [
            CheckResult(
                name,
                CheckState.UNKNOWN,
                f"cannot be known: AWS says {read_aws_error_code(error) or type(error).__name__}",
            )
        ]
