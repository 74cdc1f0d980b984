"""The `quote` command: the maximum price of photos on this machine, before anything is uploaded."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from backdrop.aws.clock import SystemClock
from backdrop.bootstrap import build_read_only_resolver
from backdrop.campaigns.quote import FilledTextSample
from backdrop.intake.job_planner import JobPlan
from backdrop.intake.name_claims import build_name_taken_error
from backdrop.intake.preview import JobPreviewer, PriceRegister
from backdrop.model.capabilities import PROVIDERS
from backdrop.model.codes import Code
from backdrop.model.job import Problem
from backdrop.model.object_keys import ObjectKind, classify_key
from backdrop.model.picture_names import NameRegister
from backdrop.model.price_check import PriceDifference
from backdrop.model.pricing import CREDIT_PROVIDER, PRICE_LIST_DATE, ConfiguredPrices, format_usd, to_usd
from backdrop.model.routing import Offers
from backdrop.pipeline.mandate_directory import MandateDirectory
from backdrop.reconcile.price_check_report import build_difference, describe_difference
from backdrop_cli.errors import CommandError, NothingFoundError
from backdrop_cli.formatting import describe_refusals, format_count, format_max_price
from backdrop_cli.lint import OPENING_PHOTOS_TEXT, READING_NAMES_TEXT
from backdrop_cli.lint_findings import UNREADABLE
from backdrop_cli.lint_inspector import DEFAULT_MAX_MEGAPIXELS, DEFAULT_PROVIDER, NO_CREDIT_PRICES
from backdrop_cli.local_folder import BUCKET
from backdrop_cli.mandate_forecast import MandateForecast
from backdrop_cli.parallel import parallel_map
from backdrop_cli.purchase_warnings import (
    NOT_MEASURED,
    PurchaseWarning,
    count_warnings,
    list_purchase_warnings,
    measure_photo,
    print_warning_counts,
)
from backdrop_cli.screen import Screen
from backdrop_cli.upload_targets import UploadTarget, format_no_photo_error, resolve_targets
from backdrop_cli.uploads.new_sidecars import plan_new_sidecars
from backdrop_client.overlay_bucket import OverlayBucket

MAX_LISTED_TEXTS = 3
UNPRICED_HINT = "Their price is the stack's OneMinUsdPerImage. To read it, add --stack NAME."
ASSUMED_HINT = "No stack was read, so all providers count as enabled. To quote for yours, add --stack NAME."


@dataclass(frozen=True)
class QuoteTerms:
    """What a stack's parameters set: the default provider, the enabled providers, and the price of credits.

    `credit_prices` are micro-dollars; None if no stack was read. `mandates` are the stack's.
    `place_limits`: how many images may be in progress at each provider that counts them; empty if no stack was read.
    `price_differences`: what the stack's price check found; None if no stack was read, or if it has no such check.
    """

    default_provider: str = DEFAULT_PROVIDER
    enabled_providers: Sequence[str] = PROVIDERS
    credit_prices: ConfiguredPrices | None = None
    mandates: MandateDirectory | None = None
    place_limits: Mapping[str, int] = field(default_factory=dict[str, int])
    price_differences: Sequence[PriceDifference] | None = None

    @property
    def offers(self) -> Offers:
        prices = NO_CREDIT_PRICES if self.credit_prices is None else self.credit_prices
        is_assumed = self.credit_prices is None
        return Offers(self.enabled_providers, prices, place_limits=self.place_limits, is_assumed=is_assumed)

    @property
    def unpriced_providers(self) -> Sequence[str]:
        return [CREDIT_PROVIDER] if self.credit_prices is None else []


@dataclass
class QuoteTotals:
    """The totals of a quote. `own_pictures`: files that Backdrop made, which are left out.

    `kept_sidecars` counts the photos that keep their own sidecar although the command line has instructions.
    `refused` counts the photos that would be refused in full or in part, by code, and `partly_refused` those with other
    variants that are bought. `first_messages` has the first message for each code. `warnings` counts those about what
    would be bought, by code.
    """

    prices: PriceRegister
    mandates: MandateForecast
    photos: int = 0
    own_pictures: int = 0
    kept_sidecars: int = 0
    refused: Counter[str] = field(default_factory=Counter[str])
    partly_refused: Counter[str] = field(default_factory=Counter[str])
    first_messages: dict[str, str] = field(default_factory=dict[str, str])
    warnings: Counter[str] = field(default_factory=Counter[str])
    filled_texts: FilledTextSample = field(default_factory=FilledTextSample)
    names: NameRegister = field(default_factory=NameRegister)


def run_quote(
    screen: Screen,
    paths: Sequence[Path],
    target_folder: str | None,
    new_sidecar: bytes | None,
    terms: QuoteTerms,
    *,
    replace: bool = False,
    quick: bool = False,
) -> None:
    """Prints the quote. `quick` opens no photo.

    Raises NothingFoundError without a photo, and CommandError if nothing would be bought.
    `new_sidecar` applies to photos that have no sidecar on this machine, or with `replace`, to all photos.
    """
    clock, file_count = SystemClock(), 0
    forecast = MandateForecast.for_today(terms.mandates, clock)
    totals = QuoteTotals(PriceRegister(terms.unpriced_providers), forecast)
    with screen.spinner(READING_NAMES_TEXT if quick else OPENING_PHOTOS_TEXT):
        for target in map(UploadTarget.select_uploads, resolve_targets(paths, target_folder)):
            file_count += len(target.keys | target.own_pictures)
            totals.own_pictures += len(target.own_pictures)
            photos = sorted(key for key in target.keys if classify_key(key) is ObjectKind.PHOTO)
            new_sidecars = plan_new_sidecars(target, new_sidecar, replace=replace)
            totals.kept_sidecars += new_sidecars.kept_count
            resolver = build_read_only_resolver(
                OverlayBucket(target.folder, new_sidecars.by_key),
                clock,
                terms.default_provider,
                DEFAULT_MAX_MEGAPIXELS,
                terms.offers.prices,
                terms.offers.place_limits,
            )
            previewer = JobPreviewer(resolver, BUCKET, terms.offers, terms.mandates)
            for one in parallel_map(partial(_preview_photo, previewer, quick=quick), photos):
                _add_photo(one, totals, clock.now())
    if not totals.photos:
        raise NothingFoundError(format_no_photo_error(paths, file_count, totals.own_pictures))
    screen.print_json(_build_document(totals, terms))
    _print_totals(screen, paths, totals, terms, has_new_sidecar=bool(new_sidecar))
    if not totals.prices.jobs_by_provider:
        raise CommandError("none of these photos would be bought; correct what is listed above, then quote again")


@dataclass(frozen=True)
class QuotedPhoto:
    """What intake would buy for one photo. `refusal`: why it would plan no jobs; "" if only `job_plan` says it."""

    key: str
    job_plan: JobPlan = field(default_factory=JobPlan)
    refusal: str = ""
    warnings: Sequence[PurchaseWarning] = ()


def _preview_photo(previewer: JobPreviewer, key: str, *, quick: bool) -> QuotedPhoto:
    try:
        preview = previewer.preview(key, inspect_bytes=not quick)
    except OSError:
        return QuotedPhoto(key, refusal=UNREADABLE)
    job_plan, broken_defaults = preview or (JobPlan(), "")
    photo = NOT_MEASURED if quick else measure_photo(previewer.resolver.photos, BUCKET, key, job_plan.jobs)
    return QuotedPhoto(
        key,
        job_plan,
        Code.FOLDER_DEFAULTS_BROKEN.value if broken_defaults else "",
        list_purchase_warnings(job_plan.jobs, photo),
    )


def _add_photo(photo: QuotedPhoto, totals: QuoteTotals, now: datetime) -> None:
    job_plan = photo.job_plan
    totals.photos += 1
    totals.filled_texts.add(photo.key, job_plan.filled_texts)
    if taken := totals.names.add(photo.key, job_plan.jobs):
        problem = Problem.from_error(build_name_taken_error(*taken), now)
        job_plan = JobPlan(problems=(*job_plan.problems, problem))
    totals.prices.add(job_plan.jobs)
    totals.warnings += count_warnings([photo.warnings, totals.mandates.add(photo.key, job_plan.jobs)])
    for one in job_plan.problems:
        totals.first_messages.setdefault(one.code.value, str(one.message))
    codes = sorted({one.code.value for one in job_plan.problems}) or list(filter(None, [photo.refusal]))
    totals.refused.update(codes)
    totals.partly_refused.update(codes if job_plan.jobs else [])


# -- output ----------------------------------------------------------------------------------------------------


def _print_totals(
    screen: Screen, paths: Sequence[Path], totals: QuoteTotals, terms: QuoteTerms, *, has_new_sidecar: bool
) -> None:
    screen.print(f"{format_count(totals.photos, 'photo')} in {', '.join(map(str, paths))}", "bold")
    rows = [
        (name, _format_images(totals.prices.images_by_provider[name]), _format_price(name, totals, terms))
        for name in PROVIDERS
        if totals.prices.jobs_by_provider[name]
    ]
    if rows:
        screen.print_table({"provider": "left", "images": "right", "at most": "right"}, rows)
    if totals.own_pictures:
        own_text = format_count(totals.own_pictures, "file was", "files were")
        screen.print(f"{own_text} made by Backdrop and left out.", "dim")
    if totals.kept_sidecars:
        kept_text = format_count(totals.kept_sidecars, "photo keeps its own sidecar", "photos keep their own sidecars")
        screen.print(f"  {kept_text}. To quote the new instructions for all photos, add --replace.")
    screen.print_sample(totals.filled_texts.format_lines(), MAX_LISTED_TEXTS, totals.filled_texts.count)
    for code, photo_count in totals.refused.most_common():
        # An error in the options is the same for all photos, so one message explains it.
        reason = (
            totals.first_messages[code]
            if has_new_sidecar and code in totals.first_messages
            else "To see why, run lint on the same paths."
        )
        for text in describe_refusals(code, photo_count, totals.partly_refused[code]):
            screen.print(f"! {text}", "yellow")
        screen.print(f"  {reason}")
    print_warning_counts(screen, totals.warnings)
    screen.print(f"{format_max_price(totals.prices).capitalize()}, at list prices of {PRICE_LIST_DATE}.", "bold")
    if totals.prices.unpriced_image_count:
        screen.print(UNPRICED_HINT)
    elif terms.offers.is_assumed:
        screen.print(ASSUMED_HINT, "dim")
    for difference in terms.price_differences or ():
        screen.print_bullet("!", str(describe_difference(difference)), "yellow")
    totals.mandates.print_lines(screen)


def _format_images(count: int) -> str:
    return f"{count:,}" if count else "only masks"


def _format_price(name: str, totals: QuoteTotals, terms: QuoteTerms) -> str:
    return "unknown" if name in terms.unpriced_providers else format_usd(totals.prices.micro_usd_by_provider[name])


def _build_document(totals: QuoteTotals, terms: QuoteTerms) -> dict[str, Any]:
    by_provider: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    prices, differences = totals.prices, terms.price_differences
    for name, jobs in prices.jobs_by_provider.items():
        max_usd = None if name in terms.unpriced_providers else to_usd(prices.micro_usd_by_provider[name])
        by_provider[name] = {"jobs": jobs, "images": prices.images_by_provider[name], "most_usd": max_usd}
    return {
        "photos": totals.photos,
        "own_pictures": totals.own_pictures,
        "sidecars_kept": totals.kept_sidecars,
        "jobs": prices.jobs_by_provider.total(),
        "images": prices.images_by_provider.total(),
        "providers": by_provider,
        "most_usd": to_usd(prices.total_micro_usd),
        "unpriced_images": prices.unpriced_image_count,
        "not_bought": dict(totals.refused),
        "warnings": dict(totals.warnings),
        "mandates": totals.mandates.build_document(),
        "filled_texts": totals.filled_texts.build_document(),
        "price_list": PRICE_LIST_DATE,
        "price_differences": None if differences is None else [build_difference(one) for one in differences],
    }
