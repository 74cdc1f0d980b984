"""The site of the documentation, opened from disk: it searches, draws diagrams, and loads nothing from elsewhere."""

from collections.abc import Generator

import pytest

from docs.make_site import SITE
from tests.browser.chromium import Browser


@pytest.fixture
def site(chromium: Browser) -> Generator[Browser]:
    """A window for the site; no page of it may load anything from another server, and no script may fail."""
    assert SITE.is_dir(), "make site"
    chromium.thrown.clear()
    chromium.asked_for.clear()
    chromium.size(1280, 900)
    yield chromium
    assert chromium.thrown == []
    assert [url for url in chromium.asked_for if not url.startswith(("file:", "blob:", "data:"))] == []


def test_search_finds_a_page_without_a_server(site: Browser) -> None:
    site.opens(SITE / "index.html")
    site.says("document.querySelector('.md-search__button').click()")
    site.until("document.activeElement.shadowRoot?.activeElement?.matches('input')")
    site.types("charge_unknown")
    site.until("document.activeElement.shadowRoot.querySelector('a[href*=\"troubleshooting.html\"]')")


def test_diagrams_are_drawn_by_the_script_of_the_site(site: Browser) -> None:
    site.opens(SITE / "docs/architecture.html")
    site.until("document.querySelectorAll('pre.mermaid').length === 0")
    assert site.says("document.querySelectorAll('div.mermaid').length") == 3
    assert site.says("Math.min(...[...document.querySelectorAll('div.mermaid')].map((one) => one.offsetHeight))") > 100
