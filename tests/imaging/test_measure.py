"""What is measured in a file: pixels in strips, large JPEGs at a reduced size, and labels in any serialization."""

from io import BytesIO
from typing import Any

import pytest
from PIL import Image, ImageDraw

from backdrop.imaging.color import srgb_profile_bytes
from backdrop.imaging.measure import TRANSPARENT, measure_file
from backdrop.imaging.metadata import embed_xmp
from backdrop.model.codes import Code
from backdrop.model.errors import PhotoError

LABELS = {
    "element": b"<Iptc4xmpExt:DigitalSourceType>http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
    b"</Iptc4xmpExt:DigitalSourceType>",
    "attribute": b'Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"',
    "resource": b"<Iptc4xmpExt:DigitalSourceType rdf:resource="
    b'"https://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"/>',
}


def draw(size: tuple[int, int] = (640, 600), background: Any = "#ffffff", mode: str = "RGB") -> Image.Image:
    """Draws a box that fills half of each side."""
    picture = Image.new(mode, size, background)
    width, height = size
    color = (90, 30, 60, 255) if mode == "RGBA" else (90, 30, 60)
    ImageDraw.Draw(picture).rectangle((width // 4, height // 4, width * 3 // 4 - 1, height * 3 // 4 - 1), fill=color)
    return picture


def encode(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("picture", "kind", "file_format"),
    [
        (draw(), "PNG", "png"),
        (draw(), "JPEG", "jpg"),
        (draw(), "WEBP", "webp"),
        (draw().convert("P"), "GIF", "gif"),
        (draw().convert("P"), "PNG", "png"),
        (draw().convert("L"), "JPEG", "jpg"),
        (draw().convert("CMYK"), "JPEG", "jpg"),
        (draw().convert("CMYK"), "TIFF", "tiff"),
        (draw(), "BMP", "bmp"),
        (draw((640, 600), (255, 255, 255, 255), "RGBA"), "PNG", "png"),
    ],
)
def test_every_format_and_mode_is_measured_alike(picture: Image.Image, kind: str, file_format: str) -> None:
    measured = measure_file(encode(picture, kind))
    assert (measured["longest_side"], measured["shortest_side"], measured["format"]) == (640, 600, file_format)
    assert measured["background"] == "#ffffff"
    assert measured["subject_share"] == pytest.approx(0.5, abs=0.03)
    assert measured["whole_product"] is None


def test_large_jpeg_is_measured_at_a_reduced_size() -> None:
    measured = measure_file(encode(draw((5000, 4000), "#fdfdfd"), "JPEG", quality=90))
    assert (measured["longest_side"], measured["megapixels"], measured["aspect_ratio"]) == (5000, 20.0, 1.25)
    assert measured["background"] == "#fdfdfd"
    assert measured["subject_share"] == pytest.approx(0.5, abs=0.01)


def test_transparent_picture_shows_its_own_product() -> None:
    picture = draw((640, 600), (0, 0, 0, 0), "RGBA")
    measured = measure_file(encode(picture))
    assert (measured["background"], measured["subject_share"], measured["whole_product"]) == (TRANSPARENT, 0.5, "yes")
    picture.paste((90, 30, 60, 255), (0, 300, 320, 310))
    assert measure_file(encode(picture))["whole_product"] == "no"


def test_few_stray_pixels_do_not_change_the_background() -> None:
    picture = draw()
    picture.paste("#e0e0e0", (5, 5, 15, 15))
    assert measure_file(encode(picture))["background"] == "#ffffff"
    picture.paste("#f8f8f8", (0, 580, 640, 590))
    assert measure_file(encode(picture))["background"] == "#f8f8f8 to #ffffff"


def test_scene_has_no_product_that_can_be_measured() -> None:
    measured = measure_file(encode(Image.linear_gradient("L").convert("RGB").rotate(90).resize((640, 600))))
    assert measured["subject_share"] is None
    assert measured["background"] != "#ffffff"


def test_product_that_fills_the_picture_leaves_the_corners_as_background() -> None:
    picture = Image.new("RGB", (640, 600), "#ffffff")
    ImageDraw.Draw(picture).polygon([(320, 0), (639, 300), (320, 599), (0, 300)], fill="#802040")
    measured = measure_file(encode(picture))
    assert (measured["subject_share"], measured["background"]) == (1.0, "#ffffff")


def test_color_profile_is_applied_before_measuring() -> None:
    measured = measure_file(encode(draw(background="#f0f8ff"), icc_profile=srgb_profile_bytes()))
    assert measured["background"] == "#f0f8ff"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("label", LABELS.values(), ids=LABELS)
def test_label_is_read_in_any_serialization(label: bytes, kind: str) -> None:
    packet = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description ' + label + b"/></x:xmpmeta>"
    photo_format = {"JPEG": "jpeg", "PNG": "png", "WEBP": "webp"}[kind]
    data = embed_xmp(encode(draw(), kind), photo_format, packet)  # pyrefly: ignore[bad-argument-type] - one of the three
    assert measure_file(data)["ai_label"] == "trainedAlgorithmicMedia"


def test_missing_label_counts_only_for_a_generated_background() -> None:
    data = encode(draw())
    assert measure_file(data)["ai_label"] is None
    assert measure_file(data, operation="remove")["ai_label"] is None
    assert measure_file(data, operation="replace")["ai_label"] == "none"


def test_picture_above_the_limit_is_not_decoded() -> None:
    with pytest.raises(PhotoError) as caught:
        measure_file(encode(Image.new("1", (2000, 1001))), max_megapixels=2)
    assert caught.value.code is Code.TOO_MANY_PIXELS


def test_truncated_picture_is_reported() -> None:
    with pytest.raises(PhotoError) as caught:
        measure_file(encode(draw(), "JPEG")[:-500])
    assert caught.value.code is Code.TRUNCATED_PHOTO
