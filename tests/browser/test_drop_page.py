"""The drop page in a browser: photos dragged in, a wish picked, a price agreed to, and pictures beside their photos."""

import json
import os
from collections.abc import Generator
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from backdrop.model.codes import Code
from backdrop.model.provider_result import RetryClass
from simulation.world.call_behavior import build_refusal
from simulation.world.simulated_stack import World
from tests.browser.albums import painted
from tests.browser.chromium import Browser
from tests.browser.drop_page import Served, served
from tests.browser.test_gallery import rules_broken
from tests.corpus.files import heic

PICK = "document.querySelector('.idea').click()"
PRICE = "document.getElementById('price-said').textContent"
SENT = "document.getElementById('send').click()"
STAGES = "[...document.querySelectorAll('.stages li')].map((stage) => stage.textContent)"
NAMES = "[...document.querySelectorAll('#grid .name')].map((name) => name.textContent)"
NOTES = "[...document.querySelectorAll('.photo-note')].map((note) => note.textContent)"


class Colleague:
    """Somebody at the page who drags files onto it."""

    def __init__(self, tab: Browser, shop: Served, desk: Path) -> None:
        self.tab, self.shop, self.desk = tab, shop, desk

    def opens(self) -> None:
        self.tab.does("Page.navigate", url=self.shop.address)
        self.tab.until("document.readyState === 'complete' && Boolean(document.getElementById('zone'))")

    def drags(self, *names: str, **others: bytes) -> None:
        """Photos of their own, or a file of these bytes; a name's folders come along."""
        files = {name: painted(40 * n, (480, 360), cut_out=False) for n, name in enumerate(names)}
        files |= {f"{name}.jpg": data for name, data in others.items()}
        for name, data in files.items():
            (self.desk / name).parent.mkdir(parents=True, exist_ok=True)
            (self.desk / name).write_bytes(data)
        tops = sorted({name.split("/")[0] for name in files})
        data = {"items": [], "files": [str(self.desk / top) for top in tops], "dragOperationsMask": 1}
        box = self.tab.says("document.getElementById('zone').getBoundingClientRect().toJSON()")
        for kind in ("dragEnter", "dragOver", "drop"):
            self.tab.does("Input.dispatchDragEvent", type=kind, x=box["x"] + 40, y=box["y"] + 30, data=data)
        self.tab.until(f"document.querySelectorAll('.photo').length >= {min(len(files), 24)}")

    def asks(self) -> None:
        """Picks the first ready background; the price stands there."""
        self.tab.says(PICK)
        self.tab.until(f"{PRICE}.startsWith('At most')")

    def sends(self, photos: int) -> None:
        """Presses the button; all photos arrive."""
        self.tab.says(SENT)
        self.tab.until(f"document.querySelectorAll('.stage-list li').length === {photos}")
        self.tab.until(f"{STAGES}.every((stage) => !stage.includes('still to upload'))")

    def picture(self, name: str) -> None:
        """A picture of the page, where somebody wants to look at it."""
        if folder := os.environ.get("BACKDROP_SHOTS"):
            self.tab.picture(Path(folder) / f"{name}.png")


@pytest.fixture
def shop() -> Generator[Served]:
    with served(World()) as opened:
        yield opened


@pytest.fixture
def colleague(chromium: Browser, shop: Served, tmp_path: Path) -> Generator[Colleague]:
    """At the page in a wide window with light colors; no script may fail, nothing but page and bucket is asked."""
    chromium.thrown.clear()
    chromium.asked_for.clear()
    chromium.size(1280, 900)
    chromium.prefers("light")
    person = Colleague(chromium, shop, tmp_path)
    person.opens()
    yield person
    assert chromium.thrown == []
    ours = (shop.address, f"http://127.0.0.1:{shop.buckets.port}/", "blob:", "data:")
    assert [url for url in chromium.asked_for if not url.startswith(ours)] == []
    chromium.does("Page.navigate", url="about:blank")


