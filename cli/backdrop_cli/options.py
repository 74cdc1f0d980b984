"""The options that every verb of a stack takes, before the verb or after it, and the stack that they mean."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from backdrop_cli.errors import MisusedError

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
Json = Annotated[bool, typer.Option("--json", help="Print data for scripts, and ask nothing.")]


def _tell_the_version(is_wanted: bool) -> None:
    from importlib.metadata import version

    if is_wanted:
        typer.echo(f"backdrop {version('backdrop')}")
        raise typer.Exit


Version = Annotated[
    bool, typer.Option("--version", is_eager=True, callback=_tell_the_version, help="Say which release this is.")
]


@dataclass(frozen=True)
class Place:
    """Where a stack is: no `stack`, the local cloud."""

    stack: str | None = None
    profile: str | None = None
    region: str | None = None

    @property
    def words(self) -> str:
        """As the person would type it before a verb."""
        said = {"--stack": self.stack, "--profile": self.profile, "--region": self.region}
        return " ".join(f"{option} {quote(word)}" for option, word in said.items() if word)

    def over(self, other: "Place") -> "Place":
        """These, and what the other says besides."""
        return Place(self.stack or other.stack, self.profile or other.profile, self.region or other.region)


def has_local_cloud() -> bool:
    """Whether the command runs from a clone: the wheel has no emulator and no stand-in."""
    return find_spec("backdrop_local") is not None


type Connect = Callable[[Place], Stack]


@dataclass(frozen=True)
class Before:
    """What stood before the verb, and how a stack is reached."""

    connect: Connect
    place: Place = Place()
    as_json: bool = False


@contextmanager
def opened(ctx: typer.Context, place: Place, as_json: bool) -> "Generator[tuple[Stack, Screen]]":
    """The stack that is meant and the screen to tell of it; what goes wrong with AWS becomes one sentence."""
    from backdrop_cli.screen import Screen
    from backdrop_cli.trouble import explained

    before: Before = ctx.obj
    place = place.over(before.place)
    if not place.stack and place != Place():
        raise MisusedError("--profile and --region choose a stack on AWS; say which one with --stack NAME")
    with explained(place):
        yield before.connect(place), Screen(as_json=as_json or before.as_json, place=place.words)
