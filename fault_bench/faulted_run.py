"""One pipeline through one plan: warm-up, uploads under faults, draining, and a second upload of everything."""

import hashlib
import io
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import cast

from PIL import Image, ImageDraw

from backdrop_local.standin.pictures.compose import remove_background
from fault_bench.bench_pipeline import BenchPipeline
from fault_bench.bench_plan import BenchPhoto, BenchPlan, PhotoRequest
from fault_bench.fault_injector import REPEATED_EVENT, run_fault_injector
from fault_bench.slot_use import SlotHistory, SlotUse, TimeRange, measure_slot_use
from fault_bench.standin_provider import StandinProvider
from fault_bench.worker_killer import run_worker_killer

POLL_SECONDS = 0.5
MIN_QUIET_POLLS = 3
FAST_CALL_SECONDS = 0.1
# Ten workers start at the same time, which takes minutes on a machine that does other work too.
WARM_UP_SECONDS = 400
PRODUCT_PHOTO_SIZE = 128, 96
STRIPE_CONTRAST = 12
WARM_UP_SIDECAR = {"prompt": "warming up", "rendering_speed": "TURBO"}

type IsAtRest = Callable[[], bool]
"""Whether a pipeline has no work left, according to its own records."""


class NotDrainedError(Exception):
    """A pipeline did not come to rest in time."""


@dataclass(frozen=True)
class ObservedRun:
    """What happened to a pipeline under faults, with the planned and actual strikes of each kind of fault.

    `unstorable_count`: paid calls that were answered while the output bucket refused writes.
    """

    planned_counts: Counter[str]
    strike_counts: Counter[str]
    kill_count: int
    missed_kill_count: int
    cut_connections: int
    peak_in_flight: int
    refused_count: int
    call_count: int
    unstorable_count: int
    slot_use: SlotUse
    seconds_to_rest: float