def test_two_photos_are_dropped_priced_sent_and_come_back(colleague: Colleague) -> None:
    tab, shop = colleague.tab, colleague.shop
    colleague.drags("red.jpg", "shoes/blue one.jpg")
    assert tab.says("document.getElementById('send').disabled")
    colleague.asks()
    assert tab.says(PRICE) == "At most $0.12 for 2 images of 2 photos"
    assert shop.world.input_bucket.list_keys() == []
    colleague.sends(2)
    shop.finishes()
    tab.until(f"{NAMES}.length === 2")
    assert sorted(tab.says(NAMES)) == ["red.jpg", "shoes/blue one.jpg"]
    tab.until("[...document.querySelectorAll('#grid img')].every((image) => image.complete && image.naturalWidth > 0)")
    assert len(shop.world.provider.received_job_ids) == 2
    assert "$0.12 so far" in tab.says("document.querySelector('.drop-card .facts').textContent")
    assert len(shop.buckets.forms) == 2
    whole = f"http://127.0.0.1:{shop.buckets.port}/"
    assert not [url for url in tab.asked_for if url.startswith(whole) and "/shoes/" in url and ".png" in url]


def test_above_a_dollar_it_asks_first_and_no_means_no(colleague: Colleague) -> None:
    colleague.drags(*(f"{n}.jpg" for n in range(17)))
    colleague.asks()
    colleague.tab.says(SENT)
    assert "spend up to $1.02" in colleague.tab.says("document.getElementById('ask').innerText")
    colleague.tab.says("document.getElementById('ask-no').click()")
    assert colleague.shop.world.input_bucket.list_keys() == []
    colleague.tab.says(SENT)
    colleague.tab.says("document.getElementById('ask-yes').click()")
    colleague.tab.until(f"{STAGES}.join() === '17 uploaded'")
    assert len(colleague.shop.buckets.forms) == 17


def test_a_photo_that_the_browser_cannot_show_has_a_preview_and_comes_back_beside_its_picture(
    colleague: Colleague,
) -> None:
    colleague.drags(cup=heic(Image.open(BytesIO(painted(40, (480, 360), cut_out=False))).convert("RGB")))
    colleague.tab.until("document.querySelector('.photo img')?.naturalWidth === 480")
    colleague.asks()
    colleague.picture("drop-page-heic")
    colleague.sends(1)
    colleague.shop.finishes()
    colleague.tab.until(f"{NAMES}.length === 1")
    colleague.tab.until("document.querySelector('#grid .before')?.naturalWidth === 480")
    colleague.picture("drop-page-heic-back")
    assert colleague.tab.says("document.querySelectorAll('#grid .notes').length") == 0


def test_a_file_that_is_no_photo_stays_and_says_why(colleague: Colleague) -> None:
    colleague.drags("red.jpg", list=b"a list of shoes")
    colleague.asks()
    colleague.tab.until(f"{NOTES}.some((note) => note.includes('text that begins'))")
    assert "1 photo would be refused" in colleague.tab.says("document.getElementById('price-warnings').innerText")
    assert colleague.tab.says(PRICE) == "At most $0.06 for 1 image of 1 photo"


def test_the_same_photo_twice_is_taken_once(colleague: Colleague) -> None:
    colleague.drags("red.jpg")
    colleague.drags("red.jpg")
    colleague.tab.until("document.getElementById('chosen-said').textContent.includes('skipped')")
    assert colleague.tab.says("document.querySelectorAll('.photo').length") == 1


def test_an_upload_that_breaks_off_is_tried_again(colleague: Colleague) -> None:
    colleague.shop.buckets.broken = 1
    colleague.drags("red.jpg")
    colleague.asks()
    colleague.sends(1)
    assert len(colleague.shop.buckets.forms) == 2


def test_an_upload_that_fails_says_so_and_goes_when_somebody_tries_again(colleague: Colleague) -> None:
    colleague.shop.buckets.broken = 3
    colleague.drags("red.jpg")
    colleague.asks()
    colleague.tab.says(SENT)
    colleague.tab.until("document.querySelector('.left-here')?.innerText.includes('1 photo not uploaded')")
    colleague.tab.says("document.querySelector('.left-here button').click()")
    colleague.tab.until(f"{STAGES}.join() === '1 uploaded'")
    assert colleague.shop.world.input_bucket.list_keys()[-1].endswith("red.jpg.json")


