"""What `doctor` looks at: each look finds how some things are, and says of each that is wrong how it is mended."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from backdrop_cli.stack import Stack


class State(StrEnum):
    """How a thing is."""

    GOOD = "good"
    WRONG = "wrong"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at; `fix` is what to do where it is not well."""

    name: str
    state: State
    words: str
    fix: str = ""


type Look = Callable[[Stack], Iterator[Check]]


def place_of(stack: Stack) -> tuple[str, str]:
    """The region and the account in which a stack is deployed."""
    region, account = stack.outputs["CampaignStateMachineArn"].split(":")[3:5]
    return region, account
