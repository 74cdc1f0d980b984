"""Reference images: identified by their bytes, stored where render finds them, and reported if they cannot be used."""

from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backdrop.imaging.sniff import sniff_file
from backdrop.intake import references
from backdrop.model.capabilities import PhotoLimits
from backdrop.model.ids import sha256_hex
from backdrop.model.job import Job, JobStatus
from backdrop.model.object_keys import INPUTS_PREFIX, input_key, list_reference_names
from backdrop.model.provider_result import ProviderResult
from backdrop.ports import PreparedCall
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import INPUT_BUCKET, World
from simulation.world.transport import TargetedFault
from tests.imaging.photos import encode_image, scene
from tests.simulated.simulated_days import list_report_codes
from tests.simulated.stage_worlds import KEY, assert_at_rest, find_only_job
from tests.simulated.uploads_and_requests import BEACH, count_paid_calls, list_intake_messages

STYLE = "styles/summer.jpg"
SUMMER, AUTUMN = build_photo("summer"), build_photo("autumn")


def world_with_references(*keys: str, **files: bytes) -> World:
    """Returns a world with a photo that names these style references. Only `files` exist."""
    world = World()
    upload_silently(world, **files or {STYLE: SUMMER})
    world.upload_photo(KEY, build_photo())
    world.upload_sidecar(KEY, **BEACH, style_reference_images=list(keys or [STYLE]))
    return world


def upload_silently(world: World, **files: bytes) -> None:
    """Uploads files without an event."""
    before = list(world.queues["intake"].messages)
    for key, data in files.items():
        world.s3.upload(INPUT_BUCKET, key, data)
    world.queues["intake"].messages[:] = before


def find_current_job(world: World) -> Job:
    """Returns the photo's only current job."""
    source = world.read_source(KEY)
    assert source
    (job_id,) = source.jobs.values()
    return next(job for job in world.list_jobs(KEY) if job.job_id == job_id)


def read_inputs(world: World) -> dict[str, bytes]:
    """Returns the inputs that are stored for render, by name."""
    found = {
        key.removeprefix(f"{INPUTS_PREFIX}/"): world.output_bucket.find_current(key)
        for key in world.output_bucket.objects
    }
    return {key: version.data for key, version in found.items() if version and version.data and "/" not in key}


def prepare(world: World, *files: bytes) -> list[bytes]:
    """Returns the bytes that are sent for these references of one photo."""
    return [read_inputs(world)[name] for name in list_reference_names([sha256_hex(data) for data in files])]


def test_file_is_a_photo_unless_it_is_under_the_backdrop_prefix() -> None:
    """docs/instructions.md puts references into `_backdrop/styles/`."""
    kept, other = "_backdrop/styles/summer.jpg", "looks/autumn.jpg"
    world = World()
    world.s3.upload(INPUT_BUCKET, kept, SUMMER)
    world.s3.upload(INPUT_BUCKET, other, AUTUMN)
    world.upload_sidecar(KEY, **BEACH, style_reference_images=[kept, other])
    world.upload_photo(KEY, build_photo())
    world.run_until_empty()
    assert find_only_job(world).status is JobStatus.STORED
    assert (world.read_source(kept), list_report_codes(world, kept), list_report_codes(world, other)) == (
        None,
        [],
        ["no_instructions"],
    )


def test_reference_is_identified_by_bytes_and_named_by_key() -> None:
    world = world_with_references()
    world.run_until_empty()
    job = find_only_job(world)
    assert job.status is JobStatus.STORED
    assert job.purchase_spec["style_reference_images"] == [sha256_hex(SUMMER)]
    assert job.instructions["style_reference_images"] == [STYLE]
    assert (prepare(world, SUMMER), len(read_inputs(world))) == ([SUMMER], 1)
    assert_at_rest(world)


def test_render_sends_the_reference_bytes_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Sequence[bytes]] = []
    world = world_with_references("a.png", "b.png", **{"a.png": AUTUMN, "b.png": SUMMER})
    prepare = world.provider.prepare

    def record_references(job: Job, photo: bytes, references: Sequence[bytes] = ()) -> PreparedCall | ProviderResult:
        given.append(references)
        return prepare(job, photo, references)

    monkeypatch.setattr(world.provider, "prepare", record_references)
    world.run_until_empty()
    assert given == [[AUTUMN, SUMMER]]


