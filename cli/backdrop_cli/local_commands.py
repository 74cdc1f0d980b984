"""The verbs of the local cloud: each one's options and help."""

import signal
import sys
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from backdrop_cli.errors import CommandError, LocalCloudCommandError
from backdrop_cli.options import has_local_cloud


def local_command[**P](command: Callable[P, None]) -> Callable[P, None]:
    """A verb of the local cloud, whose own errors are sentences already."""

    @wraps(command)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> None:
        if not has_local_cloud():
            raise CommandError(
                f"`backdrop {command.__name__}` runs the local cloud, which is not part of the installed command; "
                f"clone the repository and run `make {command.__name__}` there"
            )
        from backdrop_local.errors import LocalCloudError

        try:
            command(*args, **kwargs)
        except LocalCloudError as error:
            raise LocalCloudCommandError(str(error)) from error

    return wrapper


@local_command
def demo(
    photos: Annotated[
        Path | None,
        typer.Option("--photos", metavar="FOLDER", help="A folder of your own photos, with or without sidecars."),
    ] = None,
) -> None:
    """Drop photos on a local cloud and show what comes back, with a before/after page.

    It starts the cloud where none runs and leaves it running. IDEOGRAM_API_KEY buys real pictures: the price is said
    first, and nothing is bought without a yes (at a terminal, or YES=1).
    """
    from backdrop_cli.demo import run_demo

    signal.signal(signal.SIGTERM, _exit_on_sigterm)
    has_failed = run_demo.run_demo(photos)
    if has_failed:
        raise typer.Exit(1)


@local_command
def up() -> None:
    """Start a local cloud, or bring the running one to other addresses or PARAMS.

    PARAMS="Name=value …" sets stack parameters; IDEOGRAM_BASE_URL and IDEOGRAM_API_KEY take
    the place of the stand-in; BACKDROP_HOME chooses among clouds side by side.
    """
    from backdrop_local import cloud, parameters
    from backdrop_local.home import Home

    signal.signal(signal.SIGTERM, _exit_on_sigterm)
    began = time.monotonic()
    running = cloud.up(Home.from_environment(), parameters.read_params_variable(), typer.echo)
    seconds = time.monotonic() - began
    outputs = running.outputs()
    typer.echo(
        f"\nThe local cloud is up after {seconds:.0f} s.\n"
        f"  photos go to     s3://{outputs['InputBucketName']}\n"
        f"  pictures come to s3://{outputs['OutputBucketName']}\n"
        f'  AWS tools reach it after: eval "$(make env)"'
    )


@local_command
def env() -> None:
    """Print nothing but export lines that point any AWS tool at the local cloud."""
    from backdrop_local import cloud
    from backdrop_local.home import Home

    for line in cloud.format_exports(cloud.find_running(Home.from_environment())):
        typer.echo(line)


@local_command
def down(
    keep: Annotated[bool, typer.Option("--keep", help="Keep its data for the next `up`.")] = False,
) -> None:
    """End the local cloud and forget everything in it."""
    from backdrop_local import cloud
    from backdrop_local.home import Home

    home = Home.from_environment()
    if home.path.is_dir() and not keep:
        typer.echo(
            "Ending the local cloud and deleting its data and the demo's pages; many workers' files take minutes.",
            err=True,
        )
    if cloud.down(home, keep=keep):
        typer.echo("The local cloud is down" + (", its data is kept." if keep else "."))
    else:
        typer.echo("There was no local cloud.")


def _exit_on_sigterm(_signal: int, _frame: object) -> NoReturn:
    """Lets a terminated verb end what it has started and not finished."""
    sys.exit(143)
