"""The verb `quote`: what the photos of folders on this machine would cost at most, before anything is uploaded."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backdrop.aws.clock import SystemClock
from backdrop.bootstrap import read_only_asking
from backdrop.intake.instruction_resolver import Asking
from backdrop.intake.preview import ahead
from backdrop.model.capabilities import PROVIDERS
from backdrop.model.job import Job
from backdrop.model.object_keys import Kind, kind_of, sidecars_of
from backdrop.model.pricing import PRICE_LIST_DATE, SELLS_CREDITS, Configured, usd_of, usd_text
from backdrop.model.routing import Market
from backdrop_cli.drop.overlay import Overlay
from backdrop_cli.lint.folder import BUCKET
from backdrop_cli.lint.look import DEFAULT_PROVIDER, MAX_MEGAPIXELS, UNTOLD
from backdrop_cli.lint.meant import meant_by
from backdrop_cli.lint.verb import LOOKING_QUICKLY
from backdrop_cli.screen import Screen, several
from backdrop_cli.words import image_count

TELLS = "Their price is what the stack's OneMinUsdPerImage says; --stack NAME reads it."


@dataclass(frozen=True)
class Terms:
    """What a stack's parameters say: who is asked where nobody is named, who is on, what credits cost (micro-dollars).

    `prices` of None: no stack was asked.
    """

    default_provider: str = DEFAULT_PROVIDER
    on: Sequence[str] = PROVIDERS
    prices: Configured | None = None

    @property
    def market(self) -> Market:
        return Market(self.on, UNTOLD if self.prices is None else self.prices)


@dataclass
class Sums:
    """What was counted; `price` in micro-dollars, `unpriced` the images whose price is not known on this machine.

    `kept`: photos whose own sidecar the quote uses although the command line asks for something else. `why` has the
    first message for each code in `refused`.
    """

    photos: int = 0
    kept: int = 0
    jobs: Counter[str] = field(default_factory=Counter[str])
    images: Counter[str] = field(default_factory=Counter[str])
    price: Counter[str] = field(default_factory=Counter[str])
    unpriced: int = 0
    refused: Counter[str] = field(default_factory=Counter[str])
    why: dict[str, str] = field(default_factory=dict[str, str])

    def add(self, job: Job, terms: Terms) -> None:
        """Count one job."""
        named, images = job.instructions.get("provider", job.provider), image_count(job.instructions)
        self.jobs[job.provider] += 1
        self.images[job.provider] += images
        self.price[job.provider] += job.quoted
        self.unpriced += images if terms.prices is None and SELLS_CREDITS in named else 0


def quote(
    screen: Screen, paths: Sequence[Path], to: str | None, wish: bytes | None, terms: Terms, *, replace: bool = False
) -> None:
    """Read names and instructions, open no photo, and say what it comes to.

    `wish`: the sidecar of photos that have none on this machine, with `replace` of all of them.
    """
    sums = Sums()
    with screen.busy(LOOKING_QUICKLY):
        for one in meant_by(paths, to):
            photos = sorted(key for key in one.keys if kind_of(key) is Kind.PHOTO)
            taken = [key for key in photos if replace or not any(map(one.folder.holds, sidecars_of(key)))]
            sums.kept += len(photos) - len(taken) if wish else 0
            there = Overlay(one.folder, {f"{key}.json": wish for key in taken} if wish else {})
            prices = terms.market.prices
            asking = read_only_asking(there, SystemClock(), terms.default_provider, MAX_MEGAPIXELS, prices)
            for key in photos:
                _photo(asking, key, terms, sums)
    screen.data(_document(sums, terms))
    _tell(screen, paths, sums, terms, asked=bool(wish))


def _photo(asking: Asking, key: str, terms: Terms, sums: Sums) -> None:
    """What intake would buy for one photo, if its bytes are one."""
    foreseen = ahead(asking, BUCKET, key, terms.market, opened=False)
    if foreseen is None:
        return
    found, broken = foreseen
    sums.photos += 1
    for job in found.jobs:
        sums.add(job, terms)
    for one in found.problems:
        sums.why.setdefault(one.code.value, str(one.message))
    wrong = {(one.code.value, one.variant) for one in found.problems}
    sums.refused.update([code for code, _ in sorted(wrong)] or (["folder_defaults_broken"] if broken else []))


# -- words -----------------------------------------------------------------------------------------------------


def _tell(screen: Screen, paths: Sequence[Path], sums: Sums, terms: Terms, *, asked: bool) -> None:
    screen.say(f"{several(sums.photos, 'photo')} in {', '.join(map(str, paths))}", "bold")
    rows = [(name, f"{sums.images[name]:,}", _price(name, sums, terms)) for name in PROVIDERS if sums.jobs[name]]
    if rows:
        screen.table({"provider": "left", "images": "right", "at most": "right"}, rows)
    if sums.kept:
        keep = "photo keeps its" if sums.kept == 1 else "photos keep their"
        screen.say(f"  {sums.kept:,} {keep} own sidecar. To quote the new instructions for all, add --replace.")
    for code, times in sums.refused.most_common():
        # What the options ask for is not known to lint.
        why = sums.why[code] if asked and code in sums.why else "`backdrop lint` says why."
        screen.say(f"  {several(times, 'job')} would not be bought: {code}", "yellow")
        screen.say(f"    {why}")
    most = usd_text(sums.price.total())
    known = f"At most {most} for {several(sums.images.total(), 'image')}, at list prices of {PRICE_LIST_DATE}"
    screen.say(
        f"{known}; {several(sums.unpriced, 'image')} of unknown price." if sums.unpriced else f"{known}.", "bold"
    )
    if sums.unpriced:
        screen.say(TELLS)


def _price(name: str, sums: Sums, terms: Terms) -> str:
    unknown = name == SELLS_CREDITS and terms.prices is None
    return "unknown" if unknown else usd_text(sums.price[name])


def _document(sums: Sums, terms: Terms) -> dict[str, Any]:
    by_provider: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    for name, jobs in sums.jobs.items():
        unknown = name == SELLS_CREDITS and terms.prices is None
        most = None if unknown else usd_of(sums.price[name])
        by_provider[name] = {"jobs": jobs, "images": sums.images[name], "most_usd": most}
    return {
        "photos": sums.photos,
        "sidecars_kept": sums.kept,
        "jobs": sums.jobs.total(),
        "images": sums.images.total(),
        "providers": by_provider,
        "most_usd": usd_of(sums.price.total()),
        "unpriced_images": sums.unpriced,
        "not_bought": dict(sums.refused),
        "price_list": PRICE_LIST_DATE,
    }
