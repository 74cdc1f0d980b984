"""The `quote` command: the maximum price of photos on this machine, before anything is uploaded."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backdrop.aws.clock import SystemClock
from backdrop.bootstrap import build_read_only_resolver
from backdrop.campaigns.quote import FilledTextSample
from backdrop.intake.instruction_resolver import InstructionResolver
from backdrop.intake.job_planner import JobPlan
from backdrop.intake.name_claims import build_name_taken_error
from backdrop.intake.preview import preview_jobs
from backdrop.model.capabilities import PROVIDERS
from backdrop.model.job import Job, Problem
from backdrop.model.object_keys import ObjectKind, classify_key
from backdrop.model.picture_names import NameRegister
from backdrop.model.pricing import CREDIT_PROVIDER, PRICE_LIST_DATE, ConfiguredPrices, format_usd, to_usd
from backdrop.model.routing import Offers
from backdrop_cli.errors import NothingFoundError
from backdrop_cli.formatting import count_images, format_count
from backdrop_cli.lint import READING_NAMES_TEXT
from backdrop_cli.lint_inspector import DEFAULT_MAX_MEGAPIXELS, DEFAULT_PROVIDER, NO_CREDIT_PRICES
from backdrop_cli.local_folder import BUCKET
from backdrop_cli.output_warnings import OUTPUT_HINTS, review_job_outputs
from backdrop_cli.screen import Screen
from backdrop_cli.upload_targets import format_no_photo_error, resolve_targets
from backdrop_cli.uploads.new_sidecars import plan_new_sidecars
from backdrop_cli.uploads.overlay_bucket import OverlayBucket

MAX_LISTED_TEXTS = 3
UNPRICED_HINT = "Their price is the stack's OneMinUsdPerImage. To read it, add --stack NAME."


@dataclass(frozen=True)
class QuoteTerms:
    """What a stack's parameters set: the default provider, the enabled providers, and the price of credits.

    `credit_prices` are micro-dollars; None if no stack was read.
    """

    default_provider: str = DEFAULT_PROVIDER
    enabled_providers: Sequence[str] = PROVIDERS
    credit_prices: ConfiguredPrices | None = None

    @property
    def offers(self) -> Offers:
        return Offers(self.enabled_providers, NO_CREDIT_PRICES if self.credit_prices is None else self.credit_prices)


@dataclass
class QuoteTotals:
    """The totals of a quote.

    `unpriced_images` counts the images without a known price on this machine, `kept_sidecars` the photos that keep
    their own sidecar although the command line has instructions. `first_messages` has the first message for each
    code in `refused`. `output_warnings` counts the outputs that would be enlarged or would equal another, by code.
    """

    photos: int = 0
    kept_sidecars: int = 0
    jobs: Counter[str] = field(default_factory=Counter[str])
    images: Counter[str] = field(default_factory=Counter[str])
    price_micro_usd: Counter[str] = field(default_factory=Counter[str])
    unpriced_images: int = 0
    refused: Counter[str] = field(default_factory=Counter[str])
    first_messages: dict[str, str] = field(default_factory=dict[str, str])
    output_warnings: Counter[str] = field(default_factory=Counter[str])
    filled_texts: FilledTextSample = field(default_factory=FilledTextSample)
    names: NameRegister = field(default_factory=NameRegister)

    def add_job(self, job: Job, terms: QuoteTerms) -> None:
        providers, images = job.instructions.get("provider", job.provider), count_images(job.instructions)
        self.jobs[job.provider] += 1
        self.images[job.provider] += images
        self.price_micro_usd[job.provider] += job.quoted
        self.unpriced_images += images if terms.credit_prices is None and CREDIT_PROVIDER in providers else 0


def run_quote(
    screen: Screen,
    paths: Sequence[Path],
    target_folder: str | None,
    new_sidecar: bytes | None,
    terms: QuoteTerms,
    *,
    replace: bool = False,
) -> None:
    """Prints the quote; reads names and instructions, and the sizes of photos whose outputs depend on them.

    Raises NothingFoundError without a photo.
    `new_sidecar` applies to photos that have no sidecar on this machine, or with `replace`, to all photos.
    """
    totals, file_count = QuoteTotals(), 0
    with screen.spinner(READING_NAMES_TEXT):
        for target in resolve_targets(paths, target_folder):
            file_count += len(target.keys)
            photos = sorted(key for key in target.keys if classify_key(key) is ObjectKind.PHOTO)
            new_sidecars = plan_new_sidecars(target, new_sidecar, replace=replace)
            totals.kept_sidecars += new_sidecars.kept_count
            overlay = OverlayBucket(target.folder, new_sidecars.by_key)
            prices = terms.offers.prices
            resolver = build_read_only_resolver(
                overlay, SystemClock(), terms.default_provider, DEFAULT_MAX_MEGAPIXELS, prices
            )
            for key in photos:
                _quote_photo(resolver, key, terms, totals)
    if not totals.photos:
        raise NothingFoundError(format_no_photo_error(paths, file_count))
    screen.print_json(_build_document(totals, terms))
    _print_totals(screen, paths, totals, terms, has_new_sidecar=bool(new_sidecar))


def _quote_photo(resolver: InstructionResolver, key: str, terms: QuoteTerms, totals: QuoteTotals) -> None:
    """Adds what intake would buy for one photo, assuming that the file is a valid photo."""
    preview = preview_jobs(resolver, BUCKET, key, terms.offers, inspect_bytes=False)
    if preview is None:
        return
    job_plan, broken_defaults = preview
    totals.photos += 1
    totals.filled_texts.add(key, job_plan.filled_texts)
    if taken := totals.names.add(key, job_plan.jobs):
        problem = Problem.from_error(build_name_taken_error(*taken), resolver.clock.now())
        job_plan = JobPlan(problems=(*job_plan.problems, problem))
    for job in job_plan.jobs:
        totals.add_job(job, terms)
    totals.output_warnings.update(one.code for one in review_job_outputs(resolver.photos, key, job_plan.jobs))
    for one in job_plan.problems:
        totals.first_messages.setdefault(one.code.value, str(one.message))
    errors = {(one.code.value, one.variant) for one in job_plan.problems}
    totals.refused.update(
        [code for code, _ in sorted(errors)] or (["folder_defaults_broken"] if broken_defaults else [])
    )


# -- output ----------------------------------------------------------------------------------------------------


def _print_totals(
    screen: Screen, paths: Sequence[Path], totals: QuoteTotals, terms: QuoteTerms, *, has_new_sidecar: bool
) -> None:
    screen.print(f"{format_count(totals.photos, 'photo')} in {', '.join(map(str, paths))}", "bold")
    rows = [
        (name, f"{totals.images[name]:,}", _format_price(name, totals, terms))
        for name in PROVIDERS
        if totals.jobs[name]
    ]
    if rows:
        screen.print_table({"provider": "left", "images": "right", "at most": "right"}, rows)
    if totals.kept_sidecars:
        kept_text = format_count(totals.kept_sidecars, "photo keeps its", "photos keep their")
        screen.print(f"  {kept_text} own sidecar. To quote the new instructions for all photos, add --replace.")
    screen.print_sample(totals.filled_texts.format_lines(), MAX_LISTED_TEXTS, totals.filled_texts.count)
    for code, times in totals.refused.most_common():
        # An error in the options is the same for all photos, so one message explains it.
        reason = (
            totals.first_messages[code]
            if has_new_sidecar and code in totals.first_messages
            else "To see why, run lint on the same paths."
        )
        screen.print(f"  {format_count(times, 'job')} would not be bought: {code}", "yellow")
        screen.print(f"    {reason}")
    for code, times in totals.output_warnings.most_common():
        screen.print(f"  {format_count(times, 'warning')} about outputs: {code}", "yellow")
        screen.print(f"    {OUTPUT_HINTS[code]} To see which, run lint on the same paths.")
    max_price = format_usd(totals.price_micro_usd.total())
    price_text = (
        f"At most {max_price} for {format_count(totals.images.total(), 'image')}, at list prices of {PRICE_LIST_DATE}"
    )
    screen.print(
        f"{price_text}; {format_count(totals.unpriced_images, 'image')} of unknown price."
        if totals.unpriced_images
        else f"{price_text}.",
        "bold",
    )
    if totals.unpriced_images:
        screen.print(UNPRICED_HINT)


def _format_price(name: str, totals: QuoteTotals, terms: QuoteTerms) -> str:
    is_unknown = name == CREDIT_PROVIDER and terms.credit_prices is None
    return "unknown" if is_unknown else format_usd(totals.price_micro_usd[name])


def _build_document(totals: QuoteTotals, terms: QuoteTerms) -> dict[str, Any]:
    by_provider: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    for name, jobs in totals.jobs.items():
        is_unknown = name == CREDIT_PROVIDER and terms.credit_prices is None
        max_usd = None if is_unknown else to_usd(totals.price_micro_usd[name])
        by_provider[name] = {"jobs": jobs, "images": totals.images[name], "most_usd": max_usd}
    return {
        "photos": totals.photos,
        "sidecars_kept": totals.kept_sidecars,
        "jobs": totals.jobs.total(),
        "images": totals.images.total(),
        "providers": by_provider,
        "most_usd": to_usd(totals.price_micro_usd.total()),
        "unpriced_images": totals.unpriced_images,
        "not_bought": dict(totals.refused),
        "output_warnings": dict(totals.output_warnings),
        "filled_texts": totals.filled_texts.build_document(),
        "price_list": PRICE_LIST_DATE,
    }
