"""The styles and scripts that all served pages share with one another and with the gallery."""

from collections.abc import Iterable

from backdrop_cli.gallery.gallery_html import GALLERY_PACKAGE, join_templates

SERVED_PAGES_PACKAGE = "backdrop_cli.served_pages"


def join_styles(gallery_names: Iterable[str], package: str, names: Iterable[str]) -> str:
    """Returns styles of the gallery, those of all served pages, and a page's own ones, as one text."""
    return _join_parts(gallery_names, "pages.css", package, names)


def join_scripts(gallery_names: Iterable[str], package: str, names: Iterable[str]) -> str:
    return _join_parts(gallery_names, "ask.js", package, names)


def _join_parts(gallery_names: Iterable[str], shared_name: str, package: str, names: Iterable[str]) -> str:
    return "\n".join(
        (
            join_templates(GALLERY_PACKAGE, gallery_names),
            join_templates(SERVED_PAGES_PACKAGE, [shared_name]),
            join_templates(package, names),
        )
    )
