"""The upload page in a browser: drag photos in, choose instructions, accept the price, and see the pictures."""

import json
import os
from collections.abc import Generator, Iterator
from io import BytesIO
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from PIL import Image

from backdrop.imaging.metadata import embed_xmp
from backdrop.imaging.xmp import build_xmp_packet
from backdrop.model.codes import Code
from backdrop.model.provider_result import RetryClass
from simulation.world.call_behavior import build_refusal
from simulation.world.simulated_stack import World
from simulation.world.world_inspector import INPUT_BUCKET, OUTPUT_BUCKET
from tests.browser.albums import paint
from tests.browser.chromium import Browser
from tests.browser.test_gallery import find_violations
from tests.browser.upload_page import ServedPage, serve_page
from tests.corpus.files import heic
from tests.imaging.photos import encode_image

CHOOSE_SUGGESTION = "document.querySelector('.idea').click()"
PRICE = "document.getElementById('price-status').textContent"
SEND = "document.getElementById('send').click()"
STAGES = "[...document.querySelectorAll('.stages li')].map((stage) => stage.textContent)"
NAMES = "[...document.querySelectorAll('#grid .name')].map((name) => name.textContent)"
NOTES = "[...document.querySelectorAll('.photo-note')].map((note) => note.textContent)"


class PageUser:
    """A person who drags files onto the page."""

    def __init__(self, tab: Browser, page: ServedPage, files_folder: Path) -> None:
        self.tab, self.page, self.files_folder = tab, page, files_folder

    def open(self) -> None:
        self.tab.send_command("Page.navigate", url=self.page.address)
        self.tab.wait_until("document.readyState === 'complete' && Boolean(document.getElementById('zone'))")

    def drag(self, *names: str, **files_by_name: bytes) -> None:
        """Drags new photos and files with these bytes onto the page. Folders in their names are dragged as folders."""
        files = {name: paint(15 * n, (480, 360), cut_out=False) for n, name in enumerate(names)}
        files |= {f"{name}.jpg": data for name, data in files_by_name.items()}
        for name, data in files.items():
            (self.files_folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.files_folder / name).write_bytes(data)
        roots = sorted({name.split("/")[0] for name in files})
        data = {"items": [], "files": [str(self.files_folder / top) for top in roots], "dragOperationsMask": 1}
        box = self.tab.evaluate("document.getElementById('zone').getBoundingClientRect().toJSON()")
        for kind in ("dragEnter", "dragOver", "drop"):
            self.tab.send_command("Input.dispatchDragEvent", type=kind, x=box["x"] + 40, y=box["y"] + 30, data=data)
        self.tab.wait_until(f"document.querySelectorAll('.photo').length >= {min(len(files), 24)}")

    def choose_background(self) -> None:
        """Chooses the first suggested background, and waits for the price."""
        self.tab.evaluate(CHOOSE_SUGGESTION)
        self.tab.wait_until(f"{PRICE}.startsWith('At most')")

    def send(self, photos: int) -> None:
        """Presses the button, and waits until all photos are uploaded."""
        self.tab.evaluate(SEND)
        self.tab.wait_until(f"document.querySelectorAll('.stage-list li').length === {photos}")
        self.tab.wait_until(f"{STAGES}.every((stage) => !stage.includes('still to upload'))")

    def picture(self, name: str) -> None:
        """Saves a screenshot of the page if BACKDROP_SHOTS names a folder."""
        if folder := os.environ.get("BACKDROP_SHOTS"):
            self.tab.picture(Path(folder) / f"{name}.png")


@pytest.fixture
def page() -> Generator[ServedPage]:
    with serve_page(World()) as opened:
        yield opened


@pytest.fixture
def user(chromium: Browser, page: ServedPage, tmp_path: Path) -> Generator[PageUser]:
    """The page in a wide window with light colors. Fails if a script fails or requests anything but the page and
    buckets.
    """
    chromium.errors.clear()
    chromium.requested_urls.clear()
    chromium.size(1280, 900)
    chromium.set_color_scheme("light")
    person = PageUser(chromium, page, tmp_path)
    person.open()
    yield person
    assert chromium.errors == []
    ours = (page.address, f"http://127.0.0.1:{page.buckets.port}/", "blob:", "data:")
    assert [url for url in chromium.requested_urls if not url.startswith(ours)] == []
    chromium.send_command("Page.navigate", url="about:blank")


