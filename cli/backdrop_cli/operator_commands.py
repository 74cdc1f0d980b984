"""The verbs of people who run a stack: each one's options and help; what it does is in the module of its name."""

from typing import Annotated

import typer

from backdrop_cli.errors import UsageError
from backdrop_cli.options import JsonOutput, Profile, Region, StackLocation, StackName, open_stack

Provider = Annotated[str, typer.Argument(metavar="PROVIDER", help="ideogram, segmind, 1min or runware.")]
CodeFilter = Annotated[
    list[str] | None, typer.Option("--code", metavar="CODE", help="Only failures with this code; may be repeated.")
]
ProviderFilter = Annotated[str, typer.Option("--provider", metavar="PROVIDER", help="Only this provider's failures.")]
PrefixFilter = Annotated[str, typer.Option("--prefix", metavar="PREFIX", help="Only photos whose keys begin so.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Agree beforehand; nothing is asked.")]


def pause(
    ctx: typer.Context,
    provider: Provider,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
) -> None:
    """Buy nothing more at a provider until `resume`; photos wait, none is lost.

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
    """Let a paused provider go on, whatever paused it.

    Example: backdrop resume ideogram
    """
    with open_stack(ctx, StackLocation(stack, profile, region), as_json) as (target_stack, screen):
        from backdrop_cli.operate import pause_resume

        pause_resume.resume_lane(target_stack, screen, provider)


def budget(
    ctx: typer.Context,
    dollars: Annotated[str | None, typer.Argument(metavar="USD", help="Today's cap from now on.")] = None,
    today: Annotated[bool, typer.Option("--today", help="Set the cap until midnight UTC.")] = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
) -> None:
    """Show what today's budget has left, or set it until midnight UTC.

    Example: backdrop budget 300 --today
    """
    from backdrop_cli.operate.budget import parse_budget, set_budget, show_budget

    cap = parse_budget(dollars, today=today)
    with open_stack(ctx, StackLocation(stack, profile, region), as_json) as (target_stack, screen):
        show_budget(target_stack, screen) if cap is None else set_budget(target_stack, screen, cap)


def failures(
    ctx: typer.Context,
    code: CodeFilter = None,
    provider: ProviderFilter = "",
    prefix: PrefixFilter = "",
    list_all: Annotated[bool, typer.Option("--all", help="List every photo.")] = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
) -> None:
    """Show what failed, what it cost and what to do about it.

    Example: backdrop failures --code charge_unknown --prefix shoes/
    """
    from backdrop_cli.operate.arguments import parse_failure_filter
    from backdrop_cli.operate.failures import show_failures

    failure_filter = parse_failure_filter(code or (), provider, prefix)
    with open_stack(ctx, StackLocation(stack, profile, region), as_json) as (target_stack, screen):
        show_failures(target_stack, screen, failure_filter, list_all=list_all)


def redrive(
    ctx: typer.Context,
    code: CodeFilter = None,
    provider: ProviderFilter = "",
    prefix: PrefixFilter = "",
    pay_again: Annotated[
        bool,
        typer.Option("--pay-again", help="Buy once more what was paid, or may have been, and cannot be had any more."),
    ] = False,
    yes: Yes = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
) -> None:
    """Bring failures on their way again; says first what that costs, and asks.

    Without --code, --provider or --prefix it means all failures.

    Example: backdrop redrive --code crashed --prefix shoes/
    """
    from backdrop_cli.operate.arguments import parse_failure_filter
    from backdrop_cli.operate.redrive import redrive_failures

    failure_filter = parse_failure_filter(code or (), provider, prefix)
    with open_stack(ctx, StackLocation(stack, profile, region), as_json) as (target_stack, screen):
        redrive_failures(target_stack, screen, failure_filter, pay_again=pay_again, yes=yes)


def rerun(
    ctx: typer.Context,
    target: Annotated[
        str | None, typer.Argument(metavar="KEY|PREFIX", help="One photo's key, or the beginning of many keys.")
    ] = None,
    all_photos: Annotated[bool, typer.Option("--all", help="All photos of the input bucket.")] = False,
    yes: Yes = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
) -> None:
    """Resolve photos anew on what sidecars, tags and folder defaults say now.

    Says first what that costs, and asks. What was bought as it is wanted now is not bought again.

    Example: backdrop rerun shoes/autumn/
    """
    from backdrop_cli.operate.rerun import rerun_photos

    if all_photos is bool(target):
        raise UsageError("say which photos: a key or the beginning of keys, such as shoes/autumn/, or else --all")
    with open_stack(ctx, StackLocation(stack, profile, region), as_json) as (target_stack, screen):
        rerun_photos(target_stack, screen, target or "", yes=yes)


def cancel(
    ctx: typer.Context,
    prefix: Annotated[str | None, typer.Argument(metavar="PREFIX", help="Photos whose keys begin so.")] = None,
    all_photos: Annotated[bool, typer.Option("--all", help="All photos of the stack.")] = False,
    yes: Yes = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
) -> None:
    """End what was dropped or asked for until now and is not bought yet; says first how much, and asks.

    Jobs end at once; what is no job yet ends when it is one. --all stops the campaigns that run, too.

    Example: backdrop cancel shoes/autumn/
    """
    from backdrop_cli.operate.cancel import cancel_work

    if all_photos is bool(prefix):
        raise UsageError("say which photos: a prefix of their keys, such as shoes/autumn/, or else --all")
    with open_stack(ctx, StackLocation(stack, profile, region), as_json) as (target_stack, screen):
        cancel_work(target_stack, screen, prefix or "", yes=yes)


def show(
    ctx: typer.Context,
    key: Annotated[str, typer.Argument(metavar="KEY", help="A photo's key, or a picture's.")],
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
) -> None:
    """Tell one image's whole story: what was asked, every call, every cost, every file.

    Example: backdrop show shoes/red.jpg
    """
    with open_stack(ctx, StackLocation(stack, profile, region), as_json) as (target_stack, screen):
        from backdrop_cli.operate.show import show_photo

        show_photo(target_stack, screen, key)


def status(
    ctx: typer.Context,
    watch: Annotated[bool, typer.Option("--watch", help="Show it again and again, until Ctrl-C.")] = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
) -> None:
    """Show how each provider is, what waits, what ended how, and what today has cost.

    Example: backdrop status --watch
    """
    with open_stack(ctx, StackLocation(stack, profile, region), as_json) as (target_stack, screen):
        from backdrop_cli.operate.status import show_status

        show_status(target_stack, screen, watch=watch)


def spend(
    ctx: typer.Context,
    by: Annotated[str, typer.Option("--by", metavar="WORD", help="day, folder or provider.")] = "day",
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
) -> None:
    """Show what was spent, by day, by folder or by provider.

    Example: backdrop spend --by folder
    """
    from backdrop_cli.operate.spend import show_spend, validate_grouping

    validate_grouping(by)
    with open_stack(ctx, StackLocation(stack, profile, region), as_json) as (target_stack, screen):
        show_spend(target_stack, screen, by)


def doctor(
    ctx: typer.Context,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
) -> int:
    """Look for what is wrong with a stack, and say how to mend it.

    Keys, quotas, wiring, lanes, budget. Exit code 1: something is wrong. What cannot be known
    is said, and is no failure.

    Example: backdrop doctor --stack backdrop
    """
    with open_stack(ctx, StackLocation(stack, profile, region), as_json) as (target_stack, screen):
        from backdrop_cli.operate.doctor import run_doctor

        return run_doctor(target_stack, screen)


def set_key(
    ctx: typer.Context,
    provider: Provider,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
) -> None:
    """Set a provider's API key; it is asked for, or read from a pipe.

    Example: backdrop key set ideogram < key.txt
    """
    with open_stack(ctx, StackLocation(stack, profile, region), as_json) as (target_stack, screen):
        from backdrop_cli.operate import set_key

        set_key.store_key(target_stack, screen, provider)
