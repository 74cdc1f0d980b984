"""The meaning of each input key, and every name in the output bucket."""

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from backdrop.model.capabilities import PROVIDERS
from backdrop.model.object_keys import (
    MAX_S3_KEY_BYTES,
    ObjectKind,
    classify_key,
    folder_of,
    is_sidecar_of,
    list_defaults_keys,
    list_sidecar_keys,
    photo_key_of,
    photo_name_of,
    picture_key,
    provider_report_key,
    receipt_key,
    report_key,
)
from backdrop.model.unicode_text import list_unicode_forms
from tests.unit.ledger_items import quick


def _build_longest_key(letter: str, folder: str, suffix: str) -> str:
    return folder + letter * ((900 - len((folder + suffix).encode())) // len(letter.encode())) + suffix


ANY_KEY: st.SearchStrategy[str] = st.text(
    alphabet=st.characters(exclude_categories=["Cs"]), min_size=1, max_size=900
).filter(lambda key: len(key.encode()) <= 900)
LONG_KEY: st.SearchStrategy[str] = st.builds(
    _build_longest_key,
    st.sampled_from(["a", "ü", "日", "👟", "."]),
    st.sampled_from(["", "shoes/", "a/b/"]),
    st.sampled_from(["", ".jpg", ".jpeg", ".x"]),
)
KEYS = st.one_of(ANY_KEY, LONG_KEY)
VARIANT = st.sampled_from(["", "beach", "v" * 40])
EXTENSION = st.sampled_from(["png", "webp", "jpg"])
LONGEST_BUCKET = "b" * 63


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("red.jpg", ObjectKind.PHOTO),
        ("shoes/red.JPG", ObjectKind.PHOTO),
        ("shoes/red", ObjectKind.PHOTO),
        ("shoes/red.heic", ObjectKind.PHOTO),
        ("shoes/red.psd", ObjectKind.PHOTO),
        ("sub folder/ünïcode +(1) & 100%.jpg", ObjectKind.PHOTO),
        ("a.json/red.jpg", ObjectKind.PHOTO),
        ("shoes/red.jpg.json", ObjectKind.SIDECAR),
        ("shoes/red.JSON", ObjectKind.SIDECAR),
        ("shoes/", ObjectKind.IGNORED),
        ("", ObjectKind.IGNORED),
        ("/", ObjectKind.IGNORED),
        (".DS_Store", ObjectKind.IGNORED),
        ("shoes/._red.jpg", ObjectKind.IGNORED),
        ("shoes/.json", ObjectKind.IGNORED),
        ("shoes/notes.txt", ObjectKind.IGNORED),
        ("shoes/list.CSV", ObjectKind.IGNORED),
        ("shoes/list.jsonl", ObjectKind.IGNORED),
        ("shoes/red.jpg.part", ObjectKind.IGNORED),
        ("shoes/red.tmp", ObjectKind.IGNORED),
        ("shoes/red.jpg~", ObjectKind.IGNORED),
        ("shoes/Thumbs.db", ObjectKind.IGNORED),
        ("shoes/Thumbs.db:encryptable", ObjectKind.IGNORED),
        ("shoes/red.jpg:Zone.Identifier", ObjectKind.IGNORED),
        ("shoes/red.jpg.bak", ObjectKind.IGNORED),
        ("shoes/red.jpg.SWP", ObjectKind.IGNORED),
        ("shoes/red.jpg.bts", ObjectKind.IGNORED),
        ("shoes/red.sync-conflict-20260101-120000-ABCDEF7.jpg", ObjectKind.IGNORED),
        ("shoes/red (conflicted copy 2026-01-01 120000).jpg", ObjectKind.IGNORED),
        ("shoes/red (Ana (Mac)'s conflicted copy 2026-01-01).jpg", ObjectKind.IGNORED),
        ("shoes/red_conflict-20260101-120000.jpg", ObjectKind.IGNORED),
        ("shoes/red-conflict.jpg", ObjectKind.PHOTO),
        ("shoes/conflicted copywriter (red).jpg", ObjectKind.PHOTO),
        ("shoes/red.jpg.json ", ObjectKind.IGNORED),
        ("desktop.ini", ObjectKind.IGNORED),
        ("__MACOSX/shoes/red.jpg", ObjectKind.IGNORED),
        ("./red.jpg", ObjectKind.PHOTO),
        ("../red.jpg", ObjectKind.PHOTO),
        ("@shelf/#1/$5/red.jpg", ObjectKind.PHOTO),
        ("shoes/xmp/red.jpg", ObjectKind.PHOTO),
        ("shoes/red.jpg.xmp.json", ObjectKind.SIDECAR),
        (".thumbnails/red.jpg", ObjectKind.IGNORED),
        (".thumbnails/red.jpg.json", ObjectKind.IGNORED),
        ("shoes/.stversions/old/red.jpg", ObjectKind.IGNORED),
        ("shoes/.hidden/_backdrop.json", ObjectKind.IGNORED),
        ("shoes/@eaDir/red.jpg/SYNOPHOTO_THUMB_M.jpg", ObjectKind.IGNORED),
        ("#recycle/red.jpg", ObjectKind.IGNORED),
        ("#snapshot/daily/red.jpg", ObjectKind.IGNORED),
        ("@Recycle/red.jpg", ObjectKind.IGNORED),
        ("shoes/@Recently-Snapshot/red.jpg", ObjectKind.IGNORED),
        ("$RECYCLE.BIN/S-1-5-21/$R1.jpg", ObjectKind.IGNORED),
        ("System Volume Information/red.jpg", ObjectKind.IGNORED),
        ("lost+found/red.jpg", ObjectKind.IGNORED),
        ("shoes/Icon\r", ObjectKind.IGNORED),
        ("shoes/~$red.jpg", ObjectKind.IGNORED),
        ("shoes_$folder$", ObjectKind.IGNORED),
        ("shoes/red.jpg.partial", ObjectKind.IGNORED),
        ("shoes/red.jpg.crdownload", ObjectKind.IGNORED),
        ("shoes/red.jpg.icloud", ObjectKind.IGNORED),
        ("shoes/red.jpg.xmp", ObjectKind.IGNORED),
        ("shoes/red.XMP", ObjectKind.IGNORED),
        ("shoes/red.AAE", ObjectKind.IGNORED),
        ("DCIM/100CANON/MVI_1.THM", ObjectKind.IGNORED),
        ("DCIM/IMG_1.MOV", ObjectKind.IGNORED),
        ("_backdrop.json", ObjectKind.DEFAULTS),
        ("shoes/_backdrop.json", ObjectKind.DEFAULTS),
        ("shoes/_Backdrop.json", ObjectKind.SIDECAR),
        ("_backdrop.json/red.jpg", ObjectKind.IGNORED),
        ("shoes/_backdrop.json.json", ObjectKind.IGNORED),
        ("_backdrop/receipts/red.jpg.json", ObjectKind.IGNORED),
        ("_backdrop-old/red.jpg", ObjectKind.IGNORED),
    ],
)
def test_key_determines_the_kind_of_an_object(key: str, kind: ObjectKind) -> None:
    assert classify_key(key) is kind


