"""Runs the server of `backdrop mcp` until its client closes stdin."""

import os
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from backdrop_cli.errors import CommandError
from backdrop_cli.options import StackLocation
from backdrop_cli.stack import find_local_cloud
from backdrop_client import Backdrop, BackdropClientError


def serve_agent(location: StackLocation, mandate: str | None, config: Path | None, root: Path | None) -> None:
    """Serves the mandate's folder. Raises CommandError if the server cannot start.

    `config`: the file that names the stack and the mandate, or None if `location` and `mandate` do. `root`: the folder
    whose photos the agent may send; None if it may send no files.
    """
    try:
        # Only this module is missing from an older mcp.
        import_module("mcp.server.mcpserver")
    except ModuleNotFoundError as error:
        message = "the package mcp is not installed, or too old; install the wheel with its extra: backdrop[mcp]"
        raise CommandError(message) from error
    from backdrop_mcp.photo_sources import PhotoSources, can_confine_files
    from backdrop_mcp.replies import MAX_FOLDER_BYTES
    from backdrop_mcp.server import build_server

    if root is not None and not can_confine_files():
        message = "--root needs Linux or macOS: this system cannot keep an agent from following links out of the folder"
        raise CommandError(f"{message}; leave it out, and the agent sends photos as data")
    try:
        stack = location.stack_name or ("" if config else _use_local_cloud())
        client = Backdrop(stack, mandate=mandate, profile=location.profile, region=location.region, config=config)
        # A wrong name, a missing right, or an ended mandate is reported now, before an agent relies on the server.
        folder = client.open_folder()
    except BackdropClientError as error:
        raise CommandError(f"{error.message} {error.hint}") from error
    if (size := len(folder.encode())) > MAX_FOLDER_BYTES:
        raise CommandError(
            f"the folder of the mandate has a name of {size} bytes, and each reply to an agent repeats it; "
            f"create a mandate for a folder of at most {MAX_FOLDER_BYTES} bytes"
        )
    build_server(client, PhotoSources(client, root), version("backdrop")).run("stdio")


def _use_local_cloud() -> str:
    """Points the client at the local cloud, with the credentials of the environment if it has some."""
    # First, because an installed wheel has no local cloud to import.
    running = find_local_cloud()
    from backdrop_local.cloud import list_environment
    from backdrop_local.home import STACK

    for name, value in list_environment(running).items():
        os.environ.setdefault(name, value)
    return STACK
