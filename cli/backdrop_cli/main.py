"""The `backdrop` command: registers the subcommands and turns their errors into messages and exit codes."""

import io
import os
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, override

import typer
from typer.core import TyperGroup

from backdrop_cli import agent_commands, mandate_commands, operator_commands, review_commands
from backdrop_cli import campaign_commands as campaigns
from backdrop_cli.errors import (
    EXIT_BROKEN_PIPE,
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
from backdrop_cli.photo_commands import check, download, drop, gallery, lint, page, quote, verify


class GroupedHelp(TyperGroup):
    """Lists the commands by group without Rich, which is slow to load."""

    @override
    def format_commands(self, ctx: Any, formatter: Any) -> None:
        groups: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
        name_width = max(map(len, self.commands))
        for name, command in self.commands.items():
            summary = (command.help or "").strip().partition("\n\n")[0].replace("\n", " ").rstrip(".")
            groups[getattr(command, "rich_help_panel", None) or "Commands"].append((f"{name:{name_width}}", summary))
        for head, rows in groups.items():
            with formatter.section(head):
                formatter.write_dl(rows)


HELP = """Give photos new backgrounds, or remove their backgrounds

Without --stack, commands use the local cloud on this machine. `backdrop COMMAND --help` shows a command's options and
an example.

Example: backdrop drop shoes/ --prompt "on a marble table" --download done/
"""
app = typer.Typer(
    cls=GroupedHelp,
    rich_markup_mode=None,
    help=HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
PHOTO_COMMANDS = (lint, quote, drop, page, operator_commands.show, gallery, download, check, verify)
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
    operator_commands.statement,
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
    location = StackLocation(stack, profile, region)
    if ctx.invoked_subcommand in ("check", "verify") and location != StackLocation():
        raise UsageError(
            f"`{ctx.invoked_subcommand}` checks files on this machine; leave out --stack, --profile, and --region"
        )
    if ctx.invoked_subcommand in [command.__name__ for command in LOCAL_COMMANDS] and (
        location != StackLocation() or as_json
    ):
        raise UsageError(
            f"`{ctx.invoked_subcommand}` is for the local cloud; leave out --stack, --profile, --region, and --json"
        )
    ctx.obj = GlobalOptions(ctx.obj or _connect, location, as_json)


PHOTO_PANEL, OPERATOR_PANEL, LOCAL_PANEL = "Photos and pictures", "Operate a stack", "Local cloud"
for _command in PHOTO_COMMANDS:
    app.command(rich_help_panel=PHOTO_PANEL)(_command)
for _command in OPERATOR_COMMANDS:
    # `backdrop budget -5` gets a message about the budget, not about an unknown option.
    _context_settings = {"ignore_unknown_options": True} if _command is operator_commands.budget else None
    app.command(context_settings=_context_settings, rich_help_panel=OPERATOR_PANEL)(_command)
app.command("reconcile-bill", rich_help_panel=OPERATOR_PANEL)(operator_commands.reconcile_bill)
app.command("check-prices", rich_help_panel=OPERATOR_PANEL)(operator_commands.check_prices)
key_app = typer.Typer(help="Set a provider's API key", no_args_is_help=True)
key_app.command("set")(operator_commands.set_key)
app.add_typer(key_app, name="key", rich_help_panel=OPERATOR_PANEL)
review_app = typer.Typer(invoke_without_command=True)
review_app.callback()(review_commands.list_pictures)
for _command in (review_commands.approve, review_commands.reject, review_commands.redo):
    review_app.command()(_command)
app.add_typer(review_app, name="review", rich_help_panel=PHOTO_PANEL)
mandate_app = typer.Typer(invoke_without_command=True)
mandate_app.callback()(mandate_commands.list_mandates)
mandate_app.command("raise")(mandate_commands.raise_limits)
for _command in (
    mandate_commands.create,
    mandate_commands.show,
    mandate_commands.suspend,
    mandate_commands.resume,
    mandate_commands.end,
    mandate_commands.release,
):
    mandate_app.command()(_command)
app.add_typer(mandate_app, name="mandate", rich_help_panel=OPERATOR_PANEL)
app.command(rich_help_panel=OPERATOR_PANEL)(agent_commands.mcp)
campaign_app = typer.Typer(help="Buy pictures for many photos at once, with one report", no_args_is_help=True)
for _command in (campaigns.quote, campaigns.run, campaigns.status, campaigns.stop):
    campaign_app.command()(_command)
app.add_typer(campaign_app, name="campaign", rich_help_panel=PHOTO_PANEL)
for _command in LOCAL_COMMANDS:
    app.command(rich_help_panel=LOCAL_PANEL)(_command)


def run(args: Sequence[str] | None = None, connect: Connect | None = None) -> int:
    """Runs a command line and returns its exit code, one of those in backdrop_cli/errors.py."""
    _prepare_streams()
    try:
        code: Any = app(args=args, obj=connect, prog_name="backdrop", standalone_mode=False)
        sys.stdout.flush()
    except typer.TyperException as error:
        return _print_error(error)
    except typer.Abort:
        return EXIT_FAILURE
    except BrokenPipeError:
        _discard_output()
        return EXIT_BROKEN_PIPE
    except SystemExit as exit_request:
        # Rich and Typer exit with 1, which a script would take for a failure.
        if isinstance(exit_request.__context__, BrokenPipeError):
            return EXIT_BROKEN_PIPE
        raise
    except OSError as error:
        _discard_output()
        where = f"{error.filename}: " if error.filename else ""
        return _print_error(CommandError(f"{where}{error.strerror or error}"))
    return code if isinstance(code, int) else EXIT_OK


def _prepare_streams() -> None:
    """Opens the null device for a closed stream (`>&-`); a character that a terminal cannot show becomes `?`."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, _open_devnull(mode))
        elif isinstance(stream, io.TextIOWrapper) and mode == "w":
            stream.reconfigure(errors="replace")


def _open_devnull(mode: str) -> IO[str]:
    return Path(os.devnull).open(mode, encoding="utf-8")


def _discard_output() -> None:
    """Keeps Python from writing the remaining output again at exit, which would fail again."""
    try:
        sys.stdout.flush()
    except OSError:
        sys.stdout = _open_devnull("w")


def _connect(location: StackLocation) -> Any:
    from backdrop_cli.stack import connect

    return connect(location)


def _print_error(error: typer.TyperException) -> int:
    """Prints an error of ours as it is, and one of the command-line parser with a pointer to its help."""
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
        # The parser has pydantic check values, and passes its sentence on.
        message = message.replace(": Input should be ", "; it must be ")
        typer.echo(f"error: {message[:1].lower()}{message[1:].rstrip('.')}{where}", err=True)
    return error.exit_code
