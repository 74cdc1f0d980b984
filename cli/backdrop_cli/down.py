"""The verb `down`: ends a local cloud."""

from typing import Annotated

import typer


def down(
    keep: Annotated[bool, typer.Option("--keep", help="Keep its data for the next `up`.")] = False,
) -> None:
    """End the local cloud and forget everything in it."""
    from backdrop_local import cloud
    from backdrop_local.home import Home

    home = Home.chosen()
    if home.path.is_dir() and not keep:
        typer.echo(
            "Ending the local cloud and deleting its data and the demo's pages; many workers' files take minutes.",
            err=True,
        )
    if cloud.down(home, keep=keep):
        typer.echo("The local cloud is down" + (", its data is kept." if keep else "."))
    else:
        typer.echo("There was no local cloud.")
