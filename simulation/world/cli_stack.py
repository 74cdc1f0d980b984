"""The simulated stack as the command `backdrop` sees one."""

from dataclasses import replace

from backdrop_cli.campaign.state_machine import CampaignStateMachine
from backdrop_cli.stack import QueueDepth, Stack, build_stack
from simulation.world.simulated_stack import World


def build_simulated_stack(world: World, state_machine: CampaignStateMachine) -> Stack:
    """What its commands work on; campaigns are `machine`'s business. Counting messages takes no call."""
    stack = build_stack(
        "shop",
        world.steps.bootstrap,
        state_machine,
        lambda provider: QueueDepth(len(world.queues[provider].messages), 0),
    )
    arriving = world.queues["intake"].messages
    return replace(stack, count_intake_messages=lambda: len(arriving), max_threads=1, sleep=world.run_for)
