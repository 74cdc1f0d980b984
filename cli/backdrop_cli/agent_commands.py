"""The `mcp` command: a server that an agent's program starts."""

from pathlib import Path
from typing import Annotated

import typer

from backdrop_cli.errors import CommandError, UsageError
from backdrop_cli.options import GlobalOptions, Profile, Region, StackLocation, StackName


def mcp(
    ctx: typer.Context,
    mandate: Annotated[str, typer.Option("--mandate", metavar="NAME", help="The mandate that pays for all pictures")],
    root: Annotated[
        str | None,
        typer.Option("--root", metavar="DIR", help="Let the agent send photos from this folder, and no other files"),
    ] = None,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Serve an agent that creates pictures under a mandate, over stdin and stdout

    An agent's program starts this command. It needs no other rights than the mandate's policy.

    Example: backdrop mcp --mandate anna --root photos/ --stack backdrop
    """
    from backdrop_cli.serve_agent import serve_agent

    if not mandate:
        raise UsageError("--mandate is empty; name the mandate that pays, as `backdrop mandate` lists it")
    # As a path, it would be the current folder: a configuration whose variable is not set would open that one.
    if root == "":
        raise UsageError("--root is empty; name the folder that the agent may read photos from, or leave it out")
    folder = None if root is None else Path(root)
    if folder is not None and not folder.is_dir():
        raise CommandError(f"{root} is not a folder")
    global_options: GlobalOptions = ctx.obj
    serve_agent(StackLocation(stack, profile, region).with_defaults(global_options.location), mandate, folder)
