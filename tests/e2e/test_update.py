"""A stack is updated from the kept release, and rolled back to it, with jobs in every state."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backdrop_local import cloud as local_cloud
from backdrop_local.cleanup import clean_up_on_exit
from backdrop_local.cloud import Cloud
from backdrop_local.home import Home
from backdrop_local.release import CURRENT_RELEASE, Release
from tests.contract.standin_client import StandinClient
from tests.e2e.clouds import PARAMETERS, running_cloud
from tests.e2e.deployed_stack import DeployedStack, eventually
from tests.e2e.every_state import EveryState
from tests.e2e.log_rules import find_leaks
from tests.releases.baseline import unpack_stack

# Only a few workers, because each deployment restarts all of them at the same time.
BEFORE = {**PARAMETERS, "IdeogramMaxInFlight": "3"}
# A lost call is sent again once it can no longer be in flight. Before the change, that takes longer than this test.
AFTER = {**BEFORE, "IdeogramTimeoutSeconds": "30"}


@contextmanager
def checked_stack(cloud: Cloud) -> Generator[DeployedStack]:
    """At the end, the receipts must explain the bill, and the logs must contain no secret and no bug. The log format
    may be that of another release.
    """
    with StandinClient(cloud.standin_url) as standin:
        stack = DeployedStack(cloud, standin)
        yield stack
        stack.check_charges()
        stack.check_logs(find_bad_lines=find_leaks)


def deploy(stack: DeployedStack, release: Release) -> None:
    local_cloud.up(stack.cloud.home, AFTER, print, build=False, release=release).clients.close()


def test_update_completes_jobs_in_every_state(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with clean_up_on_exit(home):
        cloud = local_cloud.up(home, BEFORE, print, build=False, release=unpack_stack())
        with checked_stack(cloud) as stack:
            states = EveryState(stack)
            states.fill()
            deploy(stack, CURRENT_RELEASE)
            states.check_unchanged()
            states.resume()
            states.check_ends()


def test_rollback_loses_nothing_and_buys_nothing_twice(tmp_path_factory: pytest.TempPathFactory) -> None:
    """If this tree has changed a format, jobs wait in the kept release until this tree is deployed again."""
    with running_cloud(tmp_path_factory) as cloud, checked_stack(cloud) as stack:
        states = EveryState(stack)
        states.fill()
        rolled_back_at = time.time()
        deploy(stack, unpack_stack())
        states.check_unchanged()
        states.resume()
        eventually(
            lambda: states.has_ended() or "ledger_unavailable" in "".join(stack.read_log("render", rolled_back_at)),
            "the kept release continues or waits",
        )
        deploy(stack, CURRENT_RELEASE)
        states.check_ends()
