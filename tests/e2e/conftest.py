"""One local cloud per pytest worker, deployed from what `make test` built."""

import os
import re
from collections.abc import Generator
from typing import override

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from backdrop_local.cloud import Cloud
from tests.contract.standin_client import StandinClient
from tests.e2e.clouds import running_cloud, set_pictures
from tests.e2e.deployed_stack import DeployedStack
from tests.e2e.folder import Folder

# Starting hundreds of workers takes a quarter of the processors' time. The commands of README and docs start theirs as
# users' clouds do (command_runner.py).
os.environ["FORK_WORKERS"] = "1"
# Tests that take minutes start first, longest first, so that none of them runs alone at the end.
SLOW_TESTS = (
    "test_update_completes_jobs_in_every_state",
    "test_broken_release_is_rolled_back_without_losing_photos",
    "test_update",
    "[README.md]",
    "test_commands_of_the_first_pages_start_and_stop_a_cloud",
    "test_runbooks",
    "test_documented_commands",
    "test_separate_stacks",
    "test_local_cloud",
    "test_reconcile_bill",
    "test_example_stacks",
    "test_ideogram_v2",
    "test_eventbridge",
    "test_campaigns",
    "test_mandate_clients",
    "test_counted_requests",
)
# Each of these tests runs in any pytest worker. The tests of any other module run in one worker and share what the
# module sets up.
INDEPENDENT_TESTS = (
    "test_update",
    "test_broken_release_is_rolled_back_without_losing_photos",
    "[README.md]",
    "test_commands_of_the_first_pages_start_and_stop_a_cloud",
)


class ByModule(LoadScopeScheduling):
    """Assigns whole modules to a pytest worker, and each of INDEPENDENT_TESTS by itself."""

    @override
    def _split_scope(self, nodeid: str) -> str:
        return nodeid if any(name in nodeid for name in INDEPENDENT_TESTS) else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    return ByModule(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def start_position(item: pytest.Item) -> int:
        return next((n for n, name in enumerate(SLOW_TESTS) if name in item.nodeid), len(SLOW_TESTS))

    items.sort(key=start_position)


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Generator[Cloud]:
    """The cloud of this pytest worker, which its tests share."""
    with running_cloud(tmp_path_factory) as running:
        yield running


@pytest.fixture(scope="session")
def stack(cloud: Cloud) -> Generator[DeployedStack]:
    """The stack of this worker's cloud. At the end of the session, its bill and its logs are checked."""
    with StandinClient(cloud.standin_url) as standin:
        created = DeployedStack(cloud, standin)
        yield created
        created.check_charges()
        created.check_logs()


@pytest.fixture
def composed_pictures(stack: DeployedStack) -> Generator[None]:
    """For tests about pictures: makes the stand-in compose pictures from the photo, at the photo's size.

    Not once for a module, because each folder that is closed restores the stand-in's settings.
    """
    set_pictures(stack.cloud, composed=True)
    yield
    set_pictures(stack.cloud, composed=False)


@pytest.fixture
def folder(stack: DeployedStack, request: pytest.FixtureRequest) -> Generator[Folder]:
    """The test's own folder in the input bucket. When the test ends, no work in the folder continues."""
    created = Folder(stack, re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower()).strip("-"))
    yield created
    created.close()