def test_two_photos_are_priced_uploaded_and_shown_with_pictures(user: PageUser) -> None:
    tab, page = user.tab, user.page
    user.drag("red.jpg", "shoes/blue one.jpg")
    assert tab.evaluate("document.getElementById('send').disabled")
    user.choose_background()
    assert tab.evaluate(PRICE) == "At most $0.12 for 2 images of 2 photos"
    assert page.world.input_bucket.list_keys() == []
    user.send(2)
    page.finish()
    tab.wait_until(f"{NAMES}.length === 2")
    assert sorted(tab.evaluate(NAMES)) == ["red.jpg", "shoes/blue one.jpg"]
    tab.wait_until(
        "[...document.querySelectorAll('#grid img')].every((image) => image.complete && image.naturalWidth > 0)"
    )
    assert len(page.world.provider.received_job_ids) == 2
    assert "$0.12 so far" in tab.evaluate("document.querySelector('.drop-card .facts').textContent")
    assert len(page.buckets.forms) == 2
    bucket_url = f"http://127.0.0.1:{page.buckets.port}/"
    assert not [url for url in tab.requested_urls if url.startswith(bucket_url) and "/shoes/" in url and ".png" in url]


def test_size_and_format_of_the_page_shape_the_delivered_file(user: PageUser) -> None:
    tab, page = user.tab, user.page
    user.drag("red.jpg")
    tab.evaluate("document.querySelector('[name=kind][value=remove]').click()")
    tab.evaluate("document.querySelector('#finish summary').click()")
    texts = {"--format": "jpg", "--size": "120x120", "--fit": "pad", "--background": "white", "--margin": "10%"}
    for flag, text in texts.items():
        tab.evaluate(f"document.querySelector('[data-option=\"{flag}\"]').value = {json.dumps(text)}")
    tab.evaluate("document.querySelector('[data-option=\"--trim\"]').click()")
    tab.evaluate("document.getElementById('folder').value = 'shoes'")
    tab.wait_until("!document.getElementById('send').disabled")
    assert tab.evaluate(PRICE) == "At most $0.01 for 1 image of 1 photo"
    user.picture("page-size-and-format")
    user.send(1)
    page.finish()
    tab.wait_until(f"{NAMES}.length === 1")
    picture = page.buckets.read_object(OUTPUT_BUCKET, "shoes/red.jpg/red.jpg")
    assert picture is not None
    with Image.open(BytesIO(picture)) as delivered:
        assert (delivered.format, delivered.size, delivered.getpixel((1, 1))) == ("JPEG", (120, 120), (255, 255, 255))


def fill_field(tab: Browser, flag: str, text: str) -> None:
    """Types into the field of an option, and reports the input as a browser does."""
    field = f"document.querySelector('[data-option=\"{flag}\"]')"
    tab.evaluate(
        f"{field}.value = {json.dumps(text)}; {field}.dispatchEvent(new Event('input', {{bubbles: true}})); true"
    )


def choose_marketplace(tab: Browser, name: str) -> None:
    tab.evaluate(f"document.querySelector('[data-option=\"--for\"][value={name}]').click()")


def show_in_every_look(user: PageUser, element_id: str, name: str) -> Iterator[None]:
    """Shows a part of the page wide and narrow, light and dark, takes a picture of each, and lets the caller check it.

    Fails if the page is wider than the window.
    """
    user.tab.evaluate("document.documentElement.dataset.still = ''")
    for width in (1280, 390):
        user.tab.size(width, 900)
        user.tab.evaluate(f"document.getElementById('{element_id}').scrollIntoView()")
        for scheme in ("light", "dark"):
            user.tab.set_color_scheme(scheme)
            user.picture(f"{name}-{width}-{scheme}")
            assert user.tab.evaluate("document.documentElement.scrollWidth") <= width
            yield