def test_same_bytes_under_another_key_are_the_same_job() -> None:
    world = world_with_references(**{STYLE: SUMMER, "styles/copy.jpg": SUMMER})
    world.run_until_empty()
    world.upload_sidecar(KEY, **BEACH, style_reference_images="styles/copy.jpg")
    world.run_until_empty()
    assert (find_only_job(world).status, count_paid_calls(world)) == (JobStatus.STORED, 1)
    assert find_only_job(world).instructions["style_reference_images"] == ["styles/copy.jpg"]


def test_order_of_references_is_part_of_the_purchase() -> None:
    world = world_with_references("a.png", "b.png", **{"a.png": AUTUMN, "b.png": SUMMER})
    world.run_until_empty()
    world.upload_sidecar(KEY, **BEACH, style_reference_images=["b.png", "a.png"])
    world.run_until_empty()
    assert count_paid_calls(world) == 2


def test_changed_reference_buys_nothing_for_a_paid_job() -> None:
    world = world_with_references()
    world.run_until_empty()
    upload_silently(world, **{STYLE: AUTUMN})
    for body in repeat_event(world):
        world.sqs.send_externally(world.queues["intake"], body)
    world.run_until_empty()
    assert (find_only_job(world).status, count_paid_calls(world)) == (JobStatus.STORED, 1)


def repeat_event(world: World) -> list[str]:
    """Repeats the photo's event."""
    world.s3.set_tags(INPUT_BUCKET, KEY, {})
    return list_intake_messages(world)


def test_changed_reference_of_an_unpaid_job_is_resolved_again() -> None:
    world = world_with_references()
    world.run_until_empty("intake")
    upload_silently(world, **{STYLE: AUTUMN})
    world.output_bucket.objects.pop(input_key(*list_reference_names([sha256_hex(SUMMER)])))
    world.run_until_empty()
    assert find_current_job(world).purchase_spec["style_reference_images"] == [sha256_hex(AUTUMN)]
    assert sorted(job.status for job in world.list_jobs()) == [JobStatus.STORED, JobStatus.SUPERSEDED]
    assert count_paid_calls(world) == 1
    assert_at_rest(world)


def test_expired_reference_is_stored_again_and_the_job_continues() -> None:
    world = world_with_references()
    world.run_until_empty("intake")
    world.output_bucket.objects.pop(input_key(*list_reference_names([sha256_hex(SUMMER)])))
    world.run_until_empty()
    assert (find_only_job(world).status, count_paid_calls(world)) == (JobStatus.STORED, 1)
    assert_at_rest(world)


def test_reference_missing_at_purchase_is_reported() -> None:
    world = world_with_references()
    world.run_until_empty("intake")
    world.output_bucket.objects.pop(input_key(*list_reference_names([sha256_hex(SUMMER)])))
    world.input_bucket.objects.pop(STYLE)
    world.run_until_empty()
    assert (list_report_codes(world, KEY), count_paid_calls(world)) == (["reference_not_found"], 0)


@pytest.mark.parametrize(
    ("key", "files", "code"),
    [
        ("styles/none.jpg", {}, "reference_not_found"),
        (KEY, {}, "reference_unusable"),
        (STYLE, {STYLE: b"no picture"}, "reference_unusable"),
        (STYLE, {STYLE: b""}, "reference_unusable"),
        (STYLE, {STYLE: SUMMER[:60]}, "reference_unusable"),
        ("s3://others/summer.jpg", {}, "invalid_value"),
    ],
    ids=["missing", "the photo itself", "no picture", "empty", "cut off", "another bucket"],
)
def test_unusable_reference_is_reported_by_name(key: str, files: dict[str, bytes], code: str) -> None:
    world = world_with_references(key, **files)
    world.run_until_empty()
    report = world.read_report(KEY)
    assert report
    assert [(one["code"], key in one["message"]) for one in report["errors"]] == [(code, True)]
    assert (world.list_jobs(), count_paid_calls(world)) == ([], 0)


