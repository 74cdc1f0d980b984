"""Options and help of the commands for photos; each is implemented in the module of its name, imported when it runs."""

from pathlib import Path
from typing import Annotated

import typer

from backdrop_cli.errors import UsageError
from backdrop_cli.instruction_options import with_instruction_options
from backdrop_cli.operator_commands import OptionalPrefix, Yes
from backdrop_cli.options import GlobalOptions, JsonOutput, Profile, Region, StackLocation, StackName, open_stack

Paths = Annotated[list[Path], typer.Argument(metavar="PATH", help="Folders or files on this machine")]
Replace = Annotated[bool, typer.Option("--replace", help="Replace sidecars that a person wrote")]
Keep = Annotated[bool, typer.Option("--keep", help="Keep sidecars that a person wrote")]
Targets = Annotated[
    list[str],
    typer.Argument(
        metavar="PATH",
        help="Folders or files on this machine; or one manifest or s3:// prefix, which starts a campaign whose options "
        "take precedence over sidecars",
    ),
]
To = Annotated[
    str | None,
    typer.Option(
        "--to", metavar="FOLDER", help="Use this folder of the bucket, not the folder's own name; / is the root"
    ),
]
Quick = Annotated[bool, typer.Option("--quick", help="Read names and instructions only; do not open photos")]
Download = Annotated[
    Path | None, typer.Option("--download", metavar="DIR", help="Wait, and download the pictures to DIR")
]
Watch = Annotated[
    bool,
    typer.Option(
        "--watch", help="With --download, upload new and changed photos of a folder, and download, until Ctrl-C"
    ),
]
MaxTotal = Annotated[
    str | None,
    typer.Option(
        "--max-total",
        metavar="USD",
        help="Spend at most this without a question, and upload nothing that could cost more",
    ),
]


@with_instruction_options
def lint(
    ctx: typer.Context,
    paths: Paths,
    new_sidecar: bytes | None,
    replace: Replace = False,
    to: To = None,
    quick: Quick = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 for warnings as well")] = False,
    list_all: Annotated[bool, typer.Option("--all", help="List every finding")] = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
) -> int:
    """Find what would be refused, before anything is uploaded

    Checks files under the keys that `drop` gives them: a folder keeps its name in the bucket,
    and so does the highest folder above it that has folder defaults (_backdrop.json).
    Checks the options as the sidecar of photos without one, or with --replace, of all. With
    --stack, also checks the mandates that pay. Exits with 1 if there are errors.

    Example: backdrop lint shoes/ --remove --size 2000x2000 --strict
    """
    from backdrop_cli.lint import LintOptions, run_lint
    from backdrop_cli.screen import Screen

    global_options: GlobalOptions = ctx.obj
    options = LintOptions(to, new_sidecar, replace=replace, quick=quick, strict=strict, list_all=list_all)
    location = StackLocation(stack, profile, region).with_defaults(global_options.location)
    if location == StackLocation():
        return run_lint(Screen(as_json=as_json or global_options.as_json), paths, options)
    with open_stack(ctx, location, as_json) as (target_stack, screen):
        return run_lint(screen, paths, options, target_stack.rerun_service.mandates)


def check(
    ctx: typer.Context,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH", help="Folders or pictures on this machine")],
    marketplaces: Annotated[
        list[str] | None,
        typer.Option("--for", metavar="MARKETPLACE", help="Use the rules of this marketplace; repeat it for several"),
    ] = None,
    is_ai_made: Annotated[
        bool, typer.Option("--ai-made", help="Require the label of AI-made pictures, where a marketplace does")
    ] = False,
    as_json: JsonOutput = False,
) -> int:
    """Measure pictures by the rules of marketplaces

    Measures any pictures, not only those that Backdrop made, without a stack. A rule that
    cannot be measured is not a failure. Exits with 1 if a picture fails.

    Example: backdrop check done/ --for amazon-main --for ebay
    """
    from backdrop_cli.check import run_check
    from backdrop_cli.screen import Screen

    global_options: GlobalOptions = ctx.obj
    return run_check(
        Screen(as_json=as_json or global_options.as_json), paths, marketplaces or (), is_ai_made=is_ai_made
    )


