"""The before/after page in a browser: searched, starred, compared and read aloud by whoever opens it from disk."""

import json
from pathlib import Path

import pytest

from backdrop_cli.picks import Pick, read_picks
from tests.browser.albums import WILD
from tests.browser.chromium import Browser
from tests.unit.demo_scenes import PREFIX

STATES = {
    "list": "0",
    "end of the list": "scrollTo(0, document.body.scrollHeight)",
    "large view": "document.querySelector('.shot .open').click()",
    "starred": "[...document.querySelectorAll('.shot .star')].slice(0, 3).forEach((star) => star.click())",
    "problems": "document.querySelector('[value=trouble]').click()",
    "nothing": "document.querySelector('[value=starred]').click()",
}
PAPER = "getComputedStyle(document.body).backgroundColor"
CARDS = "document.querySelectorAll('#grid > li').length"
# The text's own lines are what is seen at their edges: nothing cuts them or is drawn over them.
WHOLLY_VISIBLE = """(() => {{
  const note = document.querySelector("{}"), lines = document.createRange();
  lines.selectNodeContents(note);
  const frame = note.closest(".compare").getBoundingClientRect();
  return [...lines.getClientRects()].every((line) =>
    line.left >= frame.left && line.right <= frame.right && line.top >= frame.top && line.bottom <= frame.bottom);
}})()"""
NAMES = "[...document.querySelectorAll('#grid .name')].map((name) => name.textContent)"


