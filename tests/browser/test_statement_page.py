"""A month's statement in a browser, opened from disk: on a phone, on paper, in both color schemes, and accessible."""

import os
from collections.abc import Generator
from datetime import timedelta
from pathlib import Path

import pytest

from backdrop.model.job import Job
from backdrop_cli.statement.statement_page import render_statement
from tests.browser.chromium import Browser
from tests.browser.test_gallery import BACKGROUND, find_violations
from tests.unit.ledger_items import build_job
from tests.unit.statement_ledger import NOVEMBER, SUBMITTED_AT, build_attempt, build_request, read_ledger

PROVIDERS = ("ideogram", "ideogram", "segmind", "1min", "runware")
LONG_NAME = f"hats/{'very-long-name-without-a-break' * 12}.jpg"


def build_ledger() -> list[Job]:
    jobs = [
        build_job(
            job_id=f"job-{n}",
            key=LONG_NAME if n == 7 else f"{('shoes', 'bags', 'autumn collection 2026')[n % 3]}/{n:03}.jpg",
            variant=("", "beach")[n % 2],
            attempts=(
                build_attempt(
                    provider=PROVIDERS[n % len(PROVIDERS)],
                    charged=37_500 + n * 1_000,
                    mandate=("", "anna", "studio-two")[n % 3] or None,
                ),
            ),
        )
        for n in range(60)
    ]
    lost = build_job(job_id="lost", key="shoes/lost.jpg", attempts=(build_attempt(unknown=60_000),))
    waiting = build_job(job_id="waiting", attempts=(build_attempt(reserved=60_000),))
    return [*jobs, lost, waiting]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("statement") / "statement.html"
    requests = [build_request(f"job-{n}", "summer-sale-20261119", SUBMITTED_AT) for n in range(0, 60, 4)]
    with read_ledger(*build_ledger(), *requests, now=NOVEMBER.end - timedelta(days=3)) as statement:
        path.write_text(render_statement(statement), "utf-8")
    return path


@pytest.fixture
def tab(chromium: Browser, page: Path) -> Generator[Browser]:
    """The statement. Fails if it loads anything else."""
    chromium.size(1280, 900)
    chromium.set_color_scheme("light")
    chromium.open(page)
    yield chromium
    assert chromium.errors == []
    assert [url for url in chromium.requested_urls if not url.startswith(("file:", "data:"))] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_statement_breaks_no_accessibility_rule(tab: Browser, axe: str, scheme: str, width: int) -> None:
    tab.size(width, 900)
    tab.set_color_scheme(scheme)
    assert find_violations(tab, axe) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 768, 1400])
def test_statement_fits_into_the_window(tab: Browser, width: int, scheme: str) -> None:
    tab.size(width, 900)
    tab.set_color_scheme(scheme)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    wide = (
        "[...document.querySelectorAll('main *')].filter((one) => one.getBoundingClientRect().right > innerWidth + 1)"
    )
    assert tab.evaluate(f"{wide}.map((one) => one.outerHTML.slice(0, 80))") == []
    if folder := os.environ.get("BACKDROP_SHOTS"):
        tab.size(width, 2600)
        tab.picture(Path(folder) / f"statement-{scheme}-{width}.png")


def test_statement_is_printed_dark_on_white(tab: Browser) -> None:
    tab.send_command(
        "Emulation.setEmulatedMedia", media="print", features=[{"name": "prefers-color-scheme", "value": "dark"}]
    )
    assert tab.evaluate(BACKGROUND) == "rgb(255, 255, 255)"
    assert tab.evaluate("getComputedStyle(document.body).color") == "rgb(27, 28, 30)"
    tab.send_command("Emulation.setEmulatedMedia", media="", features=[])


def test_statement_names_totals_open_charges_and_groups(tab: Browser) -> None:
    text = tab.evaluate("document.querySelector('main').innerText")
    assert "$4.02" in text
    assert "1 charge is unknown" in text
    assert "the month is not over" in text
    assert "1 call of this month has not ended. The totals do not contain its cost, at most $0.06." in text
    headings = tab.evaluate("[...document.querySelectorAll('h2')].map((one) => one.textContent)")
    assert headings == ["By provider", "By folder", "By campaign", "By mandate", "Unknown charges", "Charges"]
    assert tab.evaluate("document.querySelectorAll('.charges li').length") == 61
