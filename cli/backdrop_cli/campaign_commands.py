"""The verbs of campaigns: each one's options and help; what it does is in the module of its name."""

from pathlib import Path
from typing import Annotated

import typer

from backdrop_cli.operator_commands import Yes
from backdrop_cli.options import JsonOutput, Profile, Region, StackLocation, StackName, open_stack

Target = Annotated[
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
ProviderOption = Annotated[
    list[str] | None,
    typer.Option("--provider", metavar="PROVIDER", help="Who shall make it; likewise. Several are a list."),
]
Sidecar = Annotated[
    Path | None,
    typer.Option("--sidecar", metavar="FILE", help="A file that says what is wanted, as a sidecar; likewise."),
]
CampaignName = Annotated[str, typer.Argument(metavar="NAME", help="The campaign's name.")]
NameOption = Annotated[
    str | None, typer.Option("--name", metavar="NAME", help="In place of the prefix's or file's name.")
]
MaxTotal = Annotated[
    str | None, typer.Option("--max-total", metavar="USD", help="Refuse to begin if it may cost more than this.")
]
ToleratedFailures = Annotated[
    float | None,
    typer.Option("--tolerate", metavar="PERCENT", help="Fail if more of the items fail; otherwise it never fails."),
]


def quote(
    ctx: typer.Context,
    target: Target,
    prompt: Prompt = None,
    style: Style = None,
    provider: ProviderOption = None,
    sidecar: Sidecar = None,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
) -> None:
    """Say what a campaign would cost at most, before anything is asked.

    Each photo is looked at as intake would, with its sidecar, tags and folder defaults;
    what the options or a manifest's row say comes before them.

    Example: backdrop campaign quote shoes/ --prompt "on a beach"
    """
    from backdrop_cli.campaign.campaign_quote import quote_campaign
    from backdrop_cli.campaign.campaign_target import CampaignOptions
    from backdrop_cli.uploads.option_sidecar import build_sidecar

    options = CampaignOptions(target, sidecar=build_sidecar(prompt, style, provider, sidecar))
    with open_stack(ctx, StackLocation(stack, profile, region), as_json) as (target_stack, screen):
        quote_campaign(target_stack, screen, options)


def run(
    ctx: typer.Context,
    target: Target,
    name: NameOption = None,
    prompt: Prompt = None,
    style: Style = None,
    provider: ProviderOption = None,
    sidecar: Sidecar = None,
    max_total: MaxTotal = None,
    tolerate: ToleratedFailures = None,
    wait: Annotated[bool, typer.Option("--wait", help="Watch until it is over.")] = False,
    yes: Yes = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
) -> int:
    """Have many photos bought at the lane's own pace, with one report at the end.

    It is quoted first, and asks above 50 photos or $1. A second run buys nothing that
    was bought already. It goes on by itself, and a drop waits behind two of its calls.

    Example: backdrop campaign run shoes/ --prompt "on a beach" --max-total 40
    """
    from backdrop_cli.campaign.campaign_run import run_campaign
    from backdrop_cli.campaign.campaign_target import CampaignOptions
    from backdrop_cli.uploads.option_sidecar import build_sidecar

    options = CampaignOptions(target, name, build_sidecar(prompt, style, provider, sidecar), max_total, tolerate)
    with open_stack(ctx, StackLocation(stack, profile, region), as_json) as (target_stack, screen):
        return run_campaign(target_stack, screen, options, yes=yes, wait=wait)


def status(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One campaign; else the latest ones.")] = None,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
) -> None:
    """Show the latest campaigns, or how far one is and what it has cost.

    Example: backdrop campaign status shoes
    """
    from backdrop_cli.campaign.campaign_status import show_campaign_status

    with open_stack(ctx, StackLocation(stack, profile, region), as_json) as (target_stack, screen):
        show_campaign_status(target_stack, screen, name)


def stop(
    ctx: typer.Context,
    name: CampaignName,
    yes: Yes = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
) -> None:
    """Ask for nothing more; what is not bought yet ends unpaid.

    What is bought is delivered, and the report tells of all. A further `run` goes on with the rest.

    Example: backdrop campaign stop shoes
    """
    from backdrop_cli.campaign.campaign_stop import stop_campaign

    with open_stack(ctx, StackLocation(stack, profile, region), as_json) as (target_stack, screen):
        stop_campaign(target_stack, screen, name, yes=yes)
