"""The simulated stack as the `backdrop` command sees it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Any

from backdrop.reconcile.bill_report import build_bill_report
from backdrop.reconcile.price_check_report import build_price_check_report
from backdrop_cli.campaign.state_machine import CampaignStateMachine
from backdrop_cli.stack import QueueDepth, Stack, build_stack
from simulation.world.simulated_stack import EVENT_BUS, LEDGER_TABLE, World

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
        outputs={"LedgerTableName": LEDGER_TABLE, "EventBusName": EVENT_BUS},
        run_bill_comparison=partial(_run_bill_comparison, world),
        run_price_check=partial(_run_price_check, world),
    )


def _run_bill_comparison(world: World, event: Mapping[str, Any]) -> dict[str, Any]:
    """Does what the handler of reconcile-bill does, with the world's own services."""
    service = world.steps.bootstrap.reconcile_bill()
    day = date.fromisoformat(event["day"]) if event["day"] else None
    result = service.run(is_requested=event["requested"], accepts_missing=event["accept_missing"], day=day)
    return build_bill_report(result, service.key_uses, service.clock.now())


def _run_price_check(world: World, event: Mapping[str, Any]) -> dict[str, Any]:
    """Does what the handler of price-check does, with the world's own services."""
    result = world.steps.bootstrap.price_check().run(resumes=event["resume"])
    return {"is_busy": result.is_busy, **build_price_check_report(result.check)}
