"""Previews the jobs that intake would plan for a photo, and their highest price."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, cast

from backdrop.aws.ledger import Ledger
from backdrop.intake.instruction_resolver import InstructionResolver, find_broken_defaults
from backdrop.intake.job_planner import JobPlan, assume_free_names
from backdrop.intake.photo_reader import UNREAD_SHA256
from backdrop.model.intake_event import IncomingRequest
from backdrop.model.job import Job, Source
from backdrop.model.routing import Offers, with_max_quote
from backdrop.pipeline.mandate_directory import MandateDirectory


@dataclass(frozen=True)
class JobPreviewer:
    """Previews photos of a bucket. `resolver` must be one that writes nothing. Without `mandates`, none is known."""

    resolver: InstructionResolver
    bucket: str
    offers: Offers
    mandates: MandateDirectory | None = None

    def preview(
        self,
        key: str,
        *,
        inspect_bytes: bool,
        known_sha256: str = "",
        request: IncomingRequest | None = None,
        recorded: tuple[Source | None, Sequence[Job]] = (None, ()),
        claim_names: Callable[[JobPlan], JobPlan] = assume_free_names,
    ) -> tuple[JobPlan, str] | None:
        """Returns the jobs, each quoted at its most expensive possible provider, and the broken folder defaults.

        Returns None if there is no such photo. Without `inspect_bytes`, the bytes are assumed to be valid;
        `known_sha256` is their hash, if it is known. `recorded`: the photo's items in the ledger. Raises OSError
        if a local file cannot be read.
        """
        recorded_source, jobs = recorded
        photo_source = recorded_source or Source.new(self.bucket, key)
        reader = self.resolver.reader
        read = reader.read if inspect_bytes else reader.read_without_bytes
        snapshot = read(self.bucket, key, photo_source.photo)
        if snapshot is None:
            return None
        if known_sha256:
            snapshot = replace(snapshot, photo=replace(snapshot.photo, sha256=known_sha256))
        instruction_sources = self.resolver.collect_sources(photo_source, snapshot, request)
        owner = self.mandates.find_owner(key) if self.mandates else None
        mandate = owner.mandate if owner else None
        plan = self.resolver.resolve_jobs(
            photo_source,
            jobs,
            snapshot,
            instruction_sources,
            self.offers.enabled_providers,
            mandate,
            claim_names,
            is_listed=bool(request and request.is_listed),
        )
        offers = replace(self.offers, mandate=mandate)
        quoted_jobs = tuple(with_max_quote(job, offers) for job in plan.jobs)
        return replace(plan, jobs=quoted_jobs), find_broken_defaults(instruction_sources)


def find_reuse(ledger: Ledger, job: Job) -> Job:
    """Returns a planned job, with `reused_from` if it would get the pictures that another job with its content has."""
    owner = ledger.find_content_owner(job.content_id)
    owner_job = ledger.find_job(owner.source_id, owner.job_id) if owner else None
    has_pictures = owner_job and owner_job.job_id != job.job_id and owner_job.has_kept_file
    return replace(job, reused_from=owner_job.job_id) if owner_job and has_pictures else job


def identify_purchase(job: Job) -> tuple[str, str]:
    """Returns what planned jobs that buy once have in common: their content.

    A photo that was not opened is assumed to share its content with no other photo.
    """
    return job.source_id if job.sha256 == UNREAD_SHA256 else "", job.content_id


class _Purchase(NamedTuple):
    """What jobs with the same content buy. The largest of several purchases is the most expensive one.

    `images`: 0 for a mask. `retry_micro_usd`: the part of the price that only retries would cost.
    """

    is_unpriced: bool
    micro_usd: int
    provider: str
    images: int
    retry_micro_usd: int


class PriceRegister:
    """The highest price of several photos' jobs, and the images that they buy. Jobs with the same content buy once, and
    a job that reuses the pictures of an earlier one is free. `reused_image_count`: the images that are reused.

    The price of a job that may go to one of the `unpriced_providers` is unknown, and is not in the totals.
    """

    def __init__(self, unpriced_providers: Collection[str] = ()) -> None:
        self._unpriced_providers = frozenset(unpriced_providers)
        self._purchases: dict[tuple[str, str], _Purchase] = {}
        self.jobs_by_provider: Counter[str] = Counter()
        self.reused_image_count = 0

    @classmethod
    def of(cls, jobs: Iterable[Job]) -> "PriceRegister":
        """Returns the prices of these jobs."""
        prices = cls()
        prices.add(jobs)
        return prices

    def add(self, jobs: Iterable[Job]) -> None:
        for job in jobs:
            self.jobs_by_provider[job.provider] += 1
            listed = cast("str | list[str]", job.instructions.get("provider", job.provider))
            providers = {listed} if isinstance(listed, str) else {*listed}
            images = 0 if job.is_mask else int(job.instructions.get("num_images", 1))
            self.reused_image_count += images if job.reused_from else 0
            is_unpriced = bool(providers & self._unpriced_providers)
            cost, retry_cost = (0, 0) if job.reused_from else (job.max_cost, job.max_cost - job.quoted)
            purchase = _Purchase(is_unpriced, cost, job.provider, images, retry_cost)
            content = identify_purchase(job)
            self._purchases[content] = max(purchase, self._purchases.get(content, purchase))

    @property
    def total_micro_usd(self) -> int:
        return sum(one.micro_usd for one in self._purchases.values() if not one.is_unpriced)

    @property
    def retry_micro_usd(self) -> int:
        """The part of the total that only retries would cost."""
        return sum(one.retry_micro_usd for one in self._purchases.values() if not one.is_unpriced)

    @property
    def micro_usd_by_provider(self) -> Counter[str]:
        """The known prices."""
        prices: Counter[str] = Counter()
        for one in self._purchases.values():
            prices[one.provider] += 0 if one.is_unpriced else one.micro_usd
        return prices

    @property
    def images_by_provider(self) -> Counter[str]:
        """All images that are bought, with those of unknown price."""
        images: Counter[str] = Counter()
        for one in self._purchases.values():
            images[one.provider] += one.images
        return images

    @property
    def mask_count(self) -> int:
        return sum(not one.images for one in self._purchases.values())

    @property
    def unpriced_image_count(self) -> int:
        return sum(one.images for one in self._purchases.values() if one.is_unpriced)
