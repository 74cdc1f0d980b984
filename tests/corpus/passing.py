"""Files that are sent with their compressed pixels unchanged."""

from collections.abc import Iterator

from PIL import Image

from tests.corpus.case import Case
from tests.corpus.files import exif, saved
from tests.corpus.icc import SRGB, cmyk_profile, rgb_profile
from tests.corpus.scene import picture, scene, with_alpha
from tests.imaging.jpeg_parts import HUFFMAN, remove_segments
from tests.imaging.photos import raw_png, with_chunk

IGNORED = ("profile:ignored",)


def cases() -> Iterator[Case]:
    yield from _plain()
    yield from _wrong_exif()
    yield from _profiled()


def _plain() -> Iterator[Case]:
    shown, clear = scene(), with_alpha(scene())
    for sampling in ("4:4:4", "4:2:2", "4:2:0"):
        yield _case(f"jpeg-{sampling}", saved(shown, "jpeg", quality=90, subsampling=sampling))
    yield _case("jpeg-progressive", saved(shown, "jpeg", progressive=True))
    yield _case("jpeg-with-restarts", saved(shown, "jpeg", restart_marker_blocks=4))
    yield _case("jpeg-stored-as-rgb", saved(shown, "jpeg", keep_rgb=True))
    yield _case("jpeg-of-a-video-without-huffman-tables", remove_segments(saved(shown, "jpeg"), HUFFMAN))
    yield _case("jpeg-followed-by-a-zip", saved(shown, "jpeg") + b"PK\x03\x04" + bytes(400))
    yield _case("jpeg-with-a-second-picture", saved(shown, "jpeg") + saved(shown[::-1], "jpeg"))
    yield _case("png", saved(shown, "png"))
    yield _case("png-with-alpha", saved(clear, "png"))
    yield _case("png-with-opaque-alpha", saved(picture(shown).convert("RGBA"), "png"))
    yield _case("png-with-a-transparent-color", saved(shown, "png", transparency=(200, 40, 40)))
    yield _case("png-interlaced", raw_png(16, 16, bytes(798), interlace=1))
    yield _case("png-animated", saved(shown, "png", save_all=True, append_images=[picture(shown[::-1])]))
    yield _case("webp-lossy", saved(shown, "webp", lossless=False))
    yield _case("webp-lossless", saved(shown, "webp"))
    yield _case("webp-with-alpha", saved(clear, "webp"))


def _wrong_exif() -> Iterator[Case]:
    """EXIF blocks without an orientation, or with an impossible one."""
    shown, good = scene(), exif(6)
    for orientation in (0, 9, 65_535):
        yield _case(f"jpeg-whose-exif-has-orientation-{orientation}", saved(shown, "jpeg", exif=exif(orientation)))
    entry = good.index(b"\x01\x12\0\x03")
    yield _case("jpeg-whose-orientation-is-text", saved(shown, "jpeg", exif=_with(good, entry + 2, b"\0\x02")))
    yield _case("jpeg-whose-exif-points-nowhere", saved(shown, "jpeg", exif=_with(good, 10, b"\xff\xff\xff\x7f")))
    yield _case("jpeg-whose-exif-is-cut-off", saved(shown, "jpeg", exif=good[: entry + 4]))
    yield _case("jpeg-whose-exif-is-noise", saved(shown, "jpeg", exif=b"Exif\0\0" + bytes(range(256)) * 8))
    yield _case("jpeg-with-a-place-in-its-exif", saved(shown, "jpeg", exif=exif(1)))
    yield _case("png-whose-exif-is-noise", with_chunk(saved(shown, "png"), b"eXIf", bytes(range(200))))


def _profiled() -> Iterator[Case]:
    """Profiles that are equivalent to sRGB, and profiles that cannot be used."""
    shown, own = scene(), rgb_profile(SRGB)
    for kind in ("jpeg", "png", "webp"):
        yield _case(f"{kind}-with-another-vendor's-srgb", saved(shown, kind, icc_profile=own))
    from backdrop.imaging.color import srgb_profile_bytes

    yield _case("jpeg-with-littlecms-srgb", saved(shown, "jpeg", icc_profile=srgb_profile_bytes()))
    yield _case("jpeg-whose-profile-is-noise", saved(shown, "jpeg", icc_profile=bytes(range(256)) * 3), IGNORED)
    yield _case("jpeg-whose-profile-is-cut-off", saved(shown, "jpeg", icc_profile=own[:150]), IGNORED)
    yield _case("jpeg-whose-profile-is-for-ink", saved(shown, "jpeg", icc_profile=cmyk_profile()), IGNORED)
    yield _case("webp-whose-profile-is-noise", saved(shown, "webp", icc_profile=bytes(128) + b"no" * 90), IGNORED)
    broken = with_chunk(saved(shown, "png"), b"iCCP", b"name\0\0not packed")
    yield _case("png-whose-profile-cannot-be-unpacked", broken, IGNORED)
    yield _case("png-with-a-private-chunk", with_chunk(saved(Image.new("RGB", (32, 32)), "png"), b"prVt", b"x" * 99))


def _with(data: bytes, at: int, other: bytes) -> bytes:
    return data[:at] + other + data[at + len(other) :]


def _case(name: str, data: bytes, changes: tuple[str, ...] = ()) -> Case:
    return Case(name, data, changes, passes=True)