def test_frame_marketplaces_shadow_and_logo_of_the_page_reach_the_pictures(user: PageUser) -> None:
    tab, page = user.tab, user.page
    logo = BytesIO()
    Image.new("RGB", (60, 60), "blue").save(logo, "PNG")
    page.world.upload_photo("_backdrop/brand/logo.png", logo.getvalue())
    user.open()
    assert tab.evaluate("[...document.getElementById('choices-logo').options].map((one) => one.value)") == [
        "_backdrop/brand/logo.png"
    ]
    user.drag("red.jpg")
    tab.evaluate("document.querySelector('[name=kind][value=remove]').click()")
    tab.evaluate("document.querySelector('#finish summary').click()")
    for name in ("etsy", "shopify"):
        choose_marketplace(tab, name)
    for flag, text in {"--frame": "1:1", "--shadow": "drop", "--logo": "_backdrop/brand/logo.png"}.items():
        fill_field(tab, flag, text)
    fill_field(tab, "--size", "400x400")
    tab.evaluate("document.getElementById('folder').value = 'shoes'")
    tab.wait_until("document.getElementById('price-error').textContent.includes('etsy requires')")
    fill_field(tab, "--size", "")
    tab.wait_until("!document.getElementById('send').disabled")
    assert tab.evaluate(PRICE) == "At most $0.01 for 1 image of 1 photo"
    tab.evaluate("document.getElementById('finish').scrollIntoView()")
    user.picture("page-marketplaces")
    user.send(1)
    page.finish()
    tab.wait_until(f"{NAMES}.length === 1")
    sidecar = page.buckets.read_object(INPUT_BUCKET, "shoes/red.jpg.json")
    assert sidecar is not None
    assert json.loads(sidecar) == {
        "operation": "remove",
        "frame": "1:1",
        "output": {"for": ["etsy", "shopify"]},
        "shadow": "drop",
        "logo": "_backdrop/brand/logo.png",
    }
    for name in ("etsy", "shopify"):
        picture = page.buckets.read_object(OUTPUT_BUCKET, f"shoes/red.jpg/red@{name}.jpg")
        assert picture is not None
        with Image.open(BytesIO(picture)) as delivered:
            assert (delivered.format, delivered.width) == ("JPEG", delivered.height)


def test_one_photo_becomes_several_pictures(user: PageUser) -> None:
    tab, page = user.tab, user.page
    user.drag("red.jpg")
    tab.evaluate("document.querySelector('#finish').open = true")
    fill_field(tab, "--variants", "beach")
    tab.wait_until("document.getElementById('price-error').textContent.includes('has no name')")
    fill_field(tab, "--variants", "beach=on a beach, at noon\n\ncut-out=remove\n")
    tab.wait_until(f"{PRICE}.startsWith('At most $0.07 for 2 images of 1 photo')")
    for _ in show_in_every_look(user, "finish", "variants"):
        pass
    user.send(1)
    page.finish()
    tab.wait_until(f"{NAMES}.length === 2")
    assert tab.evaluate("document.getElementById('results-status').textContent") == "2 files"
    folder = tab.evaluate("document.getElementById('folder').value")
    sidecar = page.buckets.read_object(INPUT_BUCKET, f"{folder}/red.jpg.json")
    assert sidecar is not None
    assert json.loads(sidecar) == {
        "variants": {"beach": {"prompt": "on a beach, at noon"}, "cut-out": {"operation": "remove"}}
    }


