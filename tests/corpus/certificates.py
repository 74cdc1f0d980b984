"""Pictures for marketplaces: compliant ones, and ones with one planted violation of a rule."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from io import BytesIO
from struct import pack
from typing import Any, NamedTuple
from zlib import crc32

from PIL import Image, ImageDraw

from backdrop.imaging.metadata import embed_xmp
from backdrop.imaging.output import PaidPicture
from backdrop.imaging.sniff import sniff_file
from backdrop.imaging.subject import Subject
from backdrop.imaging.verify import verify_result
from backdrop.imaging.xmp import SOURCE_TYPES, build_xmp_packet
from backdrop.model.output_spec import OutputSpec, expand_output

type Picture = Image.Image
type Painter = Callable[[ImageDraw.ImageDraw, tuple[float, float, float, float]], None]

WHITE = "#ffffff"
SHARE = 0.88
SIZES: Mapping[str, tuple[int, int]] = {
    "amazon-main": (1000, 1000),
    "ebay": (500, 400),
    "etsy": (800, 635),
    "google-merchant": (700, 500),
    "shopify": (600, 600),
    "walmart": (1500, 1500),
}
"""A small size that each marketplace accepts."""
BYTE_LIMITS: Mapping[str, int] = {
    "amazon-main": 10_000_000,
    "ebay": 12_000_000,
    "etsy": 10_000_000,
    "google-merchant": 16_000_000,
    "shopify": 20_000_000,
    "walmart": 5_000_000,
}


class DrawnFile(NamedTuple):
    """A file; `subject` is set if it is an output of a cut-out."""

    data: bytes
    subject: Subject | None = None


@dataclass(frozen=True)
class CertificateCase:
    """A file, the marketplace by whose rules it is measured, and the rule that it breaks; empty for a compliant file.

    `draw` makes the file, when its test runs: every pytest worker collects all cases. `operation`: how it was made,
    None if unknown.
    """

    name: str
    marketplace: str
    rule: str
    draw: Callable[[], DrawnFile] = field(repr=False)
    operation: str | None = None


# -- drawing -------------------------------------------------------------------------------------------------------


def _paint_ellipse(draw: ImageDraw.ImageDraw, box: tuple[float, float, float, float]) -> None:
    draw.ellipse(box, fill=(170, 40, 50))


def _paint_box(draw: ImageDraw.ImageDraw, box: tuple[float, float, float, float]) -> None:
    draw.rectangle(box, fill=(30, 60, 140))


def _paint_pale_cup(draw: ImageDraw.ImageDraw, box: tuple[float, float, float, float]) -> None:
    draw.rounded_rectangle(box, radius=40, fill=(240, 236, 228), outline=(190, 180, 170), width=4)


def _paint_tall_bottle(draw: ImageDraw.ImageDraw, box: tuple[float, float, float, float]) -> None:
    left, top, right, bottom = box
    middle, width = (left + right) / 2, (right - left) / 5
    draw.rectangle((middle - width / 3, top, middle + width / 3, bottom), fill=(20, 80, 40))
    draw.rounded_rectangle((middle - width, top + (bottom - top) / 3, middle + width, bottom), 30, fill=(20, 80, 40))


def _paint_checked_cloth(draw: ImageDraw.ImageDraw, box: tuple[float, float, float, float]) -> None:
    left, top, right, bottom = map(int, box)
    draw.rectangle(box, fill=(250, 250, 250), outline=(60, 60, 60), width=3)
    for x in range(left, right - 20, 40):
        for y in range(top + x % 80 // 2, bottom - 20, 40):
            draw.rectangle((x, y, x + 20, y + 20), fill=(120, 20, 90))


PAINTERS: Mapping[str, Painter] = {
    "ellipse": _paint_ellipse,
    "box": _paint_box,
    "pale cup": _paint_pale_cup,
    "tall bottle": _paint_tall_bottle,
    "checked cloth": _paint_checked_cloth,
}


def draw_product(
    size: tuple[int, int], painter: str = "ellipse", *, background: str = WHITE, share: float = SHARE
) -> Picture:
    """Draws a product that fills this share of the frame."""
    picture = Image.new("RGB", size, background)
    paint_product(picture, painter, share)
    return picture


def paint_product(picture: Picture, painter: str = "ellipse", share: float = SHARE) -> None:
    left, top = picture.width * (1 - share) / 2, picture.height * (1 - share) / 2
    box = left, top, picture.width - left - 1, picture.height - top - 1
    PAINTERS[painter](ImageDraw.Draw(picture), box)


def encode(picture: Picture, kind: str = "JPEG", **options: Any) -> bytes:
    file = BytesIO()
    picture.save(file, kind, **({"quality": 90} if kind in ("JPEG", "WEBP") else {}) | options)
    return file.getvalue()


def draw_file(
    size: tuple[int, int],
    painter: str = "ellipse",
    kind: str = "JPEG",
    *,
    background: str = WHITE,
    share: float = SHARE,
    **options: Any,
) -> DrawnFile:
    """Draws a product and encodes the picture."""
    return DrawnFile(encode(draw_product(size, painter, background=background, share=share), kind, **options))


def draw_padded_file(size: tuple[int, int], kind: str, length: int) -> DrawnFile:
    return DrawnFile(pad_file(draw_file(size, kind=kind).data, length))


def draw_labeled_file(kind: str, source_type: str) -> DrawnFile:
    return DrawnFile(label_file(draw_file((700, 500), kind=kind).data, source_type))


def pad_file(data: bytes, length: int) -> bytes:
    """Adds metadata to a JPEG or PNG until it has this length or slightly more."""
    missing = length - len(data)
    if data.startswith(b"\x89PNG"):
        chunk = b"zzZz" + bytes(max(missing - 12, 0))
        return data[:33] + pack(">I", len(chunk) - 4) + chunk + pack(">I", crc32(chunk)) + data[33:]
    comment = b"\xff\xfe" + pack(">H", 65_000) + bytes(64_998)
    return data[:2] + comment * (missing // len(comment) + 1) + data[2:]


def label_file(data: bytes, source_type: str) -> bytes:
    """Embeds an XMP packet with this IPTC digital source type."""
    packet = build_xmp_packet("replace")
    ours = SOURCE_TYPES["replace"].rpartition("/")[2].encode()
    return embed_xmp(data, sniff_file(data).format or "jpeg", packet.replace(ours, source_type.encode()))


@cache
def draw_cut_out(box: tuple[int, int, int, int], painter: str = "ellipse") -> bytes:
    """Draws a cut-out of 900 × 700 pixels; the parts of the box outside it are cut off."""
    matte, colors = Image.new("L", (900, 700)), Image.new("RGB", (900, 700), "white")
    PAINTERS[painter](ImageDraw.Draw(colors), box)
    ImageDraw.Draw(matte).ellipse(box, fill=255)
    colors.putalpha(matte)
    return encode(colors, "PNG")


@cache
def draw_tiny_cut_out() -> bytes:
    with Image.open(BytesIO(draw_cut_out(WHOLE_BOX))) as opened:
        return encode(opened.resize((64, 50), Image.Resampling.LANCZOS), "PNG")


@cache
def draw_hazy_cut_out() -> bytes:
    """Draws a cut-out with a trace of its old background."""
    with Image.open(BytesIO(draw_cut_out(WHOLE_BOX))) as opened:
        matte = opened.getchannel("A").point(lambda value: max(value, 8))
    hazy = Image.new("RGB", matte.size, (90, 60, 40))
    hazy.putalpha(matte)
    return encode(hazy, "PNG")


def build_certified_output(
    name: str, marketplace: str, rule: str, cut_out: Callable[[], bytes], **fields: Any
) -> CertificateCase:
    """Builds the marketplace's output of a cut-out."""
    (output,) = expand_output({"for": marketplace, **fields})
    return CertificateCase(name, marketplace, rule, partial(_build_output, cut_out, output), "remove")


