"""The verbs for files that are to be uploaded: their options and help; the work is in backdrop_cli/lint."""

from pathlib import Path
from typing import Annotated

import typer

from backdrop_cli.options import Before, Json, Place, Profile, Region, StackName, opened


def lint(
    ctx: typer.Context,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH", help="Folders or files on this machine.")],
    quick: Annotated[bool, typer.Option("--quick", help="Read names and instructions, open no photo.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 for warnings too.")] = False,
    prefix: Annotated[
        str | None,
        typer.Option("--as", metavar="PREFIX", help="Where the folder will lie in the bucket: 2026/shoes/"),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="List every finding.")] = False,
    as_json: Json = False,
) -> int:
    """Find what would be refused, before anything is uploaded.

    A folder is looked at as if it became the input bucket; if one above it has
    folder defaults (_backdrop.json), that one. --as PREFIX: it will lie there
    instead, for the references' keys. Exit code 1: there are errors.

    Example: backdrop lint shoes/ --strict
    """
    from backdrop_cli.lint.verb import lint as look
    from backdrop_cli.screen import Screen

    before: Before = ctx.obj
    screen = Screen(as_json=as_json or before.as_json)
    return look(screen, paths, prefix=prefix, quick=quick, strict=strict, every=every)


def quote(
    ctx: typer.Context,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Folders or photos on this machine.")],
    prompt: Annotated[str, typer.Option("--prompt", metavar="TEXT", help="As if it were asked of every photo.")] = "",
    style: Annotated[str, typer.Option("--style", metavar="NAME", help="A preset or a style code, the same.")] = "",
    provider: Annotated[
        list[str] | None,
        typer.Option("--provider", metavar="NAME", help="Who is to make them, the same; several are a list."),
    ] = None,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Say what photos would cost at most, before anything is uploaded.

    It reads names, sidecars and folder defaults, and opens no photo. With --stack
    it asks that stack who is on and what 1min.ai's credits cost.

    Example: backdrop quote shoes/ --prompt "on a beach" --provider runware
    """
    from backdrop_cli.lint.quote import Terms
    from backdrop_cli.lint.quote import quote as say
    from backdrop_cli.screen import Screen

    before: Before = ctx.obj
    named = provider[0] if provider and len(provider) == 1 else provider
    given = {"prompt": prompt, "style": style, "provider": named}
    wish = {name: value for name, value in given.items() if value}
    place = Place(stack, profile, region).over(before.place)
    if place == Place():
        say(Screen(as_json=as_json or before.as_json), paths, wish, Terms())
        return
    with opened(ctx, place, as_json) as (ours, screen):
        asking = ours.reruns.asking
        say(screen, paths, wish, Terms(asking.default_provider, ours.providers, asking.prices))