def test_results_show_and_link_every_file(user: PageUser, axe: str) -> None:
    tab, page = user.tab, user.page
    user.drag("red.jpg", "blue.jpg")
    tab.evaluate("document.querySelector('[name=kind][value=remove]').click()")
    for name in ("amazon-main", "ebay"):
        choose_marketplace(tab, name)
    tab.wait_until("!document.getElementById('send').disabled")
    user.send(2)
    page.finish()
    tab.wait_until(f"{NAMES}.length === 2")
    assert tab.evaluate("document.getElementById('results-status').textContent") == "4 files"
    links = tab.evaluate("[...document.querySelectorAll('#grid a')].map((link) => link.href)")
    folder = tab.evaluate("document.getElementById('folder').value")
    keys = sorted(unquote(urlsplit(link).path).removeprefix(f"/{OUTPUT_BUCKET}/") for link in links)
    assert keys == [
        f"{folder}/{photo}.jpg/{photo}@{name}.jpg" for photo in ("blue", "red") for name in ("amazon-main", "ebay")
    ]
    assert all(page.buckets.read_object(OUTPUT_BUCKET, key) for key in keys)
    names = tab.evaluate("[...document.querySelectorAll('#grid a')].map((link) => link.getAttribute('aria-label'))")
    assert len(set(names)) == 4
    badges = tab.evaluate("[...document.querySelectorAll('#grid .badge')].map((badge) => badge.innerText)")
    assert [badge.split()[1].rstrip(":") for badge in badges] == ["amazon-main", "ebay"] * 2
    tab.wait_until("[...document.querySelectorAll('#grid .files img')].every((image) => image.naturalWidth > 0)")
    for _ in show_in_every_look(user, "results", "files"):
        assert find_violations(tab, axe) == []


def test_shadow_is_offered_only_for_a_removed_background(user: PageUser) -> None:
    tab, page = user.tab, user.page
    shadow_is_hidden = "document.querySelector('[data-option=\"--shadow\"]').closest('[data-operation]').hidden"
    heading = "document.querySelector('#finish summary').innerText"
    assert tab.evaluate(shadow_is_hidden)
    assert tab.evaluate(heading) == "Several pictures, shape, format, marketplaces, and logo"
    user.drag("red.jpg")
    tab.evaluate("document.querySelector('[name=kind][value=remove]').click()")
    assert not tab.evaluate(shadow_is_hidden)
    assert tab.evaluate(heading) == "Shape, shadow, format, marketplaces, and logo"
    fill_field(tab, "--shadow", "contact")
    tab.evaluate("document.querySelector('[name=kind][value=replace]').click()")
    assert tab.evaluate(shadow_is_hidden)
    user.choose_background()
    user.send(1)
    folder = tab.evaluate("document.getElementById('folder').value")
    sidecar = page.buckets.read_object(INPUT_BUCKET, f"{folder}/red.jpg.json")
    assert sidecar is not None
    assert "shadow" not in json.loads(sidecar)


def test_marketplace_that_requires_pure_white_refuses_a_new_background(user: PageUser) -> None:
    tab, page = user.tab, user.page
    user.drag("red.jpg")
    choose_marketplace(tab, "amazon-main")
    tab.evaluate(CHOOSE_SUGGESTION)
    tab.wait_until("document.getElementById('price-error').innerText.includes('leave “Amazon, main image” out')")
    user.picture("page-refused-marketplace")
    assert tab.evaluate("document.getElementById('send').disabled")
    assert page.world.input_bucket.list_keys() == []


def test_page_asks_for_confirmation_above_one_dollar(user: PageUser) -> None:
    user.drag(*(f"{n}.jpg" for n in range(17)))
    user.choose_background()
    user.tab.evaluate(SEND)
    assert "spend up to $1.02" in user.tab.evaluate("document.getElementById('ask').innerText")
    user.tab.evaluate("document.getElementById('ask-no').click()")
    assert user.page.world.input_bucket.list_keys() == []
    user.tab.evaluate(SEND)
    user.tab.evaluate("document.getElementById('ask-yes').click()")
    user.tab.wait_until(f"{STAGES}.join() === '17 uploaded'")
    assert len(user.page.buckets.forms) == 17


def test_photo_in_an_unsupported_format_has_a_preview(
    user: PageUser,
) -> None:
    user.drag(cup=heic(Image.open(BytesIO(paint(40, (480, 360), cut_out=False))).convert("RGB")))
    user.tab.wait_until("document.querySelector('.photo img')?.naturalWidth === 480")
    user.choose_background()
    user.picture("drop-page-heic")
    user.send(1)
    user.page.finish()
    user.tab.wait_until(f"{NAMES}.length === 1")
    user.tab.wait_until("document.querySelector('#grid .before')?.naturalWidth === 480")
    user.picture("drop-page-heic-back")
    assert user.tab.evaluate("document.querySelectorAll('#grid .notes').length") == 0


