"""What a file states about its picture is read by us, and what does not concern the picture is never in the way."""

import io
import struct
from collections.abc import Sequence

import numpy as np
import pillow_heif
import pytest
import tifffile
from PIL import Image

from backdrop.imaging.measure import measure_file
from backdrop.imaging.metadata import strip_photo_metadata
from backdrop.imaging.prepare import PreparedPhoto, load_upright_photo, prepare_photo, read_photo_size
from backdrop.model.capabilities import PHOTO_LIMITS
from backdrop.model.codes import Code
from backdrop.model.errors import PhotoError
from tests.corpus.files import bmp, exif, saved, tiff_head
from tests.corpus.scene import Pixels, laid_down, scene, with_alpha
from tests.imaging.metadata_photos import riff, segment
from tests.imaging.photos import chunk, raw_png, with_chunk

PNG, JPEG, WEBP = (saved(scene(), kind) for kind in ("png", "jpeg", "webp"))
IGNORED = ["profile:ignored"]


def prepare(data: bytes) -> PreparedPhoto:
    return prepare_photo(data, PHOTO_LIMITS, 50)


def list_changes(data: bytes) -> list[str]:
    return [str(change) for change in prepare(data).changes if not str(change).startswith("reencoded")]


def read_refusal(data: bytes) -> Code:
    with pytest.raises(PhotoError) as caught:
        prepare(data)
    return caught.value.code


def read_pixels(data: bytes) -> Pixels:
    return np.asarray(load_upright_photo(data, 50))


# -- broken parts that are removed anyway ---------------------------------------------------------------------------

WRONG_SUM = b"\0\0\0\0"


def with_late_chunk(name: bytes, payload: bytes) -> bytes:
    """Inserts a chunk after the pixels of a PNG."""
    return PNG[:-12] + chunk(name, payload) + PNG[-12:]


def with_riff(*chunks: bytes) -> bytes:
    """Builds an extended WebP with these chunks after its picture."""
    body = b"WEBP" + riff((b"VP8X", bytes(4) + b"\x5f\0\0\x3f\0\0")) + WEBP[12:] + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


BROKEN_METADATA = {
    **{
        f"png-{name.decode()}-with-a-wrong-checksum": (PNG[:33] + chunk(name, bytes(9))[:-4] + WRONG_SUM + PNG[33:], [])
        for name in (b"tEXt", b"eXIf", b"caBX", b"zTXt", b"prVt")
    },
    "png-late-text-with-a-wrong-checksum": (PNG[:-12] + chunk(b"iTXt", b"")[:-4] + WRONG_SUM + PNG[-12:], []),
    "png-zTXt-of-an-unknown-compression": (with_chunk(PNG, b"zTXt", b"k\0\x53abc"), []),
    "png-iCCP-of-an-unknown-compression": (with_chunk(PNG, b"iCCP", b"n\0\x05abc"), IGNORED),
    "png-iCCP-without-bytes": (with_chunk(PNG, b"iCCP", b""), IGNORED),
    "png-iCCP-with-a-wrong-checksum": (PNG[:33] + chunk(b"iCCP", b"n\0\0")[:-4] + WRONG_SUM + PNG[33:], IGNORED),
    **{
        f"png-{name.decode()}-of-{size}-bytes": (with_chunk(PNG, name, bytes(size)), IGNORED)
        for name, size in ((b"gAMA", 2), (b"gAMA", 0), (b"cHRM", 31), (b"sRGB", 0), (b"cICP", 3), (b"gAMA", 5))
    },
    "png-pHYs-of-3-bytes": (with_chunk(PNG, b"pHYs", bytes(3)), []),
    "png-acTL-of-3-bytes": (with_chunk(PNG, b"acTL", bytes(3)), []),
    "png-fdAT-before-the-pixels": (with_chunk(PNG, b"fdAT", bytes(9)), []),
    "png-fcTL-of-3-bytes": (with_chunk(PNG, b"fcTL", bytes(3)), []),
    "png-colors-suggested-by-half-a-palette": (with_chunk(PNG, b"PLTE", bytes(5)), []),
    "png-tRNS-that-is-too-short": (with_chunk(PNG, b"tRNS", bytes(5)), ["transparency:ignored"]),
    "png-tRNS-after-the-pixels": (with_late_chunk(b"tRNS", bytes(6)), ["transparency:ignored"]),
    "jpeg-profile-without-bytes": (JPEG[:2] + segment(0xE2, b"ICC_PROFILE\0") + JPEG[2:], IGNORED),
    "jpeg-profile-whose-second-part-is-lost": (JPEG[:2] + segment(0xE2, b"ICC_PROFILE\0\1\2abc") + JPEG[2:], IGNORED),
    "jpeg-JFIF-of-5-bytes": (JPEG[:2] + segment(0xE0, b"JFIF\0") + JPEG[20:], []),
    "jpeg-Adobe-of-6-bytes": (JPEG[:2] + segment(0xEE, b"Adobe\0") + JPEG[2:], []),
    "jpeg-EXIF-without-bytes": (JPEG[:2] + segment(0xE1, b"Exif\0\0") + JPEG[2:], []),
    "jpeg-Photoshop-of-half-a-resource": (JPEG[:2] + segment(0xED, b"Photoshop 3.0\x008BIM\4") + JPEG[2:], []),
    "webp-EXIF-of-1-byte": (with_riff(riff((b"EXIF", b"E"))), []),
    "webp-EXIF-that-is-longer-than-the-file": (with_riff(b"EXIF" + struct.pack("<I", 9_000) + b"Exif"), []),
    "webp-name-of-a-chunk-without-its-length": (with_riff(b"XMP "), []),
    "webp-profile-without-bytes": (with_riff(riff((b"ICCP", b""))), IGNORED),
}  # fmt: skip


