"""The review page in a browser: people decide with keys or buttons, and see what others decided and what failed."""

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from backdrop.model.job import JobStatus
from backdrop.model.review import ReviewDecision
from simulation.world.simulated_stack import OUTPUT_BUCKET, World
from simulation.world.transport import ServiceCall, build_client_error
from simulation.world.world_services import CALLER
from tests.browser.chromium import Browser
from tests.browser.review_world import WAITING_PHOTOS, WaitingPhoto, add_waiting_picture, build_review_world
from tests.browser.test_gallery import find_violations
from tests.browser.upload_page import ServedPage, serve_page
from tests.simulated.picture_decisions import REJECTED, send_decision

BLUEBELLS, ESPRESSO, GARDEN, ADMIRAL = (photo.key for photo in WAITING_PHOTOS)
WORST_FIRST = [ESPRESSO, GARDEN, ADMIRAL, BLUEBELLS]
BOB = '"bob@example.com" (claimed by shop.review-tool)'
MAY_APPROVE = "!document.getElementById('approve').disabled"
NAME = "document.getElementById('name').textContent"
PLACE = "document.querySelector('.where').textContent"
NOTICE = "document.getElementById('first').textContent"
MISSING = "document.getElementById('missing').textContent"
OUTCOME = "document.getElementById('outcome').textContent"
LAYERS = "document.querySelectorAll('#large-stage .changes').length"
NOTHING = "!document.getElementById('nothing').hidden"
TITLE = "document.getElementById('nothing-title').textContent"
DELAY_DECISION = """
const send = window.fetch;
window.fetch = async (path, ...rest) => {
  const answer = await send(path, ...rest);
  if (path === "waiting") window.isListed = true;
  if (path === "decide") await new Promise((resolve) => { window.finishDecision = resolve; });
  return answer;
};
"""
"""Lets the page wait for the answer to a decision that has arrived."""
FORCE_POLL = "document.dispatchEvent(new Event('visibilitychange'))"


class Reviewer:
    """A person at the review page."""

    def __init__(self, tab: Browser, page: ServedPage) -> None:
        self.tab, self.page, self.world = tab, page, page.world

    def open(self) -> None:
        self.tab.send_command("Page.navigate", url=f"{self.page.address}review")
        self.tab.wait_until("document.readyState === 'complete' && Boolean(document.getElementById('table'))")
        self.tab.wait_until(f"{NOTHING} === {TITLE}.startsWith('No picture')")

    def wait_for(self, key: str) -> None:
        """Waits until a picture can be decided."""
        self.tab.wait_until(f"{NAME} === '{key}' && {MAY_APPROVE}")

    def find_decision(self, key: str) -> tuple[ReviewDecision | None, str]:
        with self.page.buckets.locked():
            (review,) = [job for job in self.world.list_jobs(key) if job.reviews][-1].reviews
            return review.decision, review.decided_by

    def decide_elsewhere(self, key: str) -> None:
        """Lets another person reject a picture."""
        with self.page.buckets.locked():
            (job,) = [job for job in self.world.list_jobs(key) if job.status is JobStatus.REVIEW]
            send_decision(self.world, REJECTED, job, by="bob@example.com")
            self.world.run_until_empty()

    def picture(self, name: str) -> None:
        """Saves a screenshot of the page if BACKDROP_SHOTS names a folder."""
        if folder := os.environ.get("BACKDROP_SHOTS"):
            self.tab.picture(Path(folder) / f"{name}.png")


@pytest.fixture
def page() -> Generator[ServedPage]:
    with serve_page(build_review_world()) as served:
        yield served


@pytest.fixture
def reviewer(chromium: Browser, page: ServedPage) -> Generator[Reviewer]:
    """The page in a wide window with light colors. Fails if a script fails or requests anything but the page."""
    chromium.errors.clear()
    chromium.requested_urls.clear()
    chromium.size(1280, 900)
    chromium.set_color_scheme("light")
    person = Reviewer(chromium, page)
    person.open()
    yield person
    assert chromium.errors == []
    assert [url for url in chromium.requested_urls if not url.startswith((page.address, "data:"))] == []
    chromium.send_command("Page.navigate", url="about:blank")