def test_file_that_is_not_a_photo_shows_its_problem(user: PageUser) -> None:
    user.drag("red.jpg", list=b"a list of shoes")
    user.choose_background()
    user.tab.wait_until(f"{NOTES}.some((note) => note.includes('is text, not a photo'))")
    assert "1 photo would be refused" in user.tab.evaluate("document.getElementById('price-warnings').innerText")
    assert user.tab.evaluate(PRICE) == "At most $0.06 for 1 image of 1 photo"


def test_own_picture_and_photo_that_shows_nothing_are_refused_by_what_the_browser_sees(user: PageUser) -> None:
    """A few visible pixels, in the last row, are enough."""
    clear, speck = Image.new("RGBA", (600, 700)), Image.new("RGBA", (600, 700))
    speck.paste((200, 0, 0, 255), (430, 699, 600, 700))
    own = embed_xmp(paint(40, (480, 360), cut_out=False), "png", build_xmp_packet(None))
    user.drag("red.jpg", clear=encode_image(clear, "PNG"), speck=encode_image(speck, "PNG"), own=own)
    user.choose_background()
    user.tab.wait_until(f"{NOTES}.some((note) => note.includes('Backdrop delivered'))")
    user.tab.wait_until(f"{NOTES}.some((note) => note.includes('is transparent'))")
    assert user.tab.evaluate(PRICE) == "At most $0.12 for 2 images of 2 photos"


def test_same_photo_is_added_only_once(user: PageUser) -> None:
    user.drag("red.jpg")
    user.drag("red.jpg")
    user.tab.wait_until("document.getElementById('chosen-status').textContent.includes('skipped')")
    assert user.tab.evaluate("document.querySelectorAll('.photo').length") == 1


def test_interrupted_upload_is_retried(user: PageUser) -> None:
    user.page.buckets.broken = 1
    user.drag("red.jpg")
    user.choose_background()
    user.send(1)
    assert len(user.page.buckets.forms) == 2


def test_failed_upload_is_reported_and_can_be_retried(user: PageUser) -> None:
    user.page.buckets.broken = 3
    user.drag("red.jpg")
    user.choose_background()
    user.tab.evaluate(SEND)
    user.tab.wait_until("document.querySelector('.left-here')?.innerText.includes('1 photo not uploaded')")
    user.tab.evaluate("document.querySelector('.left-here button').click()")
    user.tab.wait_until(f"{STAGES}.join() === '1 uploaded'")
    assert user.page.world.input_bucket.list_keys()[-1].endswith("red.jpg.json")


def test_reopened_tab_shows_the_work_in_progress(user: PageUser) -> None:
    tab, page = user.tab, user.page
    user.drag("red.jpg")
    user.choose_background()
    user.send(1)
    tab.send_command("Page.navigate", url="about:blank")
    user.open()
    tab.wait_until(f"{STAGES}.join() === '1 uploaded'")
    page.finish()
    tab.wait_until(f"{NAMES}.join() === 'red.jpg'")


def test_photo_that_waits_for_approval_leads_to_the_review_page(user: PageUser, axe: str) -> None:
    tab, page = user.tab, user.page
    folder = tab.evaluate("document.getElementById('folder').value")
    page.world.upload_photo(f"{folder}/_backdrop.json", b'{"prompt": "on sand", "approval": "required"}')
    user.drag("red.jpg", "blue.jpg")
    tab.evaluate("document.querySelector('[name=kind][value=folder]').click()")
    tab.wait_until(f"{PRICE}.startsWith('At most')")
    user.send(2)
    page.finish()
    tab.wait_until(f"{STAGES}.join() === '2 awaiting approval'")
    assert "2 photos wait for your approval." in tab.evaluate("document.querySelector('.to-review').innerText")
    tab.evaluate("document.getElementById('under-way').scrollIntoView()")
    for _ in show_in_every_look(user, "under-way", "waits-for-approval"):
        assert find_violations(tab, axe) == []
    tab.send_command("Page.navigate", url=tab.evaluate("document.querySelector('.to-review a').href"))
    tab.wait_until("document.readyState === 'complete'")
    for key in ("a", "r"):
        tab.wait_until("document.getElementById('approve')?.disabled === false")
        tab.press(key)
        tab.wait_until("document.getElementById('outcome').textContent !== ''")
    tab.wait_until("!document.getElementById('nothing').hidden")
    page.finish()
    user.open()
    tab.wait_until(f"{STAGES}.join() === '1 delivered,1 rejected'")
    tab.wait_until(f"{NAMES}.length === 2")


