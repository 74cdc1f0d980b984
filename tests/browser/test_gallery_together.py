"""One photo as each provider made it, in a browser: side by side, searched, enlarged and narrow like all others."""

from pathlib import Path

import pytest

from tests.browser import albums
from tests.browser.chromium import Browser
from tests.browser.test_gallery import rules_broken

TOGETHER = "[...document.querySelectorAll('#row .name')].map((name) => name.textContent)"
REST = "[...document.querySelectorAll('#grid .name')].map((name) => name.textContent)"
FIVE = ["five/1min.jpg", "five/ideogram.jpg", "five/runware.jpg", "five/segmind.jpg"]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return albums.made(tmp_path_factory.mktemp("together"), albums.together)


@pytest.fixture
def tab(tab: Browser, page: Path) -> Browser:
    tab.opens(page)
    return tab


def test_one_photo_through_every_api_stands_above_the_rest(tab: Browser) -> None:
    assert (tab.says(TOGETHER), tab.says(REST)) == (FIVE, ["cup.jpg", "zebra.jpg"])
    assert tab.says("document.getElementById('count').textContent") == ""
    tops = "[...document.querySelectorAll('#row .card')].map((card) => card.getBoundingClientRect().top)"
    assert len(set(tab.says(tops))) == 1


def test_who_was_not_asked_is_said_of_each_picture_and_above_all(tab: Browser) -> None:
    facts = tab.says("[...document.querySelectorAll('#row .facts')].map((facts) => facts.innerText)")
    assert ["stand-in for" in one for one in facts] == [True, False, True, True]
    told = "made the pictures of 1min, runware, segmind, so that"
    assert told in tab.says("document.getElementById('notices').innerText")


def test_a_search_finds_those_as_well_and_the_section_goes_with_the_last_of_them(tab: Browser) -> None:
    tab.says("document.getElementById('find').focus()")
    tab.types("runware")
    assert (tab.says(TOGETHER), tab.says(REST)) == (["five/runware.jpg"], [])
    assert tab.says("document.getElementById('count').textContent") == "1 of 6 shown"
    tab.says("document.getElementById('find').select()")
    tab.types("zebra")
    assert (tab.says(REST), tab.says("document.getElementById('together').hidden")) == (["zebra.jpg"], True)


def test_the_large_view_goes_from_the_last_of_them_to_the_first_of_the_rest(tab: Browser) -> None:
    tab.says("[...document.querySelectorAll('#row .open')].at(-1).click()")
    assert tab.says("document.getElementById('large-where').textContent") == "4 of 6"
    tab.says("document.getElementById('large-on').click()")
    assert tab.says("document.getElementById('large-name').textContent") == "cup.jpg"


def test_they_are_starred_and_counted_like_all_others(tab: Browser) -> None:
    tab.says("document.querySelector('#row .star').click()")
    tab.says("document.querySelector('[value=starred]').click()")
    assert (tab.says(TOGETHER), tab.says(REST)) == (FIVE[:1], [])


@pytest.mark.parametrize("width", [390, 1280])
def test_they_stay_side_by_side_and_break_no_rule_of_accessibility(tab: Browser, axe: str, width: int) -> None:
    tab.size(width, 900)
    tops = "[...document.querySelectorAll('#row .card')].map((card) => card.getBoundingClientRect().top)"
    assert len(set(tab.says(tops))) == 1
    assert tab.says("document.documentElement.scrollWidth") <= width
    assert rules_broken(tab, axe) == []
