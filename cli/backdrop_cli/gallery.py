"""The verb for what came back: its options and help; the page is made in backdrop_cli/page."""

from pathlib import Path
from typing import Annotated

import typer

from backdrop_cli.options import Json, Place, Profile, Region, StackName, opened


def gallery(
    ctx: typer.Context,
    prefix: Annotated[str | None, typer.Argument(metavar="[PREFIX]", help="Photos whose keys begin so.")] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Where the page goes; what is there is kept.")
    ] = Path("gallery"),
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Write a before/after page that opens from disk: index.html and thumbs/.

    Run it again to bring the page up to date; only what is new is fetched.
    Stars given on the page are saved as picks.csv, for `download --picks`.

    Example: backdrop gallery shoes/ --output shoes-page
    """
    with opened(ctx, Place(stack, profile, region), as_json) as (there, screen):
        from backdrop_cli.page.verb import gallery as make

        make(there, screen, prefix or "", output)
