"""Options and help of the mandate commands, which are implemented in operate/mandate.py, imported when one runs."""

from typing import Annotated

import typer

from backdrop_cli.errors import UsageError
from backdrop_cli.operator_commands import Yes
from backdrop_cli.options import JsonOutput, Profile, Region, StackLocation, StackName, open_stack

MandateName = Annotated[str, typer.Argument(metavar="NAME", help="Name of the mandate")]
Limit = Annotated[str | None, typer.Option("--usd", metavar="USD", help="The most that may be spent in total")]
DayLimit = Annotated[str | None, typer.Option("--per-day", metavar="USD", help="The most on one day (UTC)")]
PictureLimit = Annotated[
    str | None, typer.Option("--per-picture", metavar="USD", help="The highest price of one picture, with its mask")
]
Until = Annotated[str | None, typer.Option("--until", metavar="DATE", help="The last day (UTC), such as 2026-12-31")]
Operations = Annotated[
    str | None, typer.Option("--operations", metavar="LIST", help="replace, remove, or replace,remove")
]


def list_mandates(
    ctx: typer.Context,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
) -> None:
    """Limit what programs and agents may spend in a folder

    Without a command, lists the mandates. A mandate owns a folder: each picture that is bought for a
    photo in it is charged to the mandate, and none is bought beyond its limits.

    Example: backdrop mandate create anna --usd 5 --prefix agents/anna/
    """
    if ctx.invoked_subcommand:
        return
    with open_stack(ctx, StackLocation(stack, profile, region), as_json) as (target_stack, screen):
        from backdrop_cli.operate.mandate import show_mandates

        show_mandates(target_stack, screen)


def create(
    ctx: typer.Context,
    name: MandateName,
    prefix: Annotated[str, typer.Option("--prefix", metavar="PREFIX", help="The folder that it owns: agents/anna/")],
    usd: Annotated[str, typer.Option("--usd", metavar="USD", help="The most that may be spent in total")],
    per_day: DayLimit = None,
    per_picture: PictureLimit = None,
    operations: Operations = None,
    until: Until = None,
    when_spent: Annotated[
        str, typer.Option("--when-spent", metavar="refuse|wait", help="What happens to photos beyond the limits")
    ] = "refuse",
    policy: Annotated[
        bool, typer.Option("--policy", help="Print the IAM policy that a client under the mandate needs")
    ] = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
) -> None:
    """Create a mandate, which owns its folder from now on

    Example: backdrop mandate create anna --usd 5 --per-day 2 --prefix agents/anna/ --policy
    """
    from backdrop_cli.operate.mandate import MandateTerms, create_mandate

    terms = MandateTerms.parse(usd, per_day, per_picture, operations, until)
    if when_spent not in ("refuse", "wait"):
        raise UsageError(f"--when-spent takes refuse or wait, not {when_spent!r}")
    with open_stack(ctx, StackLocation(stack, profile, region), as_json) as (target_stack, screen):
        create_mandate(target_stack, screen, name, prefix, terms, when_spent=when_spent, with_policy=policy)


def show(
    ctx: typer.Context,
    name: MandateName,
    policy: Annotated[
        bool, typer.Option("--policy", help="Print the IAM policy that a client under the mandate needs")
    ] = False,
    config: Annotated[
        bool, typer.Option("--config", help="Print the file with which a client under the mandate connects")
    ] = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
) -> None:
    """Show a mandate's terms, and what is left of it

    Example: backdrop mandate show anna

    Example: backdrop mandate show anna --config > anna.json
    """
    if policy and config:
        raise UsageError("--policy and --config cannot be used together; use one of them")
    with open_stack(ctx, StackLocation(stack, profile, region), as_json) as (target_stack, screen):
        from backdrop_cli.operate.mandate import show_mandate

        show_mandate(target_stack, screen, name, with_policy=policy, with_config=config)


def raise_limits(
    ctx: typer.Context,
    name: MandateName,
    usd: Limit = None,
    per_day: DayLimit = None,
    per_picture: PictureLimit = None,
    operations: Operations = None,
    until: Until = None,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
) -> None:
    """Change the limits; photos that wait may then continue

    Amounts replace the earlier ones, and may be lower: `--usd 10` allows $10 in total, with what was
    spent so far.

    Example: backdrop mandate raise anna --usd 10
    """
    from backdrop_cli.operate.mandate import MandateTerms, change_mandate

    terms = MandateTerms.parse(usd, per_day, per_picture, operations, until)
    if terms == MandateTerms():
        raise UsageError(f"say what to change, for example `backdrop mandate raise {name} --usd 10`")
    with open_stack(ctx, StackLocation(stack, profile, region), as_json) as (target_stack, screen):
        change_mandate(target_stack, screen, name, terms)


def suspend(
    ctx: typer.Context,
    name: MandateName,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
) -> None:
    """Stop buying under a mandate until it is resumed

    Example: backdrop mandate suspend anna
    """
    with open_stack(ctx, StackLocation(stack, profile, region), as_json) as (target_stack, screen):
        from backdrop_cli.operate.mandate import suspend_mandate

        suspend_mandate(target_stack, screen, name)


def resume(
    ctx: typer.Context,
    name: MandateName,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
) -> None:
    """Resume a suspended mandate

    Example: backdrop mandate resume anna
    """
    with open_stack(ctx, StackLocation(stack, profile, region), as_json) as (target_stack, screen):
        from backdrop_cli.operate.mandate import resume_mandate

        resume_mandate(target_stack, screen, name)


def end(
    ctx: typer.Context,
    name: MandateName,
    yes: Yes = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
) -> None:
    """End a mandate, and keep its folder blocked

    The end is final. Nothing is bought in the folder until it is released, and photos that are not bought
    yet are refused.

    Example: backdrop mandate end anna
    """
    with open_stack(ctx, StackLocation(stack, profile, region), as_json) as (target_stack, screen):
        from backdrop_cli.operate.mandate import end_mandate

        end_mandate(target_stack, screen, name, yes=yes)


def release(
    ctx: typer.Context,
    name: MandateName,
    yes: Yes = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
) -> None:
    """Give up the folder of an ended mandate

    Anyone who can upload to the folder can then buy there again. Photos that were not bought under the
    mandate stay refused, unless they are uploaded again or rerun.

    Example: backdrop mandate release anna
    """
    with open_stack(ctx, StackLocation(stack, profile, region), as_json) as (target_stack, screen):
        from backdrop_cli.operate.mandate import release_mandate

        release_mandate(target_stack, screen, name, yes=yes)
