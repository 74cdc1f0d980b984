"""Options and help of the campaign commands; each is implemented in its own module, imported when it runs."""

from typing import Annotated

import typer

from backdrop_cli.instruction_options import with_instruction_options
from backdrop_cli.operator_commands import Yes
from backdrop_cli.options import JsonOutput, Profile, Region, StackLocation, StackName, open_stack

Target = Annotated[
    str,
    typer.Argument(
        metavar="PREFIX|MANIFEST",
        help="Beginning of keys in the input bucket (or s3://bucket/prefix), or a list of keys: a .csv or .jsonl file "
        "on this machine or in the bucket",
    ),
]
CampaignName = Annotated[str, typer.Argument(metavar="NAME", help="Name of the campaign")]
NameOption = Annotated[
    str | None,
    typer.Option("--name", metavar="NAME", help="Use this name, not that of the prefix or file"),
]
MaxTotal = Annotated[
    str | None, typer.Option("--max-total", metavar="USD", help="Refuse to start if it can cost more than this")
]
ToleratedFailures = Annotated[
    float | None,
    typer.Option(
        "--tolerate", metavar="PERCENT", help="Fail if more than this share of the items fails; without it, never"
    ),
]


@with_instruction_options
def quote(
    ctx: typer.Context,
    target: Target,
    new_sidecar: bytes | None,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
) -> None:
    """Show the maximum price of a campaign, before anything is requested

    Resolves each photo as intake does, from its sidecar, tags, and folder defaults. The options
    and a manifest's row take precedence over these.

    Example: backdrop campaign quote shoes/ --prompt "on a beach"
    """
    from backdrop_cli.campaign.campaign_quote import quote_campaign
    from backdrop_cli.campaign.campaign_target import CampaignOptions

    options = CampaignOptions(target, sidecar=new_sidecar)
    with open_stack(ctx, StackLocation(stack, profile, region), as_json) as (target_stack, screen):
        quote_campaign(target_stack, screen, options)


@with_instruction_options
def run(
    ctx: typer.Context,
    target: Target,
    new_sidecar: bytes | None,
    name: NameOption = None,
    max_total: MaxTotal = None,
    tolerate: ToleratedFailures = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the campaign is over")] = False,
    yes: Yes = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
) -> int:
    """Buy pictures for many photos, with one report at the end

    Shows the price first, and asks for confirmation above 50 photos or $1. A second run does not
    buy again what was already bought. The campaign runs in the stack, at each lane's pace; a drop
    waits behind at most two of its calls. The options and a manifest's row take precedence over
    sidecars, tags, and folder defaults.

    Example: backdrop campaign run shoes/ --prompt "on a beach" --max-total 40
    """
    from backdrop_cli.campaign.campaign_run import run_campaign
    from backdrop_cli.campaign.campaign_target import CampaignOptions

    options = CampaignOptions(target, name, new_sidecar, max_total, tolerate)
    with open_stack(ctx, StackLocation(stack, profile, region), as_json) as (target_stack, screen):
        return run_campaign(target_stack, screen, options, yes=yes, wait=wait)


def status(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Name of one campaign")] = None,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
) -> None:
    """Show the latest campaigns, or the progress and cost of one

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
    """Stop a campaign; what has not been bought yet ends without a charge

    Pictures that are already bought are delivered, and the report lists everything. Another
    `run` continues with the rest.

    Example: backdrop campaign stop shoes
    """
    from backdrop_cli.campaign.campaign_stop import stop_campaign

    with open_stack(ctx, StackLocation(stack, profile, region), as_json) as (target_stack, screen):
        stop_campaign(target_stack, screen, name, yes=yes)
