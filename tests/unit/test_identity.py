"""The ids of sources, jobs and paid content: they may never change, and each word that is asked changes them."""

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backdrop.core.identity import (
    canonical_json,
    content_key,
    event_id,
    fairness_group,
    job_id,
    sha256_hex,
    source_id,
)
from backdrop.core.instructions import resolve
from backdrop.core.places import read_file
from tests.unit.core_items import quick

IMAGE = sha256_hex(b"the bytes of a photo")
REMOVE = {"operation": "remove"}
EVERYTHING: dict[str, Any] = {
    "operation": "replace",
    "prompt": "auf dem Marmortisch, Ünïcode ✨",
    "style_codes": ["AAFF5733", "0133FF57"],
    "magic_prompt": "OFF",
    "rendering_speed": "QUALITY",
    "num_images": 3,
    "seed": 42,
    "provider": ["segmind", "ideogram"],
}
OTHER_VALUES: dict[str, Any] = {
    "prompt": "elsewhere",
    "style_preset": "GOLDEN_HOUR",
    "style_codes": ["0133FF57", "AAFF5733"],
    "magic_prompt": "AUTO",
    "rendering_speed": "DEFAULT",
    "num_images": 1,
    "seed": 0,
    "provider": "ideogram",
}


def a_job_id(**changes: Any) -> str:
    parts: dict[str, Any] = {"bucket": "photos", "key": "shoes/red.jpg", "variant": "", "image_sha256": IMAGE}
    parts |= {"asked": REMOVE, "revision": None}
    parts |= changes
    return job_id(**parts)


def asked_in(sidecar: dict[str, Any]) -> dict[str, Any]:
    return resolve([read_file("red.jpg.json", json.dumps(sidecar).encode())]).asked


@pytest.mark.parametrize(
    ("changes", "golden"),
    [
        ({}, "b33966d5f6b1e18da4336fb35a80a754ccbedf1486f28eb045dd4ac2c57f46e9"),
        ({"asked": EVERYTHING}, "ea1bbb5604d58fe0e773fe4844443130319801e2004c424c2d048d951de79e7f"),
        (
            {"asked": EVERYTHING, "revision": "2", "variant": "beach"},
            "8c9435e0c9f0062029a9c1ac1b1cde6f2bab9c7f86047e2d47e42c910703c520",
        ),
        (
            {"key": "sub folder/ünïcode +(1) & 100%.jpg"},
            "b5198d53e7e8ad604ff7e404319191fe5fbd1be4e971a4a6b2986f10adc74c52",
        ),
    ],
)
def test_a_job_id_is_the_same_in_every_release(changes: dict[str, Any], golden: str) -> None:
    assert a_job_id(**changes) == golden


@pytest.mark.parametrize(
    ("asked", "revision", "golden"),
    [
        (REMOVE, None, "abd1552d15d788c42258a9fe4f38c88d3829ad2f6bb96a1992f8189cc120c9d8"),
        (EVERYTHING, None, "07aafa0d3fb6709557f3ac1a5ac0d67940d823a1677c48be7de8f64ad3dcb94e"),
        (EVERYTHING, "2", "5a6980e3d261d64b55932fd2cc124201b41c2024ba00be7ec95f135e14b92e9f"),
    ],
)
def test_a_content_key_is_the_same_in_every_release(asked: dict[str, Any], revision: str | None, golden: str) -> None:
    assert content_key(image_sha256=IMAGE, asked=asked, revision=revision) == golden


@pytest.mark.parametrize(
    ("bucket", "key", "golden"),
    [
        ("photos", "shoes/red.jpg", "700ba69b5a415d6d6f4e442985e7e237c8abd5c15ea75108645bc9e799a37ccc"),
        (
            "photos",
            "sub folder/ünïcode +(1) & 100%.jpg",
            "db525dec267a5e75054888fd075957ea0a1552b6ba6efc68762ff9b7927f1f92",
        ),
    ],
)
def test_a_source_id_is_the_same_in_every_release(bucket: str, key: str, golden: str) -> None:
    assert source_id(bucket, key) == golden


def test_an_event_id_is_the_same_in_every_release() -> None:
    assert event_id("job-1", "stored", "2026-11-16T12:00:09.500000+00:00") == "b7a9fb3d-3538-5715-8dd5-04c1f8379f0a"