# -- what people see ---------------------------------------------------------------------------------------------------


def test_worst_verdict_is_first_and_its_map_is_shown(reviewer: Reviewer) -> None:
    tab = reviewer.tab
    reviewer.wait_for(ESPRESSO)
    assert tab.evaluate(PLACE) == "1 of 4 waiting, stack shop"
    tab.wait_until(f"{LAYERS} === 2")
    text = tab.evaluate("document.querySelector('.side').innerText")
    for part in ("product changed", "on dark slate", "must be at least 0.9", "$0.075", "for 21 min", CALLER):
        assert part in text
    order = tab.evaluate("[...document.querySelectorAll('#strip button')].map((one) => one.ariaLabel.split(',')[0])")
    assert order == WORST_FIRST
    tab.press("c")
    assert tab.evaluate(LAYERS) == 0


@pytest.mark.parametrize("height", [900, 560])
def test_page_opens_at_its_top_and_moving_between_pictures_does_not_scroll_it(height: int, reviewer: Reviewer) -> None:
    tab = reviewer.tab
    tab.size(1280, height)
    reviewer.open()
    reviewer.wait_for(ESPRESSO)
    assert tab.evaluate("document.querySelector('.crown').getBoundingClientRect().top") == 0
    tab.press("j", times=3)
    reviewer.wait_for(BLUEBELLS)
    assert tab.evaluate("window.scrollY") == 0


@pytest.mark.parametrize("height", [720, 1000])
def test_everything_is_in_the_window_below_a_notice(height: int, reviewer: Reviewer) -> None:
    tab = reviewer.tab
    tab.size(1280, height)
    reviewer.open()
    reviewer.wait_for(ESPRESSO)
    words = "Stand-ins answer instead of providers. " * 5
    tab.evaluate(f"document.getElementById('standins').append('{words}')")
    tab.evaluate("document.getElementById('standins').hidden = false")
    reviewer.picture(f"notice-{height}")
    bottoms = tab.evaluate(
        "['#strip', '.fine'].map((one) => document.querySelector(one).getBoundingClientRect().bottom)"
    )
    assert max(bottoms) <= height
    assert tab.evaluate("document.documentElement.scrollHeight") == height


def test_controls_of_the_writing_direction_are_shown_as_escapes(reviewer: Reviewer) -> None:
    """They would show `exe.jpg` for a name that ends with `gpj.exe`."""
    tab = reviewer.tab
    reviewer.wait_for(ESPRESSO)
    fill = "(one) => { one.title = one.textContent = 'red\\u202egpj.exe \\u2066\\u05d0'; }"
    tab.evaluate(f"document.querySelectorAll('#name, #first').forEach({fill})")
    shown = ["red\\u202egpj.exe \\u2066\u05d0"] * 2
    assert tab.evaluate("['name', 'first'].map((one) => document.getElementById(one).textContent)") == shown
    assert tab.evaluate("['name', 'first'].map((one) => document.getElementById(one).title)") == shown
    tab.evaluate("document.getElementById('name').innerHTML = '<b>\\u202e</b>'")
    assert tab.evaluate(NAME) == "\\u202e"


def test_strip_scrolls_to_the_picture_that_is_shown(reviewer: Reviewer) -> None:
    tab = reviewer.tab
    tab.size(1000, 900)
    reviewer.wait_for(ESPRESSO)
    tab.evaluate("document.getElementById('strip').style.width = '120px'")
    tab.press("j", times=3)
    reviewer.wait_for(BLUEBELLS)
    inside = "(() => { const shown = document.querySelector('#strip [aria-current]').getBoundingClientRect(), "
    inside += "strip = document.getElementById('strip').getBoundingClientRect(); "
    inside += "return shown.left >= strip.left && shown.right <= strip.right; })()"
    assert tab.evaluate(inside)


def test_keys_move_between_pictures_without_deciding(reviewer: Reviewer) -> None:
    tab = reviewer.tab
    reviewer.wait_for(ESPRESSO)
    for key, name in (("j", GARDEN), ("ArrowRight", ADMIRAL), ("k", GARDEN), ("ArrowLeft", ESPRESSO), ("k", ESPRESSO)):
        tab.press(key)
        reviewer.wait_for(name)
    tab.press("j", times=9)
    reviewer.wait_for(BLUEBELLS)
    assert tab.evaluate(PLACE).startswith("4 of 4")
    assert all(reviewer.find_decision(key) == (None, "") for key in WORST_FIRST)


