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

from backdrop_cli.campaign import verbs as campaigns
from backdrop_cli.errors import DONE, REFUSED, LocalRefusedError, MisusedError, RefusedError, StoppedError
from backdrop_cli.local_verbs import demo, down, env, up
from backdrop_cli.operate import verbs
from backdrop_cli.options import Before, Connect, Json, Place, Profile, Region, StackName, Version
from backdrop_cli.photo_verbs import download, drop, gallery, lint, page, quote
from backdrop_cli.words import plain


class GroupedHelp(TyperGroup):
    """Shows the verbs in their groups without Rich, which takes longer to load than a person waits."""

    @override
    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Each group with its verbs and the first sentence of their help."""
        groups: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
        longest = max(map(len, self.commands))
        for name, verb in self.commands.items():
            sentence = (verb.help or "").strip().partition("\n\n")[0].replace("\n", " ").rstrip(".")
            groups[getattr(verb, "rich_help_panel", None) or "Commands"].append((f"{name:{longest}}", sentence))
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
PHOTOS = (lint, quote, drop, page, verbs.show, gallery, download)
LOCAL = (demo, up, env, down)
OPERATING = (
    verbs.status,
    verbs.failures,
    verbs.redrive,
    verbs.rerun,
    verbs.cancel,
    verbs.pause,
    verbs.resume,
    verbs.budget,
    verbs.spend,
    verbs.doctor,
)


@app.callback()
def before(
    ctx: typer.Context,
    stack: StackName = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
    version: Version = False,
) -> None:
    """Drop a photo into a bucket and get it back with a new background or with none."""
    place = Place(stack, profile, region)
    if ctx.invoked_subcommand == "lint" and place != Place():
        raise MisusedError("`lint` looks at files on this machine; it needs no stack")
    if ctx.invoked_subcommand in [verb.__name__ for verb in LOCAL] and (place != Place() or as_json):
        raise MisusedError(f"`{ctx.invoked_subcommand}` is about the local cloud alone, and prints no JSON")
    ctx.obj = Before(ctx.obj or _connect, place, as_json)


for _verb in PHOTOS:
    app.command(rich_help_panel="Photos and pictures")(_verb)
for _verb in OPERATING:
    # A budget below zero is no option that nobody knows.
    _settings = {"ignore_unknown_options": True} if _verb is verbs.budget else None
    app.command(context_settings=_settings, rich_help_panel="A stack, day by day")(_verb)
key = typer.Typer(help="Set a provider's API key.", no_args_is_help=True)
key.command("set")(verbs.set_key)
app.add_typer(key, name="key", rich_help_panel="A stack, day by day")
campaign = typer.Typer(help="Have many photos bought as one, with one report.", no_args_is_help=True)
for _verb in (campaigns.quote, campaigns.run, campaigns.status, campaigns.stop):
    campaign.command()(_verb)
app.add_typer(campaign, name="campaign", rich_help_panel="Photos and pictures")
for _verb in LOCAL:
    app.command(rich_help_panel="The local cloud")(_verb)


def run(words: Sequence[str] | None = None, connect: Connect | None = None) -> int:
    """Run a command line; its exit code, one of those in backdrop_cli/errors.py."""
    _open_streams()
    try:
        code: Any = app(args=words, obj=connect, prog_name="backdrop", standalone_mode=False)
        sys.stdout.flush()
    except typer.TyperException as error:
        return _said(error)
    except typer.Abort:
        return REFUSED
    except OSError as error:
        _give_up_output()
        where = f"{error.filename}: " if error.filename else ""
        return _said(RefusedError(f"{where}{error.strerror or error}"))
    return code if isinstance(code, int) else DONE


def _open_streams() -> None:
    """Who closed a stream (`>&-`) has one that leads nowhere; a letter that a terminal cannot show becomes a `?`."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, _nowhere(mode))
        elif isinstance(stream, io.TextIOWrapper) and mode == "w":
            stream.reconfigure(errors="replace")


def _nowhere(mode: str) -> IO[str]:
    return Path(os.devnull).open(mode, encoding="utf-8")


def _give_up_output() -> None:
    """What could not be written is not tried once more when Python ends."""
    try:
        sys.stdout.flush()
    except OSError:
        sys.stdout = _nowhere("w")


def _connect(place: Place) -> Any:
    from backdrop_cli.stack import connect

    return connect(place)


def _said(error: typer.TyperException) -> int:
    """Tell of an error, in one line where it is ours; those of the command line come with where to read on."""
    words = error.format_message()
    if words.startswith("Usage: "):
        typer.echo(words, err=True)
    elif words and isinstance(error, RefusedError | MisusedError | StoppedError):
        lines = words.split("\n") if isinstance(error, LocalRefusedError) else [words]
        typer.echo(f"error: {'\n'.join(map(plain, lines))}", err=True)
    elif words:
        ctx: typer.Context | None = getattr(error, "ctx", None)
        where = f"; try `{ctx.command_path} --help`" if ctx else ""
        typer.echo(f"error: {words[:1].lower()}{words[1:].rstrip('.')}{where}", err=True)
    return error.exit_code
