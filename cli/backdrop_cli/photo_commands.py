"""The verbs of people who want pictures: each one's options and help; what it does is in the module of its name."""

from pathlib import Path
from typing import Annotated

import typer

from backdrop_cli.errors import UsageError
from backdrop_cli.operator_commands import Yes
from backdrop_cli.options import GlobalOptions, JsonOutput, Profile, Region, StackLocation, StackName, open_stack

Paths = Annotated[list[Path], typer.Argument(metavar="PATH", help="Folders or files on this machine.")]
Prompt = Annotated[str | None, typer.Option("--prompt", metavar="TEXT", help="The new background.")]
Style = Annotated[str | None, typer.Option("--style", metavar="STYLE", help="A style, such as 'golden hour'.")]
ProviderOption = Annotated[
    list[str] | None,
    typer.Option("--provider", metavar="PROVIDER", help="The provider that makes it. Several are a list."),
]
Sidecar = Annotated[
    Path | None, typer.Option("--sidecar", metavar="FILE", help="A sidecar for all photos, in place of these options.")
]
Replace = Annotated[
    bool, typer.Option("--replace", help="Replace sidecars that a person wrote with the new instructions.")
]
Keep = Annotated[bool, typer.Option("--keep", help="Keep sidecars that a person wrote.")]
Targets = Annotated[
    list[str],
    typer.Argument(
        metavar="PATH",
        help="Folders or files on this machine; or one manifest, or an s3:// prefix: a campaign, in which the options "
        "come before every sidecar.",
    ),
]
To = Annotated[
    str | None,
    typer.Option("--to", metavar="FOLDER", help="Where in the bucket, in place of the folder's name; / is its root."),
]
Quick = Annotated[bool, typer.Option("--quick", help="Read names and instructions, open no photo.")]
Download = Annotated[Path | None, typer.Option("--download", metavar="DIR", help="Watch, then put the pictures there.")]


def lint(
    ctx: typer.Context,
    paths: Paths,
    to: To = None,
    quick: Quick = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 for warnings too.")] = False,
    list_all: Annotated[bool, typer.Option("--all", help="List every finding.")] = False,
    as_json: JsonOutput = False,
) -> int:
    """Find what would be refused, before anything is uploaded.

    Files are looked at under the keys that `drop` gives them. A folder keeps its name in
    the bucket, and so does the highest one above it that has folder defaults
    (_backdrop.json). Exit code 1: there are errors.

    Example: backdrop lint shoes/ --strict
    """
    from backdrop_cli.lint import run_lint
    from backdrop_cli.screen import Screen

    global_options: GlobalOptions = ctx.obj
    screen = Screen(as_json=as_json or global_options.as_json)
    return run_lint(screen, paths, target_folder=to, quick=quick, strict=strict, list_all=list_all)


def quote(
    ctx: typer.Context,
    paths: Paths,
    prompt: Prompt = None,
    style: Style = None,
    provider: ProviderOption = None,
    sidecar: Sidecar = None,
    replace: Replace = False,
    to: To = None,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
) -> None:
    """Say what photos would cost at most, before anything is uploaded.

    It reads names, sidecars and folder defaults, and opens no photo. The options count for
    photos that have no sidecar next to them, with --replace for all. With --stack it asks that
    stack which providers are on and what 1min.ai's credits cost.

    Example: backdrop quote shoes/ --prompt "on a beach" --provider runware
    """
    from backdrop_cli.quote import QuoteTerms, run_quote
    from backdrop_cli.screen import Screen
    from backdrop_cli.uploads.option_sidecar import build_sidecar

    global_options: GlobalOptions = ctx.obj
    new_sidecar = build_sidecar(prompt, style, provider, sidecar)
    location = StackLocation(stack, profile, region).with_defaults(global_options.location)
    if location == StackLocation():
        run_quote(
            Screen(as_json=as_json or global_options.as_json), paths, to, new_sidecar, QuoteTerms(), replace=replace
        )
        return
    with open_stack(ctx, location, as_json) as (target_stack, screen):
        resolver = target_stack.rerun_service.resolver
        terms = QuoteTerms(resolver.default_provider, target_stack.providers, resolver.prices)
        run_quote(screen, paths, to, new_sidecar, terms, replace=replace)