@pytest.mark.parametrize(("data", "changes"), BROKEN_METADATA.values(), ids=BROKEN_METADATA)
def test_broken_part_that_is_removed_anyway_changes_nothing(data: bytes, changes: list[str]) -> None:
    plain = {PNG[:2]: PNG, JPEG[:2]: JPEG, WEBP[:2]: WEBP}[data[:2]]
    sent = prepare(data)

    assert (sent.data, [str(change) for change in sent.changes]) == (None, changes)
    stripped = strip_photo_metadata(data)
    assert np.array_equal(read_pixels(data), read_pixels(plain))
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(stripped))), read_pixels(plain))


@pytest.mark.parametrize("name", [b"IHDR", b"IDAT", b"IEND"])
def test_critical_chunk_with_a_wrong_checksum_is_refused(name: bytes) -> None:
    at = PNG.index(name)
    end = at + 4 + int.from_bytes(PNG[at - 4 : at])

    assert read_refusal(PNG[:end] + WRONG_SUM + PNG[end + 4 :]) is Code.DAMAGED_PHOTO


TIFF_TAGS = {
    "text-outside-the-file": (270, 2, 90_000, 900_000),
    "resolution-outside-the-file": (282, 5, 1, 900_000),
    "location-outside-the-file": (34853, 4, 1, 900_000),
    "xmp-of-another-type": (700, 3, 40, 900_000),
    "billions-of-notes": (37500, 7, 4_000_000_000, 8),
    "date-of-an-unknown-type": (306, 77, 20, 8),
}


@pytest.mark.parametrize("entry", TIFF_TAGS.values(), ids=TIFF_TAGS)
def test_broken_tag_that_no_decoder_needs_changes_nothing(entry: tuple[int, int, int, int]) -> None:
    assert np.array_equal(read_pixels(build_tiff(entry)), scene())


@pytest.mark.parametrize("count", [9_000_000, 900], ids=["too-large", "outside-the-file"])
def test_broken_profile_of_a_tiff_is_reported(count: int) -> None:
    assert list_changes(build_tiff((34675, 7, count, 8_000_000))) == ["converted:tiff", "profile:ignored"]


def build_tiff(entry: tuple[int, int, int, int]) -> bytes:
    """Adds an entry (tag, type, count, value) to a TIFF whose directory is its end."""
    file = io.BytesIO()
    tifffile.imwrite(file, scene(), photometric="rgb", metadata=None, software=False)
    plain = file.getvalue()
    start = int.from_bytes(plain[4:8], "little")
    count = int.from_bytes(plain[start : start + 2], "little")
    entries = [plain[at : at + 12] for at in range(start + 2, start + 2 + 12 * count, 12)]
    entries = sorted([*entries, struct.pack("<HHII", *entry)], key=lambda packed: int.from_bytes(packed[:2], "little"))
    directory = struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)
    return plain[:4] + struct.pack("<I", len(plain)) + plain[8:] + directory


