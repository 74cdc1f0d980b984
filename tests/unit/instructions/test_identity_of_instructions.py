"""From uploaded bytes to the ID of the purchase: the same in every release, for every spelling."""

import json
import unicodedata
from typing import Any

import pytest

from backdrop.instructions.merge import resolve
from backdrop.instructions.sources import parse_file, parse_tags
from backdrop.model.ids import derive_content_id, derive_job_id, sha256_hex

IMAGE = sha256_hex(b"the bytes of a photo")
Tags = dict[str, str]


def compute_ids(sidecar: bytes | None, tags: Tags | None = None) -> tuple[str, str]:
    """Returns the IDs of the job and its content for one photo with this sidecar and these tags."""
    sources = [parse_file("shoes/red.jpg.json", sidecar)] if sidecar is not None else []
    sources.append(parse_tags(tags or {}))
    assert [str(error) for source in sources for error in source.errors] == []
    found = resolve(sources)
    content: dict[str, Any] = {
        "image_sha256": IMAGE,
        "purchase_spec": found.purchase_fields,
        "revision": found.revision,
    }
    return derive_job_id(bucket="photos", key="shoes/red.jpg", variant="", **content), derive_content_id(**content)


# The IDs of the job and of its content. They may never change: a failing test would buy every such picture again.
REMOVE = (
    "b33966d5f6b1e18da4336fb35a80a754ccbedf1486f28eb045dd4ac2c57f46e9",
    "abd1552d15d788c42258a9fe4f38c88d3829ad2f6bb96a1992f8189cc120c9d8",
)
PROMPT = (
    "7e5914fd8c391d7ac641b44a465d2c1217836e70ccfd21a25c782ff2923a1c9d",
    "1ae01b23d948e2c6dfe4e862dd3d767baf5351850114f7474b4cf094005cfce4",
)
REVISION = (
    "eee7ecc25dd3141a2e6f0b5dbfdc67f773ef27f64476b1aed2b05a75c34afa97",
    "6b4449297de4f5d8a59f81e5b670c2d1f225e780d075a2e74ddc05df5599f6e1",
)
LINES = (
    "c2486c6cc5f24e3abc9ff23c06ca31357af2b732f44f48566616b5b325826dc4",
    "13a2112a0a4a44b8c1c4311f53d03c8a18821291dcabb7a5061321c197804acb",
)
STYLE = (
    "55e1072c57dda4f22693ff18e14bd0ffb86873d4e73c86507fdc9ca4406a8805",
    "4aca61d6545e7848f16b02071522157e33d0a87d8cbbe04ee3aed06c357127c9",
)
CODES = (
    "d798dcb05bf1dae80f4f2684bdcfaabc20b26a6f6c4d91b99403bcf4758ee8c8",
    "3b0ddce808a15815c3480346358d5bdc30c7c737629a8c78c063fc7716faf282",
)
EVERYTHING = (
    "adb1e6b8ab077f048deb3b7826c95e260129f326ff44a203772cca8d9932a010",
    "d3235ddc101c6d92172789c5028b8cafc36b3f63a9360172c5d573c3624d3f78",
)
MERGED = (
    "6016d1d400c6c476dba4bc7be688252b0edaf8cf489e22040fe628bd8f68aaf5",
    "6ed96ff0afbf01dc43043260b6c6110a33c968ae3766e136e1ab2922f92596de",
)
GOLDEN: dict[str, tuple[bytes | None, Tags, tuple[str, str]]] = {
    "remove": (b'{"operation": "remove"}', {}, REMOVE),
    "remove, in tags": (None, {"operation": "Remove"}, REMOVE),
    "remove, with fields that are not sent": (
        b'{"$schema": "x.json", "operation": "remove", "max_cost_usd": 0.5, "metadata": {"sku": 7}, "revision": " "}',
        {"project": "shoes", "seed": "7"},
        REMOVE,
    ),
    "prompt": (b'{"prompt": "on a marble table"}', {}, PROMPT),
    "prompt, in prefixed tags": (None, {"backdrop:prompt": " on a marble table ", "prompt": "elsewhere"}, PROMPT),
    "prompt and revision": (b'{"prompt": "on a marble table", "revision": "2"}', {}, REVISION),
    "umlauts and line breaks": ('\ufeff{"prompt": "Cafe\u0301 ✨\\r\\nam Meer"}'.encode(), {}, LINES),
    "style": (b'{"prompt": "x", "style": "golden-hour"}', {}, STYLE),
    "style codes": (b'{"prompt": "x", "style_codes": ["aaff5733", "0133FF57", "AAFF5733"]}', {}, CODES),
    "style codes, in tags": (None, {"prompt": "x", "style_codes": "AAFF5733 0133ff57"}, CODES),
    "everything": (
        b'{"prompt": "x", "style": "AAFF5733", "magic_prompt": "off", "rendering_speed": "turbo", "num_images": 3,'
        b' "seed": 42, "provider": ["Segmind", "ideogram"], "revision": " spring "}',
        {},
        EVERYTHING,
    ),
    "everything, in tags": (
        None,
        {"prompt": "x", "style": "aaff5733", "magic_prompt": "OFF", "rendering_speed": "TURBO", "num_images": "3"}
        | {"seed": "42", "provider": "segmind ideogram", "revision": "spring"},
        EVERYTHING,
    ),
    "sidecar before tags": (b'{"prompt": "x", "seed": 1}', {"seed": "2", "num_images": "2"}, MERGED),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_new_release_never_buys_an_existing_purchase_again(name: str) -> None:
    sidecar, tags, golden = GOLDEN[name]
    assert compute_ids(sidecar, tags) == golden


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"prompt": "Caf\u00e9"}, {"prompt": unicodedata.normalize("NFD", "Caf\u00e9")}),
        ({"prompt": "one\ntwo"}, {"prompt": "one\r\ntwo"}),
        ({"prompt": "one\ntwo"}, {"prompt": "one\rtwo\r\n"}),
        ({"prompt": "x", "style_codes": ["AAFF5733"]}, {"prompt": "x", "style_codes": ["aaff5733", "AAFF5733"]}),
        ({"prompt": "x", "revision": "2"}, {"prompt": "x", "revision": " 2\n"}),
        ({"prompt": "x", "revision": "\u00fc"}, {"prompt": "x", "revision": "u\u0308"}),
        ({"prompt": "x"}, {"prompt": "x", "revision": ""}),
    ],
    ids=ascii,
)
def test_other_encodings_of_a_text_cause_no_new_purchase(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert compute_ids(json.dumps(other).encode()) == compute_ids(json.dumps(one).encode())


@pytest.mark.parametrize(
    "other",
    [{"prompt": "X"}, {"prompt": "x", "revision": "1"}, {"prompt": "x", "num_images": 1}, {"prompt": "x\ny"}],
    ids=ascii,
)
def test_different_instructions_are_different_purchases(other: dict[str, Any]) -> None:
    assert set(compute_ids(json.dumps(other).encode())).isdisjoint(compute_ids(b'{"prompt": "x"}'))
