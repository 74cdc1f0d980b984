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
from tests.e2e.shop import SHELF, WAITING, Shop

# So long that no call and no cold start outlives its time on a machine that is busy with much else, and more money than
# all tests together spend.
PARAMETERS = {
    **dict.fromkeys((f"{name}TimeoutSeconds" for name in ("Ideogram", "Segmind", "OneMin", "Runware")), "300"),
    "RenderTimeoutSeconds": "330",
    "LaneVisibilitySeconds": "340",
    "SettleSeconds": "2",
    "DailyBudgetUSD": "1000",
    "ReadableBuckets": f"{SHELF},nobodys-photos",
}


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Generator[Cloud]:
    """A deployed stack and the stand-in; nothing of it is left when the session ends.

    `cloud.clients` holds the AWS clients, `cloud.outputs()` the names, `cloud.standin_url` the
    stand-in's address; logs lie in `cloud.home`.
    """
    home = Home(tmp_path_factory.mktemp("cloud"))
    with leashed(home):
        yield local_cloud.up(home, {**PARAMETERS, "WaitingStateMachines": f"{WAITING},others"}, print, build=False)


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
