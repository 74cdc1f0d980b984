"""What each option adds to a photo's use of AWS: counted in the simulated world whenever the page is written."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from io import BytesIO
from typing import TYPE_CHECKING, Any, cast

from PIL import Image

from backdrop.model.budget_shares import MIN_SLOTS_FOR_SHARES
from backdrop.model.job import JobStatus
from backdrop.model.object_keys import SIGNED_PREFIX
from bench.aws_cost.bill import DOWNLOAD_SECONDS, GB, LAMBDA_REQUESTS_PER_BATCH, REQUEST_SECONDS
from bench.aws_cost.dynamodb_units import DynamoDBUnits
from bench.aws_cost.image_usage import STAGES
from bench.aws_cost.prices import PRICES
from bench.aws_cost.recorder import RecordedRequest
from docs.tables import format_table
from simulation.world.product_images import CORNER, build_product_photo
from simulation.world.sample_mandates import create_mandate
from simulation.world.simulated_stack import INPUT_BUCKET, World
from simulation.world.transport import ServiceCall

if TYPE_CHECKING:
    from tests.signing_pki import FakeKms

FOLDER = "shoes-spring-2026/"
"""Of an ordinary length, because names are part of what the ledger's items weigh."""
WARM_UP, PHOTOS = 4, 10
OPAQUE, TRANSPARENT = "opaque-product", "product"
OUTSIDE_SERVICES = frozenset({"provider", "downloads"})
LEDGER_WRITE = "transact_write_items"
PRICE_OF_OPERATION = {
    "list_objects_v2": "s3 writes",
    "put_object": "s3 writes",
    "get_object": "s3 reads",
    "get_object_tagging": "s3 reads",
    "head_object": "s3 reads",
    "get_item": "dynamodb reads",
    "query": "dynamodb reads",
    "send_message": "sqs",
    "change_message_visibility": "sqs",
    "put_events": "events",
    "sign": "signatures",
    "invoke": "lambda requests",
}


def change_nothing(*_arguments: object) -> None:
    """Used for an option without a preparation, or without an act of a person."""


@dataclass(frozen=True)
class Option:
    """A photo with an option.

    `setup`: fields of WorldSetup. `prepare` changes the stack. `act` is what a person does about a photo (its key)
    whose picture is paid for, with `events` to EventBridge. `has_sidecar`: whether the photo has one, with the
    `instructions`.
    """

    name: str
    instructions: Mapping[str, Any] = field(default_factory=dict[str, Any])
    photo: str = OPAQUE
    setup: Mapping[str, Any] = field(default_factory=dict[str, Any])
    prepare: Callable[[World], object] = change_nothing
    act: Callable[[World, str], object] = change_nothing
    events: int = 0
    has_sidecar: bool = True


@dataclass(frozen=True)
class PhotoUse:
    """A photo's use of AWS: the requests by our code, and the amounts that AWS bills, by price."""

    requests: float
    amounts: Mapping[str, float]

    @property
    def usd(self) -> float:
        """The cost in dollars, without logs and without the functions' own CPU time."""
        return sum(PRICES[price].list_usd(amount) for price, amount in self.amounts.items())


class CountedKms:
    """KMS with the key of a certificate. Its requests are counted, as those of the other services are."""

    def __init__(self, world: World, kms: "FakeKms") -> None:
        self._world, self._kms = world, kms

    def sign(self, **sent: Any) -> Mapping[str, bytes]:
        return self._world.transport.execute("kms", "sign", sent, lambda: self._kms.sign(**sent))


def upload_defaults(world: World) -> None:
    """Gives the folder its instructions."""
    world.s3.upload(INPUT_BUCKET, f"{FOLDER}_backdrop.json", json.dumps({"prompt": "on a beach"}).encode())


def approve(world: World, key: str) -> None:
    """Approves the picture of a photo, with an event that EventBridge sends to intake's queue."""
    from tests.simulated.picture_decisions import APPROVED, send_decision

    (job,) = world.list_jobs(key)
    send_decision(world, APPROVED, job)


def sign_pictures(world: World) -> None:
    """Has each picture signed with a key in KMS."""
    from simulation.world.simulated_signing import turn_on_signing
    from tests.signing_pki import FakeKms, build_keys, build_leaf_key, build_signer

    kms = CountedKms(world, FakeKms(build_leaf_key()))
    turn_on_signing(world, build_signer(build_keys(kms=cast("FakeKms", kms))))


