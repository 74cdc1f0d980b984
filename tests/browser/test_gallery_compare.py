"""All pictures of a photo in a browser: side by side, in full size with zoom, and restored from the page's address."""

import base64
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from tests.browser import albums
from tests.browser.chromium import Browser
from tests.browser.test_gallery import find_violations

LABELS = "[...document.querySelectorAll('#grid .group figcaption > span:first-child')].map((one) => one.textContent)"
CURRENT = "document.querySelector('#large-strip [aria-current]').textContent"
WHERE = "document.getElementById('large-where').textContent"
# The parts of groups that the window, or a part that scrolls sideways, cuts off.
CUT_OFF = """[...document.querySelectorAll('.group, .group *')].filter((one) => {
  const box = one.getBoundingClientRect();
  const isWider = one.clientWidth && one.scrollWidth > one.clientWidth + 1;
  const scrolls = isWider && getComputedStyle(one).overflowX !== 'visible';
  return !one.closest('.unseen, svg') && (box.left < 0 || box.right > innerWidth || scrolls);
}).map((one) => one.outerHTML)"""
TILE = "[...document.querySelectorAll('.tile button')].find((one) => one.getAttribute('aria-label').endsWith({!r}))"
FRAME = "document.querySelector('#large-stage .compare')"
IMAGE = "document.querySelector('#large-stage .{}').getBoundingClientRect().toJSON()"
ZOOM = "document.getElementById('zoom-status').textContent"
IS_OPEN = "document.getElementById('large').open"
HASH = "decodeURIComponent(location.hash)"


@pytest.fixture
def tab(tab: Browser, compare_page: Path) -> Browser:
    open_fresh(tab, compare_page)
    return tab


@pytest.fixture(scope="module")
def outputs_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return albums.write_page(tmp_path_factory.mktemp("outputs"), albums.many_outputs)


def open_fresh(tab: Browser, page: Path, fragment: str = "") -> None:
    """Opens a page with an address that ends in `#` and a fragment, as a link does."""
    tab.send_command("Page.navigate", url="about:blank")
    tab.wait_until("location.protocol === 'about:'")
    tab.send_command("Page.navigate", url=f"{page.as_uri()}{fragment and '#'}{fragment}")
    tab.wait_until("document.readyState === 'complete' && location.protocol === 'file:'")


def enlarge(tab: Browser, label: str) -> None:
    tab.evaluate(f"{TILE.format(label)}.click()")
    tab.wait_until(f"{IS_OPEN} && document.querySelector('#large-stage .after').src.includes('files/')")


def find_middle(tab: Browser) -> tuple[float, float]:
    box = tab.evaluate(f"{FRAME}.getBoundingClientRect().toJSON()")
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def read_boxes(tab: Browser) -> list[tuple[float, ...]]:
    """Returns the position and the size of the photo and the picture in the large view."""
    boxes = [tab.evaluate(IMAGE.format(side)) for side in ("before", "after")]
    return [tuple(round(box[name], 1) for name in ("x", "y", "width", "height")) for box in boxes]


def test_variants_and_outputs_are_next_to_the_original(tab: Browser) -> None:
    assert tab.evaluate("[...document.querySelectorAll('#grid .name')].map((name) => name.textContent)") == [
        "boots.jpg",
        "cut.jpg",
        "plain.jpg",
    ]
    original = tab.evaluate("document.querySelector('.original figcaption').textContent")
    assert [original, *tab.evaluate(LABELS)] == ["Original", "beach", "PNG", "✗ amazon-main: failed", "thumb"]
    tops = "[...document.querySelectorAll('.group figure')].map((one) => one.getBoundingClientRect().top)"
    assert len(set(tab.evaluate(tops))) == 1


@pytest.mark.parametrize(("width", "height"), [(390, 700), (1300, 500)])
def test_original_stays_visible_next_to_the_last_picture(
    tab: Browser, outputs_page: Path, width: int, height: int
) -> None:
    open_fresh(tab, outputs_page)
    tab.size(width, height)
    tab.evaluate("[...document.querySelectorAll('.tile')].at(-1).scrollIntoView({block: 'end'})")
    original, last = tab.evaluate(
        "['.original', '.tile'].map((part) => [...document.querySelectorAll(part)].at(-1))"
        ".map((one) => one.getBoundingClientRect().toJSON())"
    )
    assert 0 <= original["top"] < original["bottom"] <= height
    assert original["right"] <= last["left"]