# -- orientation ----------------------------------------------------------------------------------------------------

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="1"/></x:xmpmeta>'
TURNED_XMP = XMP.replace(b'"1"', b'"6"')


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("jpeg", {"xmp": XMP}),
        ("jpeg", {"xmp": XMP, "exif": exif(1)}),
        ("png", {}),
        ("webp", {"xmp": XMP}),
        ("webp", {"xmp": XMP, "exif": exif(1)}),
        ("tiff", {"tiffinfo": {700: XMP}}),
        ("avif", {"xmp": XMP}),
        ("heic", {"xmp": XMP}),
    ],
)
def test_orientation_that_only_the_xmp_states_is_ignored(kind: str, options: dict[str, object]) -> None:
    data = saved(scene(), kind, **options)
    if kind == "png":
        data = with_chunk(data, b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + TURNED_XMP)
    # Written only now, because the encoders of HEIC and AVIF would turn the picture.
    data = data.replace(XMP, TURNED_XMP)
    assert TURNED_XMP in data

    assert read_photo_size(data, 50) == (96, 64)
    assert not [change for change in list_changes(data) if change.startswith("orientation")]


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "tiff"])
def test_check_measures_a_turned_picture_as_it_is_displayed(kind: str) -> None:
    options = {"tiffinfo": {0x0112: 6}} if kind == "tiff" else {"exif": exif(6)}
    data = saved(laid_down(scene(width=120, height=80), 6), kind, **options)

    assert measure_file(data)["aspect_ratio"] == 1.5


# -- transparency ---------------------------------------------------------------------------------------------------


