"""One local cloud per pytest worker, deployed once per session from what `make test` built."""

import re
from collections.abc import Generator

import pytest

from backdrop_local import cloud as local_cloud
from backdrop_local.cloud import Cloud
from backdrop_local.home import Home
from backdrop_local.leash import leashed
from tests.contract.standin_client import StandinClient
from tests.e2e.folder import Folder
from tests.e2e.shop import Shop

# Short enough that a crash or a timeout costs a test seconds.
PARAMETERS = {
    "IdeogramTimeoutSeconds": "10",
    "RenderTimeoutSeconds": "30",
    "LaneVisibilitySeconds": "35",
    "SettleSeconds": "2",
}


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Generator[Cloud]:
    """A deployed stack and the stand-in; nothing of it is left when the session ends.

    `cloud.clients` holds the AWS clients, `cloud.outputs()` the names, `cloud.standin_url` the
    stand-in's address; logs lie in `cloud.home`.
    """
    home = Home(tmp_path_factory.mktemp("cloud"))
    with leashed(home):
        yield local_cloud.up(home, PARAMETERS, print, build=False)


@pytest.fixture(scope="session")
def shop(cloud: Cloud) -> Generator[Shop]:
    """The cloud as its operator sees it; when the session ends its books must be right."""
    with StandinClient(cloud.standin_url) as standin:
        opened = Shop(cloud, standin)
        yield opened
        opened.check_the_books()


@pytest.fixture
def folder(shop: Shop, request: pytest.FixtureRequest) -> Generator[Folder]:
    """A folder of the test's own in the input bucket; faults and what waits in the lane end with the test."""
    yield Folder(shop, re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower()).strip("-"))
    shop.standin.control("faults", method="DELETE")
    shop.empty_lane()
