"""The options that every command for a stack takes, before or after its name, and the stack that they select."""

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
    typer.Option("--stack", metavar="NAME", help="Use this stack on AWS, not the local cloud", rich_help_panel=_PANEL),
]
Profile = Annotated[
    str | None,
    typer.Option("--profile", metavar="NAME", help="Use this AWS profile", rich_help_panel=_PANEL),
]
Region = Annotated[
    str | None, typer.Option("--region", metavar="NAME", help="Use this AWS region", rich_help_panel=_PANEL)
]
JsonOutput = Annotated[bool, typer.Option("--json", help="Print JSON for scripts, and never ask for confirmation")]


def _print_version(is_requested: bool) -> None:
    from importlib.metadata import version

    if is_requested:
        typer.echo(f"backdrop {version('backdrop')}")
        raise typer.Exit


ShowVersion = Annotated[
    bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Show the version and exit")
]


@dataclass(frozen=True)
class StackLocation:
    """Where a stack is; without `stack_name`, the local cloud."""

    stack_name: str | None = None
    profile: str | None = None
    region: str | None = None

    @property
    def command_line(self) -> str:
        """Returns the options as they are typed before a command's name."""
        options = {"--stack": self.stack_name, "--profile": self.profile, "--region": self.region}
        return " ".join(f"{option} {quote(value)}" for option, value in options.items() if value)

    def with_defaults(self, defaults: "StackLocation") -> "StackLocation":
        """Fills in what this location leaves out."""
        return StackLocation(
            self.stack_name or defaults.stack_name, self.profile or defaults.profile, self.region or defaults.region
        )


def has_local_cloud() -> bool:
    """Returns whether the command runs from a clone; the wheel contains neither the emulator nor the stand-in."""
    return find_spec("backdrop_local") is not None


type Connect = Callable[[StackLocation], Stack]


@dataclass(frozen=True)
class GlobalOptions:
    """The options before the command's name, and the function that connects to a stack."""

    connect: Connect
    location: StackLocation = StackLocation()
    as_json: bool = False


@contextmanager
def open_stack(ctx: typer.Context, location: StackLocation, as_json: bool) -> "Generator[tuple[Stack, Screen]]":
    """Yields the selected stack and a screen.

    Within the block, an error from AWS becomes a CommandError that says how to go on, and commands in messages of
    errors name the stack.
    """
    from backdrop_cli.aws_error_messages import translate_aws_errors
    from backdrop_cli.continuation import RUN_AGAIN, explain_error
    from backdrop_cli.screen import Screen

    global_options: GlobalOptions = ctx.obj
    location = location.with_defaults(global_options.location)
    if not location.stack_name and location != StackLocation():
        raise UsageError("--profile and --region need a stack on AWS; name it with --stack NAME")
    screen = Screen(as_json=as_json or global_options.as_json, stack_options=location.command_line)
    with screen.complete_commands_in_errors(), translate_aws_errors(location):
        stack = global_options.connect(location)
        with explain_error(lambda: RUN_AGAIN):
            yield stack, screen
