"""Compares the stand-in's bill with the receipts: to the cent, or the demo has failed."""

import json
import urllib.request
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal

from backdrop.model.pricing import micro_of, usd_text
from backdrop_cli.demo.watch import Watch
from backdrop_local.cloud import Cloud


@dataclass(frozen=True)
class Books:
    """What the stand-in charged during a demo and what the receipts say of it, in micro-dollars."""

    bill: int
    certain: int
    unknown: int

    @property
    def agree(self) -> bool:
        """Certain ≤ bill ≤ certain + unknown; equality when nothing is unknown."""
        return self.certain <= self.bill <= self.certain + self.unknown

    def __str__(self) -> str:
        verdict = "they agree" if self.agree else "THEY DO NOT AGREE"
        unknown = f" and {usd_text(self.unknown)} unknown" if self.unknown else ""
        return f"stand-in's bill {usd_text(self.bill)}, receipts {usd_text(self.certain)}{unknown}: {verdict}"


def total(cloud: Cloud) -> int:
    """All that the stand-in has charged so far, in micro-dollars."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{cloud.standin_url}/_ctl/bill", timeout=60) as answer:
        return micro_of(Decimal(json.load(answer)["total_usd"]))


def books(watch: Watch, bill: int, asked: Collection[str]) -> Books:
    """The receipts' sums beside what the stand-in charged since the demo began; `asked`: whose part it plays."""
    receipts = [sight.receipt for sight in watch.seen.values() if sight.receipt]
    jobs = [job for receipt in receipts for job in receipt["jobs"] if job["provider"] in asked]
    certain = sum(micro_of(str(job["cost"]["usd"])) for job in jobs)
    unknown = sum(micro_of(str(job["cost"]["unknown_usd"])) for job in jobs)
    return Books(bill, certain, unknown)