def test_advice_for_equal_failures_is_shown_once(user: PageUser) -> None:
    user.page.world.provider.script += [build_refusal(RetryClass.PERM, Code.UNSAFE_REQUEST)] * 2
    user.drag("red.jpg", "blue.jpg")
    user.choose_background()
    user.send(2)
    user.page.finish()
    user.tab.wait_until("document.querySelectorAll('#grid .problem').length === 2")
    (advice,) = user.tab.evaluate("[...document.querySelectorAll('#advice li')].map((line) => line.innerText)")
    assert " ".join(advice.split()) == "unsafe_request 2 problems Change the photo, or the prompt if there is one."
    assert user.tab.evaluate("document.querySelectorAll('#grid .hint').length") == 0


def test_advice_for_rejected_photos_is_shown_once(user: PageUser) -> None:
    user.drag("red.jpg", "blue.jpg")
    user.tab.evaluate("document.querySelector('[name=kind][value=folder]').click()")
    user.tab.wait_until("document.getElementById('price-warnings').innerText.includes('2 photos would be refused')")
    assert "2 photos: Choose a new background above, or no background." in user.tab.evaluate(
        "document.getElementById('price-warnings').innerText"
    )
    assert not any("Choose a new" in note for note in user.tab.evaluate(NOTES))


def test_names_in_any_script_are_shown_and_uploaded_unchanged(user: PageUser) -> None:
    names = ("сумка & 鞄 ü.jpg", "a${filename}b.jpg", "<img src=x onerror=alert(1)>.jpg")
    user.drag(*names)
    user.choose_background()
    user.send(3)
    user.page.finish()
    user.tab.wait_until(f"{NAMES}.length === 3")
    assert sorted(user.tab.evaluate(NAMES)) == sorted(names)


def test_page_reports_that_the_command_has_ended(user: PageUser) -> None:
    user.tab.send_command(
        "Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0
    )
    try:
        user.drag("red.jpg")
        user.tab.evaluate(CHOOSE_SUGGESTION)
        user.tab.wait_until("document.getElementById('price-error').textContent.includes('does not respond')")
    finally:
        user.tab.send_command(
            "Network.emulateNetworkConditions", offline=False, latency=0, downloadThroughput=-1, uploadThroughput=-1
        )


def test_every_control_can_be_used_by_keyboard(user: PageUser) -> None:
    tab = user.tab
    user.drag("red.jpg")
    user.choose_background()
    tab.evaluate("document.querySelector('[name=kind]').focus()")
    tab.press("ArrowRight")
    tab.wait_until(f"{PRICE} === 'At most $0.01 for 1 image of 1 photo'")
    tab.evaluate("document.querySelector('#chosen button').focus()")
    tab.press("Enter")
    tab.wait_until("document.querySelectorAll('.photo').length === 0")
    assert tab.evaluate("document.activeElement.id") == "choose"


