"""The before/after page shows every picture, says who made it, and lets no text become markup."""

import re
from dataclasses import dataclass, field
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

from backdrop_cli.page import Album, write
from backdrop_cli.page.folder import file_name
from tests.unit.demo_scenes import NOON, PREFIX, receipt, report, result

NASTY = '"><script>alert(1)</script>&amp;'


@dataclass
class Bytes:
    """Serves each key's own name as its bytes, and counts how often it is asked."""

    asked: list[str] = field(default_factory=list[str])

    def photo(self, key: str) -> bytes:
        self.asked.append(key)
        return f"photo {key}".encode()

    def picture(self, key: str) -> bytes:
        self.asked.append(key)
        return f"picture {key}".encode()


class Reader(HTMLParser):
    """Collects what a browser would load and every tag that it would see."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [value for name, value in attrs if name in ("src", "href") and value]

    def handle_data(self, data: str) -> None:
        self.text += data


def album(**changes: object) -> Album:
    two = receipt("cup.jpg", result("out/cup.png"), result("out/cup_2.png", 2), usd=0.12, prompt="on the moon")
    cut = receipt("cut/cup.jpg", result("out/cut.png", has_alpha=True, seed=None), usd=0.01)
    known: dict[str, object] = {"receipts": [two, cut], "reports": [report("bad.jpg")], "prefix": PREFIX}
    return Album(**(known | changes))  # pyright: ignore[reportArgumentType]


def read(folder: Path, shown: Album) -> Reader:
    return Reader(write(folder, shown, Bytes()).read_text("utf-8"))


def test_every_picture_stands_beside_its_photo_in_the_folder(tmp_path: Path) -> None:
    page = read(tmp_path, album())
    local = [load for load in page.loads if load.startswith("pictures/")]
    files = {(tmp_path / load).read_text() for load in local}
    pictures = {"picture out/cup.png", "picture out/cup_2.png", "picture out/cut.png"}
    assert files == pictures | {f"photo {PREFIX}cup.jpg", f"photo {PREFIX}cut/cup.jpg"}
    assert page.tags.count("article") == 3 + 1


def test_the_page_needs_nothing_but_its_own_folder(tmp_path: Path) -> None:
    page = read(tmp_path, album())
    assert [load for load in page.loads if not (tmp_path / load).is_file()] == []
    assert not re.search(r"https?:|url\(", (tmp_path / "page.css").read_text() + (tmp_path / "page.js").read_text())


def test_prompt_style_cost_provider_and_seconds_stand_on_the_page(tmp_path: Path) -> None:
    styled = receipt("a.jpg", result("a.png"), prompt="at sea", style_preset="GOLDEN_HOUR")
    text = read(tmp_path, album(receipts=[styled])).text
    shown = ("at sea", "golden hour", "$0.06", "ideogram", "4.0 s", "Replace the file.", "not_a_photo")
    assert [words for words in shown if words not in text] == []


def test_no_text_from_outside_becomes_markup(tmp_path: Path) -> None:
    plain = read(tmp_path / "plain", album())
    told = receipt(
        f"{NASTY}.jpg", result(f"{NASTY}.png"), result(f"{NASTY}_2.png", 2), prompt=NASTY, style_codes=[NASTY]
    )
    told["jobs"][0]["warnings"] = [NASTY]
    bad = report(NASTY, message=NASTY, hint=NASTY, code=NASTY, money=NASTY)
    page = read(tmp_path / "nasty", album(receipts=[told], reports=[bad], credits=[NASTY]))
    assert page.tags.count("script") == plain.tags.count("script") == 1
    assert page.text.count(NASTY) >= 9


def test_a_stand_in_is_named_and_only_where_it_made_the_pictures(tmp_path: Path) -> None:
    assert "stand-in" in read(tmp_path / "one", album(standins={"ideogram"})).text
    assert "stand-in" not in read(tmp_path / "three", album(standins={"runware"})).text
    assert "stand-in" not in read(tmp_path / "two", album()).text


def test_the_way_of_a_photo_counts_from_its_upload_where_that_is_known() -> None:
    uploads = {f"{PREFIX}cup.jpg": NOON - timedelta(seconds=2)}
    assert [shot.seconds for shot in album(dropped_at=uploads).shots] == [6.0, 6.0, 4.0]


def test_jobs_that_are_not_current_are_not_shown() -> None:
    old = receipt("cup.jpg", result("old.png"))
    old["jobs"][0]["current"] = False
    assert album(receipts=[old]).shots == []


def test_each_file_is_asked_for_once(tmp_path: Path) -> None:
    files = Bytes()
    write(tmp_path, album(), files)
    assert len(files.asked) == len(set(files.asked)) == 5


def test_a_keys_copy_has_a_plain_name() -> None:
    assert file_name(3, "a/Ünï/../x +(1) & 100%.JPG") == "003-x-1-100.jpg"
    assert file_name(4, "a/….png") == "004-photo.png"


def test_one_photo_through_every_api_stands_side_by_side_above_the_rest(tmp_path: Path) -> None:
    one = receipt("five/ideogram.jpg", result("out/a.png"), prompt="by a window")
    other = receipt("five/runware.jpg", result("out/b.png"), prompt="by a window")
    other["jobs"][0]["provider"] = "runware"
    shown = album(
        receipts=[receipt("cup.jpg", result("out/cup.png")), one, other], together="five/", standins={"runware"}
    )
    html = write(tmp_path, shown, Bytes()).read_text("utf-8")
    together, rest = html.split('class="grid"')
    assert together.count('class="shot"') == 2
    assert rest.count('class="shot"') == 1
    assert "the stand-in for runware" in together
    assert "painted the pictures of runware" in together
