"""One local cloud per pytest worker, deployed from what `make test` built."""

import re
from collections.abc import Generator
from typing import override

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from backdrop_local.cloud import Cloud
from tests.contract.standin_client import StandinClient
from tests.e2e.clouds import running_cloud, set_pictures
from tests.e2e.folder import Folder
from tests.e2e.shop import Shop

# What takes minutes begins first, so that nobody waits for it alone at the end.
LONG = (
    *("test_runbooks", "test_documented_commands", "test_update", "test_local_cloud", "test_counted_requests"),
    "test_side_by_side",
)
# Each of their tests has a cloud of its own; the tests of any other module share what the module sets up.
APART = ("test_documented_commands", "test_update")


class ByModule(LoadScopeScheduling):
    """Gives a worker whole modules, and single tests of those whose tests share nothing."""

    @override
    def _split_scope(self, nodeid: str) -> str:
        return nodeid if any(name in nodeid for name in APART) else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    return ByModule(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: LONG.index(item.path.stem) if item.path.stem in LONG else len(LONG))


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Generator[Cloud]:
    """This worker's cloud, which its tests share."""
    with running_cloud(tmp_path_factory) as running:
        yield running


@pytest.fixture(scope="session")
def shop(cloud: Cloud) -> Generator[Shop]:
    """The cloud as its operator sees it; when the session ends its books and logs must be right."""
    with StandinClient(cloud.standin_url) as standin:
        opened = Shop(cloud, standin)
        yield opened
        opened.check_the_books()
        opened.check_the_logs()


@pytest.fixture(scope="module")
def composed(shop: Shop) -> Generator[None]:
    """For modules about pictures: the stand-in composes them from the photo, in the photo's size."""
    set_pictures(shop.cloud, composed=True)
    yield
    set_pictures(shop.cloud, composed=False)


@pytest.fixture
def folder(shop: Shop, request: pytest.FixtureRequest) -> Generator[Folder]:
    """A folder of the test's own in the input bucket; when the test ends, nothing of it goes on."""
    opened = Folder(shop, re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower()).strip("-"))
    yield opened
    opened.close()
