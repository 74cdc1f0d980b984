"""The simulated stack as the command `backdrop` sees one."""

from dataclasses import replace

from backdrop_cli.campaign.state_machine import CampaignStateMachine
from backdrop_cli.stack import QueueDepth, Stack, build_stack
from proof.world.stack import World


def desk(world: World, machine: CampaignStateMachine) -> Stack:
    """What its commands work on; campaigns are `machine`'s business. Counting messages takes no call."""
    found = build_stack(
        "shop", world.steps.bootstrap, machine, lambda provider: QueueDepth(len(world.lines[provider].messages), 0)
    )
    arriving = world.lines["intake"].messages
    return replace(found, count_intake_messages=lambda: len(arriving), max_threads=1, sleep=world.run_for)
