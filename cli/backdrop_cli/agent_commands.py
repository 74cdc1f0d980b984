"""The `mcp` command: a server that an agent's program starts."""

from pathlib import Path
from typing import Annotated

import typer

from backdrop_cli.errors import CommandError, UsageError
from backdrop_cli.options import GlobalOptions, Profile, Region, StackLocation, StackName


def mcp(
    ctx: typer.Context,
    mandate: Annotated[
        str | None, typer.Option("--mandate", metavar="NAME", help="The mandate that pays for all pictures")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            help="Connect with the file from `mandate show --config`, in place of --mandate and --stack",
        ),
    ] = None,
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

    Example: backdrop mcp --config anna.json --root photos/
    """
    from backdrop_cli.serve_agent import serve_agent

    global_options: GlobalOptions = ctx.obj
    location = StackLocation(stack, profile, region).with_defaults(global_options.location)
    if config and (mandate is not None or location.stack_name):
        raise UsageError("--config names the stack and the mandate; leave out --stack and --mandate")
    if not config and not mandate:
        raise UsageError("name the mandate that pays with --mandate, as `backdrop mandate` lists it, or use --config")
    # As a path, it would be the current folder: a configuration whose variable is not set would open that one.
    if root == "":
        raise UsageError("--root is empty; name the folder that the agent may read photos from, or leave it out")
    folder = None if root is None else Path(root)
    if folder is not None and not folder.is_dir():
        raise CommandError(f"{root} is not a folder")
    serve_agent(location, mandate, config, folder)
