"""What the users of the simulated world upload: photos and instructions, and what these mean."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from simulation.world.product_images import PHOTO_GROUNDS, build_product_photo
from simulation.world.sample_images import build_photo, build_rotated_photo

TWO_OUTPUTS = ({}, {"name": "web", "format": "webp"})
SNOW, BEACH = {"prompt": "in the snow"}, {"prompt": "on the beach"}
BOUGHT_MASK = {"mask": "buy"}
LOGO_KEY = "_backdrop/brand/logo.png"
FRAMES = {"square": {"frame": "1:1"}, "tall": {"frame": "4:5"}}
SKU, OTHER_SKU = {"sku": "4711"}, {"sku": "4712"}
NAMED, NAMED_IN_FOLDER = {"name_template": "{sku}.{ext}"}, {"name_template": "new/{sku}.{ext}"}


@dataclass(frozen=True)
class SampleInstructions:
    """Instructions in a sidecar, in folder defaults, or in a request, with the codes of the errors in them."""

    fields: Mapping[str, Any]
    error_codes: frozenset[str] = frozenset()

    @property
    def json_text(self) -> str:
        return json.dumps(self.fields)


def _valid(**fields: Any) -> SampleInstructions:
    return SampleInstructions(fields)


def _has_placeholder(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_has_placeholder, value.values()))
    return any(map(_has_placeholder, value)) if isinstance(value, list) else isinstance(value, str) and "{" in value


SAMPLES: Mapping[str, SampleInstructions] = {
    "cut": _valid(operation="remove"),
    "cut-dear": _valid(operation="remove", max_cost_usd=0.5),
    "cut-web": _valid(operation="remove", output=[*TWO_OUTPUTS]),
    "cut-small": _valid(operation="remove", output={"width": 12}),
    "marble": _valid(prompt="on a marble table"),
    "marble-web": _valid(prompt="on a marble table", output=[*TWO_OUTPUTS]),
    "sea": _valid(prompt="at sea", num_images=2),
    "snow": _valid(prompt="in the snow", num_images=3, rendering_speed="TURBO"),
    "sea-noted": _valid(prompt="at sea", num_images=2, metadata={"order": 7}),
    "marble-again": _valid(prompt="on a marble table", revision="2"),
    "seasons": _valid(variants={"snow": SNOW, "beach": BEACH}),
    "seasons-mild": _valid(variants={"snow": {"prompt": "in thawing snow"}, "beach": BEACH}),
    "seasons-web": _valid(variants={"snow": SNOW | {"output": [*TWO_OUTPUTS]}, "beach": BEACH}),
    "snow-only": _valid(variants={"snow": SNOW}),
    "snow-twice": _valid(variants={"snow": SNOW, "more-snow": SNOW}),
    "seasons-and-gold": _valid(variants={"snow": SNOW, "gold": {"prompt": "in gold", "max_cost_usd": 0.01}}),
    "turbo": _valid(rendering_speed="TURBO"),
    # Ideogram v2 has neither of these.
    "flash": _valid(prompt="at dawn", rendering_speed="FLASH"),
    "seeded": _valid(prompt="at dusk", seed=7),
    "stingy": _valid(prompt="in gold", max_cost_usd=0.01),
    "cut-listed": _valid(operation="remove", provider=["segmind", "ideogram"]),
    "marble-listed": _valid(prompt="on a marble table", provider=["ideogram", "runware", "segmind"]),
    "sea-listed": _valid(prompt="at sea", num_images=2, provider=["segmind", "runware", "ideogram"]),
    "snow-listed": _valid(
        prompt="in the snow", num_images=3, rendering_speed="TURBO", provider=["runware", "ideogram"]
    ),
    "marble-runware": _valid(prompt="on a marble table", provider="runware"),
    "marble-segmind": _valid(prompt="on a marble table", provider="segmind"),
    "sea-runware": _valid(prompt="at sea", num_images=2, provider="runware"),
    "removed-listed": _valid(operation="remove", provider=["runware", "ideogram"]),
    "removed-last": _valid(operation="remove", provider=["segmind", "ideogram", "runware"]),
    "removed-runware": _valid(operation="remove", provider="runware"),
    "removed-by-matting": _valid(operation="remove", provider=["ideogram", "runware"], model="birefnet-matting"),
    "removed-by-ideogram": _valid(operation="remove", provider=["runware", "ideogram"], model="ideogram"),
    "removed-nowhere": _valid(operation="remove", provider="ideogram", model="birefnet-matting"),
    "named": _valid(operation="remove", output=NAMED, metadata=SKU),
    "named-in-folder": _valid(operation="remove", output=NAMED_IN_FOLDER, metadata=SKU),
    "named-other": _valid(operation="remove", output=NAMED, metadata=OTHER_SKU),
    "named-web": _valid(operation="remove", output=[{}, NAMED | {"name": "web", "format": "webp"}], metadata=SKU),
    "named-marble": _valid(prompt="on a marble table", output=NAMED, metadata=SKU),
    "named-sea": _valid(prompt="at sea", num_images=2, output={"name_template": "{sku}_{n}.{ext}"}, metadata=SKU),
    "named-seasons": _valid(
        variants={"snow": SNOW, "beach": BEACH}, output={"name_template": "{sku}-{variant}.{ext}"}, metadata=SKU
    ),
    "variants-share-name": _valid(variants={"snow": SNOW, "beach": BEACH}, output=NAMED, metadata=SKU),
    "named-by-stem": _valid(operation="remove", output={"name_template": "{folder} {stem}.{ext}"}),
    "named-markets": _valid(
        operation="remove", output={"for": ["etsy", "shopify"], "name_template": "{sku}-{output}.{ext}"}, metadata=SKU
    ),
    "names": _valid(output=NAMED, metadata=SKU),
    "framed": _valid(prompt="on a marble table", frame="4:5"),
    "framed-cut": _valid(operation="remove", frame="4:5"),
    "frames": _valid(prompt="on a marble table", variants=FRAMES | {"wide": {"frame": "48x32"}}),
    "frames-by-ratio": _valid(prompt="on a marble table", variants=FRAMES | {"wide": {"frame": "3:2"}}),
    "frames-named": _valid(
        prompt="at sea", variants=FRAMES, output={"name_template": "{sku}-{variant}.{ext}"}, metadata=SKU
    ),
    "product": _valid(prompt="{product} in {season} light", metadata={"product": "a vase"}),
    "product-in-autumn": _valid(
        prompt="{product} in {season} light", metadata={"product": "a vase", "season": "autumn"}
    ),
    "winter": _valid(metadata={"season": "winter", "product": "a bag"}),
    "summer": _valid(metadata={"season": "summer"}),
    # Both marketplaces accept logos, so no combination with another sample is refused because of one.
    "markets": _valid(operation="remove", output={"for": ["etsy", "shopify"]}),
    "markets-of-marble": _valid(prompt="on a marble table", output=[{}, {"for": ["shopify", "etsy"]}]),
    "logo": _valid(operation="remove", logo={"image": LOGO_KEY}),
    "logo-at-top": _valid(operation="remove", logo={"image": LOGO_KEY, "position": "top"}),
    "logo-on-marble": _valid(prompt="on a marble table", logo={"image": LOGO_KEY}),
    "shadow": _valid(operation="remove", shadow={"type": "drop"}),
    "texts": _valid(operation="remove", alt="{sku} from the front", copyright="Shop", metadata=SKU),
    "retry": _valid(prompt="on grass", subject={"otherwise": "retry"}),
    "retry-thrice": _valid(prompt="on grass", subject={"otherwise": "retry", "retries": 3}),
    "retry-gently": _valid(prompt="on grass", subject={"otherwise": "retry", "min": 0.5}),
    "retry-two": _valid(prompt="on sand", num_images=2, subject={"otherwise": "retry", "retries": 2}),
    "retry-limited": _valid(prompt="on sand", max_cost_usd=0.12, subject={"otherwise": "retry", "retries": 3}),
    "no-retry": _valid(prompt="on grass", subject={"otherwise": "deliver"}),
    "masked": _valid(prompt="on slate", subject=BOUGHT_MASK),
    "masked-variants": _valid(
        variants={"slate": {"prompt": "on slate", "subject": BOUGHT_MASK}, "oak": {"prompt": "on oak"}}
    ),
    "masked-once": _valid(
        variants={name: {"prompt": f"on {name}", "subject": BOUGHT_MASK} for name in ("slate", "oak")}
    ),
    "masked-and-cut": _valid(
        variants={"slate": {"prompt": "on slate", "subject": BOUGHT_MASK}, "cut-out": {"operation": "remove"}}
    ),
    "masked-retry": _valid(prompt="on slate", subject=BOUGHT_MASK | {"otherwise": "retry", "retries": 2}),
    # The picture, its mask, and one retry.
    "masked-limited": _valid(
        prompt="on slate", max_cost_usd=0.14, subject=BOUGHT_MASK | {"otherwise": "retry", "retries": 3}
    ),
    "reviewed": _valid(prompt="on slate", approval="required"),
    "reviewed-two": _valid(prompt="on sand", num_images=2, approval="required"),
    "reviewed-web": _valid(prompt="on slate", approval="required", output=[*TWO_OUTPUTS]),
    "reviewed-cut": _valid(operation="remove", approval="required"),
    "reviewed-variants": _valid(
        approval="required", variants={"slate": {"prompt": "on slate"}, "cut-out": {"operation": "remove"}}
    ),
    "reviewed-own": _valid(prompt="on slate", approval="required", subject={"pixels": "own"}),
    "reviewed-masked": _valid(prompt="on slate", approval="required", subject=BOUGHT_MASK),
    "reviewed-retry": _valid(prompt="on grass", approval="required", subject={"otherwise": "retry"}),
    "not-reviewed": _valid(prompt="on slate", approval="none"),
    "doubted": _valid(prompt="on slate", subject={"otherwise": "review"}),
    "doubted-gently": _valid(prompt="on slate", subject={"otherwise": "review", "min": 0.5}),
    "doubted-two": _valid(prompt="on sand", num_images=2, subject={"otherwise": "review"}),
    "doubted-masked": _valid(prompt="on slate", subject=BOUGHT_MASK | {"otherwise": "review"}),
    "typo": SampleInstructions({"promt": "at sea"}, frozenset({"unknown_field"})),
    "no-json": SampleInstructions({}, frozenset({"sidecar_not_json"})),
}
SIMPLE_SAMPLES = ("cut", "marble", "sea", "snow")
PROVIDER_SAMPLES = {
    name: tuple(sample for sample in SAMPLES if sample.startswith(f"{name}-") and "provider" in SAMPLES[sample].fields)
    for name in SIMPLE_SAMPLES
}
"""For seeds with several lanes: the same instructions with one of the lanes, or with several in order of preference."""
REMOVAL_SAMPLES = tuple(sample for sample in SAMPLES if sample.startswith("removed-"))
EDITED_SAMPLES = (*SIMPLE_SAMPLES, "cut-dear", "sea-noted", "marble-again", "stingy", "typo", "no-json")
SEASON_SAMPLES = ("seasons", "seasons-mild", "seasons-web", "snow-only", "snow-twice", "seasons-and-gold")
COMPLEX_SAMPLES = ("cut-web", "cut-small", "marble-web", *SEASON_SAMPLES)
DEFAULTS_SAMPLES = ("cut", "marble", "marble-web", "seasons", "turbo")
BROKEN_SAMPLES = ("typo", "no-json")
CONTESTED_SAMPLES = ("named", "named", "named-web", "named-marble", "named-sea", "named-seasons", "named-markets")
"""The samples with which photos of one folder want the same names."""
NAMED_SAMPLES = (
    *CONTESTED_SAMPLES,
    "named-in-folder",
    "named-other",
    "variants-share-name",
    "named-by-stem",
    "frames-named",
)
FRAME_SAMPLES = ("framed", "framed-cut", "frames", "frames", "frames-by-ratio")
TEMPLATE_SAMPLES = ("product", "product", "product-in-autumn")
MARKETPLACE_SAMPLES = ("markets", "markets-of-marble", "named-markets")
COMPOSITION_SAMPLES = ("logo", "logo-at-top", "logo-on-marble", "shadow", "texts")
RETRY_SAMPLES = ("retry", "retry", "retry-thrice", "retry-thrice", "retry-gently", "retry-two", "retry-limited")
MASK_SAMPLES = ("masked", "masked-variants", "masked-once", "masked-and-cut", "masked-retry", "masked-limited")
APPROVAL_SAMPLES = (
    "reviewed",
    "reviewed-two",
    "reviewed-web",
    "reviewed-cut",
    "reviewed-variants",
    "reviewed-own",
    "reviewed-masked",
    "reviewed-retry",
    "doubted",
    "doubted-gently",
    "doubted-two",
    "doubted-masked",
)
FEATURE_DEFAULTS_SAMPLES = ("winter", "summer", "markets", "framed", "logo")
NAME_FOR_FOLDER = "names"
"""Folder defaults that give all pictures of a folder the same name."""
TEMPLATED_SAMPLES = frozenset(name for name, sample in SAMPLES.items() if _has_placeholder(sample.fields))
"""The samples whose texts or names have placeholders, so that what they mean depends on the photo's key."""
TAG_SAMPLES: Mapping[str, Mapping[str, str]] = {
    "cut": {"operation": "remove"},
    "marble": {"prompt": "on a marble table"},
    "foreign": {"team": "spring"},
    "": {},
}
PHOTO_NAMES = ("a", "b", "c", "d", "e")
PRODUCT_PHOTO_NAMES = (*PHOTO_GROUNDS,)
ROTATED_PHOTO_NAMES = frozenset({"b", "d"})
TEXT_FILE_NAME = "text"


def has_instructions(tags: Mapping[str, str]) -> bool:
    """Whether tags contain instructions."""
    return "operation" in tags or "prompt" in tags


@cache
def build_photo_file(name: str) -> bytes:
    """Returns the file of a photo, a text file for `TEXT_FILE_NAME`, or a photo of the product that can be compared."""
    if name in PRODUCT_PHOTO_NAMES:
        return build_product_photo(name)
    if name == TEXT_FILE_NAME:
        return b"this is no photo"
    return build_rotated_photo(name) if name in ROTATED_PHOTO_NAMES else build_photo(name)


def build_sidecar(name: str) -> bytes:
    return b"{not json" if name == "no-json" else SAMPLES[name].json_text.encode()


SAMPLE_NAME_BY_BYTES: Mapping[bytes, str] = {build_sidecar(name): name for name in SAMPLES}
"""The names of the samples, by the bytes of their files."""