@quick
@given(KEYS)
def test_every_key_has_a_kind(key: str) -> None:
    assert classify_key(key) in ObjectKind
    assert classify_key(f"{key}.json") is not ObjectKind.PHOTO


@pytest.mark.parametrize(
    ("key", "sidecars"),
    [
        ("shoes/red.jpg", ("shoes/red.jpg.json", "shoes/red.json")),
        ("shoes/red.front.jpg", ("shoes/red.front.jpg.json", "shoes/red.front.json")),
        ("shoes/red", ("shoes/red.json",)),
        ("sho.es/red", ("sho.es/red.json",)),
    ],
)
def test_nearest_sidecar_is_listed_first(key: str, sidecars: tuple[str, ...]) -> None:
    assert list_sidecar_keys(key) == sidecars


@pytest.mark.parametrize(
    ("key", "defaults"),
    [
        ("red.jpg", ("_backdrop.json",)),
        ("shoes/red.jpg", ("shoes/_backdrop.json", "_backdrop.json")),
        ("a/b/red.jpg", ("a/b/_backdrop.json", "a/_backdrop.json", "_backdrop.json")),
        ("/red.jpg", ("/_backdrop.json", "_backdrop.json")),
    ],
)
def test_photo_inherits_from_its_own_folder_and_all_parents(key: str, defaults: tuple[str, ...]) -> None:
    assert list_defaults_keys(key) == defaults


