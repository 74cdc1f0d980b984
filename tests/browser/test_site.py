"""The documentation site, opened from disk: its search and diagrams work, and it loads nothing from a server."""

from collections.abc import Generator

import pytest

from docs.make_site import SITE
from tests.browser.chromium import Browser


@pytest.fixture
def site(chromium: Browser) -> Generator[Browser]:
    """A window for the site. Fails if a page loads anything from a server, or a script fails."""
    assert SITE.is_dir(), "make site"
    chromium.size(1280, 900)
    yield chromium
    assert chromium.errors == []
    assert [url for url in chromium.requested_urls if not url.startswith(("file:", "blob:", "data:"))] == []


def test_search_finds_a_page_without_a_server(site: Browser) -> None:
    site.open(SITE / "index.html")
    site.evaluate("document.querySelector('.md-search__button').click()")
    site.wait_until("document.activeElement.shadowRoot?.activeElement?.matches('input')")
    site.type_text("too_many_pixels")
    site.wait_until("document.activeElement.shadowRoot.querySelector('a[href*=\"troubleshooting.html\"]')")


def test_diagrams_are_drawn_by_the_sites_script(site: Browser) -> None:
    site.open(SITE / "docs/architecture.html")
    site.wait_until("document.querySelectorAll('pre.mermaid').length === 0")
    assert site.evaluate("document.querySelectorAll('div.mermaid').length") == 3
    assert (
        site.evaluate(
            "Math.min(...[...document.querySelectorAll('div.mermaid')].map((diagram) => diagram.offsetHeight))"
        )
        > 100
    )