SIDECAR = Option("a photo with a sidecar")
FOLDER_DEFAULTS = Option(
    "folder defaults instead of the sidecar, for which the photo waits", prepare=upload_defaults, has_sidecar=False
)
SECOND_OUTPUT = Option("a second size or format (`output`)", {"output": [{}, {"name": "small", "width": 64}]})
SECOND_PICTURE = Option("a second picture (`num_images`)", {"num_images": 2})
MANDATE = Option("a [mandate](../mandates.md)", prepare=lambda world: create_mandate(world, FOLDER))
SHARES = Option(
    f"[shares](../decisions/0050-budget-shares.md) of the budget ({MIN_SLOTS_FOR_SHARES} slots), unless one borrows",
    setup={"in_flight": MIN_SLOTS_FOR_SHARES, "account_limit": MIN_SLOTS_FOR_SHARES},
)
VERDICT = Option("a [verdict](../fidelity.md), if the photo has transparent parts", photo=TRANSPARENT)
OWN_PIXELS = Option("a verdict and the photo's own product (`pixels`)", {"subject": {"pixels": "own"}}, TRANSPARENT)
BOUGHT_MASK = Option("a verdict with a mask that is bought (`mask`)", {"subject": {"mask": "buy"}})
APPROVAL = Option("[approval](../approval.md) by a person", {"approval": "required"}, act=approve, events=1)
CREDENTIALS = Option("[Content Credentials](../provenance.md) with a key in KMS", prepare=sign_pictures)
OPTIONS = (
    FOLDER_DEFAULTS,
    SECOND_OUTPUT,
    SECOND_PICTURE,
    MANDATE,
    SHARES,
    VERDICT,
    OWN_PIXELS,
    BOUGHT_MASK,
    APPROVAL,
    CREDENTIALS,
)


# -- one option ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class BillingFacts:
    """What the simulated world does not know: the functions' memory in GB, the seconds of a provider's call, and the
    bytes of a photo.
    """

    memory_gb: Mapping[str, float]
    latency: float
    photo_bytes: int


def count_option(option: Option, facts: BillingFacts) -> PhotoUse:
    """Counts what photos with an option use, on average, if they come one by one to a warm stack.

    Raises:
        RuntimeError: a photo was not stored.
    """
    world = build_world(option)
    for n in range(WARM_UP):
        process_photo(world, option, f"warm-{n}")
    before = _sum_up(world, facts)
    for n in range(PHOTOS):
        process_photo(world, option, f"{n:04}")
    after = _sum_up(world, facts)
    sent_by_people = {
        "s3 writes": 1 + option.has_sidecar,
        "sqs": 1 + option.has_sidecar + option.events,
        "events": option.events,
    }
    amounts = {
        price: (after.amounts[price] - before.amounts.get(price, 0)) / PHOTOS + sent_by_people.get(price, 0)
        for price in after.amounts
    }
    return PhotoUse((after.requests - before.requests) / PHOTOS, amounts)


def build_world(option: Option) -> World:
    """Returns a stack with the option, whose provider shows the product of every photo unchanged, or cuts it out."""
    world = World(counts_images=True, **option.setup)
    world.downloads.choose_picture = lambda url: _choose_picture(world, url)
    option.prepare(world)
    world.start()
    return world


def _choose_picture(world: World, url: str) -> bytes:
    (job,) = [job for job in world.list_jobs() if url in {link.url for link in job.links}]
    return build_product_photo(TRANSPARENT if job.operation == "remove" else OPAQUE)


def process_photo(world: World, option: Option, name: str) -> str:
    """Processes one photo until it is stored. Returns its key.

    Raises:
        RuntimeError: it was not stored.
    """
    key = f"{FOLDER}{name}.png"
    if option.has_sidecar:
        sidecar = {"prompt": "on a beach", **option.instructions}
        world.s3.upload(INPUT_BUCKET, f"{key}.json", json.dumps(sidecar).encode())
        run_to_completion(world)
    world.s3.upload(INPUT_BUCKET, key, _build_photo(option.photo, key))
    run_to_completion(world)
    option.act(world, key)
    run_to_completion(world)
    if {job.status for job in world.list_jobs(key)} != {JobStatus.STORED}:
        raise RuntimeError(f"{option.name}: {key} is not stored")
    return key


def _build_photo(name: str, key: str) -> bytes:
    """Returns a photo of the product whose bytes no other key has."""
    photo, file = Image.open(BytesIO(build_product_photo(name))), BytesIO()
    alpha = cast("tuple[int, ...]", photo.getpixel(CORNER))[3:]
    photo.putpixel(CORNER, (*sha256(key.encode()).digest()[:3], *alpha))
    photo.save(file, "PNG")
    return file.getvalue()


