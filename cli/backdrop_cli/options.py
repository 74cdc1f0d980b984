"""The options that every verb of a stack takes, before the verb or after it, and the stack that they mean."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from backdrop_cli.errors import UsageError

if TYPE_CHECKING:
    from backdrop_cli.screen import Screen
    from backdrop_cli.stack import Stack

_PANEL = "Which stack"
StackName = Annotated[
    str | None,
    typer.Option("--stack", metavar="NAME", help="A stack on AWS; else the local cloud.", rich_help_panel=_PANEL),
]
Profile = Annotated[
    str | None,
    typer.Option("--profile", metavar="NAME", help="A profile of your AWS configuration.", rich_help_panel=_PANEL),
]
Region = Annotated[
    str | None, typer.Option("--region", metavar="NAME", help="The stack's AWS region.", rich_help_panel=_PANEL)
]
JsonOutput = Annotated[bool, typer.Option("--json", help="Print data for scripts, and ask nothing.")]


def _print_version(is_requested: bool) -> None:
    from importlib.metadata import version

    if is_requested:
        typer.echo(f"backdrop {version('backdrop')}")
        raise typer.Exit


ShowVersion = Annotated[
    bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Say which release this is.")
]


@dataclass(frozen=True)
class StackLocation:
    """Where a stack is: no `stack_name`, the local cloud."""

    stack_name: str | None = None
    profile: str | None = None
    region: str | None = None

    @property
    def command_line(self) -> str:
        """As the person would type it before a verb."""
        options = {"--stack": self.stack_name, "--profile": self.profile, "--region": self.region}
        return " ".join(f"{option} {quote(word)}" for option, word in options.items() if word)

    def with_defaults(self, defaults: "StackLocation") -> "StackLocation":
        """These, and what the other says besides."""
        return StackLocation(
            self.stack_name or defaults.stack_name, self.profile or defaults.profile, self.region or defaults.region
        )


def has_local_cloud() -> bool:
    """Whether the command runs from a clone: the wheel has no emulator and no stand-in."""
    return find_spec("backdrop_local") is not None


type Connect = Callable[[StackLocation], Stack]


@dataclass(frozen=True)
class GlobalOptions:
    """What stood before the verb, and how a stack is reached."""

    connect: Connect
    location: StackLocation = StackLocation()
    as_json: bool = False


@contextmanager
def open_stack(ctx: typer.Context, location: StackLocation, as_json: bool) -> "Generator[tuple[Stack, Screen]]":
    """The stack that is meant and the screen to tell of it; what goes wrong with AWS becomes one sentence."""
    from backdrop_cli.aws_error_messages import translate_aws_errors
    from backdrop_cli.screen import Screen

    global_options: GlobalOptions = ctx.obj
    location = location.with_defaults(global_options.location)
    if not location.stack_name and location != StackLocation():
        raise UsageError("--profile and --region choose a stack on AWS; say which one with --stack NAME")
    with translate_aws_errors(location):
        yield (
            global_options.connect(location),
            Screen(as_json=as_json or global_options.as_json, stack_options=location.command_line),
        )