def _build_output(draw: Callable[[], bytes], output: OutputSpec) -> DrawnFile:
    cut_out = draw()
    paid = PaidPicture(cut_out, verify_result(cut_out, expect_alpha=False, max_megapixels=10))
    built = paid.build_output(output, lambda data: data)
    return DrawnFile(built.data, built.subject)


# -- compliant pictures --------------------------------------------------------------------------------------------

FORMATS: Mapping[str, tuple[str, ...]] = {
    "amazon-main": ("JPEG", "PNG", "TIFF"),
    "ebay": ("JPEG", "PNG", "WEBP"),
    "etsy": ("JPEG", "PNG", "GIF"),
    "google-merchant": ("JPEG", "PNG", "WEBP"),
    "shopify": ("JPEG", "PNG", "GIF"),
    "walmart": ("JPEG", "PNG"),
}


def list_compliant_cases() -> Iterator[CertificateCase]:
    for marketplace, size in SIZES.items():
        for kind in FORMATS[marketplace]:
            for painter in PAINTERS:
                yield CertificateCase(f"{painter} as {kind}", marketplace, "", partial(draw_file, size, painter, kind))
        yield CertificateCase("low quality", marketplace, "", partial(draw_file, size, quality=60))
        yield CertificateCase(
            "as many bytes as allowed", marketplace, "", partial(_draw_largest_file, size, BYTE_LIMITS[marketplace])
        )
        for painter in PAINTERS:
            yield build_certified_output(
                f"output of a {painter}", marketplace, "", partial(draw_cut_out, WHOLE_BOX, painter)
            )
    for marketplace in ("amazon-main", "walmart"):
        yield build_certified_output("enlarged 50 times", marketplace, "", draw_tiny_cut_out)
    labeled = partial(draw_labeled_file, "JPEG", "trainedAlgorithmicMedia")
    yield CertificateCase("labeled", "google-merchant", "", labeled, "replace")
    yield CertificateCase(
        "a camera's label", "google-merchant", "", partial(draw_labeled_file, "JPEG", "digitalCapture")
    )


