"""The checks of `doctor`, and the form of their results."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from backdrop_cli.stack import Stack


class CheckState(StrEnum):
    GOOD = "good"
    WRONG = "wrong"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class CheckResult:
    """The result of one check; `fix` is what to do if it is not good."""

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
    """Returns the region and the account of a stack."""
    region, account = stack.outputs["CampaignStateMachineArn"].split(":")[3:5]
    return region, account
