"""The requests to AWS for one image, each by name: they are few, and do not depend on how many images are stored.

Also its writes: DynamoDB's units, and the bytes of each kind of object.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

import pytest

from backdrop.model.fidelity import FidelityVerdict
from backdrop.model.job import Job, JobStatus
from backdrop.model.object_keys import RECEIPTS_PREFIX
from backdrop.model.review import ReviewDecision
from bench.aws_cost import options
from bench.aws_cost.bill import build_image_lines
from bench.aws_cost.cost_result import load_costs
from bench.aws_cost.dynamodb_units import measure_item_bytes
from bench.aws_cost.idle_stack import load_one_provider_stack
from bench.aws_cost.options import OUTSIDE_SERVICES, count_write_units, list_stage_calls, run_to_completion
from bench.aws_cost.page import count_all_requests, read_memory
from docs.bench_aims import REQUESTS_AMONG_MANY
from simulation.world.sample_images import build_photo
from simulation.world.simulated_stack import World
from simulation.world.transport import ServiceCall
from simulation.world.world_inspector import INPUT_BUCKET
from tests.simulated.render.test_mandates import create_mandate

DRAINED = 40
MAX_ALONE = 22
ALONE = {
    "intake": {
        "list_objects_v2": 1,  # A sidecar arrived: to which photos may it apply?
        "batch_get_item": 1,  # the photo's item, and which mandate owns its folder
        "get_object": 4,  # photo, sidecar, the defaults of two folders
        "transact_write_items": 1,  # the photo, its job, and the content's owner
        "put_object": 1,  # the first receipt
        "send_message": 1,  # the job into its lane
    },
    "render": {
        "batch_get_item": 1,  # job, lane, and mandates
        "get_object": 1,  # the photo
        "transact_write_items": 2,  # the claim and the answer
        "send_message": 1,  # the message to deliver
    },
    "deliver": {
        "query": 2,  # the photo with its jobs; the copies that wait for it
        "get_item": 1,  # the lane, whose row of undelivered pictures may end (decision 59)
        "put_object": 3,  # the provider's file, the picture, the receipt
        "transact_write_items": 1,  # the job's final status
        "put_events": 1,
    },
}
MAX_WRITE_UNITS = 38
MAX_WRITE_UNITS_OF_MANDATE = 4
MAX_BYTES = {"item": 2_500, "receipt": 2_180, "message": 190, "event": 1_580}


def upload_sidecars(world: World, keys: Sequence[str]) -> None:
    """Gives each photo its own sidecar with its own instructions, so that nothing is shared."""
    for key in keys:
        world.s3.upload(INPUT_BUCKET, f"{key}.json", json.dumps({"prompt": f"on a beach, {key}"}).encode())


def upload_photos(world: World, keys: Sequence[str]) -> None:
    for key in keys:
        world.s3.upload(INPUT_BUCKET, key, build_photo(key))


def count_requests(world: World, since: int) -> dict[str, Counter[str]]:
    """Returns the requests since this index, by function."""
    found: dict[str, Counter[str]] = {name: Counter() for name in ALONE}
    for function, call in list_stage_calls(world, since):
        if call.service not in OUTSIDE_SERVICES:
            found[function][call.operation] += 1
    return found


def warmed_up_world() -> World:
    """Returns a stack that has processed a photo before, so that cached requests are already made."""
    world = World()
    world.start()
    count_drained_requests(world, ["warm.jpg"])
    return world


def count_drained_requests(world: World, keys: Sequence[str]) -> dict[str, Counter[str]]:
    """Returns the requests of photos that have sidecars and all wait for intake at the start."""
    before = len(world.transport.calls)
    upload_sidecars(world, keys)
    run_to_completion(world)
    intake = world.mappings["intake"]
    world.lambda_service.set_enabled(intake, enabled=False)
    upload_photos(world, keys)
    run_to_completion(world)
    world.lambda_service.set_enabled(intake, enabled=True)
    run_to_completion(world)
    assert [job.status for key in keys for job in world.list_jobs(key)] == [JobStatus.STORED] * len(keys)
    return count_requests(world, before)


def divide_per_image(found: dict[str, Counter[str]], images: int) -> float:
    return sum(one.total() for one in found.values()) / images


def test_single_photo_makes_exactly_these_requests() -> None:
    found = count_drained_requests(warmed_up_world(), ["shoes/red.jpg"])
    assert found == {name: Counter(operations) for name, operations in ALONE.items()}
    assert divide_per_image(found, 1) <= MAX_ALONE


def test_photo_among_many_makes_fewer_requests() -> None:
    found = count_drained_requests(warmed_up_world(), [f"shoes/{n}.jpg" for n in range(DRAINED)])
    assert divide_per_image(found, DRAINED) <= REQUESTS_AMONG_MANY


def test_simulated_photo_uses_what_was_counted_on_the_local_cloud() -> None:
    """What options add is counted in the simulated world, which does not know logs and CPU time."""
    counted, memory = load_costs().rows[0], read_memory(load_one_provider_stack())
    facts = options.BillingFacts(memory, 15.0, counted.usage.photo_bytes)
    expected: defaultdict[str, float] = defaultdict(float)
    for line in build_image_lines(counted.usage, memory, counted.uploads, facts.latency):
        expected[line.price] += line.amount
    found = options.count_option(options.SIDECAR, facts)
    assert found.requests == count_all_requests(counted)
    assert found.amounts.keys() == expected.keys() - {"logs"}
    assert found.amounts["lambda seconds"] < expected["lambda seconds"]
    for name in found.amounts.keys() - {"lambda seconds"}:
        assert found.amounts[name] == pytest.approx(expected[name]), name


def process_option(option: options.Option) -> list[Job]:
    """Returns the jobs of a photo with the option. A warning would say that the option had no effect."""
    world = options.build_world(option)
    jobs = world.list_jobs(options.process_photo(world, option, "1"))
    assert [warning for job in jobs for warning in job.warnings] == []
    return jobs


@pytest.mark.parametrize("option", [options.SECOND_OUTPUT, options.SECOND_PICTURE], ids=["output", "picture"])
def test_second_output_and_second_picture_are_counted(option: options.Option) -> None:
    (job,) = process_option(option)
    assert len(job.results) == 2


@pytest.mark.parametrize("option", [options.VERDICT, options.OWN_PIXELS, options.BOUGHT_MASK], ids=lambda one: one.name)
def test_verdict_on_an_unchanged_product_is_counted(option: options.Option) -> None:
    picture, *masks = process_option(option)
    (fidelity,) = picture.fidelity_by_image.values()
    assert fidelity
    assert fidelity.verdict is FidelityVerdict.SAME
    assert len(masks) == (1 if option is options.BOUGHT_MASK else 0)
    assert all(mask.is_mask and mask.charged for mask in masks)


def test_approved_signed_and_owned_pictures_are_counted() -> None:
    (approved,), (signed,), (owned,) = map(process_option, (options.APPROVAL, options.CREDENTIALS, options.MANDATE))
    assert [review.decision for review in approved.reviews] == [ReviewDecision.APPROVED]
    assert signed.results[0].is_signed
    assert owned.mandate == "anna"


@pytest.mark.parametrize("ending", ["", ".jpg"])
def test_stored_images_cause_no_additional_requests(ending: str) -> None:
    """This holds even for names with the same prefix, so that a list of a sidecar's photos could contain them all."""
    world = warmed_up_world()
    first = count_drained_requests(world, [f"blue{ending}"])
    count_drained_requests(world, [f"red{between}{n}.jpg" for between in " (-" for n in range(DRAINED // 2)])
    world.s3.page_size = DRAINED
    assert count_drained_requests(world, [f"red{ending}"]) == first


# -- writes -------------------------------------------------------------------------------------------------------


def measure_written_items(call: ServiceCall) -> Iterator[tuple[str, int]]:
    """Returns each object that a request writes, with its bytes. Pictures are excluded, because they are the
    provider's.
    """
    match call.operation:
        case "transact_write_items":
            puts = (one["Put"] for one in call.request["TransactItems"] if "Put" in one)
            yield from (("item", measure_item_bytes(put["Item"])) for put in puts)
        case "put_object" if call.request["Key"].startswith(RECEIPTS_PREFIX):
            yield "receipt", len(call.request["Body"])
        case "send_message":
            yield "message", len(call.request["MessageBody"].encode())
        case "put_events":
            yield from (("event", len(event["Detail"].encode())) for event in call.request["Entries"])
        case _:
            return


def test_single_photo_writes_few_units_and_small_objects() -> None:
    world = warmed_up_world()
    before = len(world.transport.calls)
    count_drained_requests(world, ["shoes/red.jpg"])
    calls = [call for _, call in list_stage_calls(world, before)]
    assert count_write_units(calls) <= MAX_WRITE_UNITS
    items = sorted(item for call in calls for item in measure_written_items(call))
    assert {kind for kind, _ in items} == MAX_BYTES.keys()
    assert [(kind, size) for kind, size in items if size > MAX_BYTES[kind]] == []


@pytest.mark.parametrize(
    ("prefix", "max_additional_units"),
    [("shoes/", MAX_WRITE_UNITS_OF_MANDATE), ("bags/", 0)],
    ids=["owned", "not-owned"],
)
def test_mandate_writes_few_additional_units_for_its_photos_and_none_for_others(
    prefix: str, max_additional_units: int
) -> None:
    units: list[float] = []
    for has_mandate in (False, True):
        world = warmed_up_world()
        if has_mandate:
            create_mandate(world, prefix=prefix, limit=1_000_000)
        before = len(world.transport.calls)
        found = count_drained_requests(world, ["shoes/red.jpg"])
        units.append(count_write_units(call for _, call in list_stage_calls(world, before)))
        if prefix != "shoes/":
            assert found == {name: Counter(operations) for name, operations in ALONE.items()}
    assert units[1] - units[0] <= max_additional_units
    assert (units[1] > units[0]) is bool(max_additional_units)
