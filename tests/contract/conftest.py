"""The stand-in server of the contract tests, which is reset for each test."""

from collections.abc import Generator

import pytest

from backdrop_local.standin.thread import run_in_thread
from tests.contract.standin_callers import OneMin, Runware, Segmind
from tests.contract.standin_client import StandinClient


@pytest.fixture(scope="session")
def standin_url() -> Generator[str]:
    """The server that all tests of this process share."""
    with run_in_thread() as server:
        yield server.url


@pytest.fixture
def standin(standin_url: str) -> Generator[StandinClient]:
    """A client of the stand-in, which has just been reset and returns small prepared pictures."""
    with StandinClient(standin_url) as client:
        client.control("reset")
        yield client
        client.control("release")


@pytest.fixture
def segmind(standin: StandinClient) -> Segmind:
    return Segmind(standin)


@pytest.fixture
def onemin(standin: StandinClient) -> OneMin:
    return OneMin(standin)


@pytest.fixture
def runware(standin: StandinClient) -> Runware:
    return Runware(standin)
