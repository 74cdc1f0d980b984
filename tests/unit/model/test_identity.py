"""The IDs of sources, jobs, and paid content: every field of the purchase changes them. Their values are in
tests/golden.
"""

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backdrop.instructions.merge import resolve
from backdrop.instructions.sources import parse_file
from backdrop.model.ids import (
    derive_content_id,
    derive_job_id,
    derive_message_group,
    derive_source_id,
    sha256_hex,
    to_canonical_json,
)
from tests.unit.ledger_items import quick

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


def build_job_id(**changes: Any) -> str:
    parts: dict[str, Any] = {"bucket": "photos", "key": "shoes/red.jpg", "variant": "", "image_sha256": IMAGE}
    parts |= {"purchase_spec": REMOVE, "revision": None}
    parts |= changes
    return derive_job_id(**parts)


def select_purchase_fields(sidecar: dict[str, Any]) -> dict[str, Any]:
    return resolve([parse_file("red.jpg.json", json.dumps(sidecar).encode())]).purchase_fields


@pytest.mark.parametrize(
    ("key", "golden"),
    [
        ("red.jpg", "e3b0c44298fc1c149afbf4c8996fb924"),
        ("shoes/red.jpg", "01ea5ddd3be5477ac3eae2366fa12064"),
        ("shoes/a/b.jpg", "01ea5ddd3be5477ac3eae2366fa12064"),
    ],
)
def test_photos_of_one_top_folder_share_a_message_group(key: str, golden: str) -> None:
    assert derive_message_group(key) == golden


@pytest.mark.parametrize(
    "change",
    [
        {"bucket": "others"},
        {"key": "shoes/red.jpeg"},
        {"variant": "beach"},
        {"image_sha256": sha256_hex(b"other bytes")},
        {"purchase_spec": EVERYTHING},
        {"revision": ""},
        {"revision": "2"},
    ],
)
def test_each_part_of_a_job_changes_its_id(change: dict[str, Any]) -> None:
    assert build_job_id(**change) != build_job_id()


def test_parts_of_an_id_are_separated() -> None:
    assert derive_source_id("ab", "c") != derive_source_id("a", "bc")
    assert build_job_id(key="a", variant="b") != build_job_id(key="ab", variant="")


def test_same_content_elsewhere_is_another_job() -> None:
    here, there = (build_job_id(key=key, purchase_spec=EVERYTHING) for key in ("a.jpg", "b.jpg"))
    assert here != there
    assert derive_content_id(image_sha256=IMAGE, purchase_spec=EVERYTHING, revision=None) not in (here, there)


@pytest.mark.parametrize("field", sorted(OTHER_VALUES))
def test_every_field_that_reaches_the_provider_changes_the_id(field: str) -> None:
    assert build_job_id(purchase_spec={**EVERYTHING, field: OTHER_VALUES[field]}) != build_job_id(
        purchase_spec=EVERYTHING
    )


@pytest.mark.parametrize(
    "default",
    [{"rendering_speed": "DEFAULT"}, {"num_images": 1}, {"magic_prompt": "AUTO"}, {"provider": "ideogram"}],
    ids=str,
)
def test_explicit_default_value_is_another_purchase(default: dict[str, Any]) -> None:
    assert build_job_id(purchase_spec=select_purchase_fields({"prompt": "x", **default})) != build_job_id(
        purchase_spec=select_purchase_fields({"prompt": "x"})
    )


def test_missing_field_never_reaches_the_id() -> None:
    assert select_purchase_fields({"prompt": "on a table"}) == {"operation": "replace", "prompt": "on a table"}
    assert select_purchase_fields({"operation": "remove"}) == {"operation": "remove"}


@pytest.mark.parametrize("free", [{"metadata": {"sku": 7}}, {"max_cost_usd": 1}], ids=str)
def test_field_not_sent_to_the_provider_keeps_the_id(free: dict[str, Any]) -> None:
    assert select_purchase_fields({"prompt": "x", **free}) == select_purchase_fields({"prompt": "x"})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"prompt": "x"}, {"operation": "replace", "prompt": "  x "}),
        ({"prompt": "x", "style": "golden hour"}, {"prompt": "x", "style_preset": "GOLDEN_HOUR"}),
        ({"prompt": "x", "style": "aaff5733"}, {"prompt": "x", "style_codes": ["AAFF5733"]}),
        ({"prompt": "x", "rendering_speed": "turbo"}, {"prompt": "x", "rendering_speed": "TURBO"}),
    ],
)
def test_two_spellings_of_the_same_instructions_are_one_purchase(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert build_job_id(purchase_spec=select_purchase_fields(one)) == build_job_id(
        purchase_spec=select_purchase_fields(other)
    )


@quick
@given(st.randoms(use_true_random=False))
def test_order_of_fields_does_not_matter(order: random.Random) -> None:
    fields = list(EVERYTHING.items())
    order.shuffle(fields)
    assert build_job_id(purchase_spec=dict(fields)) == build_job_id(purchase_spec=EVERYTHING)


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
    assert json.loads(to_canonical_json(value)) == value


@quick
@given(SMALL, SMALL)
def test_only_equal_instructions_share_an_id(one: dict[str, Any], other: dict[str, Any]) -> None:
    same = to_canonical_json(one) == to_canonical_json(other)
    assert (build_job_id(purchase_spec=one) == build_job_id(purchase_spec=other)) is same


def test_non_json_number_has_no_canonical_form() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        to_canonical_json({"max_cost_usd": float("nan")})
