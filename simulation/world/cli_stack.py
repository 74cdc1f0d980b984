"""The simulated stack as the `backdrop` command sees it."""

from dataclasses import replace

from backdrop_cli.campaign.state_machine import CampaignStateMachine
from backdrop_cli.stack import QueueDepth, Stack, build_stack
from simulation.world.simulated_stack import LEDGER_TABLE, World

STACK_ARN = "arn:aws:cloudformation:eu-central-1:123456789012:stack/shop/1"


def build_simulated_stack(world: World, state_machine: CampaignStateMachine) -> Stack:
    """Returns the stack that the commands work on. Counting messages takes no call."""
    stack = build_stack(
        "shop",
        world.steps.bootstrap,
        state_machine,
        lambda provider: QueueDepth(len(world.queues[provider].messages), 0),
    )
    intake_messages = world.queues["intake"].messages
    return replace(
        stack,
        count_intake_messages=lambda: len(intake_messages),
        max_threads=1,
        sleep=world.run_for,
        arn=STACK_ARN,
        outputs={"LedgerTableName": LEDGER_TABLE},
    )
