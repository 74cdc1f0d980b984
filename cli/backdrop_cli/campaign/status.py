"""The verb `campaign status`: the latest campaigns, or how far one of them is."""

from backdrop_cli.campaign import progress
from backdrop_cli.campaign.machine import Execution
from backdrop_cli.errors import RefusedError
from backdrop_cli.screen import Screen
from backdrop_cli.stack import Stack

MOST_SHOWN = 20


def status(stack: Stack, screen: Screen, name: str | None) -> None:
    """One campaign's latest execution, or a table of all."""
    if name:
        _one(stack, screen, found(stack, name))
        return
    listed = list(stack.machine.latest(MOST_SHOWN))
    screen.data({"stack": stack.name, "campaigns": [progress.named(one) for one in listed]})
    if not listed:
        screen.say(f"There was no campaign yet, stack {stack.name}.")
        return
    rows = [(one.run, one.fate, f"{one.began:%Y-%m-%d %H:%M:%S}", one.error) for one in listed]
    screen.table({"Campaign": "left", "Status": "left", "Began (UTC)": "left", "Error": "words"}, rows)


def found(stack: Stack, name: str, *, running: bool = False) -> Execution:
    """The latest execution of a campaign, or of that very name; RefusedError where there is none."""
    for one in stack.machine.latest(running=running):
        if name in (one.name, one.run):
            return one
    runs = "runs" if running else "ever ran"
    raise RefusedError(f"no campaign called {name} {runs}; `backdrop campaign status` lists the latest")


def _one(stack: Stack, screen: Screen, one: Execution) -> None:
    now = progress.progress_of(stack, one)
    screen.data({"stack": stack.name, **progress.document(stack, now)})
    screen.line(f"Campaign {one.name}, stack {stack.name}: {one.fate}", "bold")
    screen.line(f"  {one.run}, since {one.began:%Y-%m-%d %H:%M:%S} UTC; {now.far}")
    progress.tell(stack, screen, now)
