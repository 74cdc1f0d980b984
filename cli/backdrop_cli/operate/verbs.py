"""The verbs of people who run a stack: each one's options and help; what it does is in the module of its name."""

from typing import Annotated

import typer

from backdrop_cli.errors import MisusedError
from backdrop_cli.options import Json, Place, Profile, Region, StackName, opened

Provider = Annotated[str, typer.Argument(metavar="PROVIDER", help="ideogram, segmind, 1min or runware.")]
Codes = Annotated[
    list[str] | None, typer.Option("--code", metavar="CODE", help="Only failures with this code; may be repeated.")
]
Of = Annotated[str, typer.Option("--provider", metavar="PROVIDER", help="Only this provider's failures.")]
Prefix = Annotated[str, typer.Option("--prefix", metavar="PREFIX", help="Only photos whose keys begin so.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Agree beforehand; nothing is asked.")]


def pause(
    ctx: typer.Context,
    provider: Provider,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Buy nothing more at a provider until `resume`; photos wait, none is lost.

    Example: backdrop pause ideogram
    """
    with opened(ctx, Place(stack, profile, region), as_json) as (there, screen):
        from backdrop_cli.operate import lanes

        lanes.pause(there, screen, provider)


def resume(
    ctx: typer.Context,
    provider: Provider,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Let a paused provider go on, whatever paused it.

    Example: backdrop resume ideogram
    """
    with opened(ctx, Place(stack, profile, region), as_json) as (there, screen):
        from backdrop_cli.operate import lanes

        lanes.resume(there, screen, provider)


def budget(
    ctx: typer.Context,
    dollars: Annotated[str | None, typer.Argument(metavar="USD", help="Today's cap from now on.")] = None,
    today: Annotated[bool, typer.Option("--today", help="Set the cap until midnight UTC.")] = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Show what today's budget has left, or set it until midnight UTC.

    Example: backdrop budget 300 --today
    """
    from backdrop_cli.operate import budget as day

    cap = day.amount(dollars, today=today)
    with opened(ctx, Place(stack, profile, region), as_json) as (there, screen):
        day.show(there, screen) if cap is None else day.put(there, screen, cap)


def failures(
    ctx: typer.Context,
    code: Codes = None,
    provider: Of = "",
    prefix: Prefix = "",
    every: Annotated[bool, typer.Option("--all", help="List every photo.")] = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Show what failed, what it cost and what to do about it.

    Example: backdrop failures --code charge_unknown --prefix shoes/
    """
    from backdrop_cli.operate import failures as failed
    from backdrop_cli.operate.choice import wanted

    meant = wanted(code or (), provider, prefix)
    with opened(ctx, Place(stack, profile, region), as_json) as (there, screen):
        failed.show(there, screen, meant, every=every)


def redrive(
    ctx: typer.Context,
    code: Codes = None,
    provider: Of = "",
    prefix: Prefix = "",
    pay_again: Annotated[
        bool,
        typer.Option("--pay-again", help="Buy once more what was paid, or may have been, and cannot be had any more."),
    ] = False,
    yes: Yes = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Bring failures on their way again; says first what that costs, and asks.

    Without --code, --provider or --prefix it means all failures.

    Example: backdrop redrive --code crashed --prefix shoes/
    """
    from backdrop_cli.operate import redrive as again
    from backdrop_cli.operate.choice import wanted

    meant = wanted(code or (), provider, prefix)
    with opened(ctx, Place(stack, profile, region), as_json) as (there, screen):
        again.redrive(there, screen, meant, pay_again=pay_again, yes=yes)


def rerun(
    ctx: typer.Context,
    which: Annotated[
        str | None, typer.Argument(metavar="KEY|PREFIX", help="One photo's key, or the beginning of many keys.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All photos of the input bucket.")] = False,
    yes: Yes = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Resolve photos anew on what sidecars, tags and folder defaults say now.

    Says first what that costs, and asks. What was bought as it is wanted now is not bought again.

    Example: backdrop rerun shoes/autumn/
    """
    from backdrop_cli.operate import rerun as anew

    if every is bool(which):
        raise MisusedError("say which photos: a key or the beginning of keys, such as shoes/autumn/, or else --all")
    with opened(ctx, Place(stack, profile, region), as_json) as (there, screen):
        anew.rerun(there, screen, which or "", yes=yes)


def cancel(
    ctx: typer.Context,
    prefix: Annotated[str | None, typer.Argument(metavar="PREFIX", help="Photos whose keys begin so.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All photos of the stack.")] = False,
    yes: Yes = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """End all jobs that are not bought yet; says first how many, and asks.

    Example: backdrop cancel shoes/autumn/
    """
    from backdrop_cli.operate import cancel as off

    if every is bool(prefix):
        raise MisusedError("say which photos: a prefix of their keys, such as shoes/autumn/, or else --all")
    with opened(ctx, Place(stack, profile, region), as_json) as (there, screen):
        off.cancel(there, screen, prefix or "", yes=yes)
