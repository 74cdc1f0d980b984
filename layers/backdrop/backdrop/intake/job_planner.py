"""What a photo's instructions ask for: its jobs, their providers, and whether each may cost what it costs."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

from backdrop.instructions.merge import Instructions, merged, mistakes_of, variants_of
from backdrop.instructions.sources import Place
from backdrop.model.capabilities import REFERENCES
from backdrop.model.circuit import Lane
from backdrop.model.codes import Code
from backdrop.model.errors import InstructionError
from backdrop.model.ids import content_key, job_id
from backdrop.model.item_size import too_much
from backdrop.model.job import Job, Money, Problem, Source
from backdrop.model.job_warning import JobWarning, WarningCode
from backdrop.model.photo_facts import ChangeCode, PhotoFacts
from backdrop.model.pricing import Configured, limit_text, micro_of, usd_text
from backdrop.model.routing import Choice, LaneOf, Market, first_choice


def all_open(provider: str) -> Lane:
    """For those who look at prices alone: a lane that nothing is known of."""
    return Lane(provider=provider)


type HashesOf = Callable[[Sequence[str]], list[str]]
"""The SHA-256 of reference images by their keys."""


@dataclass(frozen=True)
class Wanted:
    """What the places ask for one photo: a job for each variant, and what stands in the way of the others."""

    jobs: tuple[Job, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def says_nothing(self) -> bool:
        """Whether nothing speaks for the photo: a rerun leaves what somebody once asked for directly as it is."""
        silent = all(one.code is Code.NO_INSTRUCTIONS for one in self.problems)
        return not self.jobs and bool(self.problems) and silent


@dataclass(frozen=True)
class Shop:
    """What can be had here: the provider that nobody need name, those that are on, and how their lanes are."""

    default_provider: str
    on: Collection[str]
    prices: Configured = field(default_factory=dict[str, int])
    lane_of: LaneOf = all_open

    @property
    def market(self) -> Market:
        return Market(self.on, self.prices)


class _Slips:
    """All that stands in the way of one job, so that nobody has to mend one thing a time."""

    def __init__(self, errors: list[InstructionError]) -> None:
        self.errors = errors

    @property
    def says_nothing(self) -> bool:
        return any(one.code is Code.NO_INSTRUCTIONS for one in self.errors)

    def gather[T](self, work: Callable[[], T]) -> T | None:
        """What the work comes to, or None where it met a mistake."""
        try:
            return work()
        except InstructionError as error:
            self.errors.append(error)
        return None


def wanted(
    source: Source,
    photo: PhotoFacts,
    jobs: Sequence[Job],
    places: Sequence[Place],
    shop: Shop,
    hashes_of: HashesOf,
    now: datetime,
) -> Wanted:
    """The jobs that the places, all without mistakes, ask for; `jobs` are those that the photo had before."""
    found: list[Job] = []
    problems: list[Problem] = []
    for variant in variants_of(places):
        instructions = merged(places, variant)
        slips = _Slips(mistakes_of(instructions, places, variant))
        if not slips.says_nothing:
            names = instructions.providers(shop.default_provider)
            choice = slips.gather(partial(first_choice, instructions.fields, names, shop.market, shop.lane_of))
            asked = slips.gather(partial(_asked, instructions, hashes_of)) or {}
            choice = choice or _priced(instructions, shop)
            if choice:
                job = _job(source, photo, variant, instructions, choice, asked, now)
                slips.gather(partial(_check_price, job, jobs))
                slips.gather(partial(_check_room, job))
                found += [] if slips.errors else [job]
        problems += [Problem.of(error, now, variant=variant) for error in slips.errors]
    return Wanted(tuple(found), tuple(problems))


def _asked(instructions: Instructions, hashes_of: HashesOf) -> dict[str, Any]:
    """What reaches the provider: of references not where they lie, but what they are."""
    asked = instructions.asked
    if REFERENCES in asked:
        asked[REFERENCES] = hashes_of(asked[REFERENCES])
    return asked


def _job(
    source: Source,
    photo: PhotoFacts,
    variant: str,
    instructions: Instructions,
    choice: Choice,
    asked: dict[str, Any],
    now: datetime,
) -> Job:
    image, revision = photo.sha256 or "", instructions.revision
    return Job(
        job_id=job_id(
            bucket=source.bucket, key=source.key, variant=variant, image_sha256=image, asked=asked, revision=revision
        ),
        content_key=content_key(image_sha256=image, asked=asked, revision=revision),
        source_id=source.source_id,
        bucket=source.bucket,
        key=source.key,
        version_id=photo.version_id,
        sha256=image,
        prepared=photo.prepared,
        variant=variant,
        operation=instructions.operation,
        provider=choice.provider,
        asked=asked,
        instructions=dict(instructions.fields),
        provenance=dict(instructions.provenance),
        warnings=(*instructions.warnings, *_said_of(photo), *choice.passed_over),
        quoted=choice.price,
        queued_at=now,
        put_at=now,
    )


def _said_of(photo: PhotoFacts) -> list[JobWarning]:
    """What people should know of how their photo was read."""
    counts = (one.values[0] for one in photo.changes if one.code is ChangeCode.FIRST_OF_PICTURES)
    words = (f"the file holds {count} pictures, and the first one is used" for count in counts)
    return [JobWarning.coded(WarningCode.FIRST_PICTURE, one) for one in words]


def _priced(instructions: Instructions, shop: Shop) -> Choice | None:
    """A provider whose price is told beside what it cannot express; None where none has one."""
    for name in instructions.providers(shop.default_provider):
        price = shop.market.price(name, instructions.fields) if name in shop.on else None
        if price is not None:
            return Choice(name, price)
    return None


def _check_price(job: Job, jobs: Sequence[Job]) -> None:
    """InstructionError where the job costs more than its instructions allow.

    What is paid already, or has its file from another job, costs nothing more, so no limit touches it.
    """
    limit = job.instructions.get("max_cost_usd")
    mine = (one for one in jobs if one.job_id == job.job_id)
    paid = any(one.money is not Money.NOT_SPENT or one.costs_nothing_more for one in mine)
    if limit is None or paid or job.quoted <= micro_of(Decimal(str(limit))):
        return
    words = f"The job costs up to {usd_text(job.quoted)}; max_cost_usd allows {limit_text(limit)}."
    raise InstructionError(Code.MAX_COST_EXCEEDED, words)


def _check_room(job: Job) -> None:
    """InstructionError where the ledger could not hold what would be bought."""
    words = too_much(job)
    if words:
        raise InstructionError(Code.INVALID_VALUE, words)
