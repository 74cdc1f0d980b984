"""The texts in a picture's file, read with an XML parser and Pillow's own IPTC reader."""

import json
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, IptcImagePlugin
from PIL.ImageFile import ImageFile

from backdrop.imaging.formats.header import PhotoFormat
from backdrop.imaging.iptc import MAX_COPYRIGHT_BYTES, MAX_TITLE_BYTES
from backdrop.imaging.metadata import embed_picture_metadata
from backdrop.imaging.xmp import build_xmp_packet, is_own_picture
from backdrop.instructions.sources import parse_file
from backdrop.model.composition import PictureTexts
from tests.imaging.output_pictures import build_cut_out, encode_picture
from tests.imaging.test_provenance import read_properties

TEXTS = PictureTexts(alt="A <red> box & its lid", title="Schachtel, größer", copyright="© 2026 Example")
FORMATS: tuple[PhotoFormat, ...] = ("png", "jpeg", "webp")
DC, CORE = "http://purl.org/dc/elements/1.1/", "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/"


def embed(photo_format: PhotoFormat, texts: PictureTexts, operation: str | None = "remove") -> ImageFile:
    data = encode_picture(build_cut_out().convert("RGB"), photo_format)
    picture = Image.open(BytesIO(embed_picture_metadata(data, photo_format, operation, texts)))
    picture.load()
    return picture


def read_xmp(picture: Image.Image) -> bytes:
    packet = picture.info.get("xmp", b"")
    return packet if isinstance(packet, bytes) else packet.encode()


@pytest.mark.parametrize("photo_format", FORMATS)
def test_every_format_carries_the_texts_as_xmp(photo_format: PhotoFormat) -> None:
    packet = read_xmp(embed(photo_format, TEXTS))
    assert packet == build_xmp_packet("remove", TEXTS)
    values = {one for name, one in read_properties(packet).items() if name.endswith("|li")}
    assert values == {TEXTS.title + TEXTS.copyright + TEXTS.alt}
    for name in (b"dc:title", b"dc:rights", b"Iptc4xmpCore:AltTextAccessibility", b"DigitalSourceType"):
        assert packet.count(b"<" + name) == 1 or b":" + name in packet
    assert all(namespace.encode() in packet for namespace in (DC, CORE))


def test_jpeg_carries_title_and_copyright_as_iptc() -> None:
    found = IptcImagePlugin.getiptcinfo(embed("jpeg", TEXTS))
    assert found is not None
    assert found[1, 90] == b"\x1b%G"
    assert found[2, 5] == TEXTS.title.encode()
    assert found[2, 116] == TEXTS.copyright.encode()


def test_texts_do_not_need_the_mark_of_ai() -> None:
    packet = build_xmp_packet(None, TEXTS)
    assert b"DigitalSourceType" not in packet
    assert b"dc:title" in packet


@pytest.mark.parametrize("operation", ["replace", "remove", None])
@pytest.mark.parametrize("photo_format", FORMATS)
def test_every_picture_says_that_backdrop_made_it(photo_format: PhotoFormat, operation: str | None) -> None:
    """A picture that comes back as a photo is recognized by that, whatever it is named."""
    photo = encode_picture(build_cut_out().convert("RGB"), photo_format)
    picture = embed_picture_metadata(photo, photo_format, operation, PictureTexts())
    assert (is_own_picture(photo), is_own_picture(picture)) == (False, True)
    assert (b"DigitalSourceType" in picture) is bool(operation)


@pytest.mark.parametrize(
    ("xmp", "is_own"),
    [
        (b'<rdf:Description xmp:CreatorTool="Backdrop"/>', True),
        (b"<rdf:Description xmp:CreatorTool = 'Backdrop' />", True),
        (b"<xmp:CreatorTool>GIMP</xmp:CreatorTool><xmp:CreatorTool>Backdrop</xmp:CreatorTool>", True),
        (b"<xmp:CreatorTool>Backdrop Remover 3</xmp:CreatorTool>", False),
        (b"<dc:title>made with the CreatorTool Backdrop</dc:title>", False),
        (b"CreatorTool" * 3, False),
    ],
)
def test_tool_is_recognized_as_other_programs_write_it(xmp: bytes, is_own: bool) -> None:
    assert is_own_picture(b"\xff\xd8" + xmp) is is_own


@given(title=st.text(min_size=1, max_size=200), notice=st.text(min_size=1, max_size=500))
def test_long_texts_are_cut_in_iptc_at_a_whole_character(title: str, notice: str) -> None:
    source = parse_file("a.json", json.dumps({"title": title, "copyright": notice}).encode())
    if source.errors:
        return
    texts = PictureTexts(title=source.fields["title"], copyright=source.fields["copyright"])
    picture = embed("jpeg", texts)
    found = IptcImagePlugin.getiptcinfo(picture)
    assert found is not None
    for number, text, limit in ((5, texts.title, MAX_TITLE_BYTES), (116, texts.copyright, MAX_COPYRIGHT_BYTES)):
        data = found[2, number]
        assert isinstance(data, bytes)
        assert len(data) <= limit
        assert text.startswith(data.decode())
    read_properties(read_xmp(picture))
