"""A stack becomes another release while jobs stand in every state: all come to their right end, none is paid twice."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from backdrop_local import cloud as local_cloud
from backdrop_local.home import Home
from backdrop_local.leash import leashed
from backdrop_local.release import HERE, Release
from tests.contract.standin_client import StandinClient
from tests.e2e.conftest import PARAMETERS
from tests.e2e.earlier import previous
from tests.e2e.every_state import EveryState
from tests.e2e.logs import leaks
from tests.e2e.shop import Shop, eventually

# Few workers, since each deployment has all of them start anew, at once.
SHORT = {**PARAMETERS, "IdeogramTimeoutSeconds": "60", "IdeogramMaxInFlight": "3"}


@contextmanager
def running(home: Home, release: Release) -> Generator[Shop]:
    """A stack of this release; its books must be right in the end, and its logs hold no secret and no bug.

    How an earlier release makes its lines is its own affair.
    """
    with leashed(home):
        cloud = local_cloud.up(home, SHORT, print, build=False, release=release)
        with StandinClient(cloud.standin_url) as standin:
            shop = Shop(cloud, standin)
            yield shop
            shop.check_the_books()
            shop.check_the_logs(bad=leaks)


def deploy(shop: Shop, release: Release) -> None:
    """Another release over the one that runs."""
    local_cloud.up(shop.cloud.home, SHORT, print, build=False, release=release)


def test_an_update_carries_every_job_and_message_of_the_release_before_to_its_right_end(
    tmp_path: Path,
) -> None:
    with running(Home(tmp_path), previous()) as shop:
        states = EveryState(shop)
        execution = states.fill()
        deploy(shop, HERE)
        assert not any(states.is_on(queue) for queue in ("IdeogramQueueUrl", "SegmindQueueUrl"))
        states.go_on()
        states.ended(execution)


def test_going_back_to_the_release_before_leaves_alone_what_that_cannot_read_until_this_one_is_back(
    tmp_path: Path,
) -> None:
    with running(Home(tmp_path), HERE) as shop:
        states = EveryState(shop)
        execution = states.fill()
        deploy(shop, previous())
        states.go_on()
        eventually(lambda: "written by another release" in "".join(shop.log("render")), "it is not read past")
        assert states.first("waiting.jpg") == "accepted"
        assert states.folder.charges(states.prompt("waiting.jpg")) == []
        deploy(shop, HERE)
        states.ended(execution)