def pack_row(color: Sequence[int], bits: int, width: int) -> bytes:
    """Packs a PNG row of one color, with its filter byte."""
    samples = "".join(f"{value:0{bits}b}" for value in color) * width
    padded = samples.ljust(-(-len(samples) // 8) * 8, "0")
    return b"\0" + int(padded, 2).to_bytes(len(padded) // 8)


@pytest.mark.parametrize("interlace", [0, 1])
@pytest.mark.parametrize(
    ("bits", "color", "key", "others"),
    [
        (1, 0, (1,), [(0,)]),
        (2, 0, (3,), [(0,), (1,), (2,)]),
        (2, 0, (1,), [(0,), (2,), (3,)]),
        (4, 0, (15,), [(1,), (14,)]),
        (4, 0, (7,), [(6,), (8,)]),
        (8, 0, (255,), [(254,), (0,)]),
        (16, 0, (65_535,), [(21_845,), (65_534,), (65_279,)]),
        (16, 0, (0x1234,), [(0x1235,), (0x1134,), (0,)]),
        (8, 2, (10, 20, 30), [(10, 20, 31), (30, 20, 10)]),
        (16, 2, (0x00FF,) * 3, [(0xFF00,) * 3, (0x00FE,) * 3, (0x01FF,) * 3, (0x00FF, 0x00FF, 0)]),
    ],
)
def test_transparent_color_is_compared_at_the_depth_of_the_file(
    bits: int, color: int, key: tuple[int, ...], others: list[tuple[int, ...]], interlace: int
) -> None:
    side = 16
    colors = [key, *others]
    if interlace:
        # In each pass, whole rows have one color, so the picture has only one.
        colors = [key]
    bands = [colors[row * len(colors) // side] for row in range(side)]
    passes = [(2, 2), (2, 2), (4, 2), (4, 4), (8, 4), (8, 8), (16, 8)] if interlace else [(side, side)]
    rows = b"".join(
        pack_row(bands[row * side // height], bits, width) for width, height in passes for row in range(height)
    )
    # The bits above the file's depth do not count.
    stated = b"".join(struct.pack(">H", value | (0xFF00 if bits <= 8 and color == 2 else 0)) for value in key)
    data = raw_png(side, side, rows, bits=bits, color=color, interlace=interlace, extra=chunk(b"tRNS", stated))

    found = read_pixels(data)
    assert found.shape == (side, side, 4)
    for row, band in enumerate(bands):
        assert set(found[row, :, 3]) == {0 if band == key else 255}
        assert all(abs(int(found[row, 0, n]) - band[n % len(band)] * 255 / (2**bits - 1)) <= 1 for n in range(3))


@pytest.mark.parametrize(("alpha", "expected"), [(b"\0\x80", [0, 128, 255]), (bytes(4), [255] * 3), (b"", [255] * 3)])
def test_palette_has_an_alpha_for_each_color_unless_there_are_too_many(alpha: bytes, expected: list[int]) -> None:
    rows = b"".join(b"\0" + bytes([column % 3 for column in range(16)]) for _ in range(16))
    extra = chunk(b"PLTE", bytes(range(9))) + chunk(b"tRNS", alpha)
    found = load_upright_photo(raw_png(16, 16, rows, color=3, extra=extra), 50)

    channel = np.asarray(found.convert("RGBA"))[0, :3, 3]
    assert channel.tolist() == expected


@pytest.mark.parametrize(("alpha", "expected"), [(0, 255), (1, 1), (128, 128)])
def test_alpha_of_a_bmp_that_is_0_everywhere_is_unused(alpha: int, expected: int) -> None:
    shown = scene()
    rows = np.dstack([shown[..., ::-1], np.full(shown.shape[:2], alpha, np.uint8)])[::-1].tobytes()
    masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    plain = bmp(shown.shape[1], shown.shape[0], 32, rows, packing=3, masks=masks)
    # A header of 56 bytes includes the mask of the alpha channel.
    data = plain[:14] + struct.pack("<I", 56) + plain[18:]
    found = np.asarray(load_upright_photo(data, 50).convert("RGBA"))

    assert set(found[..., 3].ravel()) == {expected}
    assert np.array_equal(found[..., :3], shown)


def test_heic_with_premultiplied_alpha_is_opened() -> None:
    clear = with_alpha(scene())
    file = io.BytesIO()
    premultiplied = Image.fromarray(clear).convert("RGBa")
    pillow_heif.from_bytes("RGBa", premultiplied.size, premultiplied.tobytes()).save(file, quality=98, chroma=444)
    found = read_pixels(file.getvalue())

    assert abs(found[..., 3].astype(int) - clear[..., 3]).max() <= 4
    solid = clear[..., 3] > 128
    assert abs(found[..., :3].astype(int) - clear[..., :3])[solid].mean() < 4


# -- HEIC and AVIF --------------------------------------------------------------------------------------------------

TAILS = {
    "a newline": b"\n",
    "one byte less than a box": bytes(7),
    "zeros": bytes(40),
    "an XMP rest": b"/>\n<x:x>\n" * 40,
    "a Samsung trailer": b"\0\0\0\x08sefdSEFH" + bytes(20) + b"SEFT",
    "a box that is too long": b"\0\0\xff\xffuuid",
    "a box of impossible length": b"\0\0\0\3free",
    "another description": b"\0\0\0\x0cmeta\0\0\0\0",
    "half of another description": b"\0\0\0\x14meta\0\0\0\0\0\0\0\x08xxxx\xff\xff",
    "another file": b"\0\0\0\x10ftypmp42\0\0\0\0\0\0\0\x08moov\0\0\0\x0cmeta\0\0\0\0",
    "half of a video": b"\0\0\0\x10mpvd\xff\xff\xff\xffmoov\xff\xff\xff\xffmdat",
}


@pytest.mark.parametrize("kind", ["heic", "avif"])
@pytest.mark.parametrize("tail", TAILS.values(), ids=TAILS)
def test_bytes_behind_the_last_box_are_ignored(kind: str, tail: bytes) -> None:
    whole = saved(scene(), kind)

    assert list_changes(whole + tail) == [f"converted:{kind}"]
    assert np.array_equal(read_pixels(whole + tail), read_pixels(whole))


@pytest.mark.parametrize("kind", ["heic", "avif"])
def test_picture_whose_pixels_are_cut_is_refused_although_a_tail_follows(kind: str) -> None:
    whole = saved(scene(), kind)
    at = whole.index(b"mdat") - 4
    shortened = whole[:at] + struct.pack(">I", len(whole) - at - 50) + whole[at + 4 : -50]

    assert read_refusal(whole[:-50]) is Code.TRUNCATED_PHOTO
    assert read_refusal(shortened) is Code.TRUNCATED_PHOTO
    assert read_refusal(whole[:-100] + bytes(100)) is Code.TRUNCATED_PHOTO


def test_tiff_whose_end_was_not_copied_is_truncated() -> None:
    whole = saved(scene(), "tiff", compression="tiff_lzw")
    assert read_refusal(whole[:-2000] + bytes(2000)) is Code.TRUNCATED_PHOTO


@pytest.mark.parametrize("kind", ["heic", "avif"])
@pytest.mark.parametrize("start", [bytes(8), b"\xff" * 8, b"MM\0*\xff\xff\xff\xff", b"II*\0\x08\0\0\0"])
def test_broken_exif_of_a_heic_or_avif_changes_nothing(kind: str, start: bytes) -> None:
    data = saved(scene(), kind, exif=exif(1))
    assert data.count(b"MM\0*\0\0\0\x08") == 1

    assert read_pixels(data.replace(b"MM\0*\0\0\0\x08", start)).shape == (64, 96, 3)


@pytest.mark.parametrize("kind", ["heic", "avif"])
def test_metadata_outside_of_a_heic_or_avif_changes_nothing(kind: str) -> None:
    data = bytearray(saved(scene(), kind, exif=exif(1)))
    start = data.index(b"MM\0*") - 10
    locations = slice(data.index(b"iloc"), data.index(b"iinf"))
    assert data[locations].count(start.to_bytes(4)) == 1
    data[locations] = data[locations].replace(start.to_bytes(4), b"\x7f\0\0\0")

    assert read_pixels(bytes(data)).shape == (64, 96, 3)


def add_crop(avif: bytes, *numbers: int) -> bytes:
    """Adds a crop (ISO/IEC 14496-12, 12.1.4) to the first item of an AVIF: eight numbers."""
    crop = b"\0\0\0\x28clap" + struct.pack(">IIIIiIiI", *numbers)
    parts = bytearray(avif)
    count = bytes(parts).count(b"ispe") and _count_properties(avif)
    grown = {b"meta": len(crop) + 1, b"iprp": len(crop) + 1, b"ipco": len(crop), b"ipma": 1}
    for name, size in grown.items():
        at = parts.index(name) - 4
        parts[at : at + 4] = (int.from_bytes(parts[at : at + 4]) + size).to_bytes(4)
    at = parts.index(b"ipma") + 14
    parts[at] += 1
    parts.insert(at + parts[at], 0x80 | (count + 1))
    end = avif.index(b"ipco") - 4 + int.from_bytes(avif[avif.index(b"ipco") - 4 : avif.index(b"ipco")])
    parts[end:end] = crop
    return _shift_offsets(bytes(parts), avif, len(crop) + 1)


def _count_properties(avif: bytes) -> int:
    start = avif.index(b"ipco") + 4
    end, count = start - 8 + int.from_bytes(avif[start - 8 : start - 4]), 0
    while start < end:
        start, count = start + int.from_bytes(avif[start : start + 4]), count + 1
    return count


def _shift_offsets(data: bytes, avif: bytes, by: int) -> bytes:
    """Adds to the offset of the pixels, which the item locations state."""
    old = (avif.index(b"mdat") + 4).to_bytes(4)
    assert data.count(old) == 1
    return data.replace(old, (int.from_bytes(old) + by).to_bytes(4))


@pytest.mark.parametrize(
    ("crop", "box"),
    [
        # Width, height, and the distance of the crop's center from the picture's, each as a fraction.
        ((48, 1, 32, 1, -24, 1, -16, 1), (0, 0, 48, 32)),
        ((40, 1, 30, 1, 0, 1, 0, 1), (28, 17, 68, 47)),
        ((95, 1, 63, 1, 1, 2, 1, 2), (1, 1, 96, 64)),
        ((96, 1, 64, 1, 0, 1, 0, 1), (0, 0, 96, 64)),
        ((40, 0, 30, 1, 0, 1, 0, 1), (0, 0, 96, 64)),
        ((40, 1, 30, 1, 900, 1, 0, 1), (0, 0, 96, 64)),
    ],
)
def test_crop_of_an_avif_is_applied_unless_it_is_impossible(
    crop: tuple[int, ...], box: tuple[int, int, int, int]
) -> None:
    plain = saved(scene(), "avif")
    left, top, right, bottom = box
    data = add_crop(plain, *crop)

    assert read_photo_size(data, 50) == (right - left, bottom - top)
    assert np.array_equal(read_pixels(data), read_pixels(plain)[top:bottom, left:right])


# -- pages ----------------------------------------------------------------------------------------------------------

NEW, OLD = 254, 255
"""The tags that state what a page is."""


@pytest.mark.parametrize(
    ("pages", "expected"),
    [
        ([(40, {NEW: 1}), (96, {NEW: 0})], 96),
        ([(96, {NEW: 1}), (40, {NEW: 0})], 40),
        ([(96, {NEW: 4}), (40, {})], 40),
        ([(96, {NEW: 5}), (40, {NEW: 2})], 40),
        ([(40, {OLD: 2}), (96, {OLD: 1})], 96),
        ([(96, {OLD: 2}), (40, {OLD: 3})], 40),
        ([(40, {}), (96, {})], 96),
        ([(40, {NEW: 1}), (96, {NEW: 1})], 96),
        ([(40, {}), (60, {NEW: 1}), (90, {NEW: 2}), (50, {})], 90),
    ],
)
def test_largest_page_that_is_a_photo_is_sent(pages: list[tuple[int, dict[int, int]]], expected: int) -> None:
    body, directories = b"II*\0", list[tuple[int, bytes]]()
    at = 8
    for width, types in pages:
        pixels = bytes([width]) * width * 32
        tags = {256: width, 257: 32, 258: 8, 259: 1, 262: 1, 273: at, 277: 1, 278: 32, 279: len(pixels), **types}
        entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
        directories.append((at + len(pixels), pixels + struct.pack("<H", len(tags)) + entries))
        at += len(directories[-1][1]) + 4
    offsets = [offset for offset, _ in directories] + [0]
    body += struct.pack("<I", offsets[0])
    for (_, packed), following in zip(directories, offsets[1:], strict=True):
        body += packed + struct.pack("<I", following)

    assert read_photo_size(body, 50) == (expected, 32)
    assert set(read_pixels(body).ravel()) == {expected}
    assert f"first_of_pictures:{len(pages)}" in list_changes(body)


# -- work that grows with a file ------------------------------------------------------------------------------------


def test_bmp_of_millions_of_runs_is_refused_before_it_is_unpacked() -> None:
    rows = b"\1\7" * 4_000_001

    assert read_refusal(bmp(2_000, 2_001, 8, rows, packing=1)) is Code.UNSUPPORTED_FORMAT
    assert read_refusal(bmp(2_000, 2_001, 4, rows, packing=2)) is Code.UNSUPPORTED_FORMAT


@pytest.mark.parametrize("packing", [1, 2])
def test_bmp_of_runs_and_stored_pixels_is_unpacked(packing: int) -> None:
    palette = b"".join(bytes([value, value, value, 0]) for value in range(256 if packing == 1 else 16))
    stored = b"\0\x05" + (b"\1\2\3\4\5\0" if packing == 1 else b"\x12\x34\x50\0")
    rows = (stored + b"\x0b\x07\0\0" if packing == 1 else stored + b"\x0b\x77\0\0") * 16 + b"\0\1"
    data = bmp(16, 16, 8 if packing == 1 else 4, rows, packing=packing, masks=palette)

    assert read_pixels(data)[0, :, 0].tolist() == [1, 2, 3, 4, 5, *[7] * 11]


def test_gif_of_too_many_pictures_is_refused() -> None:
    plain = saved(Image.new("P", (16, 16), 1), "gif")
    first = plain[:-1]
    picture = b"," + struct.pack("<HHHHB", 0, 0, 16, 16, 0) + b"\x02\0"

    assert list_changes(first + picture * 999 + b";") == ["converted:gif", "first_of_pictures:1000", "colors:palette"]
    assert read_refusal(first + picture * 100_000 + b";") is Code.UNSUPPORTED_FORMAT
    assert read_refusal(first + b"!\xfe" + b"\1x" * 2_000_001 + b"\0;") is Code.UNSUPPORTED_FORMAT


def test_directory_that_names_the_same_bytes_again_and_again_is_not_read() -> None:
    notes = [(tag, 7, 0) for tag in range(40_000, 40_900)]
    data = tiff_head((256, 4, 32), (257, 4, 32), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 8), (277, 3, 1),
                     (278, 4, 32), (279, 4, 1_024), *notes, tail=bytes(2_000))  # fmt: skip
    # Each of the 900 notes claims to have as many bytes as fit into four gigabytes.
    for tag, _, _ in notes:
        data = data.replace(struct.pack("<HHI", tag, 7, 1), struct.pack("<HHI", tag, 7, 0xFFFFFFFF))

    assert read_pixels(data).shape == (32, 32, 3)
