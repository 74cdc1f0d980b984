"""One local cloud per pytest worker, deployed from what `make test` built."""

import re
from collections.abc import Generator

import pytest

from backdrop_local.cloud import Cloud
from tests.contract.standin_client import StandinClient
from tests.e2e.clouds import running_cloud
from tests.e2e.folder import Folder
from tests.e2e.shop import Shop


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


@pytest.fixture
def folder(shop: Shop, request: pytest.FixtureRequest) -> Generator[Folder]:
    """A folder of the test's own in the input bucket; when the test ends, nothing of it goes on."""
    opened = Folder(shop, re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower()).strip("-"))
    yield opened
    opened.close()