@pytest.mark.parametrize("width", [320, 390, 768, 1300, 1920])
def test_all_files_and_their_details_are_within_the_window(tab: Browser, outputs_page: Path, width: int) -> None:
    tab.size(width, 900)
    open_fresh(tab, outputs_page)
    assert tab.evaluate("document.querySelectorAll('.tile').length") == 20
    assert tab.evaluate(CUT_OFF) == []


def test_six_outputs_are_in_one_row_with_the_original(tab: Browser, outputs_page: Path) -> None:
    tab.size(1300, 900)
    open_fresh(tab, outputs_page)
    boxes = tab.evaluate(
        "[document.querySelector('.original .mat'), ...document.querySelector('.picture').querySelectorAll('.mat')]"
        ".map((one) => one.getBoundingClientRect().toJSON())"
    )
    assert (len(boxes), len({box["top"] for box in boxes})) == (7, 1)
    assert boxes[-1]["right"] <= 1300
    assert max(box["width"] for box in boxes) - min(box["width"] for box in boxes) < 2


def test_details_open_the_first_file_and_the_next_ones_follow(tab: Browser, outputs_page: Path) -> None:
    open_fresh(tab, outputs_page)
    tab.evaluate("document.querySelector('.picture .open').click()")
    assert [tab.evaluate(WHERE), tab.evaluate(CURRENT)] == ["1 of 20", "mk✗ amazon-main: failed"]
    tab.evaluate("document.getElementById('large-next').click()")
    assert [tab.evaluate(WHERE), tab.evaluate(CURRENT)] == ["2 of 20", "mk, output 2"]


def test_large_view_shows_the_rules_of_its_file_only(tab: Browser, outputs_page: Path) -> None:
    open_fresh(tab, outputs_page)
    headings = "[...document.querySelectorAll('#large-story h3')].map((one) => one.textContent)"
    rest = ["Instructions", "Result", "Other files of this image"]
    tab.evaluate("document.querySelector('.picture .open').click()")
    assert tab.evaluate(headings) == ["mk, amazon-main", "Rules of ✗ amazon-main: failed", *rest]
    tab.evaluate("document.getElementById('large-next').click()")
    assert tab.evaluate(headings) == ["mk, output 2", *rest]


def test_search_shows_only_the_matching_pictures_of_a_photo(tab: Browser) -> None:
    tab.evaluate("document.getElementById('find').focus()")
    tab.type_text("warm sand")
    hidden = tab.evaluate("[...document.querySelectorAll('.picture')].map((one) => one.hidden)")
    assert (hidden, tab.evaluate("document.getElementById('count').textContent")) == ([False, True], "1 of 6 shown")


def test_alt_text_of_the_receipt_is_the_pictures_alt_text(tab: Browser) -> None:
    alts = tab.evaluate("[...document.querySelectorAll('.tile img')].map((image) => image.alt)")
    assert alts == ["After: boots.jpg, beach", "A brown boot", "A brown boot on white", "A boot"]


def test_certificates_are_badges_with_their_measurements(tab: Browser) -> None:
    badges = tab.evaluate("[...document.querySelectorAll('#grid .badge')].map((badge) => badge.textContent)")
    signed = "✓ Content Credentials"
    assert badges == ["✗ amazon-main: failed", signed, "✓ amazon-main: passed", signed]
    enlarge(tab, "amazon-main")
    story = tab.evaluate("document.getElementById('large-story').innerText")
    assert "failed: #f4f1ee (must be pure white)" in story
    assert "cannot say: not measured (must be no cut)" in story


def test_large_view_shows_the_delivered_file_itself(tab: Browser) -> None:
    enlarge(tab, "studio")
    tab.wait_until("document.querySelector('#large-stage .before').src.includes('files/')")
    sides = tab.evaluate("[...document.querySelectorAll('#large-stage img')].map((one) => one.naturalHeight)")
    assert sides == [2100, 2100]