def test_arrow_keys_move_the_line_that_has_the_focus(reviewer: Reviewer) -> None:
    tab = reviewer.tab
    reviewer.wait_for(ESPRESSO)
    tab.evaluate("document.querySelector('.handle').focus()")
    tab.press("ArrowRight", times=3)
    assert tab.evaluate("document.querySelector('.handle').value") == "53"
    assert tab.evaluate(NAME) == ESPRESSO
    tab.press("j")
    reviewer.wait_for(GARDEN)


def test_held_key_shows_the_photo_as_it_was(reviewer: Reviewer) -> None:
    tab = reviewer.tab
    reviewer.wait_for(ESPRESSO)
    divider = "document.querySelector('.handle').value"
    tab.evaluate("document.dispatchEvent(new KeyboardEvent('keydown', {key: 'b', bubbles: true}))")
    assert tab.evaluate(divider) == "100"
    tab.evaluate("document.dispatchEvent(new KeyboardEvent('keyup', {key: 'b', bubbles: true}))")
    assert tab.evaluate(divider) == "50"


def test_full_size_is_loaded_only_after_zooming_in(reviewer: Reviewer) -> None:
    tab = reviewer.tab
    reviewer.wait_for(ESPRESSO)
    tab.press("c", times=2)
    assert not [url for url in tab.requested_urls if "/files/" in url]
    tab.press("+", times=2)
    tab.wait_until("document.querySelector('#large-stage .after').naturalWidth === 1000")
    assert len({url for url in tab.requested_urls if "/files/" in url}) == 2


# -- decisions ---------------------------------------------------------------------------------------------------------


def test_pictures_are_approved_and_rejected_with_keys_alone(reviewer: Reviewer) -> None:
    tab = reviewer.tab
    for key, decision in zip(WORST_FIRST, "raar", strict=True):
        reviewer.wait_for(key)
        tab.press(decision)
        tab.wait_until(f"{OUTCOME}.includes('{key}')")
    tab.wait_until(NOTHING)
    assert "You decided about 4 pictures." in tab.evaluate("document.getElementById('nothing').innerText")
    assert [reviewer.find_decision(key) for key in WORST_FIRST] == [
        (decision, CALLER)
        for decision in (
            ReviewDecision.REJECTED,
            ReviewDecision.APPROVED,
            ReviewDecision.APPROVED,
            ReviewDecision.REJECTED,
        )
    ]
    reviewer.page.finish()
    assert "cups/garden.jpg/garden.png" in reviewer.world.read_pictures()


def test_buttons_decide_like_keys(reviewer: Reviewer) -> None:
    for key, button in ((ESPRESSO, "reject"), (GARDEN, "approve")):
        reviewer.wait_for(key)
        reviewer.tab.evaluate(f"document.getElementById('{button}').click()")
    reviewer.wait_for(ADMIRAL)
    assert [reviewer.find_decision(key)[0] for key in (ESPRESSO, GARDEN)] == [
        ReviewDecision.REJECTED,
        ReviewDecision.APPROVED,
    ]


def test_held_key_decides_about_one_picture_only(reviewer: Reviewer) -> None:
    tab = reviewer.tab
    reviewer.wait_for(ESPRESSO)
    for is_repeat in (False, True):
        tab.evaluate(
            f"document.dispatchEvent(new KeyboardEvent('keydown', {{key: 'a', repeat: {str(is_repeat).lower()}}}))"
        )
        reviewer.wait_for(GARDEN)
    assert reviewer.find_decision(GARDEN)[0] is None


def test_keys_can_be_switched_off(reviewer: Reviewer) -> None:
    tab = reviewer.tab
    reviewer.wait_for(ESPRESSO)
    tab.press("?")
    tab.wait_until("document.getElementById('keys-dialog').open")
    tab.press("a")
    tab.evaluate("document.getElementById('keys-on').click(); document.getElementById('keys-close').click()")
    tab.press("j")
    tab.press("a")
    assert (tab.evaluate(NAME), reviewer.find_decision(ESPRESSO)[0]) == (ESPRESSO, None)
    reviewer.open()
    reviewer.wait_for(ESPRESSO)
    tab.press("j")
    assert tab.evaluate(NAME) == ESPRESSO