def run_to_completion(world: World) -> None:
    """Runs workers concurrently until nothing is in progress. S3's events arrive within seconds."""
    world.event_loop.run_until(world.clock.time + timedelta(seconds=5))
    world.event_loop.run_until(world.clock.time + timedelta(hours=1), should_stop=world.is_quiet)


# -- what was counted ---------------------------------------------------------------------------------------------


def list_stage_calls(world: World, since: int = 0) -> Iterator[tuple[str, ServiceCall]]:
    """Yields the calls of intake, render, and deliver since this index, also those outside AWS, with the function."""
    for call in world.transport.calls[since:]:
        function = call.worker_name.partition("-")[0]
        if function in STAGES:
            yield function, call


def _sum_up(world: World, facts: BillingFacts) -> PhotoUse:
    """Returns what the functions have used until now for all photos."""
    outside_seconds = {"provider": facts.latency, "downloads": DOWNLOAD_SECONDS}
    invocations = sum(one.name.partition("-")[0] in STAGES for one in world.lambda_service.invocations)
    amounts: Counter[str] = Counter({"lambda requests": invocations, "sqs": LAMBDA_REQUESTS_PER_BATCH * invocations})
    calls = [*list_stage_calls(world)]
    provider_calls, requests, gb_seconds = 0, 0, 0.0
    signing = set[str]()
    for function, call in calls:
        gb_seconds += facts.memory_gb[function] * outside_seconds.get(call.service, REQUEST_SECONDS)
        if call.worker_name in signing:
            # Sign has as much memory as deliver, which waits for it.
            gb_seconds += facts.memory_gb[function] * REQUEST_SECONDS
        if call.operation == "invoke":
            signing.add(call.worker_name)
        elif SIGNED_PREFIX in call.request.get("Key", ""):
            signing.discard(call.worker_name)
        provider_calls += call.service == "provider"
        if call.service in OUTSIDE_SERVICES:
            continue
        requests += 1
        if call.operation == "batch_get_item":
            amounts["dynamodb reads"] += sum(len(table["Keys"]) for table in call.request["RequestItems"].values())
        elif call.operation != LEDGER_WRITE:
            amounts[PRICE_OF_OPERATION[call.operation]] += 1
    measured = {
        "dynamodb writes": count_write_units(call for _, call in calls),
        "lambda seconds": gb_seconds,
        "traffic": provider_calls * facts.photo_bytes / GB,
    }
    return PhotoUse(requests, {**amounts, **measured})


def count_write_units(calls: Iterable[ServiceCall]) -> float:
    """Returns DynamoDB's write units of all transactions among some calls, in their order."""
    units = DynamoDBUnits()
    for call in calls:
        if call.operation == LEDGER_WRITE:
            status = 400 if call.outcome else 200
            units.add(RecordedRequest("", call.service, "TransactWriteItems", "", call.request, {}, status))
    return units.writes


def format_section(facts: BillingFacts, images: int) -> str:
    """Returns the section of the page."""
    base = count_option(SIDECAR, facts)
    rows: list[Sequence[str]] = []
    for option in OPTIONS:
        use = count_option(option, facts)
        writes = use.amounts["dynamodb writes"] - base.amounts["dynamodb writes"]
        rows.append(
            (
                option.name,
                f"{use.requests - base.requests:+.0f}",
                f"{writes:+.0f}",
                f"{images * (use.usd - base.usd):+.3f}",
            )
        )
    second = images * PRICES["lambda seconds"].list_usd(facts.memory_gb["deliver"])
    return "\n\n".join(
        [
            f"## {images:,} images: what each option adds",
            f"Added to a photo with a sidecar, whose {base.requests:g} requests are listed below. Counted in the"
            f" simulated world, whenever this page is written: the mean of {PHOTOS} photos that come one by one to a"
            " warm stack. The provider's price is not included: the second picture and the mask are bought."
            " `OnLostAnswer=ask_the_bill` and retries add nothing until they are needed.",
            format_table(("", "requests by our code", "write units", "USD"), rows),
            f"The amount includes calls of {facts.latency:g} s, and the photo on its way to the provider, but neither"
            " logs nor the functions' own CPU time. [Verdicts](fidelity.md), [own pixels](own_pixels.md), and"
            f" [signatures](credentials.md) need some in deliver or sign, where a second costs ${second:.3f} for"
            f" {images:,} images. An item is billed by started kilobyte, so write units also depend on the length of"
            " names and prompts.",
        ]
    )
