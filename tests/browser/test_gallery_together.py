"""One photo's pictures from each provider in a browser: side by side, and searchable, enlarged, and starred like any
others.
"""

from pathlib import Path

import pytest

from tests.browser import albums
from tests.browser.chromium import Browser
from tests.browser.test_gallery import find_violations

SIDE_BY_SIDE = "[...document.querySelectorAll('#row .name')].map((name) => name.textContent)"
REST = "[...document.querySelectorAll('#grid .name')].map((name) => name.textContent)"
PROVIDER_KEYS = ["five/1min.jpg", "five/ideogram.jpg", "five/runware.jpg", "five/segmind.jpg"]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return albums.write_page(tmp_path_factory.mktemp("together"), albums.together)


@pytest.fixture
def tab(tab: Browser, page: Path) -> Browser:
    tab.open(page)
    return tab


def test_pictures_of_every_provider_are_above_the_others(tab: Browser) -> None:
    assert (tab.evaluate(SIDE_BY_SIDE), tab.evaluate(REST)) == (PROVIDER_KEYS, ["cup.jpg", "zebra.jpg"])
    assert tab.evaluate("document.getElementById('count').textContent") == ""
    tops = "[...document.querySelectorAll('#row .card')].map((card) => card.getBoundingClientRect().top)"
    assert len(set(tab.evaluate(tops))) == 1


def test_pictures_of_the_stand_in_are_labeled(tab: Browser) -> None:
    facts = tab.evaluate("[...document.querySelectorAll('#row .facts')].map((facts) => facts.textContent)")
    assert ["stand-in for" in text for text in facts] == [True, False, True, True]
    notice = "made the pictures of 1min, runware, segmind, so that"
    assert notice in tab.evaluate("document.getElementById('notices').innerText")


def test_search_includes_the_section_and_hides_it_empty(tab: Browser) -> None:
    tab.evaluate("document.getElementById('find').focus()")
    tab.type_text("runware")
    assert (tab.evaluate(SIDE_BY_SIDE), tab.evaluate(REST)) == (["five/runware.jpg"], [])
    assert tab.evaluate("document.getElementById('count').textContent") == "1 of 6 shown"
    tab.evaluate("document.getElementById('find').select()")
    tab.type_text("zebra")
    assert (tab.evaluate(REST), tab.evaluate("document.getElementById('together').hidden")) == (["zebra.jpg"], True)


def test_large_view_continues_with_the_other_pictures(tab: Browser) -> None:
    tab.evaluate("[...document.querySelectorAll('#row .open')].at(-1).click()")
    assert tab.evaluate("document.getElementById('large-where').textContent") == "4 of 6"
    tab.evaluate("document.getElementById('large-next').click()")
    assert tab.evaluate("document.getElementById('large-name').textContent") == "cup.jpg"


def test_pictures_in_the_section_can_be_starred(tab: Browser) -> None:
    tab.evaluate("document.querySelector('#row .star').click()")
    tab.evaluate("document.querySelector('[value=starred]').click()")
    assert (tab.evaluate(SIDE_BY_SIDE), tab.evaluate(REST)) == (PROVIDER_KEYS[:1], [])


@pytest.mark.parametrize("width", [390, 1280])
def test_section_is_accessible_and_fits_the_window(tab: Browser, axe: str, width: int) -> None:
    tab.size(width, 900)
    tops = "[...document.querySelectorAll('#row .card')].map((card) => card.getBoundingClientRect().top)"
    assert len(set(tab.evaluate(tops))) == 1
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert find_violations(tab, axe) == []