# -- other people ------------------------------------------------------------------------------------------------------


def test_earlier_decision_of_another_person_counts_and_is_shown(reviewer: Reviewer) -> None:
    tab = reviewer.tab
    reviewer.wait_for(ESPRESSO)
    reviewer.decide_elsewhere(ESPRESSO)
    tab.press("a")
    tab.wait_until(f"{NOTICE}.includes('was rejected by {BOB} on 2026-11-20')")
    reviewer.wait_for(GARDEN)
    assert "not recorded" in tab.evaluate(NOTICE)
    assert tab.evaluate(PLACE).startswith("1 of 3")
    reviewer.picture("review-conflict")
    assert reviewer.find_decision(ESPRESSO) == (ReviewDecision.REJECTED, "bob@example.com")
    tab.press("a")
    reviewer.wait_for(ADMIRAL)
    assert tab.evaluate(NOTICE) == ""


def test_picture_that_another_person_decides_leaves_the_page(reviewer: Reviewer) -> None:
    reviewer.wait_for(ESPRESSO)
    reviewer.decide_elsewhere(ESPRESSO)
    reviewer.tab.evaluate(FORCE_POLL)
    reviewer.wait_for(GARDEN)
    assert f"was rejected by {BOB}" in reviewer.tab.evaluate(NOTICE)


def test_persons_own_decision_is_not_shown_as_that_of_another_person(reviewer: Reviewer) -> None:
    tab = reviewer.tab
    reviewer.wait_for(ESPRESSO)
    tab.press("j")
    reviewer.wait_for(GARDEN)
    tab.evaluate(DELAY_DECISION)
    tab.press("a")
    tab.wait_until("Boolean(window.finishDecision)")
    tab.evaluate(FORCE_POLL)
    tab.wait_until("window.isListed")
    tab.evaluate("new Promise((resolve) => { setTimeout(resolve, 500); })")
    assert (tab.evaluate(NAME), tab.evaluate(NOTICE)) == (GARDEN, "")
    tab.evaluate("window.finishDecision()")
    reviewer.wait_for(ADMIRAL)
    assert tab.evaluate(NOTICE) == ""
    assert tab.evaluate(OUTCOME) == f"✓ Approved: {GARDEN}."


def test_earlier_decision_about_the_last_picture_is_shown_until_the_next_one_appears(reviewer: Reviewer) -> None:
    tab = reviewer.tab
    for key in WORST_FIRST[1:]:
        reviewer.decide_elsewhere(key)
    tab.evaluate(FORCE_POLL)
    tab.wait_until(f"{PLACE}.startsWith('1 of 1')")
    reviewer.wait_for(ESPRESSO)
    reviewer.decide_elsewhere(ESPRESSO)
    tab.press("a")
    tab.wait_until(NOTHING)
    for _ in range(2):
        words = tab.evaluate("document.getElementById('nothing-words').innerText")
        assert "not recorded" in words
        assert f"was rejected by {BOB}" in words
        tab.evaluate(FORCE_POLL)
    with reviewer.page.buckets.locked():
        add_waiting_picture(reviewer.world, WaitingPhoto("cups/new.jpg", "campaign/cup.jpg", "on sand"))
    tab.evaluate(FORCE_POLL)
    reviewer.wait_for("cups/new.jpg")
    assert tab.evaluate(NOTICE) == ""


def test_new_picture_appears_without_reloading(reviewer: Reviewer) -> None:
    reviewer.wait_for(ESPRESSO)
    worst = WaitingPhoto("cups/new.jpg", "marketplace/cup.jpg", "on dark slate, at night", damage=1)
    with reviewer.page.buckets.locked():
        add_waiting_picture(reviewer.world, worst)
    reviewer.tab.evaluate(FORCE_POLL)
    reviewer.tab.wait_until(f"{PLACE}.includes('of 5')")
    assert reviewer.tab.evaluate(NAME) == ESPRESSO