@pytest.mark.parametrize(
    ("key", "golden"),
    [
        ("red.jpg", "e3b0c44298fc1c149afbf4c8996fb924"),
        ("shoes/red.jpg", "01ea5ddd3be5477ac3eae2366fa12064"),
        ("shoes/a/b.jpg", "01ea5ddd3be5477ac3eae2366fa12064"),
    ],
)
def test_photos_of_one_top_folder_share_a_message_group(key: str, golden: str) -> None:
    assert fairness_group(key) == golden


@pytest.mark.parametrize(
    "change",
    [
        {"bucket": "others"},
        {"key": "shoes/red.jpeg"},
        {"variant": "beach"},
        {"image_sha256": sha256_hex(b"other bytes")},
        {"asked": EVERYTHING},
        {"revision": ""},
        {"revision": "2"},
    ],
)
def test_each_part_of_a_job_changes_its_id(change: dict[str, Any]) -> None:
    assert a_job_id(**change) != a_job_id()


def test_the_parts_of_an_id_cannot_run_into_one_another() -> None:
    assert source_id("ab", "c") != source_id("a", "bc")
    assert a_job_id(key="a", variant="b") != a_job_id(key="ab", variant="")


def test_the_same_content_elsewhere_has_the_same_content_key_and_another_job() -> None:
    here, there = (a_job_id(key=key, asked=EVERYTHING) for key in ("a.jpg", "b.jpg"))
    assert here != there
    assert content_key(image_sha256=IMAGE, asked=EVERYTHING, revision=None) not in (here, there)


@pytest.mark.parametrize("field", sorted(OTHER_VALUES))
def test_every_field_that_reaches_the_provider_changes_the_id(field: str) -> None:
    assert a_job_id(asked={**EVERYTHING, field: OTHER_VALUES[field]}) != a_job_id(asked=EVERYTHING)


@pytest.mark.parametrize(
    "default",
    [{"rendering_speed": "DEFAULT"}, {"num_images": 1}, {"magic_prompt": "AUTO"}, {"provider": "ideogram"}],
    ids=str,
)
def test_a_default_that_is_given_is_another_purchase_than_one_that_is_not(default: dict[str, Any]) -> None:
    assert a_job_id(asked=asked_in({"prompt": "x", **default})) != a_job_id(asked=asked_in({"prompt": "x"}))


def test_what_is_not_given_never_reaches_the_id() -> None:
    assert asked_in({"prompt": "on a table"}) == {"operation": "replace", "prompt": "on a table"}
    assert asked_in({"operation": "remove"}) == {"operation": "remove"}


@pytest.mark.parametrize("free", [{"metadata": {"sku": 7}}, {"max_cost_usd": 1}], ids=str)
def test_what_does_not_reach_the_provider_does_not_change_the_id(free: dict[str, Any]) -> None:
    assert asked_in({"prompt": "x", **free}) == asked_in({"prompt": "x"})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"prompt": "x"}, {"operation": "replace", "prompt": "  x "}),
        ({"prompt": "x", "style": "golden hour"}, {"prompt": "x", "style_preset": "GOLDEN_HOUR"}),
        ({"prompt": "x", "style": "aaff5733"}, {"prompt": "x", "style_codes": ["AAFF5733"]}),
        ({"prompt": "x", "rendering_speed": "turbo"}, {"prompt": "x", "rendering_speed": "TURBO"}),
    ],
)
def test_two_spellings_of_one_wish_are_one_purchase(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert a_job_id(asked=asked_in(one)) == a_job_id(asked=asked_in(other))


@quick
@given(st.randoms(use_true_random=False))
def test_the_order_of_fields_does_not_matter(order: random.Random) -> None:
    fields = list(EVERYTHING.items())
    order.shuffle(fields)
    assert a_job_id(asked=dict(fields)) == a_job_id(asked=EVERYTHING)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=6,
)


SMALL = st.dictionaries(
    st.sampled_from("abc"), st.none() | st.integers(0, 2) | st.sampled_from(["", "0", "a"]), max_size=3
)


@quick
@given(JSON)
def test_canonical_json_keeps_every_value(value: Any) -> None:
    assert json.loads(canonical_json(value)) == value


@quick
@given(SMALL, SMALL)
def test_two_wishes_share_an_id_only_when_they_are_the_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    same = canonical_json(one) == canonical_json(other)
    assert (a_job_id(asked=one) == a_job_id(asked=other)) is same


def test_a_number_that_json_does_not_know_has_no_canonical_form() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical_json({"max_cost_usd": float("nan")})
