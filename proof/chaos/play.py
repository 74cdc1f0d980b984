"""One pipeline through one plan: warmed up, filled under faults, left to drain, then dropped a second time."""

import hashlib
import io
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import cast

from PIL import Image

from proof.chaos.drain import Course, Drain, drain
from proof.chaos.pipeline import Pipeline
from proof.chaos.plan import Photo, Plan
from proof.chaos.provider import Provider
from proof.chaos.stagehand import AGAIN, at_work
from proof.chaos.workers import killing

POLL_SECONDS = 0.5
QUIET_LOOKS = 3
QUICK_SECONDS = 0.1
WISH = {"prompt": "warming up", "rendering_speed": "TURBO"}

type AtRest = Callable[[], bool]
"""Whether a pipeline has nothing left to do, as far as its own books say."""


class NotDrainedError(Exception):
    """A pipeline did not come to rest in time."""


@dataclass(frozen=True)
class Played:
    """What happened to a pipeline under faults: each kind of fault with how often it was announced and did fire."""

    announced: Counter[str]
    fired: Counter[str]
    kills: int
    missed_kills: int
    cut_off: int
    peak_open: int
    refused: int
    calls: int
    drain: Drain
    seconds_to_rest: float


def picture_of(text: str) -> bytes:
    """A small photo that no other text gives."""
    red, green, blue = hashlib.sha256(text.encode()).digest()[:3]
    image, encoded = Image.new("RGB", (64, 48), (red, green, blue)), io.BytesIO()
    image.paste((255, 255, 255), (16, 12, 32, 24))
    image.save(encoded, "JPEG", comment=text.encode())
    return encoded.getvalue()


def files(plan: Plan, names: Iterable[str]) -> list[tuple[str, bytes]]:
    """The bytes behind keys of photos and sidecars."""
    photos = {photo.key: photo for photo in plan.photos}
    return [(name, _bytes(photos, name)) for name in names]


def _bytes(photos: dict[str, Photo], name: str) -> bytes:
    key = name.removesuffix(".json")
    return picture_of(key) if name == key else json.dumps(photos[key].wish).encode()


def warm_up(pipeline: Pipeline, plan: Plan, at_rest: AtRest) -> list[str]:
    """As many photos as there are slots, before anything goes wrong: a lane that is started anew is not measured."""
    keys = [f"seed-{plan.seed}/warm-{n}.jpg" for n in range(plan.limit)]
    pipeline.provider.change(latency_by_speed={"TURBO": 2})
    pipeline.upload((f"{key}.json", json.dumps(WISH | {"seed": n}).encode()) for n, key in enumerate(keys))
    pipeline.upload((key, picture_of(key)) for key in keys)
    wait(pipeline, at_rest, 120)
    return keys


def under_faults(pipeline: Pipeline, plan: Plan, at_rest: AtRest, patience_seconds: float) -> Played:
    """Drop everything while faults strike; return when nothing moves any more."""
    provider = pipeline.provider
    provider.change(latency_by_speed={"TURBO": plan.seconds})
    for _, rule in plan.rules():
        provider.state.faults.add(rule)
    before, provider.peak_open, began = provider.account(), 0, time.time()
    with killing(provider, pipeline.workers) as killer, at_work(plan, pipeline, began) as hand:
        pipeline.upload(files(plan, plan.uploads))
        wait(pipeline, lambda: hand.finished.is_set() and at_rest(), patience_seconds)
    for error in hand.failed:
        raise error
    after = provider.account()
    held = [step for step in after.history if step[0] >= began]
    kept = [(ended, started + plan.timeout_seconds) for started, ended in provider.lost_calls()]
    course = Course(held, hand.limits, hand.blocked, kept)
    return Played(
        announced=_announced(plan),
        fired=_fired(plan, provider) + hand.done,
        kills=len(killer.kills),
        missed_kills=len(killer.missed),
        cut_off=provider.cut_off,
        peak_open=provider.peak_open,
        refused=after.refused - before.refused,
        calls=after.taken - before.taken,
        drain=drain(course, began),
        seconds_to_rest=time.time() - began - QUIET_LOOKS * POLL_SECONDS,
    )


def _announced(plan: Plan) -> Counter[str]:
    """How often each kind strikes at the least, when every photo comes through; what lasts strikes once or more."""
    rules = Counter[str]()
    for name, rule in plan.rules():
        rules[name] += rule.limit or 1
    rules.update(act.value for _, act in plan.moments)
    rules[AGAIN] = len(plan.copies)
    return rules


def _fired(plan: Plan, provider: Provider) -> Counter[str]:
    fired = Counter[str]()
    for (name, _), rule in zip(plan.rules(), provider.state.faults.report(), strict=True):
        fired[name] += cast("int", rule["hits"])
    return fired


def second_time(pipeline: Pipeline, plan: Plan, names: Sequence[str], at_rest: AtRest, patience_seconds: float) -> int:
    """Drop these files again as they were, with only the faults that never pass; how many calls were paid for it."""
    calm(pipeline.provider, plan)
    before = paid_calls(pipeline.provider)
    pipeline.upload(files(plan, names))
    wait(pipeline, at_rest, patience_seconds)
    return paid_calls(pipeline.provider) - before


def edited(pipeline: Pipeline, plan: Plan, at_rest: AtRest, patience_seconds: float) -> int:
    """Change one photo's sidecar; how many calls were paid for it."""
    before = paid_calls(pipeline.provider)
    wish = {"prompt": f"a snowy street, seed {plan.seed} edited", "rendering_speed": "TURBO"}
    pipeline.upload([(f"{plan.edited}.json", json.dumps(wish).encode())])
    wait(pipeline, at_rest, patience_seconds)
    return paid_calls(pipeline.provider) - before


def calm(provider: Provider, plan: Plan) -> None:
    """Takes back what passes: from now on the provider is quick, and only what it never does stays so."""
    provider.change(latency_by_speed={"TURBO": QUICK_SECONDS})
    provider.state.faults.clear()
    for rule in plan.lasting():
        provider.state.faults.add(rule)


def paid_calls(provider: Provider) -> int:
    """How many calls were charged so far."""
    return sum(job.micro_usd > 0 for job in provider.state.bill.jobs())


def wait(pipeline: Pipeline, at_rest: AtRest, patience_seconds: float) -> None:
    """Returns once nothing has been under way for several looks.

    Raises:
        NotDrainedError: it took longer than `patience_seconds`.
    """
    deadline, quiet = time.monotonic() + patience_seconds, 0
    while quiet < QUIET_LOOKS:
        if time.monotonic() > deadline:
            words = f"{pipeline.waiting()} messages wait, {pipeline.provider.calls_open} calls are open"
            raise NotDrainedError(f"{pipeline.name} did not come to rest within {patience_seconds:.0f} s: {words}")
        busy = pipeline.provider.calls_open or pipeline.waiting() or not at_rest()
        quiet = 0 if busy else quiet + 1
        time.sleep(POLL_SECONDS)
