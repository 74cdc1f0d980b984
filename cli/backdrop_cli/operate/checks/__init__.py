"""What `doctor` looks at: each look finds how some things are, and says of each that is wrong how it is mended."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from backdrop_cli.stack import Stack


class CheckState(StrEnum):
    """How a thing is."""

    GOOD = "good"
    WRONG = "wrong"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class CheckResult:
    """One thing that was looked at; `fix` is what to do where it is not well."""

    name: str
    state: CheckState
    words: str
    fix: str = ""


@dataclass(frozen=True)
class NamedCheck:
    """A check and the name under which it is reported if AWS refuses one of its calls."""

    name: str
    run: Callable[[Stack], Iterator[CheckResult]]


def find_region_and_account(stack: Stack) -> tuple[str, str]:
    """The region and the account in which a stack is deployed."""
    region, account = stack.outputs["CampaignStateMachineArn"].split(":")[3:5]
    return region, account
