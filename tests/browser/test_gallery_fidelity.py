"""Verdicts on products in a browser: badges, the view of changed products, and the map of changes."""

from pathlib import Path

import pytest

from tests.browser import albums
from tests.browser.chromium import Browser
from tests.browser.test_gallery import NAMES, find_violations
from tests.browser.test_gallery_compare import HASH, IS_OPEN, open_fresh

BADGES = "[...document.querySelectorAll('#grid .badge')].map((badge) => badge.textContent)"
LAYERS = "[...document.querySelectorAll('#large-stage .changes')]"
PRESSED = "document.getElementById('show-changes').getAttribute('aria-pressed')"
IS_OFFERED = "!document.getElementById('show-changes').hidden"
CONTROLS = "[...document.querySelectorAll('.zoom button')].map((one) => one.getBoundingClientRect().toJSON())"
STORY = "document.getElementById('large-story').innerText"
BOXES = (
    "['.before', '.after', '.changes'].map((part) => JSON.stringify("
    "document.querySelector('#large-stage ' + part).getBoundingClientRect()))"
)


@pytest.fixture(scope="module")
def compared_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return albums.write_page(tmp_path_factory.mktemp("compared"), albums.compared, albums.read_compared)


@pytest.fixture
def tab(tab: Browser, compared_page: Path) -> Browser:
    open_fresh(tab, compared_page)
    return tab


def enlarge(tab: Browser, name: str) -> None:
    tab.evaluate(
        f"[...document.querySelectorAll('#grid .card')].find((card) => card.querySelector('.name').textContent"
        f" === '{name}.jpg').querySelector('.open').click()"
    )
    tab.wait_until(IS_OPEN)


def test_every_picture_whose_photo_has_a_mask_has_a_badge_with_its_verdict(tab: Browser) -> None:
    assert tab.evaluate(BADGES) == [
        "✗ product changed 0.62",
        "✗ product changed 0.41",
        "✗ product changed 0.30",
        "✓ same product 0.97",
        "? not compared",
    ]


def test_changed_products_have_a_view_and_an_order(tab: Browser) -> None:
    assert tab.evaluate("document.querySelector('[data-count=changed]').textContent") == "3"
    tab.evaluate("document.querySelector('[value=changed]').click()")
    assert tab.evaluate(NAMES) == ["changed.jpg", "framed.jpg", "gone.jpg"]
    tab.evaluate("order.value = 'fidelity'; order.dispatchEvent(new Event('change')); 0")
    assert tab.evaluate(NAMES) == ["gone.jpg", "framed.jpg", "changed.jpg"]
    assert tab.evaluate(HASH) == "#show=changed&order=fidelity"


def test_page_without_verdicts_offers_no_view_of_them(tab: Browser, small_page: Path) -> None:
    open_fresh(tab, small_page)
    assert tab.evaluate("document.getElementById('changed-view').hidden")
    assert tab.evaluate("document.querySelector('#order [value=fidelity]').hidden")
    tab.evaluate("document.querySelector('.image .open').click()")
    assert not tab.evaluate(IS_OFFERED)


def test_large_view_explains_the_verdict(tab: Browser) -> None:
    enlarge(tab, "framed")
    assert "0.41 (must be at least 0.50)" in tab.evaluate(STORY)
    tab.press("Escape")
    enlarge(tab, "opaque")
    assert "The photo is opaque and has no cut-out" in tab.evaluate(STORY)
    assert not tab.evaluate(IS_OFFERED)
    tab.press("Escape")
    enlarge(tab, "gone")
    assert "map of the changes is no longer in the bucket" in tab.evaluate(STORY)
    assert not tab.evaluate(IS_OFFERED)


def test_key_lays_the_map_over_photo_and_picture(tab: Browser) -> None:
    enlarge(tab, "changed")
    assert tab.evaluate(f"[{LAYERS}.length, {PRESSED}]") == [0, "false"]
    tab.press("c")
    tab.wait_until(f"{LAYERS}.length === 2 && {LAYERS}.every((one) => one.complete && one.naturalWidth)")
    tab.press("+", times=2)
    assert len(set(tab.evaluate(BOXES))) == 1
    assert tab.evaluate(PRESSED) == "true"
    tab.press("c")
    assert tab.evaluate(f"[{LAYERS}.length, {PRESSED}]") == [0, "false"]


def test_map_covers_only_the_photo_if_the_picture_has_another_shape(tab: Browser) -> None:
    enlarge(tab, "framed")
    tab.evaluate("document.getElementById('show-changes').click()")
    tab.wait_until("document.querySelector('#large-stage .handle').value === '100'")
    assert tab.evaluate(f"{LAYERS}.map((one) => one.parentElement.className)") == ["over"]


def test_map_stays_shown_for_the_next_picture_and_in_the_address(tab: Browser, compared_page: Path) -> None:
    enlarge(tab, "changed")
    tab.press("c")
    tab.evaluate("document.getElementById('large-next').click()")
    tab.wait_until(f"{LAYERS}.length")
    open_fresh(tab, compared_page, tab.evaluate("location.hash.slice(1)"))
    tab.wait_until(f"{IS_OPEN} && {LAYERS}.length")


def test_page_in_one_file_contains_the_map(tab: Browser, tmp_path: Path) -> None:
    open_fresh(tab, albums.write_single_file(tmp_path / "one.html", albums.compared, albums.read_compared))
    enlarge(tab, "changed")
    tab.press("c")
    tab.wait_until(f"{LAYERS}.length === 2 && {LAYERS}.every((one) => one.complete && one.naturalWidth === 256)")
    assert tab.evaluate(f"{LAYERS}.every((one) => one.src.startsWith('data:image/webp;base64,'))")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 1280])
@pytest.mark.parametrize("is_large", [False, True])
def test_verdicts_are_accessible_and_fit_the_window(
    tab: Browser, axe: str, scheme: str, width: int, *, is_large: bool
) -> None:
    tab.size(width, 900)
    tab.set_color_scheme(scheme)
    if is_large:
        enlarge(tab, "changed")
        tab.press("c")
        tab.wait_until(f"{LAYERS}.length === 2")
        boxes = tab.evaluate(CONTROLS)
        assert all(0 <= box["left"] < box["right"] <= width for box in boxes)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert find_violations(tab, axe) == []