def drop(
    ctx: typer.Context,
    paths: Targets,
    prompt: Prompt = None,
    style: Style = None,
    provider: ProviderOption = None,
    sidecar: Sidecar = None,
    replace: Replace = False,
    keep: Keep = False,
    to: To = None,
    wait: Annotated[bool, typer.Option("--wait", help="Watch until all pictures are back.")] = False,
    download: Download = None,
    quick: Quick = False,
    strict: Annotated[bool, typer.Option("--strict", help="Upload nothing if any would be refused.")] = False,
    yes: Yes = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
) -> int:
    """Upload photos, say what they cost, and watch them come back.

    A folder keeps its name in the bucket. What is there already with the same bytes is not
    uploaded again, unless it was refused, failed or was cancelled. New instructions replace those
    of an earlier drop. Where a person wrote a sidecar, it asks. It also asks above 50 photos or $1.
    Ctrl-C harms nothing: what is uploaded goes on, and the same command goes on with the rest.

    Example: backdrop drop shoes/ --prompt "on a marble table" --download done/
    """
    from backdrop_cli import drop
    from backdrop_cli.campaign.campaign_run import run_campaign
    from backdrop_cli.campaign.campaign_target import CampaignOptions, is_campaign_target
    from backdrop_cli.uploads.option_sidecar import build_sidecar
    from backdrop_cli.uploads.sidecar_decisions import SidecarPolicy

    new_sidecar = build_sidecar(prompt, style, provider, sidecar)
    if replace and keep:
        raise UsageError("--replace and --keep exclude each other; use one of them")
    sidecar_policy = SidecarPolicy.REPLACE if replace else SidecarPolicy.KEEP if keep else None
    is_campaign_run = any(map(is_campaign_target, paths))
    if is_campaign_run and (len(paths) > 1 or to or download or quick or strict or sidecar_policy):
        excluded_options = "--to, --download, --quick, --strict, --replace or --keep"
        raise UsageError(f"a manifest or an s3:// prefix goes alone, without {excluded_options}")
    drop_options = drop.DropOptions(
        [*map(Path, paths)],
        to,
        new_sidecar,
        sidecar_policy,
        quick=quick,
        strict=strict,
        wait=wait,
        download_folder=download,
        yes=yes,
    )
    with open_stack(ctx, StackLocation(stack, profile, region), as_json) as (target_stack, screen):
        if is_campaign_run:
            return run_campaign(
                target_stack, screen, CampaignOptions(paths[0], sidecar=new_sidecar), yes=yes, wait=wait
            )
        return drop.run_drop(target_stack, screen, drop_options)


def download(
    ctx: typer.Context,
    prefix_and_folder: Annotated[
        list[str], typer.Argument(metavar="[PREFIX] DIR", help="Photos whose keys begin so; the folder they go to.")
    ],
    picks: Annotated[
        Path | None, typer.Option("--picks", metavar="FILE", help="The pictures picked on the before/after page.")
    ] = None,
    is_everything: Annotated[bool, typer.Option("--all", help="All pictures of the stack.")] = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
) -> int:
    """Put pictures into one folder, under the photos' own names.

    Never half a file; what is there already is not fetched again. Where two pictures have one
    name, the folder's is put before it.

    Example: backdrop download shoes/ done/
    """
    from backdrop_cli.download import run_download

    *prefix, folder = prefix_and_folder
    if len(prefix) + bool(picks) + is_everything != 1:
        raise UsageError("say which pictures and where to: PREFIX DIR, --picks FILE DIR, or --all DIR")
    with open_stack(ctx, StackLocation(stack, profile, region), as_json) as (target_stack, screen):
        return run_download(target_stack, screen, prefix[0] if prefix else "", picks, Path(folder))


def gallery(
    ctx: typer.Context,
    prefix: Annotated[str | None, typer.Argument(metavar="[PREFIX]", help="Photos whose keys begin so.")] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the page; another page there is kept.")
    ] = Path("gallery"),
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
) -> None:
    """Write a before/after page that opens from disk: index.html and thumbs/.

    Run it again to update the page; only new pictures are fetched. A folder that holds a page of
    other photos is left as it is. Stars given on the page are saved as picks.csv, for
    `download --picks`. Exit code 1: no photo begins with PREFIX, and nothing is written.

    Example: backdrop gallery shoes/ --output shoes-page
    """
    from backdrop_cli.gallery.make_gallery import make_gallery

    with open_stack(ctx, StackLocation(stack, profile, region), as_json) as (target_stack, screen):
        make_gallery(target_stack, screen, prefix or "", output)


def page(
    ctx: typer.Context,
    port: Annotated[
        int, typer.Option("--port", metavar="N", help="Where on this machine, in place of a free port.")
    ] = 0,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open it in the browser.")] = True,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
) -> int:
    """Serve a page on this machine where photos are dropped and come back.

    Photos and folders are dragged in, prompt and style picked; the price is said before anything
    goes. It works with your own credentials, and its address is a secret. Ctrl-C ends it;
    what is uploaded goes on by itself.

    Example: backdrop page
    """
    from backdrop_cli.upload_page.serve_page import serve_page

    global_options: GlobalOptions = ctx.obj
    location = StackLocation(stack, profile, region)
    with open_stack(ctx, location, as_json) as (target_stack, screen):
        return serve_page(target_stack, screen, location.with_defaults(global_options.location), port, browser=browser)
