"""The review page as one HTML file with its styles and scripts; it shares the stage and the look of the gallery."""

from collections.abc import Mapping
from html import escape
from string import Template
from typing import Any

from backdrop_cli.gallery.gallery_html import GALLERY_PACKAGE, encode_script_data, read_template
from backdrop_cli.served_pages.page_parts import join_scripts, join_styles

REVIEW_PAGE_PACKAGE = "backdrop_cli.review_page"
GALLERY_STYLES = ("page.css", "tools.css", "card.css", "large.css")
GALLERY_SCRIPTS = ("compare.js", "card.js", "stage.js", "zoom.js", "changes.js", "facts.js")
STYLES = ("review.css",)
SCRIPTS = ("picture.js", "queue.js", "decide.js", "redo.js", "keys.js")


def render_review_page(page_data: Mapping[str, Any], nonce: str) -> str:
    """Renders the page; the browser runs only scripts and styles with this nonce."""
    return Template(read_template(REVIEW_PAGE_PACKAGE, "page.html")).substitute(
        nonce=nonce,
        stack=escape(page_data["stack"]),
        style=join_styles(GALLERY_STYLES, REVIEW_PAGE_PACKAGE, STYLES),
        theme=read_template(GALLERY_PACKAGE, "theme.js"),
        script=join_scripts(GALLERY_SCRIPTS, REVIEW_PAGE_PACKAGE, SCRIPTS),
        stage=read_template(GALLERY_PACKAGE, "stage.html"),
        parts=read_template(GALLERY_PACKAGE, "parts.html"),
        data=encode_script_data(page_data),
    )
