"""Compares the stand-in's bill with the receipts; the demo fails unless they agree to the cent."""

import json
import urllib.request
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal

from backdrop.model.pricing import format_usd, to_micro_usd
from backdrop_cli.demo.order_tracker import OrderTracker
from backdrop_local.cloud import Cloud


@dataclass(frozen=True)
class BillComparison:
    """The stand-in's charges during a demo, and those in the receipts, in micro-dollars."""

    bill_micro_usd: int
    confirmed_micro_usd: int
    unknown_micro_usd: int

    @property
    def is_consistent(self) -> bool:
        """Confirmed ≤ bill ≤ confirmed + unknown; equal if nothing is unknown."""
        return self.confirmed_micro_usd <= self.bill_micro_usd <= self.confirmed_micro_usd + self.unknown_micro_usd

    def __str__(self) -> str:
        verdict = "they agree" if self.is_consistent else "THEY DO NOT AGREE"
        unknown = f" and {format_usd(self.unknown_micro_usd)} unknown" if self.unknown_micro_usd else ""
        return (
            f"stand-in's bill {format_usd(self.bill_micro_usd)}, receipts "
            f"{format_usd(self.confirmed_micro_usd)}{unknown}: {verdict}"
        )


def read_standin_bill(cloud: Cloud) -> int:
    """Returns everything that the stand-in has charged so far, in micro-dollars."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{cloud.standin_url}/_ctl/bill", timeout=60) as answer:
        return to_micro_usd(Decimal(json.load(answer)["total_usd"]))


def compare_bill(tracker: OrderTracker, bill_micro_usd: int, standin_providers: Collection[str]) -> BillComparison:
    """Compares the receipts with the stand-in's bill for the `standin_providers` that it simulates."""
    receipts = [progress.receipt for progress in tracker.progress.values() if progress.receipt]
    jobs = [job for receipt in receipts for job in receipt["jobs"] if job["provider"] in standin_providers]
    confirmed = sum(to_micro_usd(str(job["cost"]["usd"])) for job in jobs)
    unknown = sum(to_micro_usd(str(job["cost"]["unknown_usd"])) for job in jobs)
    return BillComparison(bill_micro_usd, confirmed, unknown)
