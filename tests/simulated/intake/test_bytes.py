"""Any bytes as a sidecar, as folder defaults, or as tags lead to a job or a report, never to a crash."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backdrop.instructions.schema import VariantModel
from backdrop.model.job import JobStatus
from backdrop.model.object_keys import MAX_PHOTO_KEY_BYTES, ObjectKind, classify_key, photo_name_of
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import INPUT_BUCKET, World
from tests.simulated.simulated_days import list_report_codes
from tests.simulated.stage_worlds import KEY, assert_at_rest
from tests.simulated.uploads_and_requests import list_folder_codes, upload_defaults, upload_sidecar_bytes
from tests.unit.instructions.test_bytes import ANY_JSON
from tests.unit.ledger_items import quick

OURS = st.dictionaries(st.sampled_from([*VariantModel.model_fields, "variants"]), ANY_JSON, max_size=4)
NEARLY = st.fixed_dictionaries(
    {"prompt": st.text(max_size=40)}, optional={"variants": st.dictionaries(st.text(max_size=5), OURS, max_size=3)}
)
ANYTHING = st.binary(max_size=200) | (ANY_JSON | OURS | NEARLY).map(lambda value: json.dumps(value).encode())
SURROGATE = b'{"variants": {"\\ud800": {"style": "aura", "style_preset": "aura"}}}'
BAD = {
    "a byte-order mark": (b'\xef\xbb\xbf{"operation": "remove"}', None),
    "UTF-16": ('{"operation": "remove"}'.encode("utf-16"), "sidecar_not_json"),
    "comments": (b'{"operation": "remove"} // cut out', "sidecar_not_json"),
    "5 MB": (b" " * 5_000_000, "sidecar_too_large"),
    "10,000 levels": (b"[" * 10_000 + b"]" * 10_000, "sidecar_not_json"),
    "10,000 levels inside": (b'{"metadata": {"a": ' + b"[" * 10_000 + b"]" * 10_000 + b"}}", "sidecar_not_json"),
    "duplicate keys": (b'{"operation": "remove", "operation": "remove"}', "sidecar_not_json"),
    "NaN": (b'{"operation": "remove", "max_cost_usd": NaN}', "sidecar_not_json"),
    "numbers as text": (b'{"prompt": "x", "seed": "7"}', "invalid_value"),
    "a prompt of spaces": (b'{"prompt": "   "}', "missing_prompt"),
    "control characters": (b'{"prompt": "a\\u0007b"}', "invalid_value"),
    "raw control characters": (b'{"prompt": "a\x07b"}', "sidecar_not_json"),
    "remove with a prompt": (b'{"operation": "remove", "prompt": "x"}', "conflicting_fields"),
    "nothing": (b"{}", "no_instructions"),
    "half a surrogate pair": (SURROGATE, "invalid_value"),
}


def assert_settled(world: World, key: str = KEY) -> None:
    """Asserts that the photo has a job or a report, whatever its instructions, and that no worker crashed."""
    world.run_until_empty()
    assert (world.dead_letter_queue.messages, world.crash_count) == ([], 0)
    assert world.list_jobs(key) or list_report_codes(world, key) or list_folder_codes(world, "shoes/")
    assert_at_rest(world)


@quick
@given(ANYTHING)
@example(SURROGATE)
def test_any_sidecar_bytes_lead_to_a_job_or_a_report(data: bytes) -> None:
    world = World()
    upload_sidecar_bytes(world, KEY, data)
    world.upload_photo(KEY, build_photo())
    assert_settled(world)


@quick
@given(ANYTHING, st.booleans())
@example(SURROGATE, False)
def test_any_folder_defaults_bytes_lead_to_a_job_or_a_report(data: bytes, bare: bool) -> None:
    world = World()
    upload_defaults(world, "shoes/", data)
    world.upload_photo(KEY, build_photo(), **({} if bare else {"operation": "remove"}))
    assert_settled(world)


TAG = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
NAMES = st.sampled_from([*VariantModel.model_fields, "variants", "promt", "backdrop:prompt", "backdrop:x"]) | TAG


@quick
@given(st.dictionaries(NAMES, TAG, max_size=10))
def test_any_tags_lead_to_a_job_or_a_report(tags: dict[str, str]) -> None:
    world = World()
    world.s3.upload(INPUT_BUCKET, KEY, build_photo(), tags)
    assert_settled(world)


@quick
@given(OURS | NEARLY | st.dictionaries(st.text(max_size=5), ANY_JSON, max_size=3))
@example({"variants": {"\ud800": {"style": "aura", "style_preset": "aura"}}})
def test_any_request_leads_to_a_job_or_a_report(instructions: dict[str, object]) -> None:
    world = World()
    world.upload_photo(KEY, build_photo())
    world.sqs.send_externally(
        world.queues["intake"], json.dumps({"bucket": INPUT_BUCKET, "key": KEY, "instructions": instructions})
    )
    assert_settled(world)


@pytest.mark.parametrize(("data", "code"), BAD.values(), ids=BAD)
@pytest.mark.parametrize("where", ["sidecar", "folder"])
def test_bad_input_is_reported_with_its_code(where: str, data: bytes, code: str | None) -> None:
    world = World()
    if where == "sidecar":
        upload_sidecar_bytes(world, KEY, data)
    else:
        upload_defaults(world, "shoes/", data)
    world.upload_photo(KEY, build_photo())
    assert_settled(world)
    broken = where == "folder" and code not in (None, "no_instructions")
    found = list_folder_codes(world, "shoes/") if broken else list_report_codes(world, KEY)
    assert set(found) >= ({code} if code else set())
    assert bool(world.list_jobs()) is (code is None)


def test_photos_own_sidecar_overrides_the_shared_one() -> None:
    world = World()
    upload_sidecar_bytes(world, KEY, b'{"prompt": "a beach"}')
    upload_sidecar_bytes(world, "shoes/red", b'{"prompt": "a forest"}')
    world.upload_photo(KEY, build_photo())
    world.upload_photo("shoes/red.png", build_photo("png"))
    world.run_until_empty()
    assert [job.instructions["prompt"] for key in (KEY, "shoes/red.png") for job in world.list_jobs(key)] == [
        "a beach",
        "a forest",
    ]


ANY_KEY = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(
    lambda key: len(key.encode()) <= MAX_PHOTO_KEY_BYTES - len(".json")
)


@quick
@given(ANY_KEY, st.sampled_from(["sidecar", "tags", "defaults"]))
@example("\U0010ffff/\U0010ffff.jpg", "defaults")
@example("ü" * 446 + ".j", "sidecar")
@example("a\u0000b/%2F+ .jpg", "sidecar")
@example("@", "sidecar")
def test_any_key_round_trips_from_upload_to_receipt(key: str, way: str) -> None:
    if classify_key(key) is not ObjectKind.PHOTO:
        return
    world = World()
    if way == "sidecar":
        upload_sidecar_bytes(world, key, b'{"operation": "remove"}')
    if way == "defaults":
        upload_defaults(world, key[: key.rfind("/") + 1], {"operation": "remove"})
    world.upload_photo(key, build_photo(), **({"operation": "remove"} if way == "tags" else {}))
    world.run_until_empty()
    (job,) = world.list_jobs(key)
    assert (job.status, job.key) == (JobStatus.STORED, key)
    source = photo_name_of(INPUT_BUCKET, key, INPUT_BUCKET)
    receipt = world.read_receipt(source)
    assert receipt
    assert (receipt["source"]["key"], receipt["jobs"][0]["results"][0]["key"]) == (
        key,
        next(iter(world.read_pictures(source))),
    )
    assert world.read_report(source) is None
    assert_at_rest(world)