@with_instruction_options
def quote(
    ctx: typer.Context,
    paths: Paths,
    new_sidecar: bytes | None,
    replace: Replace = False,
    to: To = None,
    quick: Quick = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
) -> None:
    """Show the maximum price of photos, before anything is uploaded

    Opens every photo, as `lint` does. The options apply to photos without a sidecar, or with
    --replace, to all; as in a sidecar, they take precedence over tags and folder defaults. With
    --stack, uses the providers that the stack has enabled and its price for 1min.ai's credits,
    shows what is left of the mandates that pay, and names the prices that differ in Ideogram's
    latest quotes.

    Example: backdrop quote shoes/ --prompt "on a beach" --provider runware
    """
    from backdrop_cli.quote import QuoteTerms, run_quote
    from backdrop_cli.screen import Screen

    global_options: GlobalOptions = ctx.obj
    location = StackLocation(stack, profile, region).with_defaults(global_options.location)
    if location == StackLocation():
        screen = Screen(as_json=as_json or global_options.as_json)
        run_quote(screen, paths, to, new_sidecar, QuoteTerms(), replace=replace, quick=quick)
        return
    with open_stack(ctx, location, as_json) as (target_stack, screen):
        resolver = target_stack.rerun_service.resolver
        mandates = target_stack.rerun_service.mandates
        terms = QuoteTerms(
            resolver.default_provider,
            target_stack.providers,
            resolver.prices,
            mandates,
            resolver.place_limits,
            target_stack.list_price_differences(),
        )
        run_quote(screen, paths, to, new_sidecar, terms, replace=replace, quick=quick)


@with_instruction_options
def drop(
    ctx: typer.Context,
    paths: Targets,
    new_sidecar: bytes | None,
    replace: Replace = False,
    keep: Keep = False,
    to: To = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until all pictures are delivered")] = False,
    download: Download = None,
    watch: Watch = False,
    max_total: MaxTotal = None,
    quick: Quick = False,
    strict: Annotated[bool, typer.Option("--strict", help="Upload nothing if any photo would be refused")] = False,
    yes: Yes = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
) -> int:
    """Upload photos, show their price, and download the pictures

    A folder keeps its name in the bucket. A photo that is already there with the same bytes is
    uploaded again only if it was refused, failed, or was canceled. New instructions replace
    those of an earlier drop. They take precedence over tags and folder defaults, field by field;
    the options from --for to --margin are one field. Asks before it replaces a sidecar that a
    person wrote, and above 50 photos or $1. You can press Ctrl-C at any time: uploaded photos are
    processed anyway, and the same command uploads the rest. Pictures get their photos' names, and
    the folders that these have below PATH.

    With --watch, asks again whenever it has uploaded 50 photos or $1 since the last answer, or with
    --max-total, ends instead of spending more. Keeps sidecars that a person wrote, unless
    --replace is given. Pictures of photos that you delete stay.

    Example: backdrop drop shoes/ --prompt "on a marble table" --download done/

    Example: backdrop drop shoes/ --remove --format jpg --size 2000x2000 --fit pad --background white

    Example: backdrop drop shoes/ --remove --download done/ --watch --max-total 5
    """
    from backdrop_cli import drop
    from backdrop_cli.amounts import parse_usd_option
    from backdrop_cli.campaign.campaign_target import CampaignOptions, is_campaign_target
    from backdrop_cli.uploads.sidecar_decisions import SidecarPolicy

    if replace and keep:
        raise UsageError("--replace and --keep cannot be used together; use one of them")
    sidecar_policy = SidecarPolicy.REPLACE if replace else SidecarPolicy.KEEP if keep else None
    is_campaign_run = any(map(is_campaign_target, paths))
    if is_campaign_run and (len(paths) > 1 or to or download or watch or quick or strict or sidecar_policy):
        excluded_options = "--to, --download, --watch, --quick, --strict, --replace, or --keep"
        raise UsageError(f"a manifest or an s3:// prefix must be the only path, without {excluded_options}")
    if watch and not (download and len(paths) == 1):
        raise UsageError("--watch takes one folder on this machine, and --download DIR for its pictures")
    if watch and not Path(paths[0]).is_dir():
        problem = "is a file" if Path(paths[0]).is_file() else "is none"
        raise UsageError(f"--watch takes a folder on this machine, and {paths[0]} {problem}")
    if watch and strict:
        raise UsageError("--watch and --strict cannot be used together; a watch reports refused photos and continues")
    if watch and yes and not max_total:
        raise UsageError("--watch with --yes would spend without a limit; set one with --max-total USD")
    if watch and not sidecar_policy:
        sidecar_policy = SidecarPolicy.KEEP
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
        max_total=parse_usd_option("--max-total", max_total),
    )
    with open_stack(ctx, StackLocation(stack, profile, region), as_json) as (target_stack, screen):
        if is_campaign_run:
            from backdrop_cli.campaign.campaign_run import run_campaign

            campaign_options = CampaignOptions(paths[0], sidecar=new_sidecar, max_total_usd=max_total)
            return run_campaign(target_stack, screen, campaign_options, yes=yes, wait=wait)
        if watch and download:
            import signal

            from backdrop_cli.folder_watch import watch_folder

            # What a service manager sends ends a watch as Ctrl-C does.
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            watch_folder(target_stack, screen, drop_options, download)
        return drop.run_drop(target_stack, screen, drop_options)