def test_a_tab_that_is_closed_and_opened_again_shows_what_is_under_way(colleague: Colleague) -> None:
    tab, shop = colleague.tab, colleague.shop
    colleague.drags("red.jpg")
    colleague.asks()
    colleague.sends(1)
    tab.does("Page.navigate", url="about:blank")
    colleague.opens()
    tab.until(f"{STAGES}.join() === '1 uploaded'")
    shop.finishes()
    tab.until(f"{NAMES}.join() === 'red.jpg'")


def test_failures_of_one_kind_say_once_what_is_to_be_done(colleague: Colleague) -> None:
    colleague.shop.world.provider.script += [build_refusal(RetryClass.PERM, Code.UNSAFE_REQUEST)] * 2
    colleague.drags("red.jpg", "blue.jpg")
    colleague.asks()
    colleague.sends(2)
    colleague.shop.finishes()
    colleague.tab.until("document.querySelectorAll('#grid .trouble').length === 2")
    (told,) = colleague.tab.says("[...document.querySelectorAll('#advice li')].map((line) => line.innerText)")
    assert " ".join(told.split()) == "unsafe_request 2 problems Change the prompt or the photo."
    assert not colleague.tab.says("document.querySelector('#grid .hint')")


def test_what_stays_here_says_once_what_is_to_be_done(colleague: Colleague) -> None:
    colleague.drags("red.jpg", "blue.jpg")
    colleague.tab.says("document.querySelector('[name=kind][value=folder]').click()")
    colleague.tab.until("document.getElementById('price-warnings').innerText.includes('2 photos would be refused')")
    assert "2 photos: Choose a new background above, or no background." in colleague.tab.says(
        "document.getElementById('price-warnings').innerText"
    )
    assert not any("Choose a new" in note for note in colleague.tab.says(NOTES))


def test_names_in_any_script_are_shown_as_text_and_arrive_as_they_are(colleague: Colleague) -> None:
    names = ("сумка & 鞄 ü.jpg", "a${filename}b.jpg", "<img src=x onerror=alert(1)>.jpg")
    colleague.drags(*names)
    colleague.asks()
    colleague.sends(3)
    colleague.shop.finishes()
    colleague.tab.until(f"{NAMES}.length === 3")
    assert sorted(colleague.tab.says(NAMES)) == sorted(names)


