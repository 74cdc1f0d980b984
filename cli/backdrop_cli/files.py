"""The verb for files that are to be uploaded: its options and help; the look itself is in backdrop_cli/lint."""

from pathlib import Path
from typing import Annotated

import typer

from backdrop_cli.options import Before, Json


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
