"""The `backdrop` command: gathers its verbs and turns their errors into sentences and exit codes."""

import io
import os
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, override

import typer
from typer.core import TyperGroup

from backdrop_cli import campaign_commands as campaigns
from backdrop_cli import operator_commands
from backdrop_cli.errors import (
    EXIT_FAILURE,
    EXIT_OK,
    CommandError,
    InterruptedCommandError,
    LocalCloudCommandError,
    UsageError,
)
from backdrop_cli.local_commands import demo, down, env, up
from backdrop_cli.options import (
    Connect,
    GlobalOptions,
    JsonOutput,
    Profile,
    Region,
    ShowVersion,
    StackLocation,
    StackName,
)
from backdrop_cli.photo_commands import download, drop, gallery, lint, page, quote


class GroupedHelp(TyperGroup):
    """Shows the verbs in their groups without Rich, which takes longer to load than a person waits."""

    @override
    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Each group with its verbs and the first sentence of their help."""
        groups: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
        name_width = max(map(len, self.commands))
        for name, command in self.commands.items():
            sentence = (command.help or "").strip().partition("\n\n")[0].replace("\n", " ").rstrip(".")
            groups[getattr(command, "rich_help_panel", None) or "Commands"].append((f"{name:{name_width}}", sentence))
        for head, rows in groups.items():
            with formatter.section(head):
                formatter.write_dl(rows)


app = typer.Typer(
    cls=GroupedHelp,
    rich_markup_mode=None,
    help="Drop a photo into a bucket and get it back with a new background or with none.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
PHOTO_COMMANDS = (lint, quote, drop, page, operator_commands.show, gallery, download)
LOCAL_COMMANDS = (demo, up, env, down)
OPERATOR_COMMANDS = (
    operator_commands.status,
    operator_commands.failures,
    operator_commands.redrive,
    operator_commands.rerun,
    operator_commands.cancel,
    operator_commands.pause,
    operator_commands.resume,
    operator_commands.budget,
    operator_commands.spend,
    operator_commands.doctor,
)


@app.callback()
def parse_global_options(
    ctx: typer.Context,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: JsonOutput = False,
    version: ShowVersion = False,
) -> None:
    """Drop a photo into a bucket and get it back with a new background or with none."""
    location = StackLocation(stack, profile, region)
    if ctx.invoked_subcommand == "lint" and location != StackLocation():
        raise UsageError("`lint` looks at files on this machine; it needs no stack")
    if ctx.invoked_subcommand in [command.__name__ for command in LOCAL_COMMANDS] and (
        location != StackLocation() or as_json
    ):
        raise UsageError(f"`{ctx.invoked_subcommand}` is about the local cloud alone, and prints no JSON")
    ctx.obj = GlobalOptions(ctx.obj or _connect, location, as_json)


for _verb in PHOTO_COMMANDS:
    app.command(rich_help_panel="Photos and pictures")(_verb)
for _verb in OPERATOR_COMMANDS:
    # A budget below zero is no option that nobody knows.
    _context_settings = {"ignore_unknown_options": True} if _verb is operator_commands.budget else None
    app.command(context_settings=_context_settings, rich_help_panel="A stack, day by day")(_verb)
key_app = typer.Typer(help="Set a provider's API key.", no_args_is_help=True)
key_app.command("set")(operator_commands.set_key)
app.add_typer(key_app, name="key", rich_help_panel="A stack, day by day")
campaign_app = typer.Typer(help="Have many photos bought as one, with one report.", no_args_is_help=True)
for _verb in (campaigns.quote, campaigns.run, campaigns.status, campaigns.stop):
    campaign_app.command()(_verb)
app.add_typer(campaign_app, name="campaign", rich_help_panel="Photos and pictures")
for _verb in LOCAL_COMMANDS:
    app.command(rich_help_panel="The local cloud")(_verb)


def run(args: Sequence[str] | None = None, connect: Connect | None = None) -> int:
    """Run a command line; its exit code, one of those in backdrop_cli/errors.py."""
    _prepare_streams()
    try:
        code: Any = app(args=args, obj=connect, prog_name="backdrop", standalone_mode=False)
        sys.stdout.flush()
    except typer.TyperException as error:
        return _print_error(error)
    except typer.Abort:
        return EXIT_FAILURE
    except OSError as error:
        _discard_output()
        where = f"{error.filename}: " if error.filename else ""
        return _print_error(CommandError(f"{where}{error.strerror or error}"))
    return code if isinstance(code, int) else EXIT_OK


def _prepare_streams() -> None:
    """Who closed a stream (`>&-`) has one that leads nowhere; a letter that a terminal cannot show becomes a `?`."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, _open_devnull(mode))
        elif isinstance(stream, io.TextIOWrapper) and mode == "w":
            stream.reconfigure(errors="replace")


def _open_devnull(mode: str) -> IO[str]:
    return Path(os.devnull).open(mode, encoding="utf-8")


def _discard_output() -> None:
    """What could not be written is not tried once more when Python ends."""
    try:
        sys.stdout.flush()
    except OSError:
        sys.stdout = _open_devnull("w")


def _connect(location: StackLocation) -> Any:
    from backdrop_cli.stack import connect

    return connect(location)


def _print_error(error: typer.TyperException) -> int:
    """Tell of an error, in one line where it is ours; those of the command line come with where to read on."""
    from backdrop_cli.formatting import escape_unprintable

    message = error.format_message()
    if message.startswith("Usage: "):
        typer.echo(message, err=True)
    elif message and isinstance(error, CommandError | UsageError | InterruptedCommandError):
        lines = message.split("\n") if isinstance(error, LocalCloudCommandError) else [message]
        typer.echo(f"error: {'\n'.join(map(escape_unprintable, lines))}", err=True)
    elif message:
        ctx: typer.Context | None = getattr(error, "ctx", None)
        where = f"; try `{ctx.command_path} --help`" if ctx else ""
        typer.echo(f"error: {message[:1].lower()}{message[1:].rstrip('.')}{where}", err=True)
    return error.exit_code
