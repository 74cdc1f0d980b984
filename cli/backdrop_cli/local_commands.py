"""The commands of the local cloud."""

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
    """Wraps a command of the local cloud: turns its errors into a CommandError."""

    @wraps(command)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> None:
        if not has_local_cloud():
            raise CommandError(
                f"`backdrop {command.__name__}` needs the local cloud, which is not part of the installed package; "
                f"clone the repository and run `make {command.__name__}` there"
            )
        from botocore.exceptions import BotoCoreError, ClientError

        from backdrop_local.errors import LocalCloudError

        try:
            command(*args, **kwargs)
        except LocalCloudError as error:
            raise LocalCloudCommandError(str(error)) from error
        except (BotoCoreError, ClientError) as error:
            message = f"the local cloud failed ({error}); run `make down`, and then the command again"
            raise LocalCloudCommandError(message) from error

    return wrapper


@local_command
def demo(
    photos: Annotated[
        Path | None,
        typer.Option("--photos", metavar="FOLDER", help="Use the photos of this folder, with or without sidecars"),
    ] = None,
) -> None:
    """Run sample photos through a local cloud, and write a before/after page

    Starts the cloud if none is running, and leaves it running. With IDEOGRAM_API_KEY, it buys
    real pictures: it shows the price first, and buys nothing unless you agree (at the terminal,
    or with YES=1).

    Example: backdrop demo --photos shoes/
    """
    from backdrop_cli.demo import run_demo

    signal.signal(signal.SIGTERM, _exit_on_sigterm)
    has_failed = run_demo.run_demo(photos)
    if has_failed:
        raise typer.Exit(1)


@local_command
def up() -> None:
    """Start a local cloud, or update the running one

    The environment variable PARAMS="Name=value …" sets stack parameters. IDEOGRAM_BASE_URL and
    IDEOGRAM_API_KEY use the real provider instead of the stand-in. BACKDROP_HOME selects one of
    several clouds.

    Example: PARAMS="DailyBudgetUSD=5" backdrop up
    """
    from backdrop_local import cloud, parameters
    from backdrop_local.home import Home

    signal.signal(signal.SIGTERM, _exit_on_sigterm)
    began = time.monotonic()
    running = cloud.up(Home.from_environment(), parameters.read_params_variable(), typer.echo)
    seconds = time.monotonic() - began
    outputs = running.outputs()
    typer.echo(
        f"\nThe local cloud is ready after {seconds:.0f} s.\n"
        f"  input bucket:      s3://{outputs['InputBucketName']}\n"
        f"  output bucket:     s3://{outputs['OutputBucketName']}\n"
        f'  to use AWS tools:  eval "$(make env)"'
    )


@local_command
def env() -> None:
    """Print export lines that point AWS tools at the local cloud

    Example: eval "$(backdrop env)"
    """
    from backdrop_local import cloud
    from backdrop_local.home import Home

    for line in cloud.format_exports(cloud.find_running(Home.from_environment())):
        typer.echo(line)


@local_command
def down(
    keep: Annotated[bool, typer.Option("--keep", help="Keep the data for the next `up`")] = False,
) -> None:
    """Stop the local cloud and delete its data

    Example: backdrop down --keep
    """
    from backdrop_local import cloud
    from backdrop_local.home import Home

    home = Home.from_environment()
    if home.path.is_dir() and not keep:
        typer.echo(
            "Stopping the local cloud and deleting its data and the demo pages. This can take minutes.",
            err=True,
        )
    if cloud.down(home, keep=keep):
        typer.echo("The local cloud is stopped" + (" and its data is kept." if keep else "."))
    else:
        typer.echo("No local cloud was running.")


def _exit_on_sigterm(_signal: int, _frame: object) -> NoReturn:
    """Lets a terminated command stop what it has started and not finished."""
    sys.exit(143)
