"""The upload page as one HTML file with its styles and scripts; it shares the look of the gallery."""

from collections.abc import Mapping
from html import escape
from string import Template
from typing import Any

from backdrop.model.marketplaces import list_marketplaces, load_marketplace
from backdrop.model.styles import STYLE_PRESETS
from backdrop_cli.formatting import format_style
from backdrop_cli.gallery.gallery_html import GALLERY_PACKAGE, encode_script_data, read_template
from backdrop_cli.instruction_options import PAGE_OPTIONS, InstructionOption
from backdrop_cli.served_pages.page_parts import join_scripts, join_styles

UPLOAD_PAGE_PACKAGE = "backdrop_cli.upload_page"
GALLERY_STYLES = ("page.css", "tools.css", "card.css")
GALLERY_SCRIPTS = ("compare.js", "card.js")
STYLES = ("layout.css", "photos.css", "swatches.css", "progress.css")
SCRIPTS = ("photos.js", "instructions.js", "price.js", "send.js", "watch.js")
# Common prompts, and the class of each one's swatch in swatches.css.
SUGGESTED_PROMPTS = {
    "on a white marble table, soft morning light": "marble",
    "on warm sand, low evening sun": "sand",
    "on a wooden kitchen counter, a bright window behind": "wood",
    "in a mossy forest, light through the leaves": "forest",
    "in front of a plain light gray studio wall": "studio",
    "on a pastel pink podium, soft shadows": "podium",
    "on dark slate, a single lamp from the left": "slate",
    "by the sea, blue sky and a little haze": "sea",
}
LABELED_CHOICES = {"--for": {name: load_marketplace(name).title for name in list_marketplaces()}}
"""Choices that people know by other names than the option's values, by the option."""


def render_upload_page(page_data: Mapping[str, Any], nonce: str) -> str:
    """Renders the page; the browser runs only scripts and styles with this nonce."""
    return Template(read_template(UPLOAD_PAGE_PACKAGE, "page.html")).substitute(
        nonce=nonce,
        stack=escape(page_data["stack"]),
        style=join_styles(GALLERY_STYLES, UPLOAD_PAGE_PACKAGE, STYLES),
        theme=read_template(GALLERY_PACKAGE, "theme.js"),
        script=join_scripts(GALLERY_SCRIPTS, UPLOAD_PAGE_PACKAGE, SCRIPTS),
        parts=read_template(GALLERY_PACKAGE, "parts.html"),
        prompts="\n".join(_render_prompt(words, look) for words, look in SUGGESTED_PROMPTS.items()),
        styles="\n".join(_render_style(preset) for preset in STYLE_PRESETS),
        options="\n".join(
            _render_option(one, LABELED_CHOICES.get(one.flag) or {value: value for value in one.page_choices})
            for one in PAGE_OPTIONS
        ),
        data=encode_script_data(page_data),
    )


def _render_prompt(prompt: str, swatch: str) -> str:
    return (
        f'<button type="button" class="idea" data-prompt="{escape(prompt)}">'
        f'<span class="swatch {swatch}" aria-hidden="true"></span><span>{escape(prompt)}</span></button>'
    )


def _render_style(preset: str) -> str:
    return (
        f'<label class="style"><input type="radio" name="style" value="{preset}">'
        f'<span class="swatch s-{preset.lower()}" aria-hidden="true"></span>'
        f"<span>{format_style({'style_preset': preset})}</span></label>"
    )


def _render_option(option: InstructionOption, choices: Mapping[str, str]) -> str:
    """`choices`: the values to choose from, each with its label."""
    label, mark = escape(option.page_label), f'data-option="{option.flag}"'
    condition = f' data-operation="{option.page_operation}"' if option.page_operation else ""
    if option.type is bool:
        return f'<label class="check"{condition}><input type="checkbox" {mark}><span>{label}</span></label>'
    if option.type is not str and option.page_example:
        example = escape(option.page_example)
        area = f'<textarea {mark} rows="3" placeholder="{example}" spellcheck="false"></textarea>'
        return f'<label class="field lines"{condition}><span>{label}</span>{area}</label>'
    if option.type is not str:
        boxes = "".join(
            f'<label class="check"><input type="checkbox" {mark} value="{escape(value)}">'
            f"<span>{escape(words)}</span></label>"
            for value, words in choices.items()
        )
        return f'<fieldset class="boxes"{condition}><legend>{label}</legend>{boxes}</fieldset>'
    list_id = f"choices-{option.flag.removeprefix('--')}"
    items = "".join(f'<option value="{escape(value)}">{escape(words)}</option>' for value, words in choices.items())
    field = (
        f'<input type="text" {mark} list="{list_id}" placeholder="{escape(option.page_example)}" spellcheck="false">'
        f'<datalist id="{list_id}">{items}</datalist>'
        if option.page_example
        else f'<select {mark}><option value="">default</option>{items}</select>'
    )
    return f'<label class="field"{condition}><span>{label}</span>{field}</label>'