def test_the_page_says_when_the_command_has_ended(colleague: Colleague, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(colleague.shop.page.api, "stack", None)
    colleague.tab.does(
        "Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0
    )
    try:
        colleague.drags("red.jpg")
        colleague.tab.says(PICK)
        colleague.tab.until("document.getElementById('price-error').textContent.includes('does not respond')")
    finally:
        colleague.tab.does(
            "Network.emulateNetworkConditions", offline=False, latency=0, downloadThroughput=-1, uploadThroughput=-1
        )


def test_all_is_reached_by_keyboard(colleague: Colleague) -> None:
    tab = colleague.tab
    colleague.drags("red.jpg")
    colleague.asks()
    tab.says("document.querySelector('[name=kind]').focus()")
    tab.press("ArrowRight")
    tab.until(f"{PRICE} === 'At most $0.01 for 1 image of 1 photo'")
    tab.says("document.querySelector('#chosen button').focus()")
    tab.press("Enter")
    tab.until("document.querySelectorAll('.photo').length === 0")
    assert tab.says("document.activeElement.id") == "choose"


@pytest.mark.parametrize("width", [1280, 390])
def test_no_rule_of_accessibility_is_broken_and_nothing_is_wider_than_the_window(
    colleague: Colleague, axe: str, width: int
) -> None:
    tab, shop = colleague.tab, colleague.shop
    tab.size(width, 900)

    def look(state: str) -> None:
        for scheme in ("light", "dark"):
            tab.prefers(scheme)
            colleague.picture(f"{state}-{width}-{scheme}")
            assert rules_broken(tab, axe) == [], (state, scheme)
            assert tab.says("document.documentElement.scrollWidth") <= width

    tab.says("document.documentElement.dataset.still = ''")
    look("empty")
    colleague.drags("red.jpg", "shoes/blue one.jpg", "summer/hat.jpg", list=b"a list of shoes")
    colleague.asks()
    look("priced")
    tab.says("document.getElementById('all-styles').click()")
    look("styles")
    tab.says("document.getElementById('all-styles').click()")
    shop.world.provider.script.append(build_refusal(RetryClass.PERM, Code.UNSAFE_REQUEST))
    colleague.sends(3)
    shop.lets(3)
    tab.says("document.querySelector('details').open = true")
    look("in-progress")
    shop.finishes()
    tab.until(f"{NAMES}.length === 3")
    tab.says("document.getElementById('results').scrollIntoView()")
    look("results")


def test_the_dialog_breaks_no_rule_either(colleague: Colleague, axe: str) -> None:
    colleague.drags(*(f"{n}.jpg" for n in range(17)))
    colleague.asks()
    colleague.tab.says(SENT)
    for scheme in ("light", "dark"):
        colleague.tab.prefers(scheme)
        assert rules_broken(colleague.tab, axe) == []
        colleague.picture(f"asks-{scheme}")
    assert json.loads(colleague.tab.says("JSON.stringify(document.activeElement.id)")) == "ask-no"


CHOICE = "document.getElementById('choice')"


def test_a_persons_instructions_are_a_choice_with_the_cost_of_each(colleague: Colleague, axe: str) -> None:
    tab, shop = colleague.tab, colleague.shop
    folder = tab.says("document.getElementById('folder').value")
    shop.world.upload_sidecar(f"{folder}/red.jpg", operation="remove")
    colleague.drags("red.jpg", "blue.jpg")
    tab.says(PICK)
    tab.until(f"!{CHOICE}.hidden")
    assert "A person wrote other instructions for 1 photo" in tab.says(f"{CHOICE}.innerText")
    assert "Replace them: at most $0.12 for 2 images" in tab.says(f"{CHOICE}.innerText")
    assert "Keep them: at most $0.07 for 2 images" in tab.says(f"{CHOICE}.innerText")
    assert tab.says("document.getElementById('send').disabled")
    for scheme in ("light", "dark"):
        tab.prefers(scheme)
        colleague.picture(f"choice-{scheme}")
        assert rules_broken(tab, axe) == []
    tab.says("document.querySelector('[name=answer][value=keep]').click()")
    tab.until(f"{PRICE} === 'At most $0.07 for 2 images of 2 photos'")
    colleague.picture("choice-kept")
    colleague.sends(2)
    shop.finishes()
    tab.until(f"{NAMES}.length === 2")
    assert tab.says(f"{CHOICE}.hidden")
    assert not tab.says("document.querySelector('[name=answer]:checked')")
    assert len(shop.world.provider.received_job_ids) == 2


def test_a_new_wish_for_the_same_photo_replaces_the_earlier_one(colleague: Colleague) -> None:
    tab, shop = colleague.tab, colleague.shop
    colleague.drags("red.jpg")
    colleague.asks()
    colleague.sends(1)
    shop.finishes()
    tab.until(f"{NAMES}.length === 1")
    tab.says("window.scrollTo(0, 0)")
    colleague.drags("red.jpg")
    tab.until(f"{PRICE} === 'All photos are already in the bucket, and nothing would change.'")
    tab.says("document.querySelectorAll('.idea')[1].click()")
    tab.until(f"{PRICE} === 'At most $0.06 for 1 image of 1 photo'")
    assert tab.says(f"{CHOICE}.hidden")
    tab.says(SENT)
    tab.until(f"{STAGES}.includes('1 uploaded')")
    shop.finishes()
    tab.until(f"{NAMES}.length === 2")
    assert len(shop.world.provider.received_job_ids) == 2
