"""The verb `up`: starts a local cloud, or brings a running one up to date."""

import signal
import sys
import time
from typing import NoReturn

import typer


def up() -> None:
    """Start a local cloud, or bring the running one to other addresses or PARAMS.

    PARAMS="Name=value …" sets stack parameters; IDEOGRAM_BASE_URL and IDEOGRAM_API_KEY take
    the place of the stand-in; BACKDROP_HOME chooses among clouds side by side.
    """
    from backdrop_local import cloud, parameters
    from backdrop_local.home import Home

    signal.signal(signal.SIGTERM, _leave)
    began = time.monotonic()
    running = cloud.up(Home.chosen(), parameters.asked_for(), typer.echo)
    seconds = time.monotonic() - began
    names = running.outputs()
    typer.echo(
        f"\nThe local cloud is up after {seconds:.0f} s.\n"
        f"  photos go to     s3://{names['InputBucketName']}\n"
        f"  pictures come to s3://{names['OutputBucketName']}\n"
        f'  AWS tools reach it after: eval "$(make env)"'
    )


def _leave(_signal: int, _frame: object) -> NoReturn:
    """Lets a terminated `up` end what it has started."""
    sys.exit(143)
