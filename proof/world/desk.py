"""The simulated stack as the command `backdrop` sees one."""

from dataclasses import replace

from backdrop_cli.campaign.machine import Machine
from backdrop_cli.stack import Line, Stack, operated
from proof.world.stack import World


def desk(world: World, machine: Machine) -> Stack:
    """What its commands work on; campaigns are `machine`'s business. Counting messages takes no call."""
    found = operated(
        "shop", world.steps.bootstrap, machine, lambda provider: Line(len(world.lines[provider].messages), 0)
    )
    arriving = world.lines["intake"].messages
    return replace(found, arriving=lambda: len(arriving), at_once=1, wait=world.run_for)
