"""Writes docs/marketplaces.md from the marketplaces' data files: `make docs` (a test checks that it is current)."""

from pathlib import Path

from backdrop.imaging.measure import EDGE_PIXELS, MAX_STRAY_SHARE
from backdrop.model.marketplaces import Marketplace, MarketplaceRule, list_marketplaces, load_marketplace
from docs.tables import format_table

PAGE = Path(__file__).parent / "marketplaces.md"
MEASUREMENTS = {
    "longest_side": "The longer side, in pixels.",
    "shortest_side": "The shorter side, in pixels.",
    "megapixels": "Width times height, in millions of pixels.",
    "aspect_ratio": "Width divided by height; 1 is a square.",
    "bytes": "The size of the file, including its metadata.",
    "format": "The format of the file's bytes, not of its name.",
    "background": "The color of the background in sRGB. If its pixels differ, the range from the lowest to the highest "
    f"value of each channel, without the {MAX_STRAY_SHARE:.1%} at either end. `transparent` if any part of it is.",
    "subject_share": "The share of the width or height that the product's box fills, whichever is larger.",
    "whole_product": "`yes` if the product ends before the border of the photo and of the picture, `no` if one of them "
    "cuts it off. Only a matte shows this.",
    "ai_label": "The IPTC digital source type in the file's XMP, for pictures whose background AI made.",
}


def format_marketplace(marketplace: Marketplace) -> str:
    fields = ", ".join(f"`{name}` {_format_value(value)}" for name, value in marketplace.preset.items())
    rules = format_table(
        ("rule", "required", "source", "quality", "note"), [_format_rule(rule) for rule in marketplace.rules]
    )
    forbidden = "".join(
        f"\n\nA picture must not have an added {rule.rule} ([source]({rule.source}), {rule.quality}). Backdrop refuses "
        "such instructions before the purchase, and does not search pictures for it."
        for rule in marketplace.forbids
    )
    return f"""## {marketplace.title}

`"for": "{marketplace.name}"` makes a file with {fields}. Rules as of {marketplace.dated}:

{rules}{forbidden}"""


def _format_value(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _format_rule(rule: MarketplaceRule) -> tuple[str, ...]:
    operations = f" (operation {', '.join(rule.applies_to)})" if rule.applies_to else ""
    source = f"[read on {rule.read_on}]({rule.source})"
    return f"`{rule.rule}`{operations}", rule.requirement, source, rule.quality, rule.note


def build_page() -> str:
    measurements = format_table(
        ("rule", "what is measured"), [(f"`{rule}`", text) for rule, text in MEASUREMENTS.items()]
    )
    marketplaces = "\n\n".join(format_marketplace(load_marketplace(name)) for name in list_marketplaces())
    return f"""# Marketplaces and certificates

`make docs` writes this page from the code and its data files; do not edit it.

An output with `for` is made for a marketplace. One purchase makes one file for each marketplace that you name, and the
receipt has a certificate for each file.

```json
{{"operation": "remove", "output": {{"for": ["amazon-main", "ebay"]}}}}
```

**We promise measurements, not acceptance.** A certificate says what Backdrop measured in the file, and how that
compares with the rules below. A marketplace can check more, change its rules, or decide otherwise.

## How an output is made for a marketplace

Where the output does not set a field of its own, the marketplace's applies: its name, format, size, fit, background,
trim, margin (not with the fit `cover`), and limit of bytes (not for a PNG, whose quality cannot be reduced). If you set
only `width` or `height`, the other side keeps the marketplace's proportions. A field that breaks a rule is an error
before the purchase, including a `subject_size` that makes the product too small. With the fit `contain`, a file can be
too small because its photo is: `lint` and `quote` warn about it. Another error is operation `replace` where a
marketplace requires a certain background. A `shadow` darkens that background, so it is an error, too; so is a `logo`
where the marketplace accepts none. A shadow or logo from less specific instructions than the output's, such as the
defaults of a higher folder, is left out of the marketplace's file and is not an error.

## What a certificate says

Deliver decodes the finished file, with its metadata, and measures it. Each rule is `passed`, `failed`, or
`cannot_say`. A file that fails is delivered with the warning `certificate_failed`, because you paid for it and can
decide what to do. New outputs are free.

{measurements}

For a cut-out, the matte says where the product is. In any other picture, the product is what differs from the color
of the four corners, and `whole_product` is `cannot_say`. If the corners have different colors, `subject_share` is
`cannot_say`, too. A product without a matte that is nearly as light as its background is measured too small.

The background is everything that is more than {EDGE_PIXELS} pixels away from the product, or farther if the product was
enlarged. Nearer to it, scaling and a JPEG's blocks mix both colors.

## Measure pictures on your machine

[`backdrop check`](commands/check.md) measures any pictures, without a stack and free:

```sh
backdrop check done/ --for amazon-main --for ebay
```

If AI made the backgrounds, add `--ai-made`: otherwise, a missing `ai_label` is `cannot_say` instead of `failed`. The
command exits with 1 if a picture fails.

## The sources of the rules

Each rule names the page that it comes from. A `primary` source is the marketplace's own page; a `secondary` source is
another site that describes the rule, because we found no readable page of the marketplace. We read stored copies of
the pages, which can be older than the given date. Where a primary and a secondary source differ, the primary one
applies. The data files are in
[marketplace_rules](../layers/backdrop/backdrop/model/marketplace_rules).

{marketplaces}
"""


if __name__ == "__main__":
    PAGE.write_text(build_page())