def test_every_file_has_a_link_that_opens_it(tab: Browser, compare_page: Path) -> None:
    enlarge(tab, "studio")
    links = tab.evaluate(
        "[...document.querySelectorAll('#large-story dd a')].map((one) => [one.textContent, one.href])"
    )
    assert [key for key, _ in links] == ["b/studio.png", "b/amazon.jpg", "b/thumb.webp"]
    for key, link in links:
        assert link.startswith(f"{compare_page.parent.as_uri()}/files/")
        # The album's files are all PNG.
        assert link.endswith(f"/{key.removeprefix('b/')}{'' if key.endswith('.png') else '.png'}")
        file = compare_page.parent / link.removeprefix(f"{compare_page.parent.as_uri()}/")
        assert Image.open(BytesIO(file.read_bytes())).size == (1600, 2100)


def test_wheel_zooms_both_sides_at_the_pointer(tab: Browser) -> None:
    enlarge(tab, "studio")
    before, after = read_boxes(tab)
    assert before == after
    x, y = find_middle(tab)
    point = (x + 50, y - 60)
    share = [(point[n] - after[n]) / after[n + 2] for n in (0, 1)]
    tab.turn_wheel(point, -600)
    tab.wait_until(f"{FRAME}.style.getPropertyValue('--zoom') > 3")
    before, after = read_boxes(tab)
    assert before == after
    assert [(point[n] - after[n]) / after[n + 2] for n in (0, 1)] == pytest.approx(share, abs=0.002)
    tab.turn_wheel(point, 9000)
    tab.wait_until(f"{FRAME}.style.getPropertyValue('--zoom') === '1'")


def test_button_shows_one_pixel_of_the_file_per_screen_pixel(tab: Browser) -> None:
    tab.evaluate("document.querySelector('.picture .open').click()")
    assert tab.evaluate("document.getElementById('zoom-fit').textContent") == "Actual pixels"
    tab.evaluate("document.getElementById('zoom-fit').click()")
    assert tab.evaluate(ZOOM) == "100 %"
    assert read_boxes(tab)[1][2:] == (1600, 2100)
    tab.evaluate("document.getElementById('zoom-fit').click()")
    assert tab.evaluate(f"{FRAME}.style.getPropertyValue('--zoom')") == "1"


def test_keys_zoom_and_move_the_picture(tab: Browser) -> None:
    enlarge(tab, "studio")
    tab.press("+", times=4)
    zoomed = read_boxes(tab)[1]
    tab.press("ArrowRight", shift=True)
    assert read_boxes(tab)[1][0] == pytest.approx(zoomed[0] - 80, abs=1)
    divider = tab.evaluate(f"{FRAME}.style.getPropertyValue('--at')")
    assert divider == "50%"
    tab.press("0")
    assert tab.evaluate(f"{FRAME}.style.getPropertyValue('--zoom')") == "1"
    tab.press("-")
    assert tab.evaluate("document.getElementById('zoom-out').disabled")


def test_drag_moves_a_zoomed_picture_and_the_line_keeps_its_place(tab: Browser) -> None:
    enlarge(tab, "studio")
    tab.press("+", times=4)
    x, y = find_middle(tab)
    before = read_boxes(tab)[1]
    tab.drag((x + 100, y), (x + 60, y + 30))
    tab.wait_until(f"Math.round({IMAGE.format('after')}.x) === {round(before[0] - 40)}")
    assert read_boxes(tab)[1][1] == pytest.approx(before[1] + 30, abs=1)
    assert tab.evaluate(f"{FRAME}.style.getPropertyValue('--at')") == "50%"
    tab.drag((x, y), (x + 80, y))
    tab.wait_until(f"{FRAME}.style.getPropertyValue('--at') !== '50%'")


def test_other_pictures_of_the_photo_show_the_same_place(tab: Browser) -> None:
    enlarge(tab, "studio")
    tab.press("+", times=4)
    tab.press("ArrowRight", shift=True)
    place = [tab.evaluate(f"{FRAME}.style.getPropertyValue('--{name}')") for name in ("zoom", "x", "y")]
    tab.evaluate("document.querySelector('.strip-button').click()")
    assert tab.evaluate("document.querySelector('.strip-button').getAttribute('aria-current')") == "true"
    assert tab.evaluate("document.activeElement === document.querySelector('.strip-button')")
    assert [tab.evaluate(f"{FRAME}.style.getPropertyValue('--{name}')") for name in ("zoom", "x", "y")] == place


