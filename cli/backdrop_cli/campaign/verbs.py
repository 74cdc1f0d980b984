"""The verbs of campaigns: each one's options and help; what it does is in the module of its name."""

from pathlib import Path
from typing import Annotated

import typer

from backdrop_cli.operate.verbs import Yes
from backdrop_cli.options import Json, Place, Profile, Region, StackName, opened

What = Annotated[
    str,
    typer.Argument(
        metavar="PREFIX|MANIFEST",
        help="Photos of the input bucket whose keys begin so (also as s3://bucket/prefix), or a list of keys: "
        "a .csv or .jsonl file of this machine or of the bucket.",
    ),
]
Prompt = Annotated[
    str | None,
    typer.Option("--prompt", metavar="TEXT", help="The new background, whatever sidecars, tags and folders say."),
]
Style = Annotated[
    str | None, typer.Option("--style", metavar="STYLE", help="A style, such as 'golden hour'; likewise.")
]
By = Annotated[
    list[str] | None,
    typer.Option("--provider", metavar="PROVIDER", help="Who shall make it; likewise. Several are a list."),
]
Sidecar = Annotated[
    Path | None,
    typer.Option("--sidecar", metavar="FILE", help="A file that says what is wanted, as a sidecar; likewise."),
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The campaign's name.")]
Called = Annotated[str | None, typer.Option("--name", metavar="NAME", help="In place of the prefix's or file's name.")]
MaxTotal = Annotated[
    str | None, typer.Option("--max-total", metavar="USD", help="Refuse to begin if it may cost more than this.")
]
Tolerate = Annotated[
    float | None,
    typer.Option("--tolerate", metavar="PERCENT", help="Fail if more of the items fail; otherwise it never fails."),
]


def quote(
    ctx: typer.Context,
    what: What,
    prompt: Prompt = None,
    style: Style = None,
    provider: By = None,
    sidecar: Sidecar = None,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Say what a campaign would cost at most, before anything is asked.

    Each photo is looked at as intake would, with its sidecar, tags and folder defaults;
    what the options or a manifest's row say comes before them.

    Example: backdrop campaign quote shoes/ --prompt "on a beach"
    """
    from backdrop_cli.campaign.meant import Wanted
    from backdrop_cli.campaign.quote import quote as say
    from backdrop_cli.drop.wish import wish_of

    wanted = Wanted(what, wish=wish_of(prompt, style, provider, sidecar))
    with opened(ctx, Place(stack, profile, region), as_json) as (there, screen):
        say(there, screen, wanted)


def run(
    ctx: typer.Context,
    what: What,
    name: Called = None,
    prompt: Prompt = None,
    style: Style = None,
    provider: By = None,
    sidecar: Sidecar = None,
    max_total: MaxTotal = None,
    tolerate: Tolerate = None,
    wait: Annotated[bool, typer.Option("--wait", help="Watch until it is over.")] = False,
    yes: Yes = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> int:
    """Have many photos bought at the lane's own pace, with one report at the end.

    It is quoted first, and asks above 50 photos or $1. A second run buys nothing that
    was bought already. It goes on by itself, and a drop waits behind two of its calls.

    Example: backdrop campaign run shoes/ --prompt "on a beach" --max-total 40
    """
    from backdrop_cli.campaign.meant import Wanted
    from backdrop_cli.campaign.run import run as begin
    from backdrop_cli.drop.wish import wish_of

    wanted = Wanted(what, name, wish_of(prompt, style, provider, sidecar), max_total, tolerate)
    with opened(ctx, Place(stack, profile, region), as_json) as (there, screen):
        return begin(there, screen, wanted, yes=yes, wait=wait)


def status(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One campaign; else the latest ones.")] = None,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Show the latest campaigns, or how far one is and what it has cost.

    Example: backdrop campaign status shoes
    """
    from backdrop_cli.campaign import status as now

    with opened(ctx, Place(stack, profile, region), as_json) as (there, screen):
        now.status(there, screen, name)


def stop(
    ctx: typer.Context,
    name: Name,
    yes: Yes = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Ask for nothing more; what is not bought yet ends unpaid.

    What is bought is delivered, and the report tells of all. A further `run` goes on with the rest.

    Example: backdrop campaign stop shoes
    """
    from backdrop_cli.campaign import stop as off

    with opened(ctx, Place(stack, profile, region), as_json) as (there, screen):
        off.stop(there, screen, name, yes=yes)
