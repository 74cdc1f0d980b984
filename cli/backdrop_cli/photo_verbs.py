"""The verbs of people who want pictures: each one's options and help; what it does is in the module of its name."""

from pathlib import Path
from typing import Annotated

import typer

from backdrop_cli.errors import MisusedError
from backdrop_cli.operate.verbs import Yes
from backdrop_cli.options import Before, Json, Place, Profile, Region, StackName, opened

Paths = Annotated[list[Path], typer.Argument(metavar="PATH", help="Folders or files on this machine.")]
Prompt = Annotated[str | None, typer.Option("--prompt", metavar="TEXT", help="The new background.")]
Style = Annotated[str | None, typer.Option("--style", metavar="STYLE", help="A style, such as 'golden hour'.")]
By = Annotated[
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
Things = Annotated[
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
    every: Annotated[bool, typer.Option("--all", help="List every finding.")] = False,
    as_json: Json = False,
) -> int:
    """Find what would be refused, before anything is uploaded.

    Files are looked at under the keys that `drop` gives them. A folder keeps its name in
    the bucket, and so does the highest one above it that has folder defaults
    (_backdrop.json). Exit code 1: there are errors.

    Example: backdrop lint shoes/ --strict
    """
    from backdrop_cli.lint.verb import lint as look
    from backdrop_cli.screen import Screen

    before: Before = ctx.obj
    screen = Screen(as_json=as_json or before.as_json)
    return look(screen, paths, to=to, quick=quick, strict=strict, every=every)


def quote(
    ctx: typer.Context,
    paths: Paths,
    prompt: Prompt = None,
    style: Style = None,
    provider: By = None,
    sidecar: Sidecar = None,
    replace: Replace = False,
    to: To = None,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Say what photos would cost at most, before anything is uploaded.

    It reads names, sidecars and folder defaults, and opens no photo. The options count for
    photos that have no sidecar next to them, with --replace for all. With --stack it asks that
    stack which providers are on and what 1min.ai's credits cost.

    Example: backdrop quote shoes/ --prompt "on a beach" --provider runware
    """
    from backdrop_cli.drop.wish import wish_of
    from backdrop_cli.lint.quote import Terms
    from backdrop_cli.lint.quote import quote as say
    from backdrop_cli.screen import Screen

    before: Before = ctx.obj
    wish = wish_of(prompt, style, provider, sidecar)
    place = Place(stack, profile, region).over(before.place)
    if place == Place():
        say(Screen(as_json=as_json or before.as_json), paths, to, wish, Terms(), replace=replace)
        return
    with opened(ctx, place, as_json) as (there, screen):
        asking = there.reruns.asking
        terms = Terms(asking.default_provider, there.providers, asking.prices)
        say(screen, paths, to, wish, terms, replace=replace)


def drop(
    ctx: typer.Context,
    paths: Things,
    prompt: Prompt = None,
    style: Style = None,
    provider: By = None,
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
    as_json: Json = False,
) -> int:
    """Upload photos, say what they cost, and watch them come back.

    A folder keeps its name in the bucket. What is there already with the same bytes is not
    uploaded again, unless it was refused, failed or was cancelled. New instructions replace those
    of an earlier drop. Where a person wrote a sidecar, it asks. It also asks above 50 photos or $1.
    Ctrl-C harms nothing: what is uploaded goes on, and the same command goes on with the rest.

    Example: backdrop drop shoes/ --prompt "on a marble table" --download done/
    """
    from backdrop_cli.campaign.meant import Wanted, is_campaign
    from backdrop_cli.campaign.run import run as begin
    from backdrop_cli.drop import run
    from backdrop_cli.drop.sidecars import Answer
    from backdrop_cli.drop.wish import wish_of

    wish = wish_of(prompt, style, provider, sidecar)
    if replace and keep:
        raise MisusedError("--replace and --keep exclude each other; use one of them")
    answer = Answer.REPLACE if replace else Answer.KEEP if keep else None
    campaign = any(map(is_campaign, paths))
    if campaign and (len(paths) > 1 or to or download or quick or strict or answer):
        options = "--to, --download, --quick, --strict, --replace or --keep"
        raise MisusedError(f"a manifest or an s3:// prefix goes alone, without {options}")
    asked = run.Asked(
        [*map(Path, paths)], to, wish, answer, quick=quick, strict=strict, wait=wait, download=download, yes=yes
    )
    with opened(ctx, Place(stack, profile, region), as_json) as (there, screen):
        if campaign:
            return begin(there, screen, Wanted(paths[0], wish=wish), yes=yes, wait=wait)
        return run.drop(there, screen, asked)


def download(
    ctx: typer.Context,
    where: Annotated[
        list[str], typer.Argument(metavar="[PREFIX] DIR", help="Photos whose keys begin so; the folder they go to.")
    ],
    picks: Annotated[
        Path | None, typer.Option("--picks", metavar="FILE", help="The pictures picked on the before/after page.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All pictures of the stack.")] = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> int:
    """Put pictures into one folder, under the photos' own names.

    Never half a file; what is there already is not fetched again. Where two pictures have one
    name, the folder's is put before it.

    Example: backdrop download shoes/ done/
    """
    from backdrop_cli.download.verb import download as run

    *prefix, folder = where
    if len(prefix) + bool(picks) + every != 1:
        raise MisusedError("say which pictures and where to: PREFIX DIR, --picks FILE DIR, or --all DIR")
    with opened(ctx, Place(stack, profile, region), as_json) as (there, screen):
        return run(there, screen, prefix[0] if prefix else "", picks, Path(folder))


def gallery(
    ctx: typer.Context,
    prefix: Annotated[str | None, typer.Argument(metavar="[PREFIX]", help="Photos whose keys begin so.")] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the page; another page there is kept.")
    ] = Path("gallery"),
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Write a before/after page that opens from disk: index.html and thumbs/.

    Run it again to update the page; only new pictures are fetched. A folder that holds a page of
    other photos is left as it is. Stars given on the page are saved as picks.csv, for
    `download --picks`. Exit code 1: no photo begins with PREFIX, and nothing is written.

    Example: backdrop gallery shoes/ --output shoes-page
    """
    from backdrop_cli.page.verb import gallery as make

    with opened(ctx, Place(stack, profile, region), as_json) as (there, screen):
        make(there, screen, prefix or "", output)


def page(
    ctx: typer.Context,
    port: Annotated[
        int, typer.Option("--port", metavar="N", help="Where on this machine, in place of a free port.")
    ] = 0,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open it in the browser.")] = True,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> int:
    """Serve a page on this machine where photos are dropped and come back.

    Photos and folders are dragged in, prompt and style picked; the price is said before anything
    goes. It works with your own credentials, and its address is a secret. Ctrl-C ends it;
    what is uploaded goes on by itself.

    Example: backdrop page
    """
    from backdrop_cli.droppage.verb import page as serve

    before: Before = ctx.obj
    place = Place(stack, profile, region)
    with opened(ctx, place, as_json) as (there, screen):
        return serve(there, screen, place.over(before.place), port, browser=browser)
