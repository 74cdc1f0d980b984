"""Options and help of the operator commands; each is implemented in the module of its name, imported when it runs."""

from pathlib import Path
from typing import Annotated

import typer

from backdrop_cli.errors import UsageError
from backdrop_cli.options import JsonOutput, Profile, Region, StackLocation, StackName, open_stack

Provider = Annotated[str, typer.Argument(metavar="PROVIDER", help="ideogram, segmind, 1min, or runware")]
CodeFilter = Annotated[
    list[str] | None, typer.Option("--code", metavar="CODE", help="Select failures with this code; can be repeated")
]
ProviderFilter = Annotated[str, typer.Option("--provider", metavar="PROVIDER", help="Select failures of this provider")]
OptionalPrefix = Annotated[str | None, typer.Argument(metavar="[PREFIX]", help="Beginning of the photos' keys")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Skip the confirmation")]


def pause(
    ctx: typer.Context,
    provider: Provider,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
) -> None:
    """Stop buying from a provider; its photos wait until `resume`

    Example: backdrop pause ideogram
    """
    with open_stack(ctx, StackLocation(stack, profile, region), as_json) as (target_stack, screen):
        from backdrop_cli.operate import pause_resume

        pause_resume.pause_lane(target_stack, screen, provider)


def resume(
    ctx: typer.Context,
    provider: Provider,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
) -> None:
    """Resume a paused provider, whatever paused it

    Example: backdrop resume ideogram
    """
    with open_stack(ctx, StackLocation(stack, profile, region), as_json) as (target_stack, screen):
        from backdrop_cli.operate import pause_resume

        pause_resume.resume_lane(target_stack, screen, provider)


def budget(
    ctx: typer.Context,
    dollars: Annotated[str | None, typer.Argument(metavar="USD", help="New cap for today, in US dollars")] = None,
    today: Annotated[bool, typer.Option("--today", help="Set the cap until midnight UTC")] = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
) -> None:
    """Show what is left of today's budget, or set it until midnight UTC

    Example: backdrop budget 300 --today
    """
    from backdrop_cli.operate.budget import parse_budget, set_budget, show_budget

    cap = parse_budget(dollars, today=today)
    with open_stack(ctx, StackLocation(stack, profile, region), as_json) as (target_stack, screen):
        show_budget(target_stack, screen) if cap is None else set_budget(target_stack, screen, cap)


def failures(
    ctx: typer.Context,
    prefix: OptionalPrefix = None,
    code: CodeFilter = None,
    provider: ProviderFilter = "",
    list_all: Annotated[bool, typer.Option("--all", help="List all photos")] = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
) -> None:
    """Show what failed, what it cost, and what to do about it

    Example: backdrop failures shoes/ --code charge_unknown
    """
    from backdrop_cli.operate.arguments import parse_failure_filter
    from backdrop_cli.operate.failures import show_failures

    failure_filter = parse_failure_filter(code or (), provider, prefix or "")
    with open_stack(ctx, StackLocation(stack, profile, region), as_json) as (target_stack, screen):
        show_failures(target_stack, screen, failure_filter, list_all=list_all)


def redrive(
    ctx: typer.Context,
    prefix: OptionalPrefix = None,
    code: CodeFilter = None,
    provider: ProviderFilter = "",
    pay_again: Annotated[
        bool,
        typer.Option("--pay-again", help="Buy again what was charged, or may have been, and cannot be recovered"),
    ] = False,
    yes: Yes = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
) -> None:
    """Retry failures, after showing the price and asking for confirmation

    Without PREFIX, --code, or --provider, retries all failures.

    Example: backdrop redrive shoes/ --code crashed
    """
    from backdrop_cli.operate.arguments import parse_failure_filter
    from backdrop_cli.operate.redrive import redrive_failures

    failure_filter = parse_failure_filter(code or (), provider, prefix or "")
    with open_stack(ctx, StackLocation(stack, profile, region), as_json) as (target_stack, screen):
        redrive_failures(target_stack, screen, failure_filter, pay_again=pay_again, yes=yes)


def rerun(
    ctx: typer.Context,
    target: Annotated[
        str | None, typer.Argument(metavar="KEY|PREFIX", help="Key of one photo, or the beginning of many keys")
    ] = None,
    all_photos: Annotated[bool, typer.Option("--all", help="All photos in the input bucket")] = False,
    yes: Yes = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
) -> None:
    """Apply the current sidecars, tags, and folder defaults to existing photos

    Shows the price, and asks for confirmation. A picture that was already bought with the same
    instructions is not bought again.

    Example: backdrop rerun shoes/autumn/
    """
    from backdrop_cli.operate.rerun import rerun_photos

    if all_photos is bool(target):
        raise UsageError("choose the photos: a key, the beginning of keys such as shoes/autumn/, or --all")
    with open_stack(ctx, StackLocation(stack, profile, region), as_json) as (target_stack, screen):
        rerun_photos(target_stack, screen, target or "", yes=yes)


def cancel(
    ctx: typer.Context,
    prefix: Annotated[str | None, typer.Argument(metavar="PREFIX", help="Beginning of the photos' keys")] = None,
    all_photos: Annotated[bool, typer.Option("--all", help="All photos of the stack")] = False,
    yes: Yes = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
) -> None:
    """Cancel what has not been bought yet, after showing how much that is

    Asks for confirmation. Applies to everything that has been uploaded or requested so far. Jobs
    end immediately; photos that have no job yet end as soon as they get one. --all also stops
    running campaigns.

    Example: backdrop cancel shoes/autumn/
    """
    from backdrop_cli.operate.cancel import cancel_work

    if all_photos is bool(prefix):
        raise UsageError("choose the photos: the beginning of their keys, such as shoes/autumn/, or --all")
    with open_stack(ctx, StackLocation(stack, profile, region), as_json) as (target_stack, screen):
        cancel_work(target_stack, screen, prefix or "", yes=yes)


def show(
    ctx: typer.Context,
    key: Annotated[str, typer.Argument(metavar="KEY", help="Key of a photo or of a picture")],
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
) -> None:
    """Show one photo: why it waits, its instructions, calls, costs, and files

    Example: backdrop show shoes/red.jpg
    """
    with open_stack(ctx, StackLocation(stack, profile, region), as_json) as (target_stack, screen):
        from backdrop_cli.operate.show import show_photo

        show_photo(target_stack, screen, key)


def status(
    ctx: typer.Context,
    watch: Annotated[bool, typer.Option("--watch", help="Refresh until Ctrl-C")] = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
) -> None:
    """Show the state of each provider, what waits, what ended, and today's cost

    Example: backdrop status --watch
    """
    with open_stack(ctx, StackLocation(stack, profile, region), as_json) as (target_stack, screen):
        from backdrop_cli.operate.status import show_status

        show_status(target_stack, screen, watch=watch)


def spend(
    ctx: typer.Context,
    prefix: OptionalPrefix = None,
    by: Annotated[str, typer.Option("--by", metavar="WORD", help="Group by day, folder, provider, or mandate")] = "day",
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
) -> None:
    """Show what was spent, by day, folder, provider, or mandate

    Example: backdrop spend shoes/ --by provider
    """
    from backdrop_cli.operate.spend import show_spend, validate_grouping

    validate_grouping(by)
    with open_stack(ctx, StackLocation(stack, profile, region), as_json) as (target_stack, screen):
        show_spend(target_stack, screen, prefix or "", by)


def statement(
    ctx: typer.Context,
    month: Annotated[str, typer.Argument(metavar="MONTH", help="A month (UTC), such as 2026-11")],
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write the charges to this CSV file")
    ] = None,
    page: Annotated[
        Path | None, typer.Option("--page", metavar="FILE", help="Write the page to this HTML file")
    ] = None,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
) -> None:
    """Write a month's statement: each charge, and each that is unknown

    Writes statement-MONTH.csv, which has the columns of FOCUS, and statement-MONTH.html; with --csv
    or --page, only the files that they name. Replaces existing files. The statement of the current
    month is provisional. Reads the whole ledger once, as `spend` does.

    Example: backdrop statement 2026-11

    Example: backdrop statement 2026-11 --csv november.csv
    """
    from backdrop_cli.statement.month import parse_month

    parsed_month = parse_month(month)
    with open_stack(ctx, StackLocation(stack, profile, region), as_json) as (target_stack, screen):
        from backdrop_cli.statement.make_statement import StatementFiles, make_statement

        make_statement(target_stack, screen, parsed_month, StatementFiles.choose(parsed_month, csv, page))