def _draw_largest_file(size: tuple[int, int], limit: int) -> DrawnFile:
    return DrawnFile(draw_padded_file(size, "PNG", limit).data[:limit])


# -- planted violations --------------------------------------------------------------------------------------------

WRONG_SIZES: Mapping[tuple[str, str], tuple[tuple[int, int], ...]] = {
    ("amazon-main", "longest_side"): ((999, 999), (500, 999), (999, 640), (160, 160), (10_001, 60), (60, 10_001)),
    ("ebay", "longest_side"): ((499, 499), (300, 499), (499, 120), (64, 64)),
    ("etsy", "shortest_side"): ((634, 634), (634, 2000), (2000, 634), (500, 500)),
    ("google-merchant", "shortest_side"): ((499, 499), (499, 1500), (1500, 499), (100, 100)),
    ("walmart", "shortest_side"): ((1499, 1499), (1200, 1200), (600, 600), (100, 100)),
    ("walmart", "aspect_ratio"): ((2000, 1500), (1500, 2000), (2200, 2199), (1600, 1500)),
    ("shopify", "megapixels"): ((4473, 4473), (5000, 4100), (2600, 8000)),
}
WRONG_BACKGROUNDS = (
    *("#fefefe", "#fdfdfd", "#fafafa", "#f5f5f5", "#fffff0", "#fff8f0", "#eeeeee", "#c0c0c0", "#808080"),
    *("#d0e0f0", "#3060a0", "#000000"),
)
WRONG_FORMATS: Mapping[str, tuple[str, ...]] = {
    "amazon-main": ("WEBP", "BMP", "AVIF"),
    "etsy": ("WEBP", "BMP", "TIFF"),
    "google-merchant": ("AVIF",),
    "shopify": ("WEBP", "BMP", "TIFF"),
    "walmart": ("WEBP", "GIF", "TIFF"),
}
WHOLE_BOX = (150, 80, 750, 620)
CUT_OFF_BOXES: Mapping[str, tuple[int, int, int, int]] = {
    "left": (-200, 80, 600, 620),
    "top": (150, -200, 750, 500),
    "right": (300, 80, 1100, 620),
    "bottom": (150, 200, 750, 900),
}


@cache
def list_violations() -> tuple[CertificateCase, ...]:
    return (
        *_list_wrong_sizes(),
        *_list_wrong_files(),
        *_list_wrong_backgrounds(),
        *_list_wrong_products(),
        *_list_wrong_labels(),
    )


def _list_wrong_sizes() -> Iterator[CertificateCase]:
    for (marketplace, rule), sizes in WRONG_SIZES.items():
        for size in sizes:
            yield CertificateCase(f"{size[0]} × {size[1]}", marketplace, rule, partial(draw_file, size))
    yield CertificateCase("65 megapixels", "google-merchant", "megapixels", _draw_large_file)


def _draw_large_file() -> DrawnFile:
    gray = Image.new("L", (8_100, 8_000), 255)
    gray.paste(90, (500, 500, 7_600, 7_500))
    return DrawnFile(encode(gray, "PNG"))


def _list_wrong_files() -> Iterator[CertificateCase]:
    for marketplace, limit in BYTE_LIMITS.items():
        for kind in ("JPEG", "PNG"):
            padded = partial(draw_padded_file, SIZES[marketplace], kind, limit + 1)
            yield CertificateCase(f"{kind} of more than {limit:,} bytes", marketplace, "bytes", padded)
    for marketplace, kinds in WRONG_FORMATS.items():
        for kind in kinds:
            yield CertificateCase(kind, marketplace, "format", partial(draw_file, SIZES[marketplace], kind=kind))