def download(
    ctx: typer.Context,
    prefix_and_folder: Annotated[
        list[str], typer.Argument(metavar="[PREFIX] DIR", help="Beginning of the photos' keys; folder to write to")
    ],
    picks: Annotated[
        Path | None, typer.Option("--picks", metavar="FILE", help="Download the pictures starred in a gallery")
    ] = None,
    is_everything: Annotated[bool, typer.Option("--all", help="Download all pictures of the stack")] = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
) -> int:
    """Download pictures into a folder, under their photos' names

    Keeps the folders below PREFIX. Files are always complete; those that are already there are
    not downloaded again. If two pictures have the same name, that of the photo is added. Exits
    with 1 if a picture is not in the bucket, or if something of its name, such as a folder, is in
    its way.

    Example: backdrop download shoes/ done/

    Example: backdrop download --picks picks.csv done/
    """
    from backdrop_cli.download import run_download

    *prefix, folder = prefix_and_folder
    if len(prefix) + bool(picks) + is_everything != 1:
        raise UsageError("choose the pictures and the folder: PREFIX DIR, --picks FILE DIR, or --all DIR")
    with open_stack(ctx, StackLocation(stack, profile, region), as_json) as (target_stack, screen):
        return run_download(target_stack, screen, prefix[0] if prefix else "", picks, Path(folder))


def gallery(
    ctx: typer.Context,
    prefix: OptionalPrefix = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Write to this folder instead of gallery/")
    ] = None,
    one_file: Annotated[
        Path | None,
        typer.Option("--one-file", metavar="FILE", help="Write one HTML file with thumbnails in it, to email"),
    ] = None,
    files: Annotated[
        bool, typer.Option("--files/--no-files", help="Download photos and pictures for the full-size view")
    ] = True,
    yes: Yes = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
) -> None:
    """Write a before/after page that opens from disk

    Writes index.html, thumbs/, and files/, which has the photos and pictures in full size. Shows
    the size of what it downloads first, and asks above 1 GB. Run it again to update the page;
    only new pictures are downloaded. With --one-file, writes one file without full-size pictures,
    and asks above 10 MB. Does not overwrite a page of other photos. Stars given on the page are
    saved as picks.csv, for `backdrop download --picks`. Exits with 3 and writes nothing if no
    photo's key begins with PREFIX.

    Example: backdrop gallery shoes/ --output shoes-page

    Example: backdrop gallery shoes/ --one-file shoes.html
    """
    from backdrop_cli.gallery.make_gallery import GalleryOptions, make_gallery

    if one_file and output:
        raise UsageError("--one-file and --output cannot be used together; use one of them")
    options = GalleryOptions(output or Path("gallery"), one_file, full_size=files, yes=yes)
    with open_stack(ctx, StackLocation(stack, profile, region), as_json) as (target_stack, screen):
        make_gallery(target_stack, screen, prefix or "", options)


def verify(
    ctx: typer.Context,
    paths: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Pictures on this machine")],
    roots: Annotated[
        Path | None,
        typer.Option("--roots", metavar="FILE", help="Require signers that these root certificates (PEM) vouch for"),
    ] = None,
    as_json: JsonOutput = False,
) -> int:
    """Show what pictures state about themselves, and whether that holds

    Reads Content Credentials (C2PA): who signed a picture, how it was made, and whether it was
    changed since. Works with pictures of any program, and calls no server. Exits with 1 if a file
    was changed or is damaged, or with --roots, unless trusted signers have signed all files. Exits
    with 3 if no file has Content Credentials.

    Example: backdrop verify red.png

    Example: backdrop verify red.png --roots roots.pem
    """
    from backdrop_cli.screen import Screen
    from backdrop_cli.verify import run_verify

    global_options: GlobalOptions = ctx.obj
    return run_verify(Screen(as_json=as_json or global_options.as_json), paths, roots)


def page(
    ctx: typer.Context,
    port: Annotated[int, typer.Option("--port", metavar="N", help="Use this port instead of a free one")] = 0,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in the browser")] = True,
    review: Annotated[
        bool, typer.Option("--review", help="Open the review page, where you approve the pictures that wait")
    ] = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
) -> int:
    """Serve a page on this machine, to upload photos and to review pictures

    Drag photos and folders into it, choose a prompt and a style, and see the price before
    anything is uploaded. On its review page, you approve, reject, or redo the pictures that wait.
    The page uses your credentials, so keep its address secret. Ctrl-C stops the page; uploaded
    photos are processed anyway.

    Example: backdrop page

    Example: backdrop page --review
    """
    from backdrop_cli.served_pages.serve_pages import serve_pages

    global_options: GlobalOptions = ctx.obj
    location = StackLocation(stack, profile, region)
    with open_stack(ctx, location, as_json) as (target_stack, screen):
        location = location.with_defaults(global_options.location)
        return serve_pages(target_stack, screen, location, port, browser=browser, opens_review=review)
