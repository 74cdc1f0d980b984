"""The verbs of people who want pictures: each one's options and help; what it does is in the module of its name."""

from pathlib import Path
from typing import Annotated

import typer

from backdrop_cli.errors import MisusedError
from backdrop_cli.operate.verbs import Yes
from backdrop_cli.options import Json, Place, Profile, Region, StackName, opened

Paths = Annotated[list[Path], typer.Argument(metavar="PATH...", help="Folders or photos on this machine.")]
Prompt = Annotated[
    str | None, typer.Option("--prompt", metavar="TEXT", help="The new background, for photos without a sidecar.")
]
Style = Annotated[
    str | None, typer.Option("--style", metavar="STYLE", help="A style, such as 'golden hour'; likewise.")
]
By = Annotated[str | None, typer.Option("--provider", metavar="PROVIDER", help="Who shall make it; likewise.")]
Sidecar = Annotated[Path | None, typer.Option("--sidecar", metavar="FILE", help="A sidecar for photos that have none.")]
To = Annotated[str | None, typer.Option("--to", metavar="FOLDER", help="Where in the bucket; / is its root.")]
Download = Annotated[Path | None, typer.Option("--download", metavar="DIR", help="Watch, then put the pictures there.")]


def drop(
    ctx: typer.Context,
    paths: Paths,
    prompt: Prompt = None,
    style: Style = None,
    provider: By = None,
    sidecar: Sidecar = None,
    to: To = None,
    wait: Annotated[bool, typer.Option("--wait", help="Watch until all pictures are back.")] = False,
    download: Download = None,
    quick: Annotated[bool, typer.Option("--quick", help="Open no photo before the upload.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Upload nothing if any would be refused.")] = False,
    yes: Yes = False,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> int:
    """Upload photos, say what they cost, and watch them come back.

    A folder keeps its name in the bucket. What is there already with the same bytes is not
    uploaded again, unless it was refused or failed. It asks above 50 photos or $1. Ctrl-C
    harms nothing: what is uploaded goes on, and the same command goes on with the rest.

    Example: backdrop drop shoes/ --prompt "on a marble table" --download done/
    """
    from backdrop_cli.drop.run import Asked
    from backdrop_cli.drop.run import drop as run
    from backdrop_cli.drop.wish import wish_of

    wish = wish_of(prompt, style, provider, sidecar)
    asked = Asked(paths, to, wish, quick=quick, strict=strict, wait=wait, download=download, yes=yes)
    with opened(ctx, Place(stack, profile, region), as_json) as (there, screen):
        return run(there, screen, asked)


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
