"""The composition root: building a service makes no calls, and a photo creates only the clients that it needs."""

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from backdrop.aws.clients import LazyClient
from backdrop.bootstrap import Bootstrap
from backdrop.model.job import JobStatus
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from simulation.world.world_services import WorldBootstrap
from tests.simulated.stage_worlds import KEY, find_only_job

BUILDERS: dict[str, Callable[[Bootstrap], object]] = {
    "intake": Bootstrap.intake,
    "render": Bootstrap.render,
    "deliver": Bootstrap.deliver,
    "provider_notifications": Bootstrap.provider_notifications,
    "reconcile": Bootstrap.reconcile,
    "reconcile_bill": Bootstrap.reconcile_bill,
    "price_check": Bootstrap.price_check,
    "campaign_planner": Bootstrap.campaign_planner,
    "campaign_reporter": Bootstrap.campaign_reporter,
    "campaign_row_reader": Bootstrap.campaign_row_reader,
    "campaign_pricing": Bootstrap.campaign_pricing,
    "redrive": Bootstrap.redrive,
    "cancel": Bootstrap.cancel,
    "approvals": Bootstrap.approvals,
    "mandates": Bootstrap.mandates,
    "rerun": Bootstrap.rerun,
    "dead_letters": Bootstrap.dead_letters,
}


def build_lazily(world: World) -> tuple[WorldBootstrap, list[str]]:
    """Returns a worker's composition root with lazy clients, and the names of the services whose clients exist."""
    bootstrap, services = WorldBootstrap(world), list[str]()
    client = bootstrap.client

    def lazy(service: str) -> Any:
        def make() -> Any:
            services.append(service)
            return client(service)

        return LazyClient(make)

    bootstrap.client = cache(lazy)
    return bootstrap, services


def test_every_public_builder_has_a_test_here() -> None:
    methods = {name for name, one in vars(Bootstrap).items() if callable(one) and not name.startswith("_")}
    assert methods - {"batch_consumer"} == BUILDERS.keys()


@pytest.mark.parametrize("name", BUILDERS)
def test_building_a_service_creates_no_client_and_calls_nothing(name: str) -> None:
    world = World()
    bootstrap, services = build_lazily(world)
    assert BUILDERS[name](bootstrap)
    assert (services, world.transport.calls) == ([], [])


def test_photo_creates_each_client_that_it_needs_once() -> None:
    world = World()
    (intake, at_intake), (render, at_render), (deliver, at_deliver) = (build_lazily(world) for _ in range(3))
    world.intake, world.render, world.deliver = intake.intake(), render.render(), deliver.deliver()
    world.upload_photo(KEY, build_photo(), operation="remove")
    world.run_until_empty()
    assert find_only_job(world).status is JobStatus.STORED
    assert sorted(at_intake) == ["dynamodb", "s3", "sqs"]
    assert sorted(at_render) == ["dynamodb", "s3", "sqs"]
    assert sorted(at_deliver) == ["dynamodb", "events", "s3"]