def doctor(
    ctx: typer.Context,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
) -> int:
    """Find problems with a stack, and show how to fix them

    Checks keys, quotas, triggers, lanes, queues, and the budget. Exits with 1 if there is a problem. What
    cannot be checked is reported and does not count as a problem.

    Example: backdrop doctor --stack backdrop
    """
    with open_stack(ctx, StackLocation(stack, profile, region), as_json) as (target_stack, screen):
        from backdrop_cli.operate.doctor import run_doctor

        return run_doctor(target_stack, screen)


def reconcile_bill(
    ctx: typer.Context,
    day: Annotated[
        str | None, typer.Option("--day", metavar="DATE", help="Read and settle this day (UTC) instead of the week")
    ] = None,
    accept_missing: Annotated[
        bool,
        typer.Option("--accept-missing", help="Settle again, after you have found out why a charge is missing"),
    ] = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
) -> None:
    """Settle charges whose answer was lost by Ideogram's usage records

    Reads the records of the last week with the admin key, compares them with the ledger, and explains the
    result. A call is settled only if the records prove that it was charged, or that it was not.

    Example: backdrop reconcile-bill --day 2026-11-26
    """
    from backdrop_cli.operate import reconcile_bill as command

    only_day = command.parse_day(day)
    with open_stack(ctx, StackLocation(stack, profile, region), as_json) as (target_stack, screen):
        command.reconcile_bill(target_stack, screen, only_day, accept_missing=accept_missing)


def check_prices(
    ctx: typer.Context,
    resume: Annotated[
        bool, typer.Option("--resume", help="Check again, after you have found out why the check stopped")
    ] = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
) -> None:
    """Compare Ideogram's prices with the price list

    Asks Ideogram v2 for quotes, which are free, as the stack does every day. If Ideogram answers
    anything else, nothing more is asked until you add --resume.

    Example: backdrop check-prices
    """
    with open_stack(ctx, StackLocation(stack, profile, region), as_json) as (target_stack, screen):
        from backdrop_cli.operate import check_prices as command

        command.check_prices(target_stack, screen, resume=resume)


def set_key(
    ctx: typer.Context,
    provider: Provider,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
) -> None:
    """Set a provider's API key, typed at a prompt or read from a pipe

    Example: backdrop key set ideogram < key.txt
    """
    with open_stack(ctx, StackLocation(stack, profile, region), as_json) as (target_stack, screen):
        from backdrop_cli.operate import set_key

        set_key.store_key(target_stack, screen, provider)