def limit_references(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """Limits how many bytes the provider takes as the references of a call."""
    monkeypatch.setattr(references, "REFERENCE_LIMITS", PhotoLimits(most, ("jpeg", "png", "webp")))


def build_large_image(seed: int) -> bytes:
    """Returns a picture of about 30 kB that depends on the seed."""
    return encode_image(scene(size=(160 + seed, 160)).effect_spread(30), "JPEG", quality=98)


def test_large_references_are_reduced_together_and_small_ones_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    files = {f"styles/{n}.jpg": build_large_image(n) for n in range(3)} | {"styles/small.png": SUMMER}
    limit_references(monkeypatch, 40_000)
    world = world_with_references(*files, **files)
    world.run_until_empty()
    assert (find_only_job(world).status, find_only_job(world).purchase_spec["style_reference_images"]) == (
        JobStatus.STORED, [sha256_hex(data) for data in files.values()],
    )  # fmt: skip
    *fitted, small = prepare(world, *files.values())
    assert small == SUMMER
    assert sum(map(len, (*fitted, small))) <= 40_000
    assert all(len(one) > 40_000 / 3 * 0.7 for one in fitted)


def test_reference_uses_the_space_that_the_others_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reduced version for one photo is not used for another photo with fewer references."""
    alone, other = build_large_image(1), build_large_image(2)
    limit_references(monkeypatch, len(alone) + 100)
    world = world_with_references("a.jpg", "b.jpg", **{"a.jpg": alone, "b.jpg": other})
    world.run_until_empty()
    world.upload_sidecar(KEY, **BEACH, style_reference_images="a.jpg")
    world.run_until_empty()
    assert prepare(world, alone) == [alone]
    assert len(prepare(world, alone, other)[0]) < len(alone)


@given(sizes=st.lists(st.integers(1, 10_000), min_size=1, max_size=4), total=st.integers(4, 20_000))
@example(sizes=[10, 5_000, 5_000], total=4_010)
def test_shares_of_references_use_the_limit_without_exceeding_it(sizes: list[int], total: int) -> None:
    found = references.allocate_bytes(sizes, total)
    assert sum(found) <= total
    assert all(share <= size for share, size in zip(found, sizes, strict=True))
    cut = [share for share, size in zip(found, sizes, strict=True) if share < size]
    assert not cut or (sum(found) > total - len(sizes) and max(found) - min(cut) <= 1)


def test_references_that_cannot_fit_together_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    limit_references(monkeypatch, len(SUMMER) + 1)
    world = world_with_references(*"abcd", **{key: build_photo(key) for key in "abcd"})
    world.run_until_empty()
    assert (list_report_codes(world, KEY), count_paid_calls(world)) == (["reference_unusable"], 0)


@pytest.mark.parametrize("kind", ["TIFF", "BMP", "GIF", "AVIF"])
def test_reference_is_converted_and_identified_by_its_own_bytes(kind: str) -> None:
    data = encode_image(scene("P" if kind == "GIF" else "RGB"), kind)
    world = world_with_references(**{STYLE: data})
    world.run_until_empty()
    assert (find_only_job(world).status, list_report_codes(world, KEY)) == (JobStatus.STORED, [])
    assert find_only_job(world).purchase_spec["style_reference_images"] == [sha256_hex(data)]
    assert sniff_file(*prepare(world, data)).format in ("png", "jpeg")


def test_too_large_reference_is_encoded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encode_image(scene("RGB"), "JPEG", quality=100)
    limit_references(monkeypatch, len(data) - 1)
    world = world_with_references(**{STYLE: data})
    world.run_until_empty()
    assert [len(one) < len(data) for one in prepare(world, data)] == [True]


def test_reference_added_later_runs_the_photo_after_a_rerun() -> None:
    world = world_with_references("styles/late.jpg")
    world.run_until_empty()
    upload_silently(world, **{"styles/late.jpg": AUTUMN})
    world.intake.photo_intake.intake_queue.send({"kind": "rerun", "bucket": INPUT_BUCKET, "key": KEY}, group="g")
    world.run_until_empty()
    assert (find_only_job(world).status, list_report_codes(world, KEY)) == (JobStatus.STORED, [])


def test_bad_reference_does_not_affect_other_variants() -> None:
    world = World()
    world.upload_photo(KEY, build_photo())
    world.upload_sidecar(KEY, variants={"beach": BEACH, "styled": {**BEACH, "style_reference_images": "none.jpg"}})
    world.run_until_empty()
    assert (list_report_codes(world, KEY), count_paid_calls(world)) == (["reference_not_found"], 1)


def test_reference_is_read_once_for_all_variants() -> None:
    world = World()
    upload_silently(world, **{STYLE: SUMMER})
    world.upload_photo(KEY, build_photo())
    variants = {f"v{n}": {"prompt": f"beach {n}", "style_reference_images": STYLE} for n in range(5)}
    world.upload_sidecar(KEY, variants=variants)
    world.transport.faults_before.append(
        read := TargetedFault(lambda _: None, "get_object", times=99, matches=lambda call: call.request["Key"] == STYLE)
    )
    world.deliver_next("intake")
    assert read.hit_count == 1
    world.run_until_empty()
    assert count_paid_calls(world) == 5
