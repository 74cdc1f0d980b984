"""The fixture of the golden tests, and the option with which `make golden` rewrites their files."""

import pytest

from tests.golden.golden import Golden


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rewrite-golden", action="store_true", help="write the golden files from the code")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    return Golden(rewrites=bool(request.config.getoption("--rewrite-golden", default=False)))
