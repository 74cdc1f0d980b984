"""A browser for all tests of the pages; where the machine has none, each of them says so."""

from collections.abc import Generator
from pathlib import Path

import pytest

from backdrop_local.home import ROOT
from tests.browser import albums
from tests.browser.chromium import Browser, browser, installed

AXE = ROOT / ".local/node/node_modules/axe-core/axe.min.js"


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Generator[Browser]:
    """One tab for all tests, one after another."""
    program = installed()
    if program is None:
        pytest.skip("this machine has no Chromium; on Debian: apt-get install chromium")
    with browser(program, tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="session")
def axe() -> str:
    """The script with the rules of accessibility."""
    assert AXE.is_file(), "make .local/node/.installed"
    return AXE.read_text("utf-8")


@pytest.fixture(scope="session")
def small_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return albums.made(tmp_path_factory.mktemp("small"), albums.small)


@pytest.fixture(scope="session")
def large_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return albums.made(tmp_path_factory.mktemp("large"), lambda: albums.large(2000))


@pytest.fixture
def tab(chromium: Browser, small_page: Path) -> Generator[Browser]:
    """The small page in a wide window with light colors, as it is seen for the first time; no script may fail."""
    chromium.thrown.clear()
    chromium.asked_for.clear()
    chromium.size(1280, 900)
    chromium.prefers("light")
    chromium.opens(small_page)
    chromium.says("localStorage.clear()")
    chromium.opens(small_page, finding="Object.values(localStorage).every((kept) => kept === '[]')")
    yield chromium
    assert chromium.thrown == []
    assert [url for url in chromium.asked_for if not url.startswith(("file:", "blob:"))] == []
