"""The before-and-after page in a browser, opened from disk: searching, starring, comparing, and accessibility."""

import csv
import json
import re
from collections.abc import Generator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from backdrop_cli.gallery.gallery_html import encode_script_data
from backdrop_cli.picks import Pick, read_picks
from tests.browser.albums import WILD
from tests.browser.chromium import Browser
from tests.unit.demo_scenes import PREFIX

STATES = {
    "list": "0",
    "end of the list": "scrollTo(0, document.body.scrollHeight)",
    "large view": "document.querySelector('.image .open').click()",
    "starred": "[...document.querySelectorAll('.image .star')].slice(0, 3).forEach((star) => star.click())",
    "problems": "document.querySelector('[value=problem]').click()",
    "nothing": "document.querySelector('[value=starred]').click()",
}
BACKGROUND = "getComputedStyle(document.body).backgroundColor"
STORAGE_IS_SAFE = "new Promise(whenStorageIsSafe)"
CARDS = "document.querySelectorAll('#grid > li').length"
# True if no line of the text is cut off by its frame.
WHOLLY_VISIBLE = """(() => {{
  const note = document.querySelector("{}"), lines = document.createRange();
  lines.selectNodeContents(note);
  const frame = note.closest(".compare").getBoundingClientRect();
  return [...lines.getClientRects()].every((line) =>
    line.left >= frame.left && line.right <= frame.right && line.top >= frame.top && line.bottom <= frame.bottom);
}})()"""
NAMES = "[...document.querySelectorAll('#grid .name')].map((name) => name.textContent)"


