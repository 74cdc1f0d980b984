"""The stand-in server that contract tests speak to, forgetful between tests."""

from collections.abc import Generator

import pytest

from backdrop_local.standin.thread import run_in_thread
from tests.contract.standin_callers import OneMin, Runware, Segmind
from tests.contract.standin_client import StandinClient


@pytest.fixture(scope="session")
def standin_url() -> Generator[str]:
    """One server for all tests of this process."""
    with run_in_thread() as server:
        yield server.url


@pytest.fixture
def standin(standin_url: str) -> Generator[StandinClient]:
    """A client of a stand-in that has just been reset; it makes small prepared pictures."""
    with StandinClient(standin_url) as client:
        client.control("reset")
        yield client
        client.control("release")


@pytest.fixture
def segmind(standin: StandinClient) -> Segmind:
    """A caller of Segmind."""
    return Segmind(standin)


@pytest.fixture
def onemin(standin: StandinClient) -> OneMin:
    """A caller of 1min.ai."""
    return OneMin(standin)


@pytest.fixture
def runware(standin: StandinClient) -> Runware:
    """A caller of Runware."""
    return Runware(standin)