def rules_broken(tab: Browser, axe: str) -> list[str]:
    tab.says(f"window.axe || (0, eval)({json.dumps(axe)}); 0")
    found = tab.says("axe.run(document, {resultTypes: ['violations']}).then((found) => found.violations)")
    return [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("state", STATES)
def test_no_rule_of_accessibility_is_broken(tab: Browser, axe: str, scheme: str, width: int, state: str) -> None:
    tab.size(width, 900)
    tab.prefers(scheme)
    tab.says(f"{STATES[state]}; 0")
    assert rules_broken(tab, axe) == []


@pytest.mark.parametrize("width", [320, 390, 768, 1280, 2200])
def test_nothing_is_wider_than_the_window(tab: Browser, width: int) -> None:
    tab.size(width, 900)
    assert tab.says("document.documentElement.scrollWidth") <= width


def test_the_line_moves_by_keyboard_and_says_where_it_is(tab: Browser) -> None:
    tab.says("document.querySelector('.handle').focus()")
    tab.press("ArrowRight", times=3)
    assert line(tab) == ("53%", "53 percent original")
    tab.press("Home")
    assert line(tab) == ("0%", "0 percent original")


def test_the_line_follows_the_pointer(tab: Browser) -> None:
    box = tab.says("document.querySelector('.compare').getBoundingClientRect().toJSON()")
    high = box["y"] + box["height"] / 3
    tab.drags((box["x"] + box["width"] / 2, high), (box["x"] + box["width"] * 0.8, high))
    tab.until("document.querySelector('.compare').style.getPropertyValue('--at') === '80%'")


def line(tab: Browser) -> tuple[str, str]:
    at = tab.says("document.querySelector('.compare').style.getPropertyValue('--at')")
    return at, tab.says("document.querySelector('.handle').getAttribute('aria-valuetext')")


def test_a_search_finds_words_in_any_order_and_without_accents(tab: Browser) -> None:
    assert tab.says(CARDS) == 15
    tab.says("document.getElementById('find').focus()")
    tab.types("MARBLE gólden")
    assert tab.says(NAMES) == ["shoes/00.jpg", "shoes/03.jpg", "shoes/06.jpg"]
    assert tab.says("document.getElementById('count').textContent") == "3 of 15 shown"


def test_what_fits_nothing_says_so_and_shows_all_again(tab: Browser) -> None:
    tab.says("document.getElementById('find').focus()")
    tab.types("no such words")
    assert tab.says(CARDS) == 0
    assert "No pictures match" in tab.says("document.getElementById('nothing').innerText")
    tab.says("document.getElementById('reset').click()")
    assert tab.says(CARDS) == 15


def test_problems_alone_come_with_what_to_do(tab: Browser) -> None:
    tab.says("document.querySelector('[value=trouble]').click()")
    assert tab.says(NAMES) == ["bags/tote.jpg", "list.jpg"]
    hints = tab.says("[...document.querySelectorAll('#grid .hint')].map((hint) => hint.textContent)")
    assert hints == ["Replace the file."] * 2


def test_the_kind_and_the_order_are_chosen(tab: Browser) -> None:
    tab.says("operation.value = 'remove'; operation.dispatchEvent(new Event('change')); 0")
    assert tab.says(NAMES) == ["shoes/cut.jpg"]
    tab.says("operation.value = ''; order.value = 'cost'; order.dispatchEvent(new Event('change')); 0")
    tab.says("operation.dispatchEvent(new Event('change')); 0")
    assert tab.says(NAMES)[:3] == [WILD, WILD, "shoes/08.jpg"]


def test_stars_are_kept_and_saved_for_the_command(tab: Browser, small_page: Path, tmp_path: Path) -> None:
    for name in ("shoes/00.jpg", WILD):
        is_it = f"(card) => card.querySelector('.name').textContent === {json.dumps(name)}"
        tab.says(f"[...document.querySelectorAll('.shot')].find({is_it}).querySelector('.star').focus()")
        tab.press("Enter")
    two = "document.getElementById('starred').textContent === '2 pictures starred'"
    tab.until(two)
    tab.opens(small_page, finding=two)
    tab.saves_into(tmp_path)
    tab.says("document.getElementById('save').click()")
    wild, shoe = read_picks(saved(tab, tmp_path / "picks.csv"))
    assert (wild, shoe) == (Pick(PREFIX + WILD, "w/wild.png"), Pick(f"{PREFIX}shoes/00.jpg", "00.png"))


def saved(tab: Browser, path: Path) -> Path:
    for _ in range(2400):
        if path.exists():
            return path
        tab.says("new Promise((done) => setTimeout(done, 25))")
    raise AssertionError(f"the browser saved no {path.name}")


def test_stars_last_as_long_as_the_page_where_the_browser_keeps_nothing(tab: Browser, small_page: Path) -> None:
    denied = "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('no', 'SecurityError'); }})"
    added = tab.does("Page.addScriptToEvaluateOnNewDocument", source=denied)
    tab.opens(small_page)
    tab.says("document.querySelector('.star').click()")
    told = tab.says("document.getElementById('starred').textContent")
    tab.does("Page.removeScriptToEvaluateOnNewDocument", identifier=added["identifier"])
    assert told == "1 picture starred; this browser loses them when you close the page, so save them"


def test_the_large_view_is_opened_turned_starred_and_left_by_keyboard(tab: Browser) -> None:
    tab.says("document.querySelectorAll('.shot .open')[1].focus()")
    tab.press("Enter")
    assert tab.says("document.activeElement.className") == "handle"
    first = tab.says("document.getElementById('large-where').textContent")
    tab.says("document.getElementById('large-on').focus()")
    tab.press("Enter")
    assert (first, tab.says("document.getElementById('large-where').textContent")) == ("2 of 13", "3 of 13")
    tab.says("document.getElementById('large-star').focus()")
    tab.press("Enter")
    tab.press("Escape")
    tab.until("!document.getElementById('large').open")
    tab.until("document.activeElement.getAttribute('aria-label') === 'Details of shoes/00.jpg, golden hour'")
    assert (
        tab.says("document.querySelectorAll('.shot')[2].querySelector('.star').getAttribute('aria-pressed')") == "true"
    )


def test_the_story_of_a_picture_says_what_was_asked_and_what_it_cost(tab: Browser) -> None:
    tab.says("document.querySelector('.shot .open').click()")
    story = tab.says("document.getElementById('large-story').innerText")
    for words in (
        "<b>bold</b>",
        "$0.12 for 2",
        "4.0 s from upload",
        "w/wild.png",
        "The photo is smaller",
        f"from {WILD}.json",
    ):
        assert words in story


def test_no_name_is_taken_for_markup(tab: Browser) -> None:
    assert WILD in tab.says(NAMES)
    assert tab.says("document.title") == "Backdrop: 13 pictures from 12 photos"
    assert tab.says("document.querySelectorAll('#grid b, #grid [onerror]').length") == 0


def test_colors_follow_the_system_and_the_switch_which_is_kept(tab: Browser, small_page: Path) -> None:
    light = paper(tab)
    tab.prefers("dark")
    dark = paper(tab)
    assert light != dark
    tab.says("document.querySelector('.theme [value=light]').click()")
    assert paper(tab) == light
    tab.opens(small_page, finding=f"{PAPER} === '{light}'")


def paper(tab: Browser) -> str:
    return tab.says(PAPER)


@pytest.mark.parametrize("width", [320, 1280])
def test_a_picture_without_its_photo_is_whole_and_says_why(tab: Browser, width: int) -> None:
    tab.size(width, 900)
    tab.says("document.getElementById('find').focus()")
    tab.types("gone.jpg")
    tab.until(f"{CARDS} === 1")
    gone = "This version of the photo is no longer in the bucket."
    tab.until(f"document.querySelector('#grid .notes').innerText === '{gone}'")
    assert tab.says(WHOLLY_VISIBLE.format("#grid .notes p"))
    assert tab.says("document.querySelectorAll('#grid .handle, #grid .line, #grid .before-label').length") == 0
    tab.says("document.querySelector('#grid .open').click()")
    tab.until("document.getElementById('large').open")
    assert tab.says(WHOLLY_VISIBLE.format("#large .notes p"))
    tab.press("Escape")
    tab.until("!document.getElementById('large').open")


def test_a_problem_without_a_preview_says_so(tab: Browser) -> None:
    tab.says("document.getElementById('find').focus()")
    tab.types("list.jpg")
    tab.until(f"{CARDS} === 1")
    tab.until("document.querySelector('#grid .mat').innerText === 'No preview of the photo is available.'")


def test_a_paused_provider_and_what_is_on_its_way_stand_above(tab: Browser) -> None:
    told = tab.says("document.getElementById('notices').innerText")
    assert "ideogram is paused. Today's budget is used up. Replace the file. budget_reached" in told
    assert "1 picture is in progress" in told


def test_two_thousand_pictures_come_some_at_a_time(chromium: Browser, large_page: Path) -> None:
    chromium.size(1280, 900)
    chromium.opens(large_page)
    assert chromium.says("document.querySelector('[data-count=all]').textContent") == "2,000"
    assert chromium.says(CARDS) == 48
    chromium.says("scrollTo(0, document.body.scrollHeight)")
    chromium.until(f"{CARDS} > 48")
    before = chromium.says(CARDS)
    chromium.says("scrollTo(0, 0)")
    chromium.says("document.getElementById('more').click()")
    assert chromium.says(CARDS) == before + 48
    chromium.says("document.getElementById('find').focus()")
    chromium.types("01999")
    assert chromium.says(NAMES) == ["01999.jpg"]