def test_address_restores_filters_and_the_zoomed_file(tab: Browser, compare_page: Path) -> None:
    tab.evaluate("document.getElementById('find').focus()")
    tab.type_text("studio")
    tab.evaluate("order.value = 'cost'; order.dispatchEvent(new Event('change')); 0")
    enlarge(tab, "amazon-main")
    tab.press("+", times=3)
    tab.wait_until(f"{HASH}.includes('zoom=3.3750')")
    address = tab.evaluate("location.hash.slice(1)")
    open_fresh(tab, compare_page, address)
    assert tab.evaluate(IS_OPEN)
    assert tab.evaluate(CURRENT) == "studio✗ amazon-main: failed"
    assert tab.evaluate(f"{FRAME}.style.getPropertyValue('--zoom')") == "3.375"
    assert tab.evaluate("[document.getElementById('find').value, order.value]") == ["studio", "cost"]
    assert tab.evaluate("document.getElementById('count').textContent") == "3 of 6 shown"
    tab.press("Escape")
    tab.wait_until(f"!{IS_OPEN} && {HASH} === '#find=studio&order=cost'")


def test_back_closes_the_large_view_and_forward_opens_it(tab: Browser) -> None:
    enlarge(tab, "beach")
    tab.evaluate("document.getElementById('large-next').click()")
    assert tab.evaluate(HASH) == "#open=b/studio.png"
    tab.evaluate("history.back()")
    tab.wait_until(f"!{IS_OPEN}")
    tab.evaluate("history.forward()")
    tab.wait_until(IS_OPEN)
    assert tab.evaluate(WHERE) == "2 of 6"


def test_back_undoes_a_filter(tab: Browser) -> None:
    tab.evaluate("document.querySelector('[value=starred]').click()")
    assert tab.evaluate(HASH) == "#show=starred"
    tab.evaluate("history.back()")
    tab.wait_until("document.querySelector('[name=view][value=all]').checked")
    assert tab.evaluate("document.querySelectorAll('#grid > li').length") == 3


def test_address_with_unknown_values_shows_everything(tab: Browser, compare_page: Path) -> None:
    open_fresh(tab, compare_page, "show=nonsense&provider=nobody&kind=x&order=y&open=gone.png&zoom=a,b")
    assert tab.evaluate("document.querySelectorAll('#grid > li').length") == 3
    assert not tab.evaluate(IS_OPEN)
    assert tab.evaluate("[operation.value, order.value]") == ["", "name"]


def test_skip_link_keeps_the_filters(tab: Browser) -> None:
    tab.evaluate("document.querySelector('[value=problem]').click()")
    tab.evaluate("document.querySelector('.skip').click()")
    assert tab.evaluate("[document.activeElement.id, location.hash]") == ["pictures", "#show=problem"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 1280])
@pytest.mark.parametrize("state", ["0", TILE.format("amazon-main") + ".click()"])
def test_comparison_is_accessible_and_fits_the_window(
    tab: Browser, axe: str, scheme: str, width: int, state: str
) -> None:
    tab.size(width, 900)
    tab.set_color_scheme(scheme)
    tab.evaluate(f"{state}; 0")
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert find_violations(tab, axe) == []


def test_page_in_one_file_works_alone(tab: Browser, tmp_path: Path) -> None:
    page = albums.write_single_file(tmp_path / "boots.html", albums.side_by_side)
    assert [path.name for path in tmp_path.iterdir()] == ["boots.html"]
    open_fresh(tab, page)
    tab.wait_until("[...document.images].filter((one) => one.src).every((one) => one.complete && one.naturalHeight)")
    requested_urls = tab.requested_urls[tab.requested_urls.index(page.as_uri()) + 1 :]
    assert {url.partition(",")[0] for url in requested_urls} == {"data:image/webp;base64"}
    tab.evaluate("document.querySelector('.star').click(); document.getElementById('find').focus()")
    assert tab.evaluate("document.getElementById('starred').textContent").startswith("1 picture starred")
    tab.type_text("marble")
    assert tab.evaluate("document.querySelectorAll('#grid > li').length") == 1
    tab.evaluate("document.querySelector('#grid .open').click()")
    assert tab.evaluate("document.querySelector('#large-stage .after').src").startswith("data:image/webp;base64,")
    assert tab.evaluate("document.querySelectorAll('#large-story dd a').length") == 0
    tab.press("+", times=2)
    data = base64.b64decode(tab.evaluate("document.querySelector('#large-stage .after').src").partition(",")[2])
    assert max(Image.open(BytesIO(data)).size) == 960