# -- errors ------------------------------------------------------------------------------------------------------------


def refuse_calls(reviewer: Reviewer, code: str) -> None:
    """Lets DynamoDB refuse all calls until the world's faults are cleared."""

    def refuse(call: ServiceCall) -> None:
        if call.service == "dynamodb":
            raise build_client_error(code, call.operation, 400)

    with reviewer.page.buckets.locked():
        reviewer.world.transport.permanent_faults.append(refuse)


def test_decision_with_expired_credentials_is_not_lost(reviewer: Reviewer) -> None:
    tab = reviewer.tab
    reviewer.wait_for(ESPRESSO)
    refuse_calls(reviewer, "ExpiredToken")
    tab.press("a")
    tab.wait_until(f"{MISSING}.includes('your AWS credentials have expired')")
    reviewer.picture("review-expired")
    assert "decide again" in tab.evaluate(MISSING)
    assert (tab.evaluate(NAME), tab.evaluate(MAY_APPROVE)) == (ESPRESSO, True)
    with reviewer.page.buckets.locked():
        reviewer.world.transport.permanent_faults.clear()
    tab.press("a")
    reviewer.wait_for(GARDEN)
    assert reviewer.find_decision(ESPRESSO)[0] is ReviewDecision.APPROVED
    assert tab.evaluate(MISSING) == ""


def test_list_that_cannot_be_read_says_so_and_recovers(reviewer: Reviewer) -> None:
    tab, trouble = reviewer.tab, "document.getElementById('trouble').textContent"
    reviewer.wait_for(ESPRESSO)
    refuse_calls(reviewer, "AccessDeniedException")
    tab.evaluate(FORCE_POLL)
    tab.wait_until(f"{trouble}.includes('do not allow')")
    with reviewer.page.buckets.locked():
        reviewer.world.transport.permanent_faults.clear()
    tab.evaluate(FORCE_POLL)
    tab.wait_until(f"{trouble} === ''")
    assert tab.evaluate(PLACE).startswith("1 of 4")


def test_picture_whose_file_was_replaced_can_only_be_rejected(chromium: Browser) -> None:
    world = build_review_world(WAITING_PHOTOS[:1])
    (job,) = [job for job in world.list_jobs() if job.reviews]
    world.s3.upload(OUTPUT_BUCKET, job.reviews[0].key, b"another file")
    with serve_page(world) as page:
        chromium.size(1280, 900)
        reviewer = Reviewer(chromium, page)
        reviewer.open()
        chromium.wait_until(f"{NAME} === '{BLUEBELLS}' && {MISSING}.includes('no longer in the bucket')")
        reviewer.picture("review-gone")
        chromium.press("a")
        assert not chromium.evaluate(MAY_APPROVE)
        chromium.press("r")
        chromium.wait_until(NOTHING)
        assert reviewer.find_decision(BLUEBELLS)[0] is ReviewDecision.REJECTED
        chromium.send_command("Page.navigate", url="about:blank")


# -- redo --------------------------------------------------------------------------------------------------------------


def type_prompt(tab: Browser, prompt: str) -> None:
    field = "document.getElementById('redo-prompt')"
    tab.evaluate(f"{field}.value = ''; {field}.focus()")
    tab.type_text(prompt)


def test_redo_shows_the_price_before_it_buys(reviewer: Reviewer) -> None:
    tab = reviewer.tab
    reviewer.wait_for(ESPRESSO)
    tab.press("p")
    tab.wait_until("document.getElementById('redo-dialog').open")
    type_prompt(tab, "on warm sand, raj")
    tab.wait_until("document.getElementById('redo-send').textContent === 'Redo for at most $0.075'")
    assert tab.evaluate("document.getElementById('redo-price').textContent") == (
        "The new picture costs at most $0.075. This discards 1 picture bought before: 1 waiting for approval."
    )
    assert reviewer.find_decision(ESPRESSO)[0] is None
    tab.evaluate("document.getElementById('redo-send').click()")
    reviewer.wait_for(GARDEN)
    assert "Redone: cups/espresso.jpg" in tab.evaluate(OUTCOME)
    reviewer.page.finish()
    tab.evaluate(FORCE_POLL)
    tab.wait_until(f"{PLACE}.includes('of 4')")
    with reviewer.page.buckets.locked():
        statuses = {job.instructions["prompt"]: job.status for job in reviewer.world.list_jobs(ESPRESSO) if job.reviews}
    assert statuses["on warm sand, raj"] is JobStatus.REVIEW


