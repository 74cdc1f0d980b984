"""The `backdrop` command: gathers its verbs and turns their errors into sentences."""

import sys

import click
import typer

from backdrop_cli.demo import demo
from backdrop_cli.down import down
from backdrop_cli.env import env
from backdrop_cli.up import up
from backdrop_local.errors import LocalCloudError

app = typer.Typer(
    help="Drop a photo into a bucket and get it back with a new background or with none.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(up)
app.command()(down)
app.command()(env)
app.command()(demo)


def run() -> None:
    """Runs the command line; a known error is one sentence and exit code 1."""
    try:
        app()
    except LocalCloudError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