@pytest.mark.parametrize("width", [1280, 390])
def test_page_is_accessible_and_fits_the_window(user: PageUser, axe: str, width: int) -> None:
    tab, page = user.tab, user.page
    tab.size(width, 900)

    def assert_accessible(state: str) -> None:
        for scheme in ("light", "dark"):
            tab.set_color_scheme(scheme)
            user.picture(f"{state}-{width}-{scheme}")
            assert find_violations(tab, axe) == [], (state, scheme)
            assert tab.evaluate("document.documentElement.scrollWidth") <= width

    tab.evaluate("document.documentElement.dataset.still = ''")
    assert_accessible("empty")
    user.drag("red.jpg", "shoes/blue one.jpg", "summer/hat.jpg", list=b"a list of shoes")
    user.choose_background()
    assert_accessible("priced")
    tab.evaluate("document.getElementById('all-styles').click()")
    assert_accessible("styles")
    tab.evaluate("document.getElementById('finish').open = true")
    assert_accessible("size-and-format")
    tab.evaluate("document.getElementById('all-styles').click()")
    page.world.provider.script.append(build_refusal(RetryClass.PERM, Code.UNSAFE_REQUEST))
    user.send(3)
    page.advance(3)
    tab.evaluate("document.querySelector('.drop-card details').open = true")
    assert_accessible("in-progress")
    page.finish()
    tab.wait_until(f"{NAMES}.length === 3")
    tab.evaluate("document.getElementById('results').scrollIntoView()")
    assert_accessible("results")


def test_confirmation_dialog_is_accessible(user: PageUser, axe: str) -> None:
    user.drag(*(f"{n}.jpg" for n in range(17)))
    user.choose_background()
    user.tab.evaluate(SEND)
    for scheme in ("light", "dark"):
        user.tab.set_color_scheme(scheme)
        assert find_violations(user.tab, axe) == []
        user.picture(f"asks-{scheme}")
    assert json.loads(user.tab.evaluate("JSON.stringify(document.activeElement.id)")) == "ask-no"


CHOICE = "document.getElementById('choice')"


def test_conflict_with_a_persons_instructions_shows_both_prices(user: PageUser, axe: str) -> None:
    tab, page = user.tab, user.page
    folder = tab.evaluate("document.getElementById('folder').value")
    page.world.upload_sidecar(f"{folder}/red.jpg", operation="remove")
    user.drag("red.jpg", "blue.jpg")
    tab.evaluate(CHOOSE_SUGGESTION)
    tab.wait_until(f"!{CHOICE}.hidden")
    assert "A person wrote other instructions for 1 photo" in tab.evaluate(f"{CHOICE}.innerText")
    assert "Replace them: at most $0.12 for 2 images" in tab.evaluate(f"{CHOICE}.innerText")
    assert "Keep them: at most $0.07 for 2 images" in tab.evaluate(f"{CHOICE}.innerText")
    assert tab.evaluate("document.getElementById('send').disabled")
    for scheme in ("light", "dark"):
        tab.set_color_scheme(scheme)
        user.picture(f"choice-{scheme}")
        assert find_violations(tab, axe) == []
    tab.evaluate("document.querySelector('[name=answer][value=keep]').click()")
    tab.wait_until(f"{PRICE} === 'At most $0.07 for 2 images of 2 photos'")
    user.picture("choice-kept")
    user.send(2)
    page.finish()
    tab.wait_until(f"{NAMES}.length === 2")
    assert tab.evaluate(f"{CHOICE}.hidden")
    assert tab.evaluate("document.querySelectorAll('[name=answer]:checked').length") == 0
    assert len(page.world.provider.received_job_ids) == 2


def test_new_instructions_for_a_photo_replace_earlier_ones(user: PageUser) -> None:
    tab, page = user.tab, user.page
    user.drag("red.jpg")
    user.choose_background()
    user.send(1)
    page.finish()
    tab.wait_until(f"{NAMES}.length === 1")
    tab.evaluate("window.scrollTo(0, 0)")
    user.drag("red.jpg")
    tab.wait_until(f"{PRICE} === 'All photos are already in the bucket, and nothing would change.'")
    tab.evaluate("document.querySelectorAll('.idea')[1].click()")
    tab.wait_until(f"{PRICE}.startsWith('At most $0.06 for 1 image of 1 photo, about ')")
    assert tab.evaluate(f"{CHOICE}.hidden")
    tab.evaluate(SEND)
    tab.wait_until(f"{STAGES}.includes('1 uploaded')")
    page.finish()
    tab.wait_until(f"{NAMES}.length === 2")
    assert len(page.world.provider.received_job_ids) == 2