def _list_wrong_backgrounds() -> Iterator[CertificateCase]:
    for marketplace in ("amazon-main", "walmart"):
        size = SIZES[marketplace]
        painters: dict[str, Callable[[tuple[int, int]], Picture]] = {
            color: partial(draw_product, background=color) for color in WRONG_BACKGROUNDS
        }
        painters |= {"gradient": _draw_gradient, "soft shadow": _draw_soft_shadow, "stripe": _draw_stripe}
        painters["room"] = _draw_room
        for name, paint in painters.items():
            yield CertificateCase(f"{name} in a JPEG", marketplace, "background", partial(_encode_painted, paint, size))
        for name in ("#fefefe", "gradient", "soft shadow"):
            painted = partial(_encode_painted, painters[name], size, "PNG")
            yield CertificateCase(f"{name} in a PNG", marketplace, "background", painted)
        yield build_certified_output("haze of a cut-out", marketplace, "background", draw_hazy_cut_out, trim=False)
        yield build_certified_output(
            "transparent",
            marketplace,
            "background",
            partial(draw_cut_out, WHOLE_BOX),
            format="png",
            background=None,
        )


def _encode_painted(
    paint: Callable[[tuple[int, int]], Picture], size: tuple[int, int], kind: str = "JPEG"
) -> DrawnFile:
    return DrawnFile(encode(paint(size), kind))


def _draw_room(size: tuple[int, int]) -> Picture:
    return Image.effect_noise(size, 90).convert("RGB")


def _draw_gradient(size: tuple[int, int]) -> Picture:
    """Draws a background from white to light gray."""
    shade = Image.linear_gradient("L").resize(size).point(lambda value: 255 - value // 32)
    picture = Image.merge("RGB", [shade] * 3)
    paint_product(picture)
    return picture


def _draw_soft_shadow(size: tuple[int, int]) -> Picture:
    """Draws a shadow that is too light to count as a part of the product."""
    picture = Image.new("RGB", size, WHITE)
    ImageDraw.Draw(picture).rectangle((0, size[1] * 0.8, size[0], size[1]), fill=(248, 248, 248))
    paint_product(picture)
    return picture


def _draw_stripe(size: tuple[int, int]) -> Picture:
    """Draws a light stripe along the upper edge, such as a scanner leaves."""
    picture = draw_product(size)
    ImageDraw.Draw(picture).rectangle((0, 0, size[0], 12), fill=(250, 250, 250))
    return picture


def _list_wrong_products() -> Iterator[CertificateCase]:
    for share in (0.84, 0.8, 0.7, 0.5, 0.25, 0.1):
        for painter in ("ellipse", "box", "checked cloth"):
            kind = "PNG" if painter == "box" else "JPEG"
            drawn = partial(draw_file, (1200, 1200), painter, kind, share=share)
            yield CertificateCase(f"{painter} of {share:.0%}", "amazon-main", "subject_share", drawn)
    yield CertificateCase("nothing but white", "amazon-main", "subject_share", _draw_white_file)
    for side, box in CUT_OFF_BOXES.items():
        cut_off = partial(draw_cut_out, box)
        for marketplace in ("amazon-main", "google-merchant"):
            yield build_certified_output(f"cut off at the {side}", marketplace, "whole_product", cut_off)
        yield CertificateCase(
            f"transparent, cut off at the {side}", "google-merchant", "whole_product", partial(_draw_cut_out_file, box)
        )
    for width, height in ((1500, 600), (600, 1500)):
        yield build_certified_output(
            f"cropped to {width} × {height}",
            "google-merchant",
            "whole_product",
            partial(draw_cut_out, WHOLE_BOX),
            fit="cover",
            width=width,
            height=height,
        )


def _draw_white_file() -> DrawnFile:
    return DrawnFile(encode(Image.new("RGB", (1000, 1000), WHITE)))


def _draw_cut_out_file(box: tuple[int, int, int, int]) -> DrawnFile:
    return DrawnFile(draw_cut_out(box))


def _list_wrong_labels() -> Iterator[CertificateCase]:
    for kind in ("JPEG", "PNG", "WEBP"):
        unlabeled = partial(draw_file, (700, 500), kind=kind)
        yield CertificateCase(f"{kind} without a label", "google-merchant", "ai_label", unlabeled, "replace")
        for source_type in ("digitalCapture", "algorithmicallyEnhanced"):
            labeled = partial(draw_labeled_file, kind, source_type)
            yield CertificateCase(f"{kind} labeled {source_type}", "google-merchant", "ai_label", labeled, "replace")