@quick
@given(KEYS)
def test_inherited_defaults_are_above_the_photo(key: str) -> None:
    found = list_defaults_keys(key)
    assert [key.startswith(folder_of(name)) for name in found] == [True] * (key.count("/") + 1)
    assert folder_of(found[0]) == folder_of(key)
    assert len(set(found)) == len(found)


@quick
@given(KEYS)
def test_photo_is_found_from_each_of_its_sidecars(key: str) -> None:
    for sidecar in list_sidecar_keys(key):
        assert is_sidecar_of(sidecar, key)
        assert any(form.startswith(photo_key_of(sidecar)) for form in list_unicode_forms(key))


def test_sidecar_does_not_apply_to_longer_names() -> None:
    assert not is_sidecar_of("shoes/red.json", "shoes/redder.jpg")
    assert not is_sidecar_of("shoes/red.json", "shoes/red.front.jpg")
    assert not is_sidecar_of("red.json", "shoes/red.jpg")


@quick
@given(KEYS, VARIANT, st.integers(1, 20), EXTENSION)
def test_every_key_fits_into_s3(key: str, variant: str, n: int, extension: str) -> None:
    for source in (key, photo_name_of(LONGEST_BUCKET, key, "photos")):
        names = [picture_key(source, variant=variant, n=n, extension=extension), receipt_key(source)]
        for name in [*names, report_key(source)]:
            assert len(name.encode()) <= MAX_S3_KEY_BYTES
        assert names[0].startswith(f"{source}/")


@quick
@given(KEYS, KEYS, VARIANT)
def test_two_sources_never_share_a_key(one: str, other: str, variant: str) -> None:
    assume(one != other)
    assert picture_key(one, variant=variant, n=1, extension="png") != picture_key(
        other, variant=variant, n=1, extension="png"
    )
    assert receipt_key(one) != receipt_key(other)
    assert report_key(one) != report_key(other)


@quick
@given(KEYS)
def test_pictures_of_one_photo_never_share_a_key(key: str) -> None:
    names = {
        picture_key(key, variant=variant, n=n, extension=extension)
        for variant in ("", "a", "b", "a-2")
        for n in (1, 2, 20)
        for extension in ("png", "webp")
    }
    assert len(names) == 4 * 3 * 2


def test_shortened_stem_keeps_eight_digits_of_its_hash() -> None:
    tail = "-" + "v" * 40 + "_20.png"
    one, other = (
        picture_key("x" * 440 + "/" + "y" * 454 + letter + ".jpg", variant="v" * 40, n=20, extension="png")
        for letter in "ab"
    )
    stem = one.rpartition("/")[2].removesuffix(tail)
    assert re.fullmatch("y+[0-9a-f]{8}", stem)
    assert other.rpartition("/")[2].removesuffix(tail)[:-8] == stem[:-8]
    assert len(one.encode()) == MAX_S3_KEY_BYTES


def test_own_photo_key_cannot_imitate_another_buckets_source() -> None:
    assert photo_name_of("photos", "@others/red.jpg", "photos") != photo_name_of("others", "red.jpg", "photos")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_paused_provider_has_one_report_without_a_photos_key(provider: str) -> None:
    assert provider_report_key(provider) == f"_backdrop/errors/_providers/{provider}.json"
    assert report_key(photo_name_of("photos", f"_providers/{provider}", "photos")) != provider_report_key(provider)