def test_redo_that_changes_nothing_says_so(reviewer: Reviewer) -> None:
    tab = reviewer.tab
    reviewer.wait_for(ESPRESSO)
    tab.press("p")
    tab.wait_until("document.getElementById('redo-dialog').open")
    type_prompt(tab, WAITING_PHOTOS[1].prompt)
    tab.wait_until("document.getElementById('redo-problem').textContent.includes('already has these instructions')")
    assert tab.evaluate("document.getElementById('redo-send').disabled")
    tab.press("Escape")
    assert tab.evaluate(NAME) == ESPRESSO


# -- many pictures, and the look ---------------------------------------------------------------------------------------


def test_thousands_of_pictures_load_only_the_ones_in_view(chromium: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    world = build_review_world(WAITING_PHOTOS[:1])
    with serve_page(world) as page:
        waiting = page.page.api_methods["waiting"]

        def list_many(request: Any) -> Any:
            (one,) = waiting(request)["pictures"]
            others = [one | {"job_id": f"{n:064x}", "name": f"many/{n}.jpg"} for n in range(5000)]
            return {"pictures": [one, *others]}

        monkeypatch.setitem(page.page.api_methods, "waiting", list_many)
        chromium.size(1280, 900)
        reviewer = Reviewer(chromium, page)
        reviewer.open()
        reviewer.wait_for(BLUEBELLS)
        assert chromium.evaluate(PLACE).startswith("1 of 5,001")
        assert chromium.evaluate("document.querySelectorAll('img').length") < 20
        chromium.send_command("Page.navigate", url="about:blank")


def show_in_every_look(reviewer: Reviewer, name: str) -> Iterator[None]:
    """Shows the page wide and narrow, light and dark, and takes a picture of each. Fails if it exceeds the window."""
    for width in (1280, 390, 320):
        reviewer.tab.size(width, 844)
        for scheme in ("light", "dark"):
            reviewer.tab.set_color_scheme(scheme)
            reviewer.picture(f"{name}-{width}-{scheme}")
            assert reviewer.tab.evaluate("document.documentElement.scrollWidth") <= width
            yield


def test_page_is_accessible_and_fits_every_window(reviewer: Reviewer, axe: str) -> None:
    reviewer.wait_for(ESPRESSO)
    for _ in show_in_every_look(reviewer, "review"):
        assert find_violations(reviewer.tab, axe) == []


@pytest.mark.parametrize(("key", "dialog"), [("?", "keys-dialog"), ("p", "redo-dialog")])
def test_dialogs_are_accessible_and_fit_every_window(reviewer: Reviewer, axe: str, key: str, dialog: str) -> None:
    reviewer.wait_for(ESPRESSO)
    reviewer.tab.press(key)
    reviewer.tab.wait_until(f"document.getElementById('{dialog}').open")
    for _ in show_in_every_look(reviewer, dialog):
        assert find_violations(reviewer.tab, axe) == []


def test_empty_page_is_accessible_and_leads_to_the_upload_page(chromium: Browser, axe: str) -> None:
    with serve_page(World()) as page:
        reviewer = Reviewer(chromium, page)
        reviewer.open()
        assert (
            chromium.evaluate("document.getElementById('nothing-title').textContent") == "No picture waits for approval"
        )
        for _ in show_in_every_look(reviewer, "review-empty"):
            assert find_violations(chromium, axe) == []
        links = "[...document.querySelectorAll('.pages a')].map((link) => link.href)"
        assert chromium.evaluate(links) == [page.address, f"{page.address}review"]
        chromium.send_command("Page.navigate", url=page.address)
        chromium.wait_until("document.readyState === 'complete' && Boolean(document.getElementById('zone'))")
        assert chromium.evaluate(links) == [page.address, f"{page.address}review"]
        chromium.send_command("Page.navigate", url="about:blank")