def build_product_photo_for(text: str) -> bytes:
    """Returns a photo of the disc that the stand-in's placeholders cut out of any photo, with stripes, on a dark color.

    The stripes are so weak that the cut-out still has the photo's colors. The placeholder that replaces the background
    has a disc without stripes in another color, so it never shows the same product.
    """
    dark_color = tuple(value // 4 for value in hashlib.sha256(text.encode()).digest()[:3])
    image, encoded = Image.new("RGB", PRODUCT_PHOTO_SIZE, dark_color), io.BytesIO()
    image.save(encoded, "JPEG")
    placeholder = remove_background(encoded.getvalue(), text, placeholder=True)
    disc = Image.open(io.BytesIO(placeholder.png)).resize(PRODUCT_PHOTO_SIZE)
    image.paste(disc, mask=disc)
    (width, height), draw = PRODUCT_PHOTO_SIZE, ImageDraw.Draw(image)
    product_color = cast("tuple[int, ...]", disc.getpixel((width // 2, height // 2)))[:3]
    for n, x in enumerate(range(round(width * 0.3), round(width * 0.7), 5)):
        shade = STRIPE_CONTRAST if n % 2 else -STRIPE_CONTRAST
        stripe = tuple(max(0, min(255, value + shade)) for value in product_color)
        draw.line((x, height * 0.28, x, height * 0.72), fill=stripe, width=2)
    encoded = io.BytesIO()
    image.save(encoded, "JPEG", quality=92, comment=text.encode())
    return encoded.getvalue()


def build_photo_for(text: str) -> bytes:
    """Returns a small photo that is different for every text."""
    red, green, blue = hashlib.sha256(text.encode()).digest()[:3]
    image, encoded = Image.new("RGB", (64, 48), (red, green, blue)), io.BytesIO()
    image.paste((255, 255, 255), (16, 12, 32, 24))
    image.save(encoded, "JPEG", comment=text.encode())
    return encoded.getvalue()


def read_files(plan: BenchPlan, names: Iterable[str]) -> list[tuple[str, bytes]]:
    """Returns the bytes of photos and sidecars, with their keys."""
    photos = {photo.key: photo for photo in plan.photos}
    return [(name, build_file(photos, name)) for name in names]


def build_file(photos: dict[str, BenchPhoto], name: str) -> bytes:
    key = name.removesuffix(".json")
    if name != key:
        return json.dumps(photos[key].sidecar).encode()
    has_request = photos[key].request is not PhotoRequest.NOTHING
    return build_product_photo_for(key) if has_request else build_photo_for(key)


def warm_up(pipeline: BenchPipeline, plan: BenchPlan, is_at_rest: IsAtRest) -> list[str]:
    """Uploads as many photos as there are slots before any fault, so that the start of the lane is not measured."""
    keys = [f"seed-{plan.seed}/warm-{n}.jpg" for n in range(plan.concurrency_limit)]
    pipeline.provider.change_settings(latency_by_speed={"TURBO": 2})
    pipeline.upload((f"{key}.json", json.dumps(WARM_UP_SIDECAR | {"seed": n}).encode()) for n, key in enumerate(keys))
    pipeline.upload((key, build_photo_for(key)) for key in keys)
    wait_until_at_rest(pipeline, is_at_rest, WARM_UP_SECONDS)
    return keys


def run_under_faults(pipeline: BenchPipeline, plan: BenchPlan, is_at_rest: IsAtRest, max_seconds: float) -> ObservedRun:
    """Uploads everything while faults strike, and returns when the pipeline is at rest."""
    provider = pipeline.provider
    provider.change_settings(latency_by_speed={"TURBO": plan.call_seconds})
    for _, rule in plan.list_rules():
        provider.state.faults.add(rule)
    account_before, provider.peak_in_flight, started_at = provider.report_slots(), 0, time.time()
    with (
        run_worker_killer(provider, pipeline.worker_folder) as killer,
        run_fault_injector(plan, pipeline, started_at) as injector,
    ):
        pipeline.upload(read_files(plan, plan.uploads))
        wait_until_at_rest(pipeline, lambda: injector.finished.is_set() and is_at_rest(), max_seconds)
    for error in injector.errors:
        raise error
    account_after = provider.report_slots()
    slots_held = [step for step in account_after.slots_in_use if step[0] >= started_at]
    reserved_ranges = [(ended, started + plan.timeout_seconds) for started, ended in provider.list_lost_calls()]
    blocked_ranges = [*injector.blocked_ranges, *injector.refused_write_ranges]
    history = SlotHistory(slots_held, injector.limit_history, blocked_ranges, reserved_ranges)
    return ObservedRun(
        planned_counts=_count_planned(plan),
        strike_counts=_count_strikes(plan, provider) + injector.strike_counts,
        kill_count=len(killer.killed_job_ids),
        missed_kill_count=len(killer.missed_job_ids),
        cut_connections=provider.cut_connections,
        peak_in_flight=provider.peak_in_flight,
        refused_count=account_after.refused_count - account_before.refused_count,
        call_count=account_after.accepted_count - account_before.accepted_count,
        unstorable_count=_count_unstorable(plan, provider, injector.refused_write_ranges),
        slot_use=measure_slot_use(history, started_at),
        seconds_to_rest=time.time() - started_at - MIN_QUIET_POLLS * POLL_SECONDS,
    )


def _count_unstorable(plan: BenchPlan, provider: StandinProvider, refused_ranges: Sequence[TimeRange]) -> int:
    paid_jobs = [job for job in provider.state.bill.jobs() if job.micro_usd and job.answered]
    answered_at = [job.accepted_at + plan.call_seconds for job in paid_jobs]
    return sum(begin <= at < end for begin, end in refused_ranges for at in answered_at)


def _count_planned(plan: BenchPlan) -> Counter[str]:
    """Returns the minimum number of strikes by kind of fault if all photos get through: one for a lasting fault."""
    counts = Counter[str]()
    for name, rule in plan.list_rules():
        counts[name] += rule.max_hits or 1
    counts.update(event.value for _, event in plan.timed_events)
    counts[REPEATED_EVENT] = len(plan.repeated_notifications)
    return counts


def _count_strikes(plan: BenchPlan, provider: StandinProvider) -> Counter[str]:
    counts = Counter[str]()
    for (name, _), rule in zip(plan.list_rules(), provider.state.faults.build_report(), strict=True):
        counts[name] += cast("int", rule["hits"])
    return counts


def repeat_uploads(
    pipeline: BenchPipeline, plan: BenchPlan, names: Sequence[str], is_at_rest: IsAtRest, max_seconds: float
) -> int:
    """Uploads these files again, with only the permanent faults. Returns how many calls were paid for that."""
    remove_transient_faults(pipeline.provider, plan)
    calls_before = count_paid_calls(pipeline.provider)
    pipeline.upload(read_files(plan, names))
    wait_until_at_rest(pipeline, is_at_rest, max_seconds)
    return count_paid_calls(pipeline.provider) - calls_before


def edit_sidecar(pipeline: BenchPipeline, plan: BenchPlan, is_at_rest: IsAtRest, max_seconds: float) -> int:
    """Changes one photo's sidecar. Returns how many calls were paid for that."""
    calls_before = count_paid_calls(pipeline.provider)
    sidecar = {"prompt": f"a snowy street, seed {plan.seed} edited", "rendering_speed": "TURBO"}
    pipeline.upload([(f"{plan.edited_key}.json", json.dumps(sidecar).encode())])
    wait_until_at_rest(pipeline, is_at_rest, max_seconds)
    return count_paid_calls(pipeline.provider) - calls_before


def remove_transient_faults(provider: StandinProvider, plan: BenchPlan) -> None:
    """Removes the transient faults: from now on the provider is fast, and only permanent faults remain."""
    provider.change_settings(latency_by_speed={"TURBO": FAST_CALL_SECONDS})
    provider.state.faults.clear()
    for rule in plan.list_permanent_rules():
        provider.state.faults.add(rule)


def count_paid_calls(provider: StandinProvider) -> int:
    """Returns how many calls have been charged so far."""
    return sum(job.micro_usd > 0 for job in provider.state.bill.jobs())


def wait_until_at_rest(pipeline: BenchPipeline, is_at_rest: IsAtRest, max_seconds: float) -> None:
    """Returns once nothing has been in progress at several polls.

    Raises NotDrainedError if that takes longer than `max_seconds`.
    """
    deadline, quiet_polls = time.monotonic() + max_seconds, 0
    while quiet_polls < MIN_QUIET_POLLS:
        if time.monotonic() > deadline:
            detail = f"{pipeline.count_messages()} messages wait, {pipeline.provider.open_call_count} calls are open"
            raise NotDrainedError(f"{pipeline.name} did not come to rest within {max_seconds:.0f} s: {detail}")
        is_busy = pipeline.provider.open_call_count or pipeline.count_messages() or not is_at_rest()
        quiet_polls = 0 if is_busy else quiet_polls + 1
        time.sleep(POLL_SECONDS)