def find_violations(tab: Browser, axe: str) -> list[str]:
    tab.evaluate(f"window.axe || (0, eval)({json.dumps(axe)}); 0")
    violations = tab.evaluate("axe.run(document, {resultTypes: ['violations']}).then((result) => result.violations)")
    return [f"{rule['id']}: {node['html'][:200]}" for rule in violations for node in rule["nodes"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("state", STATES)
def test_page_breaks_no_accessibility_rule(tab: Browser, axe: str, scheme: str, width: int, state: str) -> None:
    tab.size(width, 900)
    tab.set_color_scheme(scheme)
    tab.evaluate(f"{STATES[state]}; 0")
    assert find_violations(tab, axe) == []


@pytest.mark.parametrize("width", [320, 390, 768, 1280, 2200])
def test_page_is_not_wider_than_the_window(tab: Browser, width: int) -> None:
    tab.size(width, 900)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width


def test_divider_moves_by_keyboard_and_announces_its_position(tab: Browser) -> None:
    tab.evaluate("document.querySelector('.handle').focus()")
    tab.press("ArrowRight", times=3)
    assert read_divider(tab) == ("53%", "53 percent original")
    tab.press("Home")
    assert read_divider(tab) == ("0%", "0 percent original")


def test_divider_follows_the_pointer(tab: Browser) -> None:
    tab.evaluate("document.querySelector('.compare').scrollIntoView({block: 'center'})")
    box = tab.evaluate("document.querySelector('.compare').getBoundingClientRect().toJSON()")
    y = box["y"] + box["height"] / 3
    tab.drag((box["x"] + box["width"] / 2, y), (box["x"] + box["width"] * 0.8, y))
    tab.wait_until("document.querySelector('.compare').style.getPropertyValue('--at') === '80%'")


def read_divider(tab: Browser) -> tuple[str, str]:
    at = tab.evaluate("document.querySelector('.compare').style.getPropertyValue('--at')")
    return at, tab.evaluate("document.querySelector('.handle').getAttribute('aria-valuetext')")


def test_search_ignores_word_order_case_and_accents(tab: Browser) -> None:
    assert tab.evaluate(CARDS) == 14
    tab.evaluate("document.getElementById('find').focus()")
    tab.type_text("MARBLE gólden")
    assert tab.evaluate(NAMES) == ["shoes/00.jpg", "shoes/03.jpg", "shoes/06.jpg"]
    assert tab.evaluate("document.getElementById('count').textContent") == "3 of 15 shown"


def test_search_without_results_can_be_reset(tab: Browser) -> None:
    tab.evaluate("document.getElementById('find').focus()")
    tab.type_text("no such words")
    assert tab.evaluate(CARDS) == 0
    assert "No pictures match" in tab.evaluate("document.getElementById('nothing').innerText")
    tab.evaluate("document.getElementById('reset').click()")
    assert tab.evaluate(CARDS) == 14


def test_problem_filter_shows_problems_with_hints(tab: Browser) -> None:
    tab.evaluate("document.querySelector('[value=problem]').click()")
    assert tab.evaluate(NAMES) == ["bags/tote.jpg", "list.jpg"]
    hints = tab.evaluate("[...document.querySelectorAll('#grid .hint')].map((hint) => hint.textContent)")
    assert hints == ["Replace the file."] * 2


def test_operation_and_sort_order_can_be_chosen(tab: Browser) -> None:
    tab.evaluate("operation.value = 'remove'; operation.dispatchEvent(new Event('change')); 0")
    assert tab.evaluate(NAMES) == ["shoes/cut.jpg"]
    tab.evaluate("operation.value = ''; order.value = 'cost'; order.dispatchEvent(new Event('change')); 0")
    tab.evaluate("operation.dispatchEvent(new Event('change')); 0")
    assert tab.evaluate(NAMES)[:3] == [WILD, "shoes/08.jpg", "shoes/07.jpg"]


def test_stars_are_stored_and_saved_for_the_command(tab: Browser, tmp_path: Path) -> None:
    tab.evaluate(STORAGE_IS_SAFE)
    for name in ("shoes/00.jpg", WILD):
        has_name = f"(star) => star.getAttribute('aria-label').startsWith({json.dumps(f'Star {name}')})"
        tab.evaluate(f"[...document.querySelectorAll('.image .star')].find({has_name}).focus()")
        tab.press("Enter")
    two_are_starred = "document.getElementById('starred').textContent === '2 pictures starred'"
    tab.wait_until(two_are_starred)
    tab.reload()
    tab.wait_until(two_are_starred)
    tab.set_download_folder(tmp_path)
    tab.evaluate("document.getElementById('save').click()")
    wild, shoe = read_picks(wait_for_download(tab, tmp_path / "picks.csv"))
    assert (wild, shoe) == (Pick(PREFIX + WILD, "w/wild.png"), Pick(f"{PREFIX}shoes/00.jpg", "00.png"))


def test_keys_that_spreadsheets_take_for_formulas_are_escaped(
    chromium: Browser, small_page: Path, tmp_path: Path
) -> None:
    keys = ["=1+1.jpg", "+1.jpg", "-1.jpg", "@SUM(1).jpg", "\t=1.jpg", "'til.jpg", "\uff1d1.jpg"]
    start, data, end = re.split(r'(?<=id="album">)(.*?)(?=</script>)', small_page.read_text("utf-8"), maxsplit=1)
    album = json.loads(data)
    album["entries"] = [one for one in album["entries"] if one["kind"] == "image"][: len(keys)]
    for entry, key in zip(album["entries"], keys, strict=True):
        entry["picks"] = [[key, f"{key}/a.png"]]
    page = tmp_path / "index.html"
    page.write_text(f"{start}{encode_script_data(album)}{end}", "utf-8")
    chromium.open(page)
    chromium.evaluate("document.querySelectorAll('.image .star').forEach((star) => star.click())")
    chromium.set_download_folder(tmp_path)
    chromium.evaluate("document.getElementById('save').click()")
    path = wait_for_download(chromium, tmp_path / "picks.csv")
    with path.open(encoding="utf-8-sig", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\uff1d")) for cell in cells)
    assert {pick for pick in read_picks(path)} == {Pick(key, f"{key}/a.png") for key in keys}


INJECTIONS = [
    "<script>window.owned = 1</script>",
    "<img src=x onerror='window.owned = 1'>",
    "<style>body { --owned: 1 }</style>",
    "<svg onload='window.owned = 1'></svg>",
    "<script src='data:text/javascript,window.owned=1'></script>",
    "<iframe srcdoc='<script>parent.owned = 1</script>'></iframe>",
]


@pytest.mark.parametrize("injection", INJECTIONS)
def test_hostile_markup_that_was_not_escaped_is_not_run(
    chromium: Browser, small_page: Path, tmp_path: Path, injection: str
) -> None:
    page = tmp_path / "index.html"
    page.write_text(small_page.read_text("utf-8").replace("</main>", f"{injection}</main>", 1), "utf-8")
    chromium.open(page)
    chromium.evaluate("new Promise((done) => setTimeout(done, 200))")
    owned = "window.owned || getComputedStyle(document.body).getPropertyValue('--owned')"
    assert chromium.evaluate(owned) == ""
    assert chromium.evaluate(CARDS) > 0


def wait_for_download(tab: Browser, path: Path) -> Path:
    for _ in range(2400):
        if path.exists():
            return path
        tab.evaluate("new Promise((done) => setTimeout(done, 25))")
    raise AssertionError(f"the browser saved no {path.name}")


def test_starred_pictures_are_shown_again_after_a_reload(tab: Browser) -> None:
    tab.evaluate(STORAGE_IS_SAFE)
    tab.evaluate("document.querySelector('.image .star').click()")
    tab.evaluate("document.querySelector('[value=starred]').click()")
    tab.reload()
    tab.wait_until(f"{CARDS} === 1")


def test_page_that_opens_stores_nothing_over_the_stars_of_another_page(tab: Browser) -> None:
    assert tab.evaluate("localStorage.length") == 0


def test_page_from_disk_uses_its_storage_only_after_loading(tab: Browser) -> None:
    spy = """{
      window.states = [];
      const read = Storage.prototype.getItem;
      Storage.prototype.getItem = function (key) { states.push(document.readyState); return read.call(this, key); };
    }"""
    tab.send_command("Page.addScriptToEvaluateOnNewDocument", source=spy)
    tab.reload()
    tab.wait_until("states.length === 2")
    assert tab.evaluate("states") == ["complete", "complete"]


def test_star_clicked_before_the_stored_ones_are_read_keeps_them(tab: Browser) -> None:
    click_early = """{
      let stored = '["earlier"]';
      const storage = {
        getItem: (key) => key.includes("colors") ? null : stored, setItem: (key, text) => { stored = text; },
      };
      Object.defineProperty(window, "localStorage", { value: storage });
      addEventListener("load", () => { document.querySelector(".image .star").click(); window.storedStars = stored; });
    }"""
    tab.send_command("Page.addScriptToEvaluateOnNewDocument", source=click_early)
    tab.reload()
    earlier, _ = tab.evaluate("JSON.parse(storedStars)")
    assert earlier == "earlier"


@pytest.fixture
def address(small_page: Path) -> Generator[str]:
    """The small page's address on a web server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(small_page.parent)))
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/{small_page.name}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_page_on_a_web_server_shows_its_stored_stars(chromium: Browser, address: str) -> None:
    chromium.send_command("Page.navigate", url=address)
    chromium.wait_until("document.readyState === 'complete' && location.protocol === 'http:'")
    chromium.evaluate("document.querySelector('.image .star').click()")
    chromium.reload()
    assert chromium.evaluate("document.getElementById('starred').textContent") == "1 picture starred"
    assert chromium.evaluate("document.querySelector('.image .star').getAttribute('aria-pressed')") == "true"
    assert chromium.errors == []


def test_stars_of_another_page_appear(tab: Browser) -> None:
    tab.evaluate("document.querySelector('.image .star').click()")
    key, stored = tab.evaluate("Object.entries(localStorage)[0]")
    tab.evaluate("document.getElementById('clear').click()")
    tab.evaluate(f"localStorage.setItem({json.dumps(key)}, {json.dumps(stored)})")
    tab.evaluate(f"dispatchEvent(new StorageEvent('storage', {{key: {json.dumps(key)}}}))")
    assert tab.evaluate("document.getElementById('starred').textContent") == "1 picture starred"
    assert tab.evaluate("document.querySelector('.image .star').getAttribute('aria-pressed')") == "true"


def test_page_warns_if_the_browser_cannot_store_stars(tab: Browser, small_page: Path) -> None:
    denied = "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('no', 'SecurityError'); }})"
    script = tab.send_command("Page.addScriptToEvaluateOnNewDocument", source=denied)
    tab.open(small_page)
    tab.evaluate("document.querySelector('.star').click()")
    message = tab.evaluate("document.getElementById('starred').textContent")
    tab.send_command("Page.removeScriptToEvaluateOnNewDocument", identifier=script["identifier"])
    assert message == "1 picture starred; this browser loses them when you close the page, so save them"


def test_large_view_can_be_used_by_keyboard(tab: Browser) -> None:
    tab.evaluate("document.querySelectorAll('.image .open')[1].focus()")
    tab.press("Enter")
    assert tab.evaluate("document.activeElement.className") == "handle"
    first = tab.evaluate("document.getElementById('large-where').textContent")
    tab.evaluate("document.getElementById('large-next').focus()")
    tab.press("Enter")
    assert (first, tab.evaluate("document.getElementById('large-where').textContent")) == ("2 of 13", "3 of 13")
    tab.evaluate("document.getElementById('large-star').focus()")
    tab.press("Enter")
    tab.press("Escape")
    tab.wait_until("!document.getElementById('large').open")
    tab.wait_until("document.activeElement.getAttribute('aria-label') === 'Details of shoes/00.jpg, golden hour'")
    assert (
        tab.evaluate("document.querySelectorAll('.image')[2].querySelector('.star').getAttribute('aria-pressed')")
        == "true"
    )


def test_details_show_a_pictures_instructions_and_cost(tab: Browser) -> None:
    tab.evaluate("document.querySelector('.image .open').click()")
    story = tab.evaluate("document.getElementById('large-story').innerText")
    for expected in (
        "<b>bold</b>",
        "$0.12 for 2",
        "4.0 s from upload",
        "w/wild.png",
        "The photo is smaller",
        f"from {WILD}.json",
    ):
        assert expected in story


def test_names_are_never_parsed_as_markup(tab: Browser) -> None:
    assert WILD in tab.evaluate(NAMES)
    assert tab.evaluate("document.title") == "Backdrop: 13 pictures from 12 photos"
    assert tab.evaluate("document.querySelectorAll('#grid b, #grid [onerror]').length") == 0


def test_colors_follow_the_system_and_the_stored_switch(tab: Browser) -> None:
    tab.evaluate(STORAGE_IS_SAFE)
    light = read_background(tab)
    tab.set_color_scheme("dark")
    dark = read_background(tab)
    assert light != dark
    tab.evaluate("document.querySelector('.theme [value=light]').click()")
    assert read_background(tab) == light
    tab.reload()
    tab.wait_until(f"{BACKGROUND} === '{light}'")
    assert tab.evaluate("document.querySelector('.theme [value=light]').checked")


def read_background(tab: Browser) -> str:
    return tab.evaluate(BACKGROUND)


@pytest.mark.parametrize("width", [320, 1280])
def test_picture_without_its_photo_shows_the_reason(tab: Browser, width: int) -> None:
    tab.size(width, 900)
    tab.evaluate("document.getElementById('find').focus()")
    tab.type_text("gone.jpg")
    tab.wait_until(f"{CARDS} === 1")
    gone = "This version of the photo is no longer in the bucket."
    tab.wait_until(f"document.querySelector('#grid .notes').innerText === '{gone}'")
    assert tab.evaluate(WHOLLY_VISIBLE.format("#grid .notes p"))
    assert tab.evaluate("document.querySelectorAll('#grid .handle, #grid .line, #grid .before-label').length") == 0
    tab.evaluate("document.querySelector('#grid .open').click()")
    tab.wait_until("document.getElementById('large').open")
    assert tab.evaluate(WHOLLY_VISIBLE.format("#large .notes p"))
    tab.press("Escape")
    tab.wait_until("!document.getElementById('large').open")


def test_removed_background_is_not_shown_as_a_button(tab: Browser) -> None:
    border = "getComputedStyle(document.querySelector('.prompt.no-prompt')).borderTopStyle"
    assert tab.evaluate(border) == "none"


def test_problem_without_a_preview_shows_a_message(tab: Browser) -> None:
    tab.evaluate("document.getElementById('find').focus()")
    tab.type_text("list.jpg")
    tab.wait_until(f"{CARDS} === 1")
    tab.wait_until("document.querySelector('#grid .mat').innerText === 'No preview of the photo is available.'")


def test_notices_show_paused_provider_and_work_in_progress(tab: Browser) -> None:
    notices = tab.evaluate("document.getElementById('notices').innerText")
    assert "ideogram is paused. Today's budget is used up. Replace the file. budget_reached" in notices
    assert "1 image is in progress" in notices


def test_large_page_loads_its_cards_in_steps(chromium: Browser, large_page: Path) -> None:
    chromium.size(1280, 900)
    chromium.open(large_page)
    assert chromium.evaluate("document.querySelector('[data-count=all]').textContent") == "2,000"
    assert chromium.evaluate(CARDS) == 48
    chromium.evaluate("scrollTo(0, document.body.scrollHeight)")
    chromium.wait_until(f"{CARDS} > 48")
    before = chromium.evaluate(CARDS)
    chromium.evaluate("scrollTo(0, 0)")
    chromium.evaluate("document.getElementById('more').click()")
    assert chromium.evaluate(CARDS) == before + 48
    chromium.evaluate("document.getElementById('find').focus()")
    chromium.type_text("01999")
    assert chromium.evaluate(NAMES) == ["01999.jpg"]
