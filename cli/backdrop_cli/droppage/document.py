"""The drop page itself: one HTML file with its style and its script, in the look of the before/after page."""

from collections.abc import Mapping
from functools import cache
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from backdrop.model.styles import PRESETS
from backdrop_cli.page.document import as_script_data, part

SHARED_STYLES = ("page.css", "tools.css", "card.css")
SHARED_SCRIPTS = ("compare.js", "card.js")
STYLES = ("layout.css", "photos.css", "swatches.css", "progress.css")
SCRIPTS = ("ask.js", "photos.js", "wish.js", "price.js", "send.js", "watch.js")
# What people ask for most, and how each looks from afar (its class in swatches.css).
PROMPTS = {
    "on a white marble table, soft morning light": "marble",
    "on warm sand, low evening sun": "sand",
    "on a wooden kitchen counter, a bright window behind": "wood",
    "in a mossy forest, light through the leaves": "forest",
    "in front of a plain light grey studio wall": "studio",
    "on a pastel pink podium, soft shadows": "podium",
    "on dark slate, a single lamp from the left": "slate",
    "by the sea, blue sky and a little haze": "sea",
}


def document(about: Mapping[str, Any], nonce: str) -> str:
    """The page as HTML; only what bears this nonce is run and used."""
    return Template(_own("page.html")).substitute(
        nonce=nonce,
        stack=escape(about["stack"]),
        style="\n".join([*map(part, SHARED_STYLES), *map(_own, STYLES)]),
        theme=part("theme.js"),
        script="\n".join([*map(part, SHARED_SCRIPTS), *map(_own, SCRIPTS)]),
        parts=part("parts.html"),
        prompts="\n".join(_prompt(words, look) for words, look in PROMPTS.items()),
        styles="\n".join(_style(preset) for preset in PRESETS),
        data=as_script_data(about),
    )


def _prompt(words: str, look: str) -> str:
    return (
        f'<button type="button" class="idea" data-prompt="{escape(words)}">'
        f'<span class="swatch {look}" aria-hidden="true"></span><span>{escape(words)}</span></button>'
    )


def _style(preset: str) -> str:
    return (
        f'<label class="style"><input type="radio" name="style" value="{preset}">'
        f'<span class="swatch s-{preset.lower()}" aria-hidden="true"></span><span>{spoken(preset)}</span></label>'
    )


def spoken(preset: str) -> str:
    """A preset's name as people say it: `golden hour`."""
    return preset.replace("_", " ").lower()


@cache
def _own(name: str) -> str:
    return files("backdrop_cli.droppage").joinpath("templates", name).read_text("utf-8")
