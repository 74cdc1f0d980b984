"""A browser for all tests of the pages. On a machine without one, they are skipped with a hint."""

from collections.abc import Generator
from pathlib import Path

import pytest

from backdrop_local.home import ROOT
from tests.browser import albums
from tests.browser.chromium import Browser, find_browser, run_browser

AXE = ROOT / ".local/node/node_modules/axe-core/axe.min.js"


@pytest.fixture(scope="session")
def running_chromium(tmp_path_factory: pytest.TempPathFactory) -> Generator[Browser]:
    """The browser, which all tests share."""
    program = find_browser()
    if program is None:
        pytest.skip("this machine has no Chromium; on Debian: apt-get install chromium-headless-shell")
    with run_browser(program, tmp_path_factory.mktemp("profile")) as tab:
        yield tab


@pytest.fixture
def chromium(running_chromium: Browser) -> Browser:
    """A new tab, which shares no stored data with those of other tests."""
    running_chromium.begin()
    return running_chromium


@pytest.fixture(scope="session")
def axe() -> str:
    """The script with the accessibility rules."""
    assert AXE.is_file(), "make .local/node/.installed"
    return AXE.read_text("utf-8")


@pytest.fixture(scope="session")
def small_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return albums.write_page(tmp_path_factory.mktemp("small"), albums.small)


@pytest.fixture(scope="session")
def compare_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return albums.write_page(tmp_path_factory.mktemp("compare"), albums.side_by_side, albums.read_large)


@pytest.fixture(scope="session")
def large_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return albums.write_page(tmp_path_factory.mktemp("large"), lambda: albums.large(2000))


@pytest.fixture
def tab(chromium: Browser, small_page: Path) -> Generator[Browser]:
    """The small page in a wide window with light colors. Fails if a script fails."""
    chromium.size(1280, 900)
    chromium.set_color_scheme("light")
    chromium.open(small_page)
    yield chromium
    assert chromium.errors == []
    assert [url for url in chromium.requested_urls if not url.startswith(("file:", "blob:", "data:"))] == []
